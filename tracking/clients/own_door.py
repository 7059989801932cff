"""Our own web server, reached the way the upstreams reach it: through its public address."""

from __future__ import annotations

from collections.abc import Mapping

from tracking.clients.errors import Refused, UpstreamError
from tracking.clients.http import Answer, Http

UPSTREAM = "trackbridge"


class OwnDoor:
    """The installation behind ``public_url`` (``https://trackbridge.example.com``)."""

    def __init__(self, public_url: str) -> None:
        self._http = Http(UPSTREAM, public_url, classify)

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The HTTP status that whoever answers there gives; RetryLater where nobody does."""
        try:
            return self._http.call(
                "POST", path, endpoint="POST /webhooks", content=body, headers=headers, is_safe=True
            ).status
        except UpstreamError as error:
            if error.status is None:
                raise
            return error.status


def classify(answer: Answer) -> UpstreamError | None:
    """Every answer is one: the caller judges the status."""
    return None if answer.status < 300 else Refused(UPSTREAM, str(answer.status), "", answer.status)
