"""Finding an order without the link: for who knows two things about it, and slow for who guesses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.addresses import network_of
from tests import factories as make
from tests.tracking.pages.orders import make_branded, make_shopped, path_of, ship
from tracking.models import LookupCount
from tracking.pages.answers import wait_words
from tracking.services import lookup
from tracking.services.lookup import Asked, TooManyTriesError, find_order

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NOT_FOUND = "We found no order with this number and this e-mail address or postcode."


@pytest.fixture(autouse=True)
def _early_in_each_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows begin at full hours of the clock: these tests all happen a minute after one."""
    moment = datetime(2026, 11, 27, 10, 1, tzinfo=UTC)
    monkeypatch.setattr(lookup.timezone, "now", lambda: moment)


def ask(client: Client, number: str, proof: str, **extra: Any) -> Any:
    return client.post("/track/", {"number": number, "proof": proof}, **extra)


@pytest.mark.parametrize(
    ("number", "proof"),
    [("CT-9", "Erna@Example.com"), (" ct-9 ", "erna@example.com"), ("CT-9", "sw1a 1aa"), ("CT-9", "SW1A1AA")],
)
@pytest.mark.parametrize("written", ["CT-9", "ct-9"])
def test_number_with_email_or_postcode_leads_to_the_link(client: Client, number: str, proof: str, written: str) -> None:
    order = make_shopped(order_number=written, customer_email="erna@example.com", destination_postal_code="SW1A 1AA")
    response = ask(client, number, proof)
    assert response.status_code == 303
    assert response.headers["Location"].endswith(path_of(order))
    assert "ct-9" not in response.headers["Location"].lower()
    assert not response.cookies


def test_wrong_number_and_wrong_proof_are_answered_alike_with_the_same_work(client: Client) -> None:
    make_shopped(order_number="CT-9", customer_email="erna@example.com", destination_postal_code="10115")
    make_shopped(order_number="CT-8", customer_email="", destination_postal_code="")
    make_shopped(order_number="", customer_email="x@example.com")
    answers = []
    tries = [
        ("CT-9", "other@example.com"),
        ("CT-9", "10116"),
        ("CT-404", "erna@example.com"),
        ("CT-8", "-"),
        ("CT-8", "…"),
    ]
    for number, proof in tries:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            response = ask(client, number, proof)
        shapes = [one["sql"].split(" WHERE ")[0][:60] for one in queries]
        answers.append((response.status_code, response.content, sorted(response.headers.items()), shapes))
        LookupCount.objects.all().delete()
    for answer in answers:
        headers = [(name, value) for name, value in answer[2] if name != "X-Correlation-ID"]
        assert (answer[0], NOT_FOUND in answer[1].decode()) == (404, True)
        assert (answer[1], headers, answer[3]) == (
            answers[0][1], [one for one in answers[0][2] if one[0] != "X-Correlation-ID"], answers[0][3],
        )  # fmt: skip
    assert "CT-9" not in answers[0][1].decode(), "what was typed in does not come back"


def test_one_number_can_be_tried_six_times_an_hour_whether_it_exists_or_not(client: Client) -> None:
    make_shopped(order_number="CT-9", destination_postal_code="10115")
    for number in ("CT-9", "CT-404"):
        codes = [ask(client, number, f"{n:05d}", REMOTE_ADDR=f"10.0.0.{n}").status_code for n in range(8)]
        assert codes == [404] * 6 + [429] * 2
    right = ask(client, "CT-9", "10115", REMOTE_ADDR="10.0.9.9")
    assert (right.status_code, right.headers["Retry-After"]) == (429, "3540"), (
        "also the right answer, until the hour ends"
    )
    assert "Please try again in 59 min." in right.content.decode()
    said = ask(client, "CT-9", "10115", REMOTE_ADDR="10.0.9.9", headers={"accept-language": "de"}).content.decode()
    assert "Bitte versuchen Sie es in 59 Min. noch einmal." in said


@pytest.mark.parametrize(
    ("seconds", "told"), [(1, "1 min."), (61, "2 min."), (5_400, "90 min."), (5_401, "2 h."), (82_000, "23 h.")]
)
def test_who_waits_as_long_as_told_need_not_wait_again(seconds: float, told: str) -> None:
    assert wait_words(seconds).endswith(f"in {told}")


def test_one_address_can_try_thirty_numbers_in_ten_minutes() -> None:
    make_shopped(order_number="CT-100", destination_postal_code="10115")
    for n in range(30):
        assert find_order(Asked(f"CT-{n}", "10115", "10.1.1.1")) is None
    with pytest.raises(TooManyTriesError):
        find_order(Asked("CT-100", "10115", "10.1.1.1"))
    assert find_order(Asked("CT-100", "10115", "10.1.1.2")) is not None


def test_who_finds_their_order_uses_up_no_tries() -> None:
    order = make_shopped(order_number="CT-9", destination_postal_code="10115")
    for _ in range(50):
        assert find_order(Asked("CT-9", "10115", "10.1.1.1")) == order
    assert set(LookupCount.objects.values_list("count", flat=True)) == {0}


def test_tries_are_forgotten_with_their_window_and_name_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    find_order(Asked("CT-9", "10115", "10.1.1.1"))
    subjects = list(LookupCount.objects.values_list("subject", flat=True))
    assert len(subjects) == 3
    assert all(len(one) == 64 and "10.1" not in one for one in subjects)
    later = lookup.timezone.now() + timedelta(days=4)
    monkeypatch.setattr(lookup.timezone, "now", lambda: later)
    find_order(Asked("CT-9", "10115", "10.1.1.1"))
    assert LookupCount.objects.filter(window__lt=later - timedelta(days=2)).count() == 0


def test_of_two_orders_with_one_number_the_form_of_a_brand_finds_its_own(client: Client) -> None:
    _brand, route = make_branded(key="acme")
    facts = {"order_number": "CT-9", "destination_postal_code": "10115"}
    mine = make_shopped(route, **facts)
    ship(mine)
    other = make_shopped(**facts)
    ship(other)
    response = client.post("/track/find/acme/", {"number": "CT-9", "proof": "10115"})
    assert response.headers["Location"].endswith(path_of(mine))
    assert ask(client, "CT-9", "10115").headers["Location"].endswith(path_of(other)), "else the newest"


def test_deleted_order_is_not_found(client: Client) -> None:
    make_shopped(order_number="CT-9", destination_postal_code="10115", deleted_at=timezone.now())
    assert ask(client, "CT-9", "10115").status_code == 404


@pytest.mark.parametrize(
    ("number", "proof"), [("", "10115"), ("CT-9", " "), ("x" * 257, "1"), ("1", "x" * 321), ("\x00", "\x00")]
)
def test_bad_input_is_told_and_breaks_nothing(client: Client, number: str, proof: str) -> None:
    response = ask(client, number, proof)
    assert response.status_code in (400, 404)
    assert 'role="alert"' in response.content.decode()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, 303),
        ({"origin": "http://testserver"}, 303),
        ({}, 303),
    ],
)
def test_form_of_another_site_is_refused(client: Client, headers: dict[str, str], status: int) -> None:
    make_shopped(order_number="CT-9", destination_postal_code="10115")
    strict = Client(enforce_csrf_checks=True)
    assert ask(strict, "CT-9", "10115", headers=headers).status_code == status
    assert LookupCount.objects.exists() == (status == 303), "a refused form uses up no try"
    if status == 403:
        said = ask(strict, "CT-9", "10115", headers=headers | {"accept-language": "de"}).content.decode()
        assert "Dieses Formular wurde von einer anderen Seite abgeschickt." in said


def test_form_of_an_unknown_brand_is_not_there(client: Client) -> None:
    assert client.get("/track/find/nobody/").status_code == 404


def test_only_brand_dresses_the_form(client: Client) -> None:
    make.make_brand(name="Solo", locales=["en"])
    assert "Solo" in client.get("/track/").content.decode()
    make.make_brand(name="Duo", locales=["en"])
    html = client.get("/track/").content.decode()
    assert "Solo" not in html
    assert "Duo" not in html


@pytest.mark.parametrize(
    ("facts", "trusts", "network"),
    [
        ({"REMOTE_ADDR": "192.0.2.7", "HTTP_X_FORWARDED_FOR": "10.9.9.9"}, False, "192.0.2.7"),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "10.9.9.9, 192.0.2.7"}, True, "192.0.2.7"),
        ({"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": "rubbish"}, True, ""),
        ({"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}, False, "2001:db8:1:2::/64"),
        ({"REMOTE_ADDR": "::ffff:192.0.2.7"}, False, "192.0.2.7"),
        ({"REMOTE_ADDR": ""}, False, ""),
    ],
)
def test_address_is_what_our_own_proxy_says(settings: Any, facts: dict[str, str], trusts: bool, network: str) -> None:
    settings.TRUST_PROXY = trusts
    request: HttpRequest = RequestFactory().get("/", **facts)
    assert network_of(request) == network
