"""docs/promises.md names tests: each of them exists."""

from __future__ import annotations

import re

from config.env import BASE_DIR

NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_a_promise_names_exists() -> None:
    named = NAMED.findall((BASE_DIR / "docs" / "promises.md").read_text())
    assert len(named) > 30
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not re.search(rf"^ *(def|class) {name}\b", (BASE_DIR / path).read_text(), re.MULTILINE)
    ]
    assert missing == []
