"""What the file changes: the document against the rows, as changes that are shown first and saved in one transaction.

The file owns its routes and carrier mappings: what left it is removed, a key left out is back at its default, and a
rule of the same scope that was made in the console is taken over. Of projects, accounts and brands it owns only the
keys it mentions; none of them is ever deleted. Stores and couriers that nobody has imported yet are made by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from stores.carriers import normalise_carrier
from stores.config_file.document import Document, Entry
from stores.models import AfterShipAccount, Brand, CarrierMapping, Courier, Origin, Project, Route, Store

CONNECTIONS = (Project, AfterShipAccount)
RULES = (Route, CarrierMapping)
NAMES = {Project: "project", AfterShipAccount: "account", Brand: "brand"}
# A change of these is a new try with new credentials: a pause ends, a token of the old ones is forgotten.
CREDENTIALS = {
    Project: {"api_url", "auth_url", "client_id", "client_secret"},
    AfterShipAccount: {"api_url", "api_key"},
}


class Action(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    REMOVE = "remove"


@dataclass(frozen=True)
class Difference:
    """One field before and after; equal where it stays, None before where the row is new."""

    name: str
    before: Any
    after: Any

    @property
    def is_change(self) -> bool:
        return bool(self.before != self.after)


@dataclass
class Change:
    """One row to be made, changed or removed. ``row`` carries the new values already, but is not saved."""

    action: Action
    row: models.Model
    differences: list[Difference] = field(default_factory=list)
    is_takeover: bool = False

    @property
    def changed_names(self) -> set[str]:
        return {difference.name for difference in self.differences if difference.is_change}


@dataclass
class Plan:
    """The changes in an order in which they can be saved, and what a person should know besides."""

    changes: list[Change]
    notes: list[str]

    def count(self, action: Action) -> int:
        return sum(change.action == action for change in self.changes)

    def accounts_to_ask(self) -> list[AfterShipAccount]:
        """Accounts that are new, or have a new key or address: their couriers are to be imported."""
        return [
            change.row
            for change in self.changes
            if isinstance(change.row, AfterShipAccount)
            and (change.action == Action.CREATE or change.changed_names & CREDENTIALS[AfterShipAccount])
        ]

    def projects_with_new_rules(self) -> list[Project]:
        """Projects whose routes or carrier mappings changed; all of them where a mapping for everybody did.

        To be asked after saving.
        """
        concerned = [change.row.project for change in self.changes if isinstance(change.row, RULES)]
        if None in concerned:
            return list(Project.objects.all())
        return sorted(set(concerned), key=lambda project: project.key)


def known_keys() -> dict[str, list[str]]:
    """Keys of the rows that a file may refer to without describing them, by section."""
    models_by_section = {"projects": Project, "aftership_accounts": AfterShipAccount, "brands": Brand}
    return {name: list(model.objects.values_list("key", flat=True)) for name, model in models_by_section.items()}


def make_plan(document: Document) -> Plan:
    """Compare the document with the rows; writes nothing. Raises DecryptionError where a secret is unreadable."""
    return Planner(document).plan()


@transaction.atomic
def save_plan(plan: Plan) -> None:
    """Save all changes or none. Raises IntegrityError where somebody else made the same row meanwhile."""
    for change in plan.changes:
        if change.action == Action.REMOVE:
            change.row.delete()
    for change in plan.changes:
        if change.action == Action.CREATE:
            change.row.save(force_insert=True)
        elif change.action == Action.CHANGE:
            change.row.save(update_fields=sorted(change.changed_names | renewed(change)))


def renewed(change: Change) -> set[str]:
    """Set what follows from a change of a connection, and return the names of those fields besides the changed ones."""
    row = change.row
    if not isinstance(row, CONNECTIONS):
        return set()
    names = {"updated_at"}
    if change.changed_names & CREDENTIALS[type(row)]:
        if row.paused_until:
            row.paused_until = timezone.now()  # the next job tries again, and lifts the pause when it works
            names.add("paused_until")
        if isinstance(row, Project):
            row.access_token, row.access_token_expires_at = "", None
            names |= {"access_token", "access_token_expires_at"}
    return names


class Planner:
    """One comparison. Rows are loaded once; those that do not exist yet are made in memory and found again by key."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.changes: list[Change] = []
        self.notes: list[str] = []
        rules = (*document.routes, *document.carrier_mappings)
        stores = Store.objects.filter(key__in={entry.get("store") for entry in rules} - {None})
        slugs = {entry.values["courier"] for entry in document.carrier_mappings}
        self.projects = {row.key: row for row in Project.objects.all()}
        self.accounts = {row.key: row for row in AfterShipAccount.objects.all()}
        self.brands = {row.key: row for row in Brand.objects.all()}
        self.stores = {(row.project.key, row.key): row for row in stores.select_related("project")}
        self.couriers = {row.slug: row for row in Courier.objects.filter(slug__in=slugs)}

    def plan(self) -> Plan:
        self.put_section(Project, self.projects, self.document.projects)
        self.put_section(AfterShipAccount, self.accounts, self.document.aftership_accounts)
        self.put_section(Brand, self.brands, self.document.brands)
        self.put_routes()
        self.put_mappings()
        named = [self.projects[entry.values["key"]] for entry in self.document.projects]
        named += [self.accounts[entry.values["key"]] for entry in self.document.aftership_accounts]
        self.notes += [*deaf(named), *hidden(self.document.routes)]
        return Plan(self.changes, self.notes)

    def put_section(self, model: type[models.Model], rows: dict[str, Any], entries: list[Entry]) -> None:
        """Compare the entries of a section with its rows by key; a row that no entry names is only mentioned."""
        left_out = sorted(rows.keys() - {entry.values["key"] for entry in entries})
        for entry in entries:
            key = entry.values["key"]
            rows[key] = self.put(model, rows.get(key), entry.values)
        self.notes += [f"{label(rows[key])}: not in the file, left alone" for key in left_out]

    def put_routes(self) -> None:
        """Routes by project and store; one made in the console for the same is taken over, others of it stay."""
        routes = Route.objects.select_related("project", "store", "account", "brand")
        rows = {(row.project.key, row.store and row.store.key): row for row in routes}
        for entry in self.document.routes:
            values = {
                "project": self.projects[entry.values["project"]],
                "store": self.store_of(entry),
                "account": self.accounts[entry.values["account"]],
                "brand": self.brands[entry.values["brand"]] if entry.get("brand") else None,
                "promise_days": entry.get("promise_days"),
                "notify": entry.values.get("notify", Route.Notify.OFF.value),
                "position": entry.values["position"],
                "is_active": entry.values.get("is_active", True),
                "origin": Origin.FILE.value,
            }
            self.put(Route, rows.pop((entry.values["project"], entry.get("store")), None), values)
        self.remove(rows.values())

    def put_mappings(self) -> None:
        """Carrier mappings by text and scope, likewise."""
        mappings = CarrierMapping.objects.select_related("project", "store", "courier")
        rows = {
            (row.carrier_key, row.project and row.project.key, row.store and row.store.key): row for row in mappings
        }
        for entry in self.document.carrier_mappings:
            carrier_key = normalise_carrier(entry.values["carrier"])
            values = {
                "carrier": entry.values["carrier"],
                "project": self.projects[entry.values["project"]] if entry.get("project") else None,
                "store": self.store_of(entry),
                "courier": self.courier_of(entry),
                "extra_fields": entry.values.get("extra_fields", {}),
                "origin": Origin.FILE.value,
            }
            scope = (carrier_key, entry.get("project"), entry.get("store"))
            self.put(CarrierMapping, rows.pop(scope, None), values)
        self.remove(rows.values())

    def put(self, model: type[models.Model], row: Any, values: dict[str, Any]) -> Any:
        """Note what makes or changes the row, and give it the new values; returns it. ``row`` None: there is none."""
        if row is None:
            row = model(**values)
            differences = [Difference(name, None, value) for name, value in values.items()]
            self.changes.append(Change(Action.CREATE, row, differences))
            return row
        is_takeover = getattr(row, "origin", Origin.FILE) == Origin.CONSOLE
        change = Change(Action.CHANGE, row, is_takeover=is_takeover)
        for name, value in values.items():
            change.differences.append(Difference(name, getattr(row, name), value))
        if change.changed_names:
            self.changes.append(change)
            for name in change.changed_names:
                setattr(row, name, values[name])
        return row

    def remove(self, rows: Iterable[Route | CarrierMapping]) -> None:
        """Note the removal of those rules that are the file's own; a mapping for everybody goes with its section."""
        for row in rows:
            if row.project is None:
                has_left = "carrier_mappings" in self.document.sections
            else:
                has_left = row.project.key in self.document.project_keys
            if row.origin == Origin.FILE and has_left:
                self.changes.append(Change(Action.REMOVE, row))

    def store_of(self, entry: Entry) -> Store | None:
        """The store that a rule names, made by name where nobody knows it yet."""
        if not entry.get("store"):
            return None
        project, key = entry.values["project"], entry.values["store"]
        if (project, key) not in self.stores:
            values = {"project": self.projects[project], "key": key}
            self.stores[project, key] = self.put(Store, None, values)
            self.notes.append(f"store {key} of {project} is not known yet; made by name")
        return self.stores[project, key]

    def courier_of(self, entry: Entry) -> Courier:
        """The courier of a mapping, made by its slug where AfterShip's list has not been imported yet."""
        slug = entry.values["courier"]
        if slug not in self.couriers:
            self.couriers[slug] = self.put(Courier, None, {"slug": slug})
            self.notes.append(f"courier {slug} is not known yet; made by name")
        return self.couriers[slug]


def label(row: models.Model) -> str:
    """What a person calls the row: ``route demo/de-web``, ``mapping 'Post' of demo``."""
    if isinstance(row, Route):
        return f"route {row.project.key}/{row.store.key if row.store else '*'}"
    if isinstance(row, CarrierMapping):
        scope = "/".join(part.key for part in (row.project, row.store) if part)
        return f"mapping '{row.carrier}'" + (f" of {scope}" if scope else "")
    if isinstance(row, Store):
        return f"store {row.key} of {row.project.key}"
    if isinstance(row, Courier):
        return f"courier {row.slug}"
    return f"{NAMES[type(row)]} {row.key}"  # type: ignore[attr-defined]


def deaf(rows: Iterable[Project | AfterShipAccount]) -> Iterator[str]:
    """Connections that no webhook can reach, because nothing is there to prove its sender."""
    for row in rows:
        if isinstance(row, Project) and not row.inbound_secret:
            yield f"{label(row)} takes no messages: it has no inbound.secret"
        elif isinstance(row, AfterShipAccount) and not row.webhook_secret:
            yield f"{label(row)} takes no webhooks: it has no webhook_secrets"


def hidden(routes: Iterable[Entry]) -> Iterator[str]:
    """Routes that can never match, because an earlier one takes every store of their project."""
    takes_all: dict[str, Entry] = {}
    for entry in routes:
        project = entry.values["project"]
        if first := takes_all.get(project):
            yield f"{entry.place.path} never matches: {first.place.path} before it takes every store of {project}"
        elif not entry.get("store") and entry.values.get("is_active", True):
            takes_all[project] = entry
