"""The running product for the stories of a support agent: the world of the end-to-end tests, in a browser."""

from tests.end_to_end.conftest import _no_lasting_connections, sandbox, world

__all__ = ["_no_lasting_connections", "sandbox", "world"]
