"""What the file changes: the document against the rows, as changes that are shown first and saved in one transaction.

The file owns its routes, carrier mappings and status rules: what left it is removed, a key left out is back at its
default, and a rule for the same that was made in the console is taken over. Of projects, accounts, brands and stores
it owns only the keys it mentions; none of them is ever deleted. Stores, channels and couriers that nobody has imported
yet are made by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import models, transaction
from django.utils import timezone

from stores import revisions
from stores.config_file.brands import check_brand
from stores.config_file.document import Document, Entry
from stores.config_file.rules import SECTIONS, identity, rule_label, words_of
from stores.config_file.source import ConfigFileError
from stores.models import (
    AfterShipAccount,
    Brand,
    CarrierMapping,
    Channel,
    Courier,
    Origin,
    Project,
    Revision,
    Route,
    StatusRule,
    Store,
)
from stores.routing import in_order, shadowed
from stores.rule_checks import two_senders
from stores.rule_set import KINDS, LINKS, kind_of, rule_of, snapshot

CONNECTIONS = (Project, AfterShipAccount)
RULES = (Route, CarrierMapping, StatusRule)
NAMES: dict[type[models.Model], str] = {
    Project: "project",
    AfterShipAccount: "account",
    Brand: "brand",
    Store: "store",
    Channel: "channel",
}
UNSAVED = 2**62  # rows without an id come after all that have one
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
    """One row to be made, changed or removed. ``row`` carries the new values already, but is not saved.

    ``before`` is a rule in words as it was; None where it is new, and for rows that are no rules.
    """

    action: Action
    row: models.Model
    differences: list[Difference] = field(default_factory=list)
    is_takeover: bool = False
    before: dict[str, Any] | None = None

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
        concerned = [change.row.project for change in self.changes if isinstance(change.row, (Route, CarrierMapping))]
        if None in concerned:
            return list(Project.objects.all())
        return sorted(set(concerned), key=lambda project: project.key)


def known_keys() -> dict[str, list[str]]:
    """Keys of the rows that a file may refer to without describing them, by section."""
    models_by_section = {"projects": Project, "aftership_accounts": AfterShipAccount, "brands": Brand}
    return {name: list(model.objects.values_list("key", flat=True)) for name, model in models_by_section.items()}


def make_plan(document: Document) -> Plan:
    """Compare the document with the rows; writes nothing.

    Raises DecryptionError where a secret is unreadable, ConfigFileError where a brand's texts would be.
    """
    return Planner(document).plan()


@transaction.atomic
def save_plan(plan: Plan, reason: str = "") -> Revision | None:
    """Save all changes or none, and keep those of rules as one Revision; None where no rule changed.

    Raises IntegrityError where somebody else made the same row meanwhile.
    """
    changed_rules = []
    for change in plan.changes:
        if change.action == Action.REMOVE:
            changed_rules.append(removal(change))
            change.row.delete()
    for change in plan.changes:
        if change.action == Action.CREATE:
            change.row.save(force_insert=True)
        elif change.action == Action.CHANGE:
            change.row.save(update_fields=sorted(change.changed_names | renewed(change)))
        if change.action != Action.REMOVE and isinstance(change.row, RULES):
            changed_rules.append(revisions.change_of(change.row, change.before))
    return revisions.keep_revision(changed_rules, source=Revision.Source.FILE, reason=reason)


def removal(change: Change) -> revisions.Change:
    """To be kept of a rule that is about to be deleted. Nothing but rules is ever removed."""
    assert isinstance(change.row, RULES)  # noqa: S101 - for the type checker; see Planner.put_rules
    return revisions.Change(kind_of(change.row), change.row.pk, str(change.row), change.before, None)


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
        self.projects = {row.key: row for row in Project.objects.all()}
        self.accounts = {row.key: row for row in AfterShipAccount.objects.all()}
        self.brands = {row.key: row for row in Brand.objects.all()}
        described = {entry.values["key"] for entry in document.stores}
        self.stores = by_project(Store.objects.filter(key__in=self.named("store") | described))
        self.channels = by_project(Channel.objects.filter(key__in=self.named("channel")))
        self.couriers = {row.slug: row for row in Courier.objects.filter(slug__in=self.named("courier"))}
        self.paths: dict[int, str] = {}  # id() of a route's row → its place in the file

    def named(self, name: str) -> set[str]:
        """Every key that rules of the file give under this name; couriers also those of courier sets."""
        entries = [entry for section in SECTIONS.values() for entry in getattr(self.document, section)]
        sets = [entry.values.get("couriers", []) for entry in entries] if name == "courier" else []
        return {entry.get(name) for entry in entries}.union(*sets) - {None}

    def plan(self) -> Plan:
        """The changes that the document asks for, section by section, and notes."""
        self.put_section(Project, self.projects, self.document.projects)
        self.put_section(AfterShipAccount, self.accounts, self.document.aftership_accounts)
        self.put_section(Brand, self.brands, self.document.brands)
        self.check_brands()
        self.put_stores()
        routes = self.put_rules("route")
        self.put_rules("carrier_mapping")
        self.put_rules("status_rule")
        named = [self.projects[entry.values["key"]] for entry in self.document.projects]
        named += [self.accounts[entry.values["key"]] for entry in self.document.aftership_accounts]
        self.notes += [*deaf(named), *self.never_matching(routes), *self.two_senders(routes)]
        return Plan(self.changes, self.notes)

    def put_section(self, model: type[models.Model], rows: dict[str, Any], entries: list[Entry]) -> None:
        """Compare the entries of a section with its rows by key; a row that no entry names is only mentioned."""
        left_out = sorted(rows.keys() - {entry.values["key"] for entry in entries})
        for entry in entries:
            key = entry.values["key"]
            rows[key] = self.put(model, rows.get(key), entry.values)
        self.notes += [f"{label(rows[key])}: not in the file, left alone" for key in left_out]

    def put_stores(self) -> None:
        """Compare the stores that the file describes; one that nobody knows yet is made by name."""
        for entry in self.document.stores:
            values = dict(entry.values)
            project, key = values.pop("project"), values["key"]
            if (project, key) in self.stores:
                self.put(Store, self.stores[project, key], values)
            else:
                self.known(Store, self.stores, project, **values)

    def check_brands(self) -> None:
        """Raises ConfigFileError: whether texts can be read depends on the file and on what it leaves alone."""
        for entry in self.document.brands:
            check_brand(self.brands[entry.values["key"]], entry)
        if faults := [fault for entry in self.document.brands for fault in entry.place.source.faults]:
            raise ConfigFileError(list(dict.fromkeys(faults)))

    def put_rules(self, kind: str) -> list[Any]:
        """Compare the rules of one kind; one made in the console for the same is taken over, others of it stay.

        Returns the rows as they will be.
        """
        model = KINDS[kind]
        links = [name for name in LINKS if hasattr(model, name)]
        rows: dict[Any, Any] = {
            identity(kind, snapshot(row)): row for row in model.objects.select_related(*links).order_by("pk")
        }
        result = []
        for entry in getattr(self.document, SECTIONS[kind]):
            words = words_of(kind, entry.values)
            row = self.put(model, rows.pop(identity(kind, words), None), self.linked(words))
            self.paths[id(row)] = entry.place.path
            result.append(row)
        for row in rows.values():
            if self.has_left(kind, row):
                self.changes.append(Change(Action.REMOVE, row, before=snapshot(row)))
            else:
                result.append(row)
        return result

    def has_left(self, kind: str, row: Any) -> bool:
        """Whether the rule is the file's own, and its project (its section, where it holds for all) is in the file."""
        project = getattr(row, "project", None)
        is_told = project.key in self.document.project_keys if project else SECTIONS[kind] in self.document.sections
        return bool(row.origin == Origin.FILE and is_told)

    def put(self, model: type[models.Model], row: Any, values: dict[str, Any]) -> Any:
        """Note what makes or changes the row, and give it the new values; returns it. ``row`` None: there is none."""
        if row is None:
            row = model(**values)
            differences = [Difference(name, None, value) for name, value in values.items()]
            self.changes.append(Change(Action.CREATE, row, differences))
            return row
        is_takeover = getattr(row, "origin", Origin.FILE) == Origin.CONSOLE
        before = snapshot(row) if isinstance(row, RULES) else None
        change = Change(Action.CHANGE, row, is_takeover=is_takeover, before=before)
        for name, value in values.items():
            change.differences.append(Difference(name, getattr(row, name), value))
        if change.changed_names:
            self.changes.append(change)
            for name in change.changed_names:
                setattr(row, name, values[name])
        return row

    def linked(self, words: dict[str, Any]) -> dict[str, Any]:
        """The words with rows in place of keys; what nobody knows yet is made by name."""
        find: dict[str, Callable[[str], models.Model]] = {
            "project": self.projects.__getitem__,
            "account": self.accounts.__getitem__,
            "brand": self.brands.__getitem__,
            "store": lambda key: self.known(Store, self.stores, words["project"], key),
            "channel": lambda key: self.known(Channel, self.channels, words["project"], key),
            "courier": self.courier,
        }
        for slug in words.get("couriers", []):
            self.courier(slug)
        return {name: find[name](value) if name in find and value else value for name, value in words.items()}

    def known(
        self, model: type[models.Model], rows: dict[tuple[str, str], Any], project: str, key: str, **facts: Any
    ) -> Any:
        """The store or channel that a rule names, made by name (and with these facts) where nobody knows it yet."""
        if (project, key) not in rows:
            rows[project, key] = self.put(model, None, {"project": self.projects[project], "key": key, **facts})
            self.notes.append(f"{NAMES[model]} {key} of {project} is not known yet; made by name")
        return rows[project, key]

    def courier(self, slug: str) -> Courier:
        """The courier of this slug, made by it where AfterShip's list has not been imported yet."""
        if slug not in self.couriers:
            self.couriers[slug] = self.put(Courier, None, {"slug": slug})
            self.notes.append(f"courier {slug} is not known yet; made by name")
        return self.couriers[slug]

    def two_senders(self, routes: list[Any]) -> Iterator[str]:
        """Routes by which AfterShip and Trackbridge would both write to the shopper."""
        for row in routes:
            if row.is_active and (doubt := two_senders(snapshot(row))):
                yield f"{label(row)}: {doubt}"

    def never_matching(self, routes: list[Any]) -> Iterator[str]:
        """Routes that can never match, because an earlier one takes all their parcels: those that concern the file."""
        rows = {row.pk or UNSAVED + index: row for index, row in enumerate(routes) if row.is_active}
        rules = in_order(rule_of(number, snapshot(row)) for number, row in rows.items())
        for rule, first in shadowed(rules):
            row, earlier = rows[rule.id], rows[first.id]
            if {id(row), id(earlier)} & self.paths.keys():
                yield f"{self.name_of(row)} never matches: {self.name_of(earlier)} before it takes all its parcels"

    def name_of(self, row: Any) -> str:
        return self.paths.get(id(row)) or label(row)


def by_project(rows: models.QuerySet[Any]) -> dict[tuple[str, str], Any]:
    return {(row.project.key, row.key): row for row in rows.select_related("project")}


def label(row: models.Model) -> str:
    """What a person calls the row: ``route demo: store de-web``, ``store de-web of demo``."""
    if isinstance(row, RULES):
        return rule_label(kind_of(row), snapshot(row))
    if isinstance(row, (Store, Channel)):
        return f"{NAMES[type(row)]} {row.key} of {row.project.key}"
    if isinstance(row, Courier):
        return f"courier {row.slug}"
    return f"{NAMES[type(row)]} {row.key}"  # type: ignore[attr-defined]


def deaf(rows: Iterable[Project | AfterShipAccount]) -> Iterator[str]:
    """Connections that no webhook can reach, because nothing is there to prove its sender."""
    for row in rows:
        if isinstance(row, Project) and not row.can_hear:
            yield f"{label(row)} takes no messages: it has no inbound.secret"
        elif isinstance(row, AfterShipAccount) and not row.webhook_secret:
            yield f"{label(row)} takes no webhooks: it has no webhook_secrets"
