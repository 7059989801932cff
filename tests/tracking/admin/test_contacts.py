"""Tickets on the order page: shown with the state of their moment, to who may see them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.admin.display import page_of
from tracking.enums import ContactCause

pytestmark = pytest.mark.django_db


def test_order_shows_what_its_shopper_asked(admin_client: Client) -> None:
    contact = make.make_contact(ticket="T-4711", cause=ContactCause.NOT_RECEIVED)
    page = admin_client.get(page_of(contact.order)).content.decode()
    assert "zendesk T-4711" in page
    assert "Delivered, not received" in page


def test_nothing_is_shown_where_nobody_asked_or_who_looks_may_not_see_it(admin_client: Client) -> None:
    contact = make.make_contact()
    assert "What the shopper asked" not in admin_client.get(page_of(make.make_order())).content.decode()
    user = User.objects.create_user("packer", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    assert "What the shopper asked" not in client_of(user).get(page_of(contact.order)).content.decode()


def test_ticket_is_found_by_its_id(admin_client: Client) -> None:
    make.make_contact(ticket="T-4711")
    make.make_contact(ticket="T-4712")
    page = admin_client.get("/admin/tracking/contact/?q=T-4711").content.decode()
    assert "T-4711" in page
    assert "T-4712" not in page
