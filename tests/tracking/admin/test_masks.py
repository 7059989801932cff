"""Who may not see people finds nobody's address, place or carrier's words on any page, nor in the API."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.urls import reverse

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.enums import Source, StaffActionKind
from tracking.models import Attempt, Checkpoint, Order, Parcel, Receipt, Tracking

pytestmark = pytest.mark.django_db

SECRETS = ["ella@secret.example", "Geheimstadt", "99999", "Signed by Ella", "Hintertür", "body-of-it", "excerpt-of-it"]
SECRETS += ["carrier.example/99998", "99997"]


@pytest.fixture
def rows() -> list[Model]:
    """One story, with something personal in every field that can hold it."""
    order = make.make_order(
        customer_email="ella@secret.example", destination_city="Geheimstadt", destination_postal_code="99999"
    )
    words = {"last_message": "Signed by Ella", "last_location": "Hintertür, Geheimstadt"}
    words |= {"tracking_url": "https://carrier.example/99998/", "pickup_location": "Hintertür"}
    tracking = make.make_tracking(correlation_id=order.correlation_id, **words)
    carried = {"tb_status": "delivered", "tb_message": "Signed by Ella", "tb_location": "Hintertür"}
    parcel = make.make_parcel(order, tracking, carried=carried)
    place = {"city": "Geheimstadt", "postal_code": "99999", "location": "Hintertür, Geheimstadt"}
    checkpoint = make.make_checkpoint(tracking, message="Signed by Ella", **place)
    receipt = make.make_receipt(
        {"type": "body-of-it"}, correlation_id=order.correlation_id, source=Source.COMMERCETOOLS
    )
    job = make.make_job(correlation_id=order.correlation_id)
    attempt = make.make_attempt(job, request_excerpt="excerpt-of-it", response_excerpt="excerpt-of-it")
    change = {"what": "order", "name": "tb_location", "before": None, "after": "Hintertür"}
    page = {"what": "order", "name": "tb_tracking_url", "before": None, "after": "https://carrier.example/99998/"}
    postcode = {"fields": {"destination_postal_code": "99997"}}
    corrected = make.make_staff_action(order=order, parcel=parcel, kind=StaffActionKind.CORRECT, after=postcode)
    write = make.make_write(order, changes=[change, page])
    return [order, tracking, parcel, checkpoint, receipt, attempt, write, corrected]


def member(role: str) -> User:
    user = User.objects.create_user(role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def pages_of(rows: list[Model]) -> list[str]:
    found = [f"{reverse('story')}?code={rows[0].correlation_id}", f"/api/v1/stories/{rows[0].correlation_id}/"]
    for row in rows:
        name = f"admin:{row._meta.app_label}_{row._meta.model_name}"
        found += [reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])]
    return [*found, reverse("admin:tracking_parcel_why", args=[rows[2].pk])]


@pytest.mark.parametrize("role", ["viewer", "operations"])
def test_nothing_personal_is_shown_to_who_does_not_need_it(role: str, rows: list[Model]) -> None:
    client = client_of(member(role))
    for path in pages_of(rows):
        answer = client.get(path)
        assert answer.status_code == 200, path
        body = answer.content.decode()
        shown = [body[max(0, body.find(one) - 80) : body.find(one) + 30] for one in SECRETS if one in body]
        assert shown == [], path


def test_an_agent_sees_all_of_it_somewhere(rows: list[Model]) -> None:
    client = client_of(member("agent"))
    everything = "".join(client.get(path).content.decode() for path in pages_of(rows))
    assert [one for one in SECRETS if one not in everything] == []
    assert {type(row) for row in rows} > {Order, Parcel, Tracking, Checkpoint, Receipt, Attempt}


def test_masked_places_and_words_say_what_they_stand_for(rows: list[Model]) -> None:
    page = client_of(member("viewer")).get(reverse("admin:tracking_order_change", args=[rows[0].pk])).content.decode()
    assert "e•••@secret.example" in page
    assert "Arrival scan" in page


@pytest.mark.parametrize(("role", "is_offered"), [("viewer", False), ("operations", False), ("agent", True)])
def test_the_shoppers_own_page_is_offered_to_those_who_may_see_people(
    role: str, is_offered: bool, rows: list[Model]
) -> None:
    page = client_of(member(role)).get(reverse("admin:tracking_order_change", args=[rows[0].pk])).content.decode()
    assert ("/track/" in page) is is_offered
