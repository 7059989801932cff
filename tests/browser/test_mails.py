"""axe judges every kind of mail, on light and dark screens, in a full brand's dress and in a bare one's."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from stores.models import Brand
from stores.statuses import MessageKind
from tests.browser.axe import faults_of
from tests.browser.shopper_data import FULL
from tracking.admin.preview import OFFER
from tracking.admin.preview_frames import in_scheme
from tracking.notifications.render import render
from tracking.notifications.samples import sample

pytestmark = pytest.mark.browser
TODAY = date(2026, 11, 27)
BRANDS = (Brand(key="plain", name="Plain", locales=["en"]), Brand(key="nordlicht", **FULL))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_kind_of_mail_pleases_axe_and_fits_a_phone(chromium: Any, scheme: str) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 900}, color_scheme="light")
    page, faults, asked = context.new_page(), [], []
    page.on("request", lambda one: asked.append(one.url))
    for kind in MessageKind:
        for brand in BRANDS:
            facts = sample(kind, TODAY, several=brand.key == "nordlicht", promotion=OFFER)
            page.set_content(in_scheme(render(kind, facts, brand, "en").html, scheme))
            faults += [f"{kind} of {brand}: {fault}" for fault in faults_of(page, colours_only=scheme == "dark")]
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                faults.append(f"{kind} of {brand}: wider than the screen")
    context.close()
    assert faults == []
    assert asked == [], "a mail loads nothing"
