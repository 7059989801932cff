"""The door for tickets: who may, what is refused and why."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from tests import factories as make
from tracking.models import Contact, StoreLimit

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/contacts/"


@pytest.fixture
def helpdesk() -> Client:
    user = User.objects.create_user("helpdesk")
    user.user_permissions.add(Permission.objects.get(codename="add_contact"))
    client = Client()
    client.force_login(user)
    return client


def body(**facts: Any) -> dict[str, Any]:
    ticket = {"source": "zendesk", "ticket": "4711", "project": "demo", "opened_at": timezone.now().isoformat()}
    return ticket | facts


def post(client: Client, document: Any) -> Any:
    return client.post(ADDRESS, document, content_type="application/json")


def test_ticket_is_taken_once(helpdesk: Client) -> None:
    order = make.make_order(make.make_project(key="demo"))
    document = body(order_number=order.order_number)
    first, second = post(helpdesk, document), post(helpdesk, document)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert (first.json()["order_number"], first.json()["cause"]) == (order.order_number, "not_shipped")
    assert Contact.objects.count() == 1


@pytest.mark.parametrize(
    ("facts", "field", "words"),
    [
        ({"source": "Zen Desk"}, "source", "does not match"),
        ({"ticket": ""}, "ticket", "may not be blank"),
        ({"project": "nowhere"}, "project", "key=nowhere does not exist"),
        ({"opened_at": "yesterday"}, "opened_at", "wrong format"),
        ({"opened_at": (timezone.now() + timedelta(hours=1)).isoformat()}, "opened_at", "In the future."),
        ({"closed_at": (timezone.now() + timedelta(hours=1)).isoformat()}, "closed_at", "In the future."),
        ({"closed_at": "2020-01-01T00:00:00Z"}, "closed_at", "Before opened_at."),
        ({"email": "nobody"}, "email", "valid email"),
        ({"order_number": "x\x00"}, "order_number", "Null characters"),
    ],
)
def test_mistake_is_named_and_nothing_is_kept(helpdesk: Client, facts: Any, field: str, words: str) -> None:
    make.make_project(key="demo")
    answer = post(helpdesk, body(**facts))
    assert answer.status_code == 400
    assert words in str(answer.json()[field])
    assert not Contact.objects.exists()


def test_only_who_may_add_contacts(client: Client) -> None:
    make.make_project(key="demo")
    assert post(client, body()).status_code == 401
    client.force_login(User.objects.create_user("somebody", is_staff=True))
    assert post(client, body()).status_code == 403
    assert not Contact.objects.exists()


def test_helpdesk_of_one_store_neither_finds_nor_learns_of_others(helpdesk: Client) -> None:
    project = make.make_project(key="demo")
    mine, other = make.make_store(project), make.make_store(project)
    make.make_project(key="elsewhere")
    StoreLimit.objects.create(user=User.objects.get(username="helpdesk"), store=mine)
    own = make.make_order(project, store=mine)
    foreign = make.make_order(project, store=other)
    assert post(helpdesk, body(order_number=own.order_number)).json()["cause"] == "not_shipped"
    answer = post(helpdesk, body(ticket="2", order_number=foreign.order_number))
    assert (answer.json()["cause"], answer.json()["order_number"]) == ("unknown_order", "")
    assert "does not exist" in str(post(helpdesk, body(project="elsewhere")).json()["project"])
    hidden = Contact.objects.filter(order=foreign)
    assert not hidden.exists()
