"""The page of a project in a real browser: where tracking numbers stand, explained only where it is not the parcel."""

from __future__ import annotations

import pytest
from django.urls import reverse

from stores import tracking_source
from tests import factories as make
from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_options_of_a_field_are_shown_where_numbers_stand_in_one(window: Window) -> None:
    project = make.make_project(key="demo")
    page = window.open(reverse("admin:stores_project_change", args=[project.pk]))
    for where, state in (("parcel", "hidden"), ("delivery", "visible"), ("parcel", "hidden"), ("order", "visible")):
        page.select_option("#id_source_where", where)
        for name in tracking_source.OPTIONS:
            page.locator(f"#id_source_{name}").wait_for(state=state)
    page.fill("#id_source_field", "fft_parcels")
    page.fill("#id_source_number", "tracking_number")
    with page.expect_navigation():
        page.click("button[name=_continue], input[name=_continue]")
    assert page.input_value("#id_source_field") == "fft_parcels"
    project.refresh_from_db()
    kept = {"where": "order", "field": "fft_parcels", "number": "tracking_number"}
    assert project.tracking_source == kept
