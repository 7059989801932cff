"""A code's story and the dead letters in a real browser: they fit, can be used by keyboard, and do what they say."""

from __future__ import annotations

from typing import Any

import pytest

from tests import factories as make
from tests.tracking.stories import CODE, tell_story
from tracking.models import Job

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STORY, DEAD = f"/admin/story/?code={CODE}", "/admin/dead-letters/"


def is_too_wide(page: Any) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_pages_fit_the_screen_with_everything_unfolded(window: Any) -> None:
    order = tell_story()
    make.make_attempt(correlation_id=CODE, path="/demo/orders/" + "x" * 900, message="word" * 200)
    make.make_dead_letter(subject=str(order.pk), last_error="word" * 200, correlation_id=CODE)
    for path in (STORY, "/admin/story/", "/admin/story/?code=ZZZZ-2222", DEAD, DEAD + "requeue/?all=1"):
        if path.endswith("ZZZZ-2222"):
            window.faults.clear()  # the answer is a 404, which a browser notes as an error
        page = window.open(path)
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert not is_too_wide(page), path
    window.faults[:] = [fault for fault in window.faults if "404" not in fault]


def test_code_is_entered_and_a_kind_chosen_without_a_mouse(window: Any) -> None:
    tell_story()
    page = window.open("/admin/story/")
    page.get_by_role("searchbox", name="Code of a story").focus()
    page.keyboard.type("k7mq 2xrt")
    page.keyboard.press("Enter")
    page.wait_for_url("**code=k7mq+2xrt")
    assert page.locator(".tb-entry").count() == 9
    page.get_by_role("link", name="Calls 2").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**kind=attempt")
    assert page.locator(".tb-entry").count() == 2
    assert page.locator("[aria-current=true]").inner_text().split()[-2:] == ["Calls", "2"]


def test_excerpts_unfold_by_keyboard(window: Any) -> None:
    tell_story()
    page = window.open(STORY + "&kind=attempt")
    summary = page.locator(".tb-entry summary").first
    assert not page.locator(".tb-entry pre").first.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    assert "setParcelCustomField" in page.locator(".tb-entry pre").first.inner_text()


def test_code_is_copied_and_the_button_says_so(window: Any) -> None:
    tell_story()
    page = window.open(STORY)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy").click()
    page.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == CODE


def test_group_of_dead_letters_is_looked_at_and_requeued(window: Any) -> None:
    for _ in range(3):
        make.make_dead_letter()
    page = window.open(DEAD)
    page.get_by_role("link", name="Look at 3").click()
    page.get_by_label("Reason").fill("The field was added")
    page.get_by_role("button", name="Requeue 3 jobs").click()
    page.get_by_text("3 jobs are due again.").wait_for()
    assert page.get_by_text("Nothing has given up.").is_visible()
    assert not Job.objects.filter(dead_at__isnull=False).exists()
