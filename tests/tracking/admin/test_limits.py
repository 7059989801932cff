"""Whoever is limited to a store finds no trace of another one's orders: at no address, by no search, with no button.

    rows of a foreign store, full of marks ─> every address that could show one, from the resolver
    an administrator who is limited to another store asks for each, and runs each action ─> no mark, nothing changed

A page that is added is asked for by itself; one that nobody can guess the parameters of ends the test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client
from django.urls import reverse

from stores.models import Store
from tests import factories as make
from tests.foreign import APPS, CODE, KEYS, MARK, Foreign, is_of_all, make_foreign
from tests.tracking.admin.conftest import client_of
from tests.walk import addresses, name_of
from tracking.enums import JobKind
from tracking.models import StoreLimit
from tracking.services.scope import RULES

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore")]

TRACE = re.compile(f"{MARK}|{KEYS}|{CODE}", re.IGNORECASE)
SEARCHED = ("order", "tracking", "receipt")  # by every word; other lists by one
# Addresses that show no orders, or that nobody's log-in opens: with the reason.
NOT_WALKED = {
    "/": "leads to the console",
    "webhooks/": "machines only: signed, answers nothing",
    "track/": "a shopper's page: opened by the key in its link, not by a log-in",
    "brand/": "colours of a brand, for everybody",
    "m/": "a shopper's link in a mail",
    "admin/log": "log-in and log-out",
    "admin/password_change": "one's own password",
    "admin/jsi18n": "words of scripts",
    "admin/r/": "leads to a row's page on another site, which no model here has",
    "api/schema": "describes the API",
    "api/docs": "describes the API",
    "admin/(?P<url>.*)$": "catches what is nowhere else",
    "admin/rules/preview/": "POST only: forms are pressed below",
    "admin/import-registry/": "POST only: forms are pressed below",
}


@dataclass
class World:
    foreign: Foreign
    paths: list[str]
    limited: Client
    before: set[str]


def make_home() -> Store:
    """The store whose orders are seen, with a little of everything."""
    store = make.make_store(make.make_project(key="house"), key="home-store")
    account = make.make_account(key="home-account")
    make.make_route(store.project, account, store=store)
    order = make.make_order(store.project, store=store, order_number="HOME-1")
    tracking = make.make_tracking(account, correlation_id=order.correlation_id)
    parcel = make.make_parcel(order, tracking)
    make.make_checkpoint(tracking)
    make.make_problem(order=order, parcel=parcel)
    job = make.make_dead_letter(kind=JobKind.COLLECT, subject=str(order.pk), correlation_id=order.correlation_id)
    make.make_attempt(job)
    make.make_receipt(correlation_id=order.correlation_id)
    make.make_write(order)
    make.make_remap(parcel)
    make.make_staff_action(order=order)
    return store


def administrator_of(store: Store) -> User:
    """May do everything, but only with this store."""
    user = User.objects.create_user("limited", is_staff=True)
    user.groups.set(Group.objects.all())
    StoreLimit.objects.create(user=user, store=store)
    return user


def first_addresses(foreign: Foreign) -> Iterator[str]:
    """Every address without parameters, and those with them for each foreign row that they can be about."""
    for one in addresses():
        if is_left_out(one.path):
            continue
        if not one.parameters:
            yield from (one.filled(), f"{one.filled()}?{urlencode(everything_asked(foreign))}")
        elif "app_label" in one.parameters:
            yield from (one.filled(app_label=app) for app in APPS)
        elif "object_id" in one.parameters:
            yield from object_pages(one.path, one.filled, foreign)
        else:
            yield from (one.filled(**dict.fromkeys(one.parameters, value)) for value in fitting(one.path, foreign))
    for term in names_of(foreign):
        yield f"/admin/search/?s={quote_plus(term)}"
        yield f"/admin/find/?q={quote_plus(term)}"
        yield f"/admin/story/?code={quote_plus(term)}"
        yield f"/admin/?q={quote_plus(term)}"
    for model, page in admin.site._registry.items():
        opts = model._meta
        yield from (
            f"{reverse(f'admin:{opts.app_label}_{opts.model_name}_changelist')}?q={quote_plus(term)}&o=1"
            for term in (names_of(foreign) if opts.model_name in SEARCHED else names_of(foreign)[:1])
        )
        for field in page.autocomplete_fields:
            asked = f"app_label={opts.app_label}&model_name={opts.model_name}&field_name={field}"
            yield f"/admin/autocomplete/?{asked}&term="


def object_pages(path: str, filled: object, foreign: Foreign) -> Iterator[str]:
    for label, row in foreign.rows.items():
        if path.startswith(f"admin/{label.lower().replace('.', '/')}/"):
            yield filled(object_id=quote(str(row.pk)))  # type: ignore[operator]


def fitting(path: str, foreign: Foreign) -> list[object]:
    """Keys of the foreign rows that the path names (``orders/<int:pk>/``), or of all; names, where it takes text."""
    rows = {label.partition(".")[2].lower(): row.pk for label, row in foreign.rows.items()}
    named = [key for name, key in rows.items() if name in path]
    keys = [key for key in named or rows.values() if isinstance(key, int) or "<int" not in path]
    return keys if "<int" in path else [*keys, *names_of(foreign)[:4]]


def everything_asked(foreign: Foreign) -> dict[str, str]:
    """By any name that a page may ask for, the foreign row of it; and what a form needs to be taken for complete."""
    rows = {label.partition(".")[2].lower(): str(row.pk) for label, row in foreign.rows.items()}
    asked = rows | {f"{name}s": key for name, key in rows.items()}
    parcel, store = foreign.rows["tracking.Parcel"], foreign.rows["stores.Store"]
    return asked | {
        "project": store.project.key, "store": store.key, "carrier": parcel.carrier, "code": CODE,
        "id": rows["problem"],
        "_selected_action": rows["problem"], "selected": rows["problem"], "how": "rules", "start": "1", "confirm": "1",
        "sure": "1", "reason": "x", "act": "take", "action": "map", "list": "tracking.Order", "query": "", "all": "",
        "email": foreign.rows["tracking.Order"].customer_email, "text": parcel.tracking_number,
    }  # fmt: skip


def names_of(foreign: Foreign) -> list[str]:
    """What a person could type to find the foreign order."""
    order, parcel, tracking = (foreign.rows[f"tracking.{one}"] for one in ("Order", "Parcel", "Tracking"))
    return [
        order.order_number, order.customer_email, order.commercetools_id, CODE, str(order.pk),
        parcel.tracking_number, tracking.tracking_number, tracking.pk, tracking.aftership_id,
    ]  # fmt: skip


def is_left_out(path: str) -> bool:
    return path == "" or any(path.startswith(start) for start in NOT_WALKED if start != "/")


def rows_with_marks() -> set[str]:
    """Every row that bears a mark, as text: to tell whether anything was done to one. Its own key does not count: on
    SQLite those of new rows follow the foreign ones.
    """
    found = set()
    for app in APPS:
        for model in apps.get_app_config(app).get_models():
            for row in model._default_manager.values():
                text = json.dumps({name: str(value) for name, value in row.items()}, cls=DjangoJSONEncoder)
                if TRACE.search(json.dumps([str(value) for name, value in row.items() if name != "id"])):
                    found.add(f"{model._meta.label} {text}")
    return found


@pytest.fixture
def world() -> World:
    home = make_home()
    limited = client_of(administrator_of(home))
    foreign = make_foreign(home.project)
    limited.raise_request_exception = False
    return World(foreign, list(dict.fromkeys(first_addresses(foreign))), limited, rows_with_marks())


def without_what_was_asked(body: str, path: str) -> str:
    """The body without the words of the address, which a page may repeat in its search box and links."""
    parts = urlsplit(path)
    said = {value for _name, value in parse_qsl(parts.query)} | set(parts.path.split("/"))
    for value in sorted((one for one in said if TRACE.search(one)), key=len, reverse=True):
        for spelling in {value, quote(value), quote(quote(value)), value.upper()}:
            body = body.replace(spelling, "")
    return body


def traces(answer: object, path: str) -> list[str]:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
    body = without_what_was_asked(content.decode("utf-8", "replace"), path)
    found = [body[max(0, one.start() - 60) : one.end() + 30].replace("\n", " ") for one in TRACE.finditer(body)]
    location = answer.get("Location", "")  # type: ignore[attr-defined]
    return found + ([location] if TRACE.search(without_what_was_asked(location, path)) else [])


def test_no_address_and_no_action_shows_or_changes_what_is_another_stores(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.test.client.store_rendered_templates", lambda *_, **__: None)  # a fifth of the time
    found, direct = [], []
    for path in world.paths:
        answer = world.limited.get(path, follow=True)
        found += [(path, answer.status_code, one) for one in traces(answer, path)[:1]]
        if answer.status_code >= 500:
            found.append((path, answer.status_code, "fails"))
        if KEYS in urlsplit(path).path and answer.status_code not in (403, 404, 405):
            direct.append((path, answer.status_code))
    sink = everything_asked(world.foreign)
    pressed = [(path, sink) for path in world.paths if "?" not in path and not path.endswith("/add/")]
    for url, fields in [*actions_on(world.foreign), *pressed]:
        answer = world.limited.post(url, fields)
        found += [(url, fields, answer.status_code)] if answer.status_code >= 500 else []
        found += [(url, fields, one) for one in traces(answer, url)[:1]]
    assert not found, f"{len(found)} of {len(world.paths)} addresses show another store:\n" + "\n".join(map(str, found))
    assert direct == [], "rows of another store are not at these addresses, as far as this person is concerned"
    assert rows_with_marks() ^ world.before == set()


def actions_on(foreign: Foreign) -> Iterator[tuple[str, dict[str, str]]]:
    """Every action of every list, with the foreign row chosen."""
    for model, page in admin.site._registry.items():
        row = foreign.rows.get(model._meta.label)
        if row is not None:
            url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            names = [one if isinstance(one, str) else one.__name__ for one in (*page.actions, "delete_selected")]
            yield from ((url, {"action": name, "_selected_action": str(row.pk), "post": "yes"}) for name in names)


def test_a_superuser_sees_the_marks_so_their_absence_means_something(admin_client: Client) -> None:
    foreign = make_foreign(make_home().project)
    unseen = []
    for label, row in foreign.rows.items():
        model = apps.get_model(label)
        if model not in admin.site._registry or is_of_all(label):
            continue
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for path in (reverse(f"{name}_changelist"), reverse(f"{name}_change", args=[row.pk])):
            answer = admin_client.get(path)
            if answer.status_code != 200 or not traces(answer, path):
                unseen.append((path, answer.status_code))
    assert unseen == []


def test_every_address_is_asked_for(world: World) -> None:
    """A page whose parameters nobody can guess needs an example in `first_addresses`."""
    asked = {name_of(path) for path in world.paths}
    missed = (
        {one.name for one in addresses() if not is_left_out(one.path) and not is_common(one.name)} - asked - {"admin"}
    )
    assert sorted(missed) == []


def is_common(name: str) -> bool:
    """Pages of a row that tells of no order: such as of a courier."""
    commons = [label.lower().replace(".", "_") for label in RULES if is_of_all(label)]
    return any(name.startswith(f"admin:{label}_") for label in commons)
