"""The registry, read anew: a project's stores and channels, an account's couriers. Each import is a Run that tells.

daily, by command, from the console ─> IMPORT_REGISTRY (project), IMPORT_COURIERS (account)
    └─> each part: all pages ─> stores/registry.py ─> what is new, changed and gone, noted on the Run
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from config.correlation import new_correlation_id
from stores import registry
from stores.models import AfterShipAccount, Channel, Courier, Project, Store
from stores.registry import Imported, RegistryError
from tracking.enums import JobKind, RunKind
from tracking.models import Run
from tracking.payloads.errors import PayloadError
from tracking.services import connections, jobs, runs
from tracking.services.story import tell

Connection = Project | AfterShipAccount
STORES, CHANNELS, COURIERS = "stores", "channels", "couriers"
KINDS = ("new", "changed", "gone")
MOST_NAMED = 20


def want_imports(listed: Iterable[Connection], priority: int = jobs.LIVE) -> int:
    """Wish for one import per project (stores, channels) and account (couriers); returns how many."""
    wishes = [
        jobs.Wish(
            JobKind.IMPORT_REGISTRY if isinstance(one, Project) else JobKind.IMPORT_COURIERS,
            str(one.pk),
            connections.upstream_key(one),
            new_correlation_id(),
            priority,
        )
        for one in listed
    ]
    jobs.want(wishes)
    return len(wishes)


def import_all() -> int:
    """Wish for an import through every active connection, behind live work; returns how many."""
    active = [*Project.objects.filter(is_active=True), *AfterShipAccount.objects.filter(is_active=True)]
    return want_imports(active, jobs.BACKFILL)


def import_registry(project_id: int) -> Run:
    """Read a project's stores and channels. Raises UpstreamError, and PayloadError for what cannot be read."""
    return whole(Project.objects.get(pk=project_id))


def import_couriers(account_id: int) -> Run:
    """Read every courier that AfterShip knows. Raises UpstreamError, and PayloadError for what cannot be read."""
    return whole(AfterShipAccount.objects.get(pk=account_id))


def whole(connection: Connection) -> Run:
    run = begin(connection)
    for _ in walk(run):
        pass
    return run


def begin(connection: Connection) -> Run:
    """The import of this connection that was interrupted, or a new one."""
    subject = connections.upstream_key(connection)
    return runs.open_run(RunKind.REGISTRY, subject) or runs.begin(RunKind.REGISTRY, subject, {})


def walk(run: Run) -> Iterator[None]:
    """Import part by part; yields after each one that was committed and noted. Safe to repeat at any point."""
    connection = connections.rows_of(run.subject).get()
    for part, documents, keep in parts_of(connection):
        try:
            found = keep(documents())
        except RegistryError as error:
            raise PayloadError(error.path, error.cause) from error
        note(run, part, found)
        yield
    runs.finish(run)


Part = tuple[str, Callable[[], Iterable[dict[str, Any]]], Callable[[Iterable[dict[str, Any]]], Imported]]


def parts_of(connection: Connection) -> list[Part]:
    """What is read through this connection: its name, how to read it, how to keep it."""
    if isinstance(connection, AfterShipAccount):
        return [(COURIERS, connections.aftership(connection).list_couriers, registry.import_couriers)]
    client = connections.commercetools(connection)
    return [
        (STORES, client.iter_stores, lambda documents: registry.import_stores(connection, documents)),
        (CHANNELS, client.iter_channels, lambda documents: registry.import_channels(connection, documents)),
    ]


def note(run: Run, part: str, found: Imported) -> None:
    """Add to the run what was found; what was new before an interruption stays new, though it is known since."""
    before = run.findings.get(part, {})
    names = {
        "new": sorted({*before.get("new", []), *found.new}),
        "changed": sorted({*before.get("changed", []), *found.changed}),
        "gone": list(found.gone),
    }
    run.findings = run.findings | {part: names}
    run.save(update_fields=["findings"])
    counts = {f"{part} {what}": len(keys) for what, keys in names.items()}
    runs.note(run, {}, Counter(run.counts | counts))
    tell("registry imported", part=part, about=run.subject, found=str(found))


def gone(connection: Connection) -> list[Store | Channel | Courier]:
    """What rules may name, but the upstream does not list any more."""
    if isinstance(connection, AfterShipAccount):
        return list(Courier.objects.filter(gone_at__isnull=False))
    stores = Store.objects.filter(project=connection, gone_at__isnull=False)
    return [*stores, *Channel.objects.filter(project=connection, gone_at__isnull=False)]


def warnings(connection: Connection) -> list[str]:
    """One sentence per rule that names something which is gone."""
    return [
        f"{registered._meta.verbose_name} {registered} is gone, and {rule._meta.verbose_name} {rule} names it."
        for registered in gone(connection)
        for rule in registry.rules_naming(registered)
    ]


def in_words(run: Run) -> list[str]:
    """One line per part: ``stores: 2 new (at-web, de-web), 0 changed, 1 gone (old-web)``."""
    return [
        f"{part}: {', '.join(counted(what, names[what]) for what in KINDS)}" for part, names in run.findings.items()
    ]


def counted(what: str, keys: list[str]) -> str:
    shown = ", ".join(keys[:MOST_NAMED]) + (", …" if len(keys) > MOST_NAMED else "")
    return f"{len(keys):,} {what} ({shown})" if keys else f"0 {what}"
