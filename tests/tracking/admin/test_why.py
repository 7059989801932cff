"""“Why did it go there?”: rules with versions, values seen, a person's choice, and what the rules would say now."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from stores.models import Route
from tests import factories as make
from tests.tracking.admin.test_pages import address
from tracking.enums import StaffActionKind
from tracking.models import Order, Parcel, Tracking
from tracking.services import why as service
from tracking.services.link import link_parcel
from tracking.services.staff import note_action

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def parcel() -> Parcel:
    """A parcel of at-web: the Swiss rule did not match, the Austrian one did; “Post” is mapped for the store."""
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    at, ch = (make.make_store(project, key=key) for key in ("at-web", "ch-web"))
    make.make_route(project, account, store=ch, position=10, name="Switzerland")
    make.make_route(project, account, store=at, position=20, name="Austria")
    mapping = {"carrier": "Post", "project": project, "store": at}
    make.make_carrier_mapping(make.make_courier("austrian-post"), **mapping)
    order = make.make_order(project, store=at, destination_country="AT")
    row = make.make_parcel(order, carrier="Post", tracking_number="1000000000000000000001")
    link_parcel(order, row)
    return Parcel.objects.select_related("order__project", "order__store", "tracking__account", "route").get(pk=row.pk)


def page_of(client: Client, parcel: Parcel) -> Any:
    return client.get(reverse("admin:tracking_parcel_why", args=[parcel.pk]))


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", strip_tags(response.content.decode()))


def rows(response: Any, title: str) -> list[list[str]]:
    """The rows of one table of the page, as text."""
    block = next(one for one in response.context["page"].blocks if str(one.title) == title)
    return [[re.sub(r"\s+", " ", strip_tags(str(cell))).strip() for cell in row] for row in block.rows]


def test_each_rule_is_told_with_the_values_seen_and_its_version(admin_client: Client, parcel: Parcel) -> None:
    response = page_of(admin_client, parcel)
    swiss, austrian = Route.objects.order_by("position")
    assert rows(response, "Why did it go there?") == [
        [f"Switzerland#{swiss.pk}", "does not match", "store is at-web, not ch-web", "1"],
        [f"Austria#{austrian.pk}", "matches", "project demo, store at-web", "1"],
    ]
    assert rows(response, "What the rules saw") == [
        ["Project", "demo"],
        ["Store", "at-web"],
        ["Destination", "AT"],
        ["Carrier text", "Post"],
    ]
    asked, because, mapping = rows(response, "Courier")
    assert asked == ["Asked for", "austrian-post"]
    assert "(store at-web of demo): 'Post' is austrian-post" in because[1]
    assert mapping == ["Mapping", "Post → austrian-post"]
    assert "The rules would decide the same now." in text(response)


def test_a_rule_that_was_changed_or_removed_since_says_so(admin_client: Client, parcel: Parcel) -> None:
    swiss, austrian = Route.objects.order_by("position")
    number = swiss.pk
    swiss.delete()
    austrian.save()
    table = rows(page_of(admin_client, parcel), "Why did it go there?")
    assert table[0][0] == f"removed since#{number}"
    assert [row[3] for row in table] == ["1removed since", "1changed since, now 2"]


def test_what_the_rules_would_say_now_is_shown_and_changes_nothing(admin_client: Client, parcel: Parcel) -> None:
    other = make.make_account(key="other")
    Route.objects.filter(name="Austria").update(account=other, version=2)
    make.make_carrier_mapping(make.make_courier("dpd"), carrier="Post", project=parcel.order.project)
    parcel.order.store.carrier_mappings.all().delete()
    before = list(Parcel.objects.values()), list(Tracking.objects.values())
    response = page_of(admin_client, parcel)
    assert "The rules would decide otherwise now." in text(response)
    assert rows(response, "What would be different") == [
        ["AfterShip account", "main", "other"],
        ["Courier", "austrian-post", "dpd"],
    ]
    assert (list(Parcel.objects.values()), list(Tracking.objects.values())) == before


def test_no_rule_left_is_a_difference_too(parcel: Parcel) -> None:
    Route.objects.filter(name="Austria").update(is_active=False)
    found = {one.what: (one.stands, one.now) for one in service.now(parcel).differences}
    assert found == {
        "route": ("Austria → main", ""),
        "account": ("main", ""),
        "courier": ("austrian-post", ""),
    }


def test_what_a_person_chose_is_told_with_who_and_why(admin_client: Client, admin_user: User, parcel: Parcel) -> None:
    parcel.override = {"courier": "dpd", "route": 4711}
    parcel.save()
    note_action(StaffActionKind.REMAP, actor=admin_user, summary="Moved to dpd", reason="wrong label", parcel=parcel)
    chosen, done = rows(page_of(admin_client, parcel), "Chosen by hand")
    assert chosen[1] == "Route: removed sinceCourier: dpd"
    assert done[1:] == ["Remapped: Moved to dpd", "engineer", "wrong label"]


def test_order_and_parcel_page_lead_there_with_one_click(admin_client: Client, parcel: Parcel) -> None:
    url = reverse("admin:tracking_parcel_why", args=[parcel.pk])
    for model, row in ((Order, parcel.order_id), (Parcel, parcel.pk)):
        assert f'href="{url}"' in admin_client.get(address(model, "change", row)).content.decode()


def test_a_parcel_that_was_never_decided_has_a_page_too(admin_client: Client) -> None:
    response = page_of(admin_client, make.make_parcel(make.make_order()))
    assert response.status_code == 200
    assert "The rules have not been asked yet" in text(response)


def test_only_who_may_view_parcels_sees_it_and_nothing_is_posted_to_it(
    client: Client, admin_client: Client, parcel: Parcel
) -> None:
    client.force_login(User.objects.create_user("nobody", is_staff=True))
    assert page_of(client, parcel).status_code == 403
    url = reverse("admin:tracking_parcel_why", args=[parcel.pk])
    assert admin_client.post(url).status_code == 403
    assert admin_client.get(url.replace(str(parcel.pk), "999999")).status_code == 302
