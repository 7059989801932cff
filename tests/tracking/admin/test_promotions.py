"""Promotions in the console: what is refused, what is warned of, and figures limited to what a person may see."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories as make
from tests.tracking.pages.orders import make_shopped, path_of
from tracking.models import Promotion, StaffAction, StoreLimit

pytestmark = pytest.mark.django_db
ADD = reverse("admin:tracking_promotion_add")


def form(**facts: Any) -> dict[str, Any]:
    brand = facts.pop("brand", None) or make.make_brand(locales=["en", "de"])
    today = timezone.localdate()
    defaults = {
        "brand": brand.pk, "language": "en", "headline": "New boots", "text": "", "button": "See them",
        "link": "https://shop.example.com/", "starts_on": today, "ends_on": "", "on_page": "on",
    }  # fmt: skip
    return defaults | facts


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"link": "http://shop.example.com/"}, "Only https:// links are shown to shoppers."),
        ({"link": "javascript:alert(1)"}, "Enter a valid URL."),
        ({"language": "fr"}, "does not speak it"),
        ({"ends_on": "2020-01-01"}, "It would end before it begins."),
        ({"on_page": ""}, "Choose at least one place."),
        ({"headline": ""}, "This field is required."),
    ],
)
def test_bad_promotion_is_refused_by_name(admin_client: Client, facts: dict[str, Any], words: str) -> None:
    response = admin_client.post(ADD, form(**facts))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not Promotion.objects.exists()


def test_second_that_begins_the_same_day_is_refused_and_a_later_one_says_what_it_covers(admin_client: Client) -> None:
    brand = make.make_brand(locales=["en"])
    admin_client.post(ADD, form(brand=brand))
    refused = admin_client.post(ADD, form(brand=brand, headline="Other"))
    assert "already exists" in refused.content.decode()
    later = timezone.localdate() + timedelta(days=4)
    told = admin_client.post(ADD, form(brand=brand, headline="Other", starts_on=later), follow=True)
    assert "“Other” is shown instead of “New boots”" in told.content.decode()
    assert Promotion.objects.count() == 2


def test_preview_shows_it_escaped_and_in_the_brands_colours(admin_client: Client) -> None:
    promotion = make.make_promotion(make.make_brand(colour="#f2b705"), headline="<script>alert(1)</script>")
    html = admin_client.get(reverse("admin:tracking_promotion_change", args=[promotion.pk])).content.decode()
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert(1)" not in html
    assert "background:#f2b705;color:#000000" in html


def test_figures_are_those_of_the_stores_that_a_person_sees(client: Client) -> None:
    promotion, mine, other = make.make_promotion(), make.make_store(), make.make_store()
    for store, shown, clicks in ((mine, 40, 3), (other, 5000, 700)):
        for event, number in (("shown", shown), ("click", clicks)):
            make.make_shopper_count(promotion=promotion, store=store, event=event, count=number)
    user = User.objects.create_user("agent", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_promotion", "view_shoppercount"]))
    StoreLimit.objects.create(user=user, store=mine)
    client.force_login(user)
    for path in ("admin:tracking_promotion_changelist", "admin:tracking_promotion_change"):
        args = [promotion.pk] if path.endswith("change") else []
        html = client.get(reverse(path, args=args)).content.decode()
        assert "7.5 %" in html
        assert "5000" not in html
        assert "5040" not in html


def test_one_that_was_shown_is_ended_not_deleted(admin_client: Client) -> None:
    shown, fresh = make.make_promotion(), make.make_promotion()
    make.make_shopper_count(promotion=shown, event="shown")
    for row, status in ((shown, 403), (fresh, 302)):
        path = reverse("admin:tracking_promotion_delete", args=[row.pk])
        assert admin_client.post(path, {"post": "yes"}).status_code == status


def test_desk_withdraws_a_link_with_a_reason_and_permission(client: Client, admin_client: Client) -> None:
    order = make_shopped()
    public, path = path_of(order), reverse("withdraw-link", args=[order.pk])
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    viewer = Client()
    viewer.force_login(user)
    assert viewer.post(path, {"reason": "x"}).status_code == 403
    assert "Give a reason: nothing was withdrawn." in admin_client.post(path, {"reason": " "}).content.decode()
    assert Client().get(public).status_code == 200
    assert admin_client.post(path, {"reason": "It was posted in a forum."}).status_code == 302
    assert Client().get(public).status_code == 410
    assert StaffAction.objects.get(kind="withdraw").reason == "It was posted in a forum."
