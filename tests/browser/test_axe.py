"""axe finds nothing on any page of the console, wide and narrow, light and dark; no page loads from elsewhere.

The pages are those that `tests.browser.shots` takes pictures of: every entry of the sidebar, the newest row of each
list, forms and states; a page that is added to the console has to be added there.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.test import Client

from config.security import policy_for
from tests.browser.axe import faults_of
from tests.browser.data import fill
from tests.browser.shots import more_pages, pages

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# Of unfold's own frame, on every page: region and landmark advice (best practice, not WCAG).
FRAME = frozenset({"region", "landmark-one-main", "landmark-unique", "page-has-heading-one", "heading-order"})


@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (390, "light"), (390, "dark")])
def test_axe_finds_nothing_on_any_page(
    chromium: Any, live_server: Any, admin_client: Client, width: int, scheme: str
) -> None:
    fill()
    found = pages() | more_pages()
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    session = admin_client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    faults: dict[str, list[str]] = {}
    page = context.new_page()
    for name, path in found.items():
        if not path.startswith("/admin/"):
            continue
        answer = page.goto(live_server.url + path, wait_until="load")
        assert answer.headers["content-security-policy"] == policy_for(path)
        if wrong := faults_of(page, leave_out=FRAME):
            faults[name] = wrong
    context.close()
    kinds = Counter(fault.partition(":")[0] for several in faults.values() for fault in several)
    assert not faults, "\n".join(
        [f"{kinds}", *(f"{name}: {one}" for name, several in faults.items() for one in several)]
    )
