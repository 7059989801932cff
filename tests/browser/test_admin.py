"""The console in a real browser: it loads nothing from elsewhere, fits a phone, and can be used without a mouse."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse

from stores.models import CarrierMapping
from tests import factories as make
from tests.browser.conftest import Window
from tracking.models import Job, Order

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def focused(page: Any) -> str:
    """Name or text of what has the focus."""
    return page.evaluate("(e => e.getAttribute('aria-label') || e.innerText || e.name)(document.activeElement)").strip()


def tab_to(page: Any, name: str, most: int = 60) -> None:
    """Press Tab until ``name`` has the focus; fails where the keyboard does not reach it."""
    seen = []
    for _ in range(most):
        page.keyboard.press("Tab")
        seen.append(focused(page))
        if name in seen[-1]:
            return
    pytest.fail(f"Tab does not reach {name!r}, only {seen}")


def test_agent_finds_an_order_by_its_tracking_number_from_the_first_page(window: Window) -> None:
    order = make.make_order(order_number="CT-1001")
    make.make_parcel(order, make.make_tracking(tracking_number="1Z999AA10123456784"))
    make.make_order()
    page = window.open(reverse("admin:index"))
    page.get_by_label("Find an order").fill("1z 999 aa1 0123456784")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{page_of(order)}#parcel-*")
    assert "0 of 1 parcel delivered" in page.inner_text(".tb-headline")


def test_dead_letter_is_made_due_again_by_its_button(window: Window) -> None:
    job = make.make_dead_letter()
    page = window.open(page_of(job))
    page.get_by_role("button", name="Make due again").click()
    page.get_by_text("1 dead letter is due again.").wait_for()
    assert Job.objects.get(pk=job.pk).dead_at is None
    assert page.get_by_role("button", name="Make due again").count() == 0


def test_orders_are_read_again_by_the_action_of_the_list(window: Window) -> None:
    orders = [make.make_order() for _ in range(2)]
    page = window.open(list_of(Order))
    for order in orders:
        page.check(f"input[name=_selected_action][value='{order.pk}']")
    page.select_option("select[name=action]", "read_again")
    page.get_by_role("button", name="Run").click()
    page.get_by_text("2 orders will be read.").wait_for()
    assert Job.objects.count() == 2


def test_secrets_are_empty_password_inputs(window: Window) -> None:
    account = make.make_account()
    page = window.open(page_of(account))
    inputs = page.locator("input[type=password]")
    assert inputs.count() == 3
    assert [inputs.nth(n).input_value() for n in range(3)] == ["", "", ""]
    assert page.locator("input[name=previous_webhook_secret-remove]").count() == 0
    assert page.locator("input[name=webhook_secret-remove]").count() == 1


def test_courier_of_a_mapping_is_chosen_by_typing(window: Window) -> None:
    make.make_courier("dhl-germany")
    make.make_courier("ups")
    page = window.open(reverse("admin:stores_carriermapping_add"))
    page.fill("input[name=carrier]", "DHL_PKG")
    page.locator("#select2-id_courier-container").click()
    page.keyboard.type("germ")
    page.get_by_role("option", name="dhl-germany").click()
    page.get_by_role("button", name="Look at what it would change").click()
    page.fill("textarea[name=reason]", "DHL writes it so")
    page.get_by_role("button", name="Confirm and save").click()
    page.get_by_text("Saved as revision").wait_for()
    mapping = CarrierMapping.objects.get()
    assert (mapping.carrier, mapping.courier.slug) == ("DHL_PKG", "dhl-germany")


def test_first_tab_offers_to_skip_the_sidebar(window: Window) -> None:
    page = window.open(list_of(Order))
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_filters_open_and_apply_without_a_mouse(window: Window) -> None:
    make.make_order()
    page = window.open(list_of(Order))
    page.focus("#searchbar")
    tab_to(page, "Filters")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Apply Filters").wait_for()
    page.select_option("select[name=problems]", "open")
    page.get_by_role("button", name="Apply Filters").press("Enter")
    page.get_by_text("Nothing matches").wait_for()
    assert "problems=open" in page.url


def test_account_menu_and_log_out_work_without_a_mouse(window: Window) -> None:
    page = window.open(reverse("admin:index"))
    tab_to(page, "tester")
    page.keyboard.press("Enter")
    with page.expect_navigation():
        page.get_by_role("button", name="Log out").press("Enter")
    window.open(list_of(Order))
    assert "/admin/login/" in page.url


@pytest.mark.parametrize("window", [390], indirect=True)
def test_sidebar_of_a_phone_opens_and_closes_without_a_mouse(window: Window) -> None:
    page = window.open(reverse("admin:index"))
    assert not page.locator("#nav-sidebar").is_visible()
    tab_to(page, "Show or hide the sidebar")
    page.keyboard.press("Enter")
    page.locator("#nav-sidebar").wait_for(state="visible")
    tab_to(page, "Close the sidebar")
    page.keyboard.press("Enter")
    page.locator("#nav-sidebar").wait_for(state="hidden")
