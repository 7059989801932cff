"""The fixture documents, and arbitrary JSON for the property tests."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tracking.payloads.errors import PayloadError

FIXTURES = Path(__file__).parent.parent / "fixtures"


def raw(name: str) -> bytes:
    """``commercetools/order__x`` or ``aftership/webhooks/y``: the bytes of the file."""
    return (FIXTURES / f"{name}.json").read_bytes()


def document(name: str) -> Any:
    return json.loads(raw(name))


def parses_or_refuses(parse: Callable[[Any], Any], value: object) -> None:
    """Any error but PayloadError fails the test."""
    with contextlib.suppress(PayloadError):
        parse(value)


def webhooks() -> list[str]:
    return sorted(f"aftership/webhooks/{path.stem}" for path in (FIXTURES / "aftership" / "webhooks").glob("*.json"))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["\0", "\ud83d", "2026-11-22T10:00:00Z", "2026-11-22", "Delivered", "Exception_010"])
)


def anything(names: str) -> st.SearchStrategy[Any]:
    """Any JSON value, whose objects use ``names`` (words), so that the readers find something of the wrong shape."""
    keys = st.sampled_from(names.split()) | st.text(max_size=5)
    return st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=8), max_leaves=25
    )
