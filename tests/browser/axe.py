"""What axe says of a page: WCAG 2.2 A and AA, as one line per fault, so that a test's failure can be read."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.sync_playwright import Axe

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],  # of what passes, which is nearly everything, no list is made
}
COLOURS = RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def faults_of(page: Any, *, leave_out: frozenset[str] = frozenset(), colours_only: bool = False) -> list[str]:
    """``rule: what is wrong (where)`` of every fault; [] where axe is content. ``leave_out``: names of rules.

    ``colours_only``: for the dark form of what was judged by all rules in its light one.
    """
    found = Axe().run(page, options=COLOURS if colours_only else RULES).response["violations"]
    return [
        f"{one['id']}: {one['help']} ({node['target'][0]})"
        for one in found
        if one["id"] not in leave_out
        for node in one["nodes"]
    ]
