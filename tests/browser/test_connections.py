"""The page of a project in a real browser: the fields of the chosen way of hearing, and no others."""

from __future__ import annotations

import pytest
from django.urls import reverse

from stores import inbound
from tests import factories as make
from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TOPIC = "arn:aws:sns:eu-central-1:123456789012:trackbridge"


def test_the_fields_of_the_chosen_type_are_shown_and_saved(window: Window) -> None:
    project = make.make_project(key="demo")
    page = window.open(reverse("admin:stores_project_change", args=[project.pk]))

    def shows_only(way: inbound.Way) -> None:
        """Waits for each; one that does not come, or does not go, ends the test."""
        for name in inbound.OPTIONS:
            state = "visible" if name in way.options else "hidden"
            page.locator(f"#id_option_{name}").wait_for(state=state)
        page.locator("#id_inbound_secret").wait_for(state="visible" if way.takes_secret else "hidden")

    shows_only(inbound.WAYS["bearer"])
    for kind, way in inbound.WAYS.items():
        page.select_option("#id_inbound_type", kind)
        shows_only(way)
    page.select_option("#id_inbound_type", "sns")
    page.fill("#id_option_topic_arn", TOPIC)
    with page.expect_navigation():
        page.click("button[name=_continue], input[name=_continue]")
    assert page.input_value("#id_option_topic_arn") == TOPIC
    shows_only(inbound.WAYS["sns"])
    project.refresh_from_db()
    assert (project.inbound_type, project.inbound_options) == ("sns", {"topic_arn": TOPIC})
