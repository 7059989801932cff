"""The page behind a mail's last link: in the brand's dress and the browser's language."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories as make
from tracking.models import BlockedAddress
from tracking.notifications.mail import unsubscribe_url

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def test_it_speaks_the_browsers_language_where_the_brand_does(client: Client) -> None:
    brand = make.make_brand(key="acme", name="Acme", locales=["en", "de"], support_email="help@acme.example")
    path = unsubscribe_url(brand, "ab" * 32).removeprefix("http://localhost:8000")
    german = client.get(path, headers={"accept-language": "de-AT"})
    assert german.headers["Content-Language"] == "de"
    body = german.content.decode()
    assert '<html lang="de"' in body
    assert "Abmelden" in body
    assert "/brand/acme.css" in body
    assert "help@acme.example" in body
    assert not german.cookies
    assert 'lang="en"' in client.get(path, headers={"accept-language": "pl"}).content.decode()
    assert not BlockedAddress.objects.exists()
    assert "Sie sind abgemeldet" in client.post(path, headers={"accept-language": "de"}).content.decode()
    assert BlockedAddress.objects.get().brand == brand


def test_a_link_that_is_none_of_ours_says_so_in_the_browsers_language(client: Client) -> None:
    answer = client.get("/unsubscribe/nonsense/", headers={"accept-language": "sv"})
    assert answer.status_code == 404
    assert "Den här länken fungerar inte" in answer.content.decode()
