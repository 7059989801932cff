"""Brands in the console: what may be typed, what is refused with which words, and the logo."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from stores.models import Brand
from stores.pictures import read_picture
from tests import factories as make
from tests.stores.test_branding import png

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LEAST = {"key": "acme", "name": "Acme", "colour": "#0b5fff", "locales": "en, de"}


@pytest.fixture
def client(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("engineer"))
    return client


def save(client: Client, brand: Brand | None = None, **form: Any) -> dict[str, list[str]]:
    """Post the form; its errors by field, empty if it was saved."""
    page, args = ("change", [brand.pk]) if brand else ("add", [])
    response = client.post(reverse(f"admin:stores_brand_{page}", args=args), LEAST | form)
    return {} if response.status_code == 302 else dict(response.context["adminform"].form.errors)


def test_name_and_colour_are_enough(client: Client) -> None:
    assert save(client) == {}
    brand = Brand.objects.get()
    assert (brand.locales, brand.surface, brand.dark_text, brand.radius, brand.font) == (
        ["en", "de"], "#ffffff", "#e7e9ec", 8, "system",
    )  # fmt: skip
    assert brand.legal == {}


def test_colours_that_cannot_be_read_are_refused_where_they_stand(client: Client) -> None:
    errors = save(client, text="#dddddd", dark_colour="#222222", dark_on_colour="#000000")
    assert list(errors) == ["text", "dark_on_colour"]
    assert "#dddddd (text) on #ffffff (surface) has a contrast of 1.36 to 1" in errors["text"][0]
    assert not Brand.objects.exists()


def test_a_logo_is_kept_shown_replaced_and_taken_away(client: Client) -> None:
    assert save(client, logo_file=SimpleUploadedFile("logo.png", png())) == {}
    brand = Brand.objects.get()
    assert brand.logo == read_picture(png())
    page = client.get(reverse("admin:stores_brand_change", args=[brand.pk])).content.decode()
    assert f'src="/brand/acme/logo-{brand.logo_digest}.png"' in page
    assert save(client, brand) == {}
    assert Brand.objects.get().logo == read_picture(png())
    assert save(client, brand, remove_logo="on") == {}
    assert not Brand.objects.get().logo


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("logo.svg", b"<svg onload='alert(1)'/>", "an SVG can carry scripts"),
        ("logo.png", b"<html>", "not a whole PNG or JPEG"),
        ("logo.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000, "larger than 200 KB"),
    ],
)
def test_what_is_no_logo_is_refused_with_the_reason(client: Client, name: str, content: bytes, words: str) -> None:
    errors = save(client, logo_file=SimpleUploadedFile(name, content))
    assert list(errors) == ["logo_file"]
    assert words in errors["logo_file"][0]
    assert not Brand.objects.exists()


def test_legal_texts_are_kept_by_language(client: Client) -> None:
    assert save(client, legal_de="Acme GmbH\r\nBerlin", legal_en="  ") == {}
    assert Brand.objects.get().legal == {"de": "Acme GmbH\r\nBerlin"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("sender_name", "Acme\nBcc: all@example.com", "One line"),
        ("sender_address", "acme", "valid email"),
        ("support_url", "javascript:alert(1)", "An address such as"),
        ("order_url", "https://shop.example/orders", "{number} once"),
        ("radius", "99", "less than or equal to 24"),
        ("dark_colour", "blue", "A colour such as"),
    ],
)
def test_what_would_break_a_mail_is_refused(client: Client, field: str, value: str, words: str) -> None:
    errors = save(client, **{field: value})
    assert list(errors) == [field]
    assert words in errors[field][0]


def test_the_list_costs_the_same_with_one_brand_and_with_many(client: Client, django_assert_num_queries: Any) -> None:
    make.make_brand()
    client.get(reverse("admin:stores_brand_changelist"))
    with django_assert_num_queries(5):
        client.get(reverse("admin:stores_brand_changelist"))
    for _ in range(10):
        make.make_brand()
    with django_assert_num_queries(5):
        client.get(reverse("admin:stores_brand_changelist"))
