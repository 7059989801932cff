"""The pages of acts, erasures and going live: axe is content, whatever the light."""

from __future__ import annotations

import pytest

from tests.browser.act_data import act_pages
from tests.browser.axe import faults_of
from tests.browser.conftest import Window
from tests.browser.data import fill

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
UNFOLDS = frozenset({"region", "landmark-one-main", "page-has-heading-one", "landmark-unique", "heading-order"})


def test_axe_is_content_with_every_page_light_and_dark(window: Window) -> None:
    fill()
    found = {}
    for scheme in ("light", "dark"):
        window.page.emulate_media(color_scheme=scheme)
        for name, path in act_pages().items():
            if faults := faults_of(window.open(path), leave_out=UNFOLDS):
                found[f"{name} {scheme}"] = faults
    assert found == {}
