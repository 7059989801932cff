"""axe finds nothing to complain about on home and in the queues, in light and in dark."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories as make
from tests.browser.axe import faults_of
from tests.browser.queue_data import fill_queues, queue_pages

# Of the console's own frame: advice, not WCAG.
FRAME = frozenset({"region", "landmark-one-main"})
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_is_content(scheme: str, window: Any) -> None:
    make.make_tracking(make.make_account(key="main"))
    fill_queues([make.make_order(store=make.make_store()) for _ in range(34)])
    window.page.emulate_media(color_scheme=scheme)
    found = {}
    for path in ["/admin/", "/admin/queues/", "/admin/queues/outages/", *queue_pages().values()]:
        if faults := faults_of(window.open(path), leave_out=FRAME):
            found[path] = faults
    assert found == {}
