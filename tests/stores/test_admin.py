"""Rules in the console: mistakes are named at their field, and a saved rule is tried on what waits for it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from stores.models import Brand, CarrierMapping, Courier, Origin, Route, Store
from tests import factories as make
from tracking.enums import JobKind, ProblemKind
from tracking.models import Job

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


def route_form(**changes: Any) -> dict[str, Any]:
    return {"position": 10, "notify": "off", "is_active": "on"} | changes


def test_second_route_of_a_store_names_the_first(client: Client) -> None:
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    store = make.make_store(project, key="de-web")
    make.make_route(project, account, store=store)
    errors = save(client, Route, **route_form(project=project.pk, store=store.pk, account=account.pk))
    assert errors == {"store": ["There is a route for this already: demo/de-web → main."]}
    assert Route.objects.count() == 1


def test_second_route_of_a_project_names_the_first(client: Client) -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    errors = save(client, Route, **route_form(project=route.project_id, account=route.account_id))
    assert errors == {"project": ["There is a route for this already: demo/* → main."]}


def test_store_of_another_project_is_refused(client: Client) -> None:
    store = make.make_store(make.make_project(key="other"))
    form = route_form(project=make.make_project().pk, store=store.pk, account=make.make_account().pk)
    assert save(client, Route, **form) == {"store": ["This store belongs to project other."]}


def test_route_can_be_saved_again_unchanged(client: Client) -> None:
    route = make.make_route()
    form = route_form(project=route.project_id, account=route.account_id, promise_days=5)
    assert save(client, Route, route, **form) == {}
    route.refresh_from_db()
    assert (route.promise_days, route.origin) == (5, Origin.CONSOLE)


def test_same_carrier_in_other_spelling_names_the_mapping_that_is_there(client: Client) -> None:
    make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL Paket")
    errors = save(client, CarrierMapping, carrier=" dhl_PAKET ", courier=make.make_courier().pk, extra_fields="{}")
    assert errors == {"carrier": ["There is a mapping for this text already (everywhere): DHL Paket → dhl-germany."]}
    assert CarrierMapping.objects.count() == 1


def test_same_carrier_may_mean_something_else_in_one_store(client: Client) -> None:
    make.make_carrier_mapping(carrier="Post")
    store = make.make_store()
    assert save(client, CarrierMapping, carrier="Post", courier=make.make_courier().pk, store=store.pk) == {}
    mapping = CarrierMapping.objects.get(store=store)
    assert (mapping.project, mapping.carrier_key) == (store.project, "post")
    errors = save(client, CarrierMapping, carrier="post", courier=make.make_courier().pk, store=store.pk)
    assert list(errors) == ["carrier"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("carrier", "---", "no letter or digit"),
        ("carrier", "", "required"),
        ("courier", "", "required"),
        ("extra_fields", "[1]", "Names and texts such as"),
        ("extra_fields", '{"tracking_key": 5}', "Names and texts such as"),
        ("extra_fields", "{", "valid JSON"),
    ],
)
def test_mistake_is_named_at_its_field(client: Client, field: str, value: str, words: str) -> None:
    form = {"carrier": "DHL", "courier": make.make_courier().pk, "extra_fields": "{}"} | {field: value}
    errors = save(client, CarrierMapping, **form)
    assert list(errors) == [field]
    assert words in errors[field][0]


def test_slug_is_chosen_by_typing_a_part_of_it(client: Client) -> None:
    make.make_courier("dhl-germany")
    make.make_courier("ups")
    url = reverse("admin:autocomplete")
    question = {"app_label": "stores", "model_name": "carriermapping", "field_name": "courier", "term": "germ"}
    found = client.get(url, question).json()["results"]
    assert [one["text"] for one in found] == ["dhl-germany"]


def test_saved_mapping_is_tried_on_the_orders_that_wait_for_it(
    client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    waiting = make.make_order()
    make.make_problem(order=waiting, kind=ProblemKind.UNMAPPED_CARRIER)
    make.make_problem(kind=ProblemKind.BAD_NUMBER)
    with django_capture_on_commit_callbacks(execute=True):
        save(client, CarrierMapping, carrier="DHL_PKG", courier=make.make_courier().pk, extra_fields="{}")
    job = Job.objects.get()
    assert (job.kind, job.subject) == (JobKind.COLLECT, str(waiting.pk))


def test_saved_route_is_tried_on_its_own_project_only(client: Client) -> None:
    here, elsewhere = make.make_order(), make.make_order()
    for order in (here, elsewhere):
        make.make_problem(order=order, kind=ProblemKind.UNROUTED)
    save(client, Route, **route_form(project=here.project_id, account=make.make_account().pk))
    assert [job.subject for job in Job.objects.all()] == [str(here.pk)]


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
