"""Single keys: through a list, to the search, to the acts of a page; never while somebody types."""

from __future__ import annotations

import pytest
from django.urls import reverse

from tests import factories as make
from tests.browser.conftest import Window
from tests.browser.test_admin import focused, list_of, page_of
from tracking.models import Job, Order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_rows_are_walked_ticked_and_opened(window: Window) -> None:
    second, first = make.make_order(order_number="CT-SECOND"), make.make_order(order_number="CT-FIRST")
    page = window.open(list_of(Order))
    page.keyboard.press("j")
    assert focused(page) == "CT-FIRST"
    assert page.inner_text("#tb-said") == "Row 1 of 2"
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert focused(page) == "CT-SECOND"
    page.keyboard.press("x")
    assert page.locator(f"input[name=_selected_action][value='{second.pk}']").is_checked()
    page.keyboard.press("k")
    page.keyboard.press("o")
    page.wait_for_url(f"**{page_of(first)}")


def test_slash_searches_and_letters_are_typed_there(window: Window) -> None:
    make.make_order()
    page = window.open(list_of(Order))
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "tb-find"
    page.keyboard.type("jkx?/")
    assert page.input_value("#tb-find") == "jkx?/"
    assert page.locator("dialog.tb-keys").count() == 0


def test_list_has_a_key_of_its_own_for_its_search(window: Window) -> None:
    make.make_order()
    page = window.open(list_of(Order))
    page.wait_for_function("window.Alpine")
    page.keyboard.press("f")
    assert page.evaluate("document.activeElement.id") == "searchbar"
    page.keyboard.type("f/?")
    assert page.input_value("#searchbar") == "f/?"
    page.locator("#searchbar").blur()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "tb-find"
    page.locator("#tb-find").blur()
    page.keyboard.press("?")
    told = page.locator("dialog.tb-keys dl > div").all_inner_texts()
    assert next(line.split() for line in told) == ["/", "Find", "an", "order"]
    assert ["f", "Search", "in", "this", "list"] in [line.split() for line in told]


def test_main_act_of_a_page_has_a_key(window: Window) -> None:
    order = make.make_order()
    page = window.open(page_of(order))
    with page.expect_navigation():
        page.keyboard.press("s")
    assert Job.objects.filter(kind="collect", subject=str(order.pk)).exists() or "/sync" in page.url


def test_only_parcel_of_an_order_is_remapped_by_key_and_of_several_none(window: Window) -> None:
    order = make.make_order()
    only = make.make_parcel(order, make.make_tracking())
    page = window.open(page_of(order))
    page.keyboard.press("r")
    page.wait_for_url(f"**/admin/remap/?parcel={only.pk}")
    make.make_parcel(order, make.make_tracking())
    page = window.open(page_of(order))
    page.keyboard.press("?")
    told = page.locator("dialog.tb-keys dl > div").all_inner_texts()
    assert [line.split()[0] for line in told if "Remap" in line or "Sync" in line] == ["s"]


def test_help_tells_the_keys_and_switches_them_off(window: Window) -> None:
    make.make_order()
    page = window.open(list_of(Order))
    page.keyboard.press("?")
    help_text = page.inner_text("dialog.tb-keys")
    assert "Next row" in help_text
    page.get_by_label("Switch single keys off").check()
    page.keyboard.press("Escape")
    page.locator("dialog.tb-keys").wait_for(state="detached")
    page.keyboard.press("j")
    assert page.inner_text("#tb-said") == ""
    for key in ("/", "f", "t"):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.tagName") not in ("INPUT", "TEXTAREA")
    window.open(reverse("admin:index"))
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "tb-find"
