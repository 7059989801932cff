"""Stores and Channels of commercetools, couriers of AfterShip → our rows: the registry that rules refer to.

    documents (all pages) ─> read and checked ─> compared with our rows ─> one transaction

Nothing is ever deleted here: rules and orders may still name what an upstream does not list any more, so it is kept,
marked and reported. Facts of the documents: ``key`` of a Store never changes, that of a Channel can; both names are
optional.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from stores.models import CarrierMapping, Channel, Courier, Project, Route, StatusRule, Store
from stores.validators import key_validator

BATCH = 500
SLUG = re.compile(r"[a-z0-9-]+\Z")


class RegistryError(ValueError):
    """A document that is no Store, Channel or courier. ``path`` is where (``stores[3].key``), ``cause`` is why."""

    def __init__(self, path: str, cause: str) -> None:
        super().__init__(f"{path}: {cause}")
        self.path = path
        self.cause = cause


@dataclass(frozen=True)
class Imported:
    """What one import found, by key, sorted.

    ``new``: listed for the first time, also where a rule or an order had named it before. ``gone``: kept, but not
    listed (any more): deleted upstream, or never there and only named by a rule.
    """

    new: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    gone: tuple[str, ...]

    def __str__(self) -> str:
        counts = f"{len(self.new)} new, {len(self.changed)} changed, {len(self.unchanged)} unchanged"
        return f"{counts}, not listed there: {', '.join(self.gone)}" if self.gone else counts


def import_stores(project: Project, documents: Iterable[dict[str, Any]]) -> Imported:
    """Keep every Store with its names by locale, languages and countries. Safe to repeat.

    All documents are read before the first write, so they may come from a paging client. Raises RegistryError, with
    nothing written, where one cannot be read.
    """
    rows = [store_of(project, Fields(document, f"stores[{n}]")) for n, document in enumerate(documents)]
    fields = ["commercetools_id", "name", "languages", "countries"]
    return save(Store.objects.filter(project=project), rows, ["project", "key"], fields)


def import_channels(project: Project, documents: Iterable[dict[str, Any]]) -> Imported:
    """Keep every Channel with its names by locale and roles; a changed key follows the id. As `import_stores`.

    A channel that only a rule has named by its key so far gets its id, and stays the rule's.
    """
    rows = [channel_of(project, Fields(document, f"channels[{n}]")) for n, document in enumerate(documents)]
    mine = Channel.objects.filter(project=project)
    with transaction.atomic():
        known = set(mine.values_list("commercetools_id", flat=True))
        for row in rows:
            if row.commercetools_id not in known:
                mine.filter(key=row.key, commercetools_id=None).update(commercetools_id=row.commercetools_id)
        return save(mine, rows, ["project", "commercetools_id"], ["key", "name", "roles"])


def import_couriers(documents: Iterable[dict[str, Any]]) -> Imported:
    """Keep every courier that AfterShip lists, with its name and the fields it needs. As `import_stores`.

    An empty list is no list: AfterShip knows more than a thousand. It raises RegistryError.
    """
    rows = [courier_of(Fields(document, f"couriers[{n}]")) for n, document in enumerate(documents)]
    if not rows:
        raise RegistryError("couriers", "AfterShip listed none")
    return save(Courier.objects.all(), rows, ["slug"], ["name", "required_fields", "optional_fields"])


def save(mine: models.QuerySet[Any], listed: Iterable[Any], identity: list[str], fields: list[str]) -> Imported:
    """Compare what was listed with our rows (``mine``) by the last field of ``identity``, and keep it."""
    rows = {getattr(row, identity[-1]): row for row in listed}
    with transaction.atomic():
        known = {getattr(row, identity[-1]): row for row in mine}
        new, changed, unchanged = [], [], []
        for name, row in rows.items():
            before = known.get(name)
            if before is None or before.imported_at is None:
                new.append(str(row))
            elif before.gone_at or any(getattr(before, field) != getattr(row, field) for field in fields):
                changed.append(str(row))
            else:
                unchanged.append(str(row))
        mine.model.objects.bulk_create(
            [rows[name] for name in sorted(rows)],  # in one order: two imports at once do not wait for each other
            update_conflicts=True,
            unique_fields=identity,
            update_fields=[*fields, "imported_at", "gone_at"],
            batch_size=BATCH,
        )
        gone = [row for name, row in known.items() if name not in rows]
        mine.filter(pk__in=[row.pk for row in gone], gone_at=None).update(gone_at=timezone.now())
    return Imported(*(tuple(sorted(keys)) for keys in (new, changed, unchanged, map(str, gone))))


def rules_naming(row: Store | Channel | Courier) -> list[Route | CarrierMapping | StatusRule]:
    """The rules that cannot do without it: routes, then carrier mappings, then status rules."""
    routes = Route.objects.select_related("project", "store", "channel", "account")
    mappings = CarrierMapping.objects.select_related("courier")
    if isinstance(row, Store):
        return [*routes.filter(store=row), *mappings.filter(store=row)]
    if isinstance(row, Channel):
        return [*routes.filter(channel=row), *mappings.filter(channel=row)]
    shipping = [route for route in routes.exclude(couriers=[]) if row.slug in route.couriers]
    statuses = StatusRule.objects.filter(courier=row).select_related("courier")
    return [*shipping, *mappings.filter(courier=row), *statuses]


def store_of(project: Project, fields: Fields) -> Store:
    """The document as an unsaved row. Raises RegistryError with the path of what is wrong."""
    key = fields.text("key")
    if not key_validator.regex.match(key):
        raise RegistryError(f"{fields.path}.key", "2 to 256 letters, digits, _ or - are expected")
    return Store(
        project=project,
        key=key,
        commercetools_id=fields.text("id", 64),
        name=fields.names(),
        languages=fields.texts("languages"),
        countries=[Fields(country, path).text("code") for path, country in fields.items("countries")],
        imported_at=timezone.now(),
    )


def channel_of(project: Project, fields: Fields) -> Channel:
    return Channel(
        project=project,
        key=fields.text("key", 256),
        commercetools_id=fields.text("id", 64),
        name=fields.names(),
        roles=fields.texts("roles"),
        imported_at=timezone.now(),
    )


def courier_of(fields: Fields) -> Courier:
    slug = fields.text("slug", 64)
    if not SLUG.match(slug):
        raise RegistryError(f"{fields.path}.slug", "lower-case letters, digits or - are expected")
    return Courier(
        slug=slug,
        name=clean(fields.document.get("name") or "", f"{fields.path}.name")[:200],
        required_fields=fields.texts("required_fields"),
        optional_fields=fields.texts("optional_fields"),
        imported_at=timezone.now(),
    )


class Fields:
    """The fields of one document, each checked as it is taken. Raises RegistryError with the field's path."""

    def __init__(self, document: Any, path: str) -> None:
        if not isinstance(document, dict):
            raise RegistryError(path, "an object is expected")
        self.document = document
        self.path = path

    def text(self, name: str, limit: int = 256) -> str:
        """Text that has to be there."""
        path = f"{self.path}.{name}"
        if name not in self.document:
            raise RegistryError(path, "missing")
        value = clean(self.document[name], path)
        if not value or len(value) > limit:
            raise RegistryError(path, f"1 to {limit} characters are expected")
        return value

    def names(self) -> dict[str, str]:
        """``name`` by locale; empty where there is none."""
        names = self.document.get("name") or {}
        if not isinstance(names, dict):
            raise RegistryError(f"{self.path}.name", "text by locale is expected")
        return {clean(locale, self.path): clean(text, f"{self.path}.name.{locale}") for locale, text in names.items()}

    def texts(self, name: str) -> list[str]:
        return [clean(value, path) for path, value in self.items(name)]

    def items(self, name: str) -> list[tuple[str, Any]]:
        """The items of a list with their paths; empty where there is none."""
        values = self.document.get(name) or []
        if not isinstance(values, list):
            raise RegistryError(f"{self.path}.{name}", "a list is expected")
        return [(f"{self.path}.{name}[{index}]", value) for index, value in enumerate(values)]


def clean(value: Any, path: str) -> str:
    """Text as PostgreSQL can hold it: without NUL and lone surrogates. Raises RegistryError where it is no text."""
    if not isinstance(value, str):
        raise RegistryError(path, "text is expected")
    return value.replace("\0", "␀").encode("utf-8", "replace").decode("utf-8")
