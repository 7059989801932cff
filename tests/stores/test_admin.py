"""Storefronts in the console: what may be typed, and what only an import writes."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from stores.models import Brand, Courier, Store
from tests import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("engineer"))
    return client


def save(client: Client, model: type, row: Any = None, **form: Any) -> dict[str, list[str]]:
    """Post the form of a row, or of a new one; returns its errors by field, empty if it was saved."""
    page, args = ("change", [row.pk]) if row else ("add", [])
    url = reverse(f"admin:stores_{model.__name__.lower()}_{page}", args=args)
    response = client.post(url, {name: value for name, value in form.items() if value is not None})
    return {} if response.status_code == 302 else dict(response.context["adminform"].form.errors)


def test_languages_of_a_brand_are_one_line(client: Client) -> None:
    assert save(client, Brand, key="acme", name="Acme", colour="#0b5fff", locales=" en, de ,") == {}
    brand = Brand.objects.get()
    assert brand.locales == ["en", "de"]
    page = client.get(reverse("admin:stores_brand_change", args=[brand.pk])).content.decode()
    assert 'value="en, de"' in page


def test_imported_facts_of_a_store_cannot_be_edited(client: Client) -> None:
    store = make.make_store(name={"en": "Acme"}, countries=["GB"])
    save(client, Store, store, key="other", name='{"en": "Evil"}', countries='["FR"]')
    store.refresh_from_db()
    assert (store.name, store.countries) == ({"en": "Acme"}, ["GB"])
    assert store.key != "other"


def test_courier_may_be_named_before_it_is_imported(client: Client) -> None:
    assert save(client, Courier, slug="austrian-post", name="") == {}
    assert Courier.objects.get().imported_at is None
    assert list(save(client, Courier, slug="Not A Slug")) == ["slug"]
