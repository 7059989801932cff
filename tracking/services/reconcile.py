"""commercetools, our rows and AfterShip compared; what is safe is repaired, the rest becomes a Problem.

    a project:  orders changed in the window ─> our orders under way, by id ─> compare_order
    an account: trackings changed in the window ─> our trackings under way, by number ─> applied, or found gone

Each finding is a Drift. What was only on its way (a job that waits, a change of the last minute) is taken in as well,
but is no drift. Repairs are those of the road itself: an order is stored, a tracking applied, a job wished for; so they
may run beside live traffic, twice, and be cut off anywhere. A dry run does the same and rolls each of them back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount, CustomType, Project
from tracking.clients.aftership import AfterShipClient
from tracking.clients.errors import NotFound
from tracking.enums import FINISHED, JobKind, ProblemKind, RunKind
from tracking.models import Job, Order, Parcel, Problem, Run, Tracking
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import OrderSnapshot, parse_order
from tracking.payloads.from_fields import source_of
from tracking.services import connections, jobs, runs
from tracking.services.collect import store_order
from tracking.services.poll import Taken, chunks, read_changes, take_in
from tracking.services.problems import close_problems, open_problem
from tracking.services.push import PUSH_PROBLEMS
from tracking.services.story import muted, tell
from tracking.services.write_back import plan_write

WINDOW = timedelta(days=3)  # longer than AfterShip's 68 hours of webhook retries
ON_ITS_WAY = timedelta(seconds=60)  # news this fresh may still come by itself
KEPT_BY_AFTERSHIP = timedelta(days=120)
RUN_SECONDS = 12.0  # of a job; the walk goes on in the next one
ORDERS_AT_ONCE, NUMBERS_AT_ONCE = 50, 50  # AfterShip takes 50 numbers in one call


CHANGED, UNDER_WAY = "changed", "under_way"  # the two stages of a sweep
CHECKED, FORGOTTEN, STRANGERS = "checked", "forgotten", "strangers"  # counted beside the drifts


class Drift(StrEnum):
    """What can differ."""

    ORDER_BEHIND = "order_behind"  # commercetools has a newer version, or we do not have the order: stored
    ORDER_GONE = "order_gone"  # deleted in commercetools: read again, which notes it
    JOB_LOST = "job_lost"  # nobody was going to open, or to delete, this tracking: wished for
    NOT_WRITTEN = "not_written"  # commercetools carries other values than we would write: wished for
    WRITE_GAVE_UP = "write_gave_up"  # the same, but the write is a dead letter: listed
    AFTERSHIP_AHEAD = "aftership_ahead"  # AfterShip's tracking is newer than ours: applied
    TRACKING_GONE = "tracking_gone"  # AfterShip does not have it, and should: opened again
    UNKNOWN_TRACKING = "unknown_tracking"  # AfterShip has one for an order of ours that no parcel shows: listed
    UNREADABLE = "unreadable"  # a document that is no order, or no tracking: listed


@dataclass
class Sweep:
    """A run under way: what it compares with, and what it has counted so far."""

    run: Run
    is_dry: bool
    counts: Counter[str] = field(default_factory=Counter)
    stage: str = CHANGED
    told: set[tuple[Drift, str]] = field(default_factory=set)

    @classmethod
    def of(cls, run: Run) -> Sweep:
        stage = run.cursor.get("stage", CHANGED)
        return cls(run, bool(run.parameters.get("dry_run")), Counter(run.counts), stage)

    def found(self, drift: Drift, what: str, *, changed_at: datetime | None = None) -> None:
        """Count a drift, unless it is so fresh that it may still have come by itself."""
        is_fresh = changed_at is not None and changed_at > self.run.started_at - ON_ITS_WAY
        if is_fresh or (drift, what) in self.told:
            return
        self.told.add((drift, what))
        self.counts[drift] += 1
        tell("drift found", drift=drift.value, about=what, correlation_id=self.run.correlation_id)

    def listed(self, subject: Order | str, cause: str) -> None:
        open_problem(ProblemKind.DRIFT, subject, cause, correlation_id=self.run.correlation_id)

    def apart(self, step: Callable[..., None], *arguments: Any) -> None:
        """One comparison and its repair in a transaction of its own; a dry run undoes it, and is silent about it."""
        with transaction.atomic(), muted(is_muted=self.is_dry):
            step(self, *arguments)
            if self.is_dry:
                transaction.set_rollback(True)

    def note(self, **at: str | int) -> None:
        runs.note(self.run, {"stage": self.stage, **at}, self.counts)

    @property
    def since(self) -> datetime:
        return datetime.fromisoformat(self.run.parameters["since"])


def drift_per_10_000(counts: Mapping[str, int]) -> float:
    """Findings per 10,000 parcels (or trackings) compared; 0 where there was nothing to compare."""
    found = sum(counts.get(drift, 0) for drift in Drift)
    return 10_000 * found / counts[CHECKED] if counts.get(CHECKED) else 0.0


# ── the jobs, and what the command calls ─────────────────────────────────────────────────────────────────────────────


def reconcile_all() -> int:
    """Wish for a comparison of every active project and account, behind live work; returns how many."""
    projects = Project.objects.filter(is_active=True)
    accounts = AfterShipAccount.objects.filter(is_active=True)
    wishes = [wish(connection) for connection in [*projects, *accounts]]
    jobs.want(wishes)
    return len(wishes)


def wish(connection: Project | AfterShipAccount) -> jobs.Wish:
    kind = JobKind.RECONCILE_ORDERS if isinstance(connection, Project) else JobKind.RECONCILE_TRACKINGS
    upstream = connections.upstream_key(connection)
    return jobs.Wish(kind, str(connection.pk), upstream, new_correlation_id(), jobs.BACKFILL)


def reconcile_orders(project_id: int) -> None:
    """Some seconds of comparing a project's orders; wishes for more until all is done. Raises UpstreamError."""
    go_on(Project.objects.get(pk=project_id), sweep_orders)


def reconcile_trackings(account_id: int) -> None:
    """Some seconds of comparing an account's trackings; wishes for more until all is done. Raises UpstreamError."""
    go_on(AfterShipAccount.objects.get(pk=account_id), sweep_trackings)


def go_on(connection: Project | AfterShipAccount, walk: runs.Walk) -> None:
    run = runs.open_run(RunKind.RECONCILE, connections.upstream_key(connection)) or begin(connection)
    if not runs.go_for(run, walk, RUN_SECONDS):
        jobs.want([wish(connection)])


def begin(connection: Project | AfterShipAccount, since: datetime | None = None, *, is_dry: bool = False) -> Run:
    """A new run over this connection; an unfinished one is ended, the new one covers it."""
    subject = connections.upstream_key(connection)
    if not is_dry and (unfinished := runs.open_run(RunKind.RECONCILE, subject)):
        runs.finish(unfinished)
    parameters = {"since": (since or timezone.now() - WINDOW).isoformat(), "dry_run": is_dry}
    return runs.begin(RunKind.RECONCILE, subject, parameters, is_kept=not is_dry)


def walk_of(connection: Project | AfterShipAccount) -> runs.Walk:
    return sweep_orders if isinstance(connection, Project) else sweep_trackings


def end(sweep: Sweep, mine: Q) -> None:
    """The sweep is over: problems of this kind that it has not met again have healed."""
    healed = Problem.objects.filter(mine, kind=ProblemKind.DRIFT, closed_at=None, seen_at__lt=sweep.run.started_at)
    if not sweep.is_dry:
        for subject in healed.values_list("subject", flat=True):
            close_problems([ProblemKind.DRIFT], subject, "It was compared again, and does not differ any more.")
    runs.finish(sweep.run)
    per_10_000 = round(drift_per_10_000(sweep.counts), 2)
    tell("reconciled", what=sweep.run.subject, drift_per_10_000=per_10_000, counts=dict(sweep.counts))


# ── commercetools ────────────────────────────────────────────────────────────────────────────────────────────────────


def sweep_orders(run: Run) -> Iterator[None]:
    """Compare the orders of a project, from where the run stands; yields after each page that it has committed."""
    sweep, project = Sweep.of(run), Project.objects.get(key=run.subject.partition(":")[2])
    client = connections.commercetools(project)
    at, after = run.cursor.get("at"), run.cursor.get("id", "")
    if sweep.stage == CHANGED:
        since = datetime.fromisoformat(at) if at else sweep.since
        documents = client.iter_orders(modified_since=since, until=run.started_at)
        fresh = (one for one in documents if at is None or (one["lastModifiedAt"], one["id"]) > (at, after))
        for page in chunks(fresh, ORDERS_AT_ONCE):
            compare_orders(sweep, project, page)
            sweep.note(at=page[-1]["lastModifiedAt"], id=page[-1]["id"])
            yield
    sweep.stage, last = UNDER_WAY, run.cursor.get("pk", 0)
    while orders := list(orders_under_way(project).filter(pk__gt=last)[:ORDERS_AT_ONCE]):
        found = client.get_orders([order.commercetools_id for order in orders])
        compare_orders(sweep, project, found)
        missing = {order.commercetools_id for order in orders} - {document["id"] for document in found}
        for order in orders:
            if order.commercetools_id in missing:
                sweep.apart(order_is_gone, order)
        last = orders[-1].pk
        sweep.note(pk=last)
        yield
    end(sweep, Q(order__project=project) | Q(subject__startswith=f"{run.subject}:"))


def orders_under_way(project: Project) -> QuerySet[Order]:
    """Orders of which something is still to come: not read yet, a parcel on its way, or a drift that was listed."""
    on_its_way = Parcel.objects.filter(removed_at=None, order__project=project).exclude(
        tracking__status__in=FINISHED, tracking__isnull=False
    )
    drifting = Problem.objects.filter(kind=ProblemKind.DRIFT, closed_at=None, order__project=project)
    mine = Order.objects.filter(project=project, deleted_at=None)
    mine = mine.filter(created_at__gt=timezone.now() - KEPT_BY_AFTERSHIP)
    return mine.filter(
        Q(version=None) | Q(pk__in=on_its_way.values("order")) | Q(pk__in=drifting.values("order"))
    ).order_by("pk")


def compare_orders(sweep: Sweep, project: Project, documents: Sequence[dict[str, Any]]) -> None:
    """Compare some orders as commercetools has them with ours, each in a transaction of its own."""
    for document in documents:
        sweep.apart(compare_order, project, document)


def compare_order(sweep: Sweep, project: Project, document: dict[str, Any]) -> None:
    """Store an order that is behind; wish for what nobody is going to do: opening its trackings, writing it."""
    try:
        snapshot = parse_order(document, source_of(project.tracking_source))
    except PayloadError as error:
        order_id = str(document.get("id", ""))[:64]
        sweep.found(Drift.UNREADABLE, order_id)
        sweep.listed(f"{sweep.run.subject}:{order_id}", f"The order cannot be read: {error}")
        return
    if sweep.stage == CHANGED or snapshot.last_modified_at is None or snapshot.last_modified_at < sweep.since:
        sweep.counts[CHECKED] += len(snapshot.parcels)
    order = Order.objects.select_related("project").filter(project=project, commercetools_id=document["id"]).first()
    if is_behind(order, snapshot):
        if not (order and is_coming(JobKind.COLLECT, str(order.pk))):
            sweep.found(Drift.ORDER_BEHIND, snapshot.commercetools_id, changed_at=snapshot.last_modified_at)
        order = store_order(order or shell(project, snapshot), document)
    if order:
        find_lost_pushes(sweep, order)
        find_unwritten(sweep, order)


def is_behind(order: Order | None, snapshot: OrderSnapshot) -> bool:
    """Whether we lack the order, a version of it, or a parcel of this very version."""
    if order is None or order.version is None or order.deleted_at or order.version < snapshot.version:
        return True
    known = set(order.parcels.filter(removed_at=None).values_list("commercetools_id", flat=True))
    return order.version == snapshot.version and known != {parcel.commercetools_id for parcel in snapshot.parcels}


def shell(project: Project, snapshot: OrderSnapshot) -> Order:
    """The row of an order that nobody told us of."""
    order, _ = Order.objects.get_or_create(
        project=project,
        commercetools_id=snapshot.commercetools_id,
        defaults={"correlation_id": new_correlation_id(), "order_number": snapshot.order_number},
    )
    return order


def is_coming(kind: JobKind, subject: str) -> bool:
    """Whether this job is alive and still to be run."""
    return Job.objects.filter(kind=kind, subject=subject, dead_at=None, want__gt=F("done")).exists()


def is_dead(kind: JobKind, subject: str) -> bool:
    return Job.objects.filter(kind=kind, subject=subject, dead_at__isnull=False).exists()


def find_lost_pushes(sweep: Sweep, order: Order) -> None:
    """Trackings that AfterShip should have and nobody is going to open: no job, and no Problem that says why."""
    unopened = Tracking.objects.filter(
        parcels__order=order, parcels__removed_at=None, opened_at=None, retired_at=None
    ).distinct()
    for tracking in unopened.select_related("account"):
        said_why = Problem.objects.filter(kind__in=PUSH_PROBLEMS, tracking=tracking, closed_at=None).exists()
        if said_why or is_coming(JobKind.PUSH, tracking.pk) or is_dead(JobKind.PUSH, tracking.pk):
            continue
        sweep.found(Drift.JOB_LOST, tracking.pk)
        upstream = connections.upstream_key(tracking.account)
        jobs.want([jobs.Wish(JobKind.PUSH, tracking.pk, upstream, tracking.correlation_id)])


def find_unwritten(sweep: Sweep, order: Order) -> None:
    """An order that carries other values than we would write, and that nobody is going to write."""
    subject = str(order.pk)
    if is_coming(JobKind.WRITE_BACK, subject) or (knows_types(order) and not plan_write(order).actions):
        return
    if is_dead(JobKind.WRITE_BACK, subject):
        sweep.found(Drift.WRITE_GAVE_UP, order.commercetools_id)
        sweep.listed(order, "commercetools carries other values than it should, and the write gave up.")
        return
    if knows_types(order):
        sweep.found(Drift.NOT_WRITTEN, order.commercetools_id)
    upstream = connections.upstream_key(order.project)
    jobs.want([jobs.Wish(JobKind.WRITE_BACK, subject, upstream, order.correlation_id)])


def knows_types(order: Order) -> bool:
    """Whether every Type that the order and its parcels carry was read: only then our plan is the real one."""
    carried = {order.type_id, *order.parcels.filter(removed_at=None).values_list("type_id", flat=True)} - {""}
    known = CustomType.objects.filter(project=order.project, commercetools_id__in=carried)
    return known.count() == len(carried)


def order_is_gone(sweep: Sweep, order: Order) -> None:
    """commercetools does not list it: reading it tells for certain, and notes that it is deleted."""
    if is_coming(JobKind.COLLECT, str(order.pk)):
        return
    sweep.found(Drift.ORDER_GONE, order.commercetools_id)
    upstream = connections.upstream_key(order.project)
    jobs.want([jobs.Wish(JobKind.COLLECT, str(order.pk), upstream, order.correlation_id)])


# ── AfterShip ────────────────────────────────────────────────────────────────────────────────────────────────────────


def sweep_trackings(run: Run) -> Iterator[None]:
    """Compare the trackings of an account, from where the run stands; yields after each page that it has committed."""
    sweep, account = Sweep.of(run), AfterShipAccount.objects.get(key=run.subject.partition(":")[2])
    client = connections.aftership(account)
    at = run.cursor.get("at")
    if sweep.stage == CHANGED:
        since = datetime.fromisoformat(at) if at else sweep.since
        for page in read_changes(client, since, run.started_at):
            sweep.apart(compare_trackings, account, page.documents)
            if page.is_last:
                sweep.note(at=page.read_until.isoformat())
                yield
    sweep.stage, last = UNDER_WAY, run.cursor.get("pk", "")
    while trackings := list(trackings_under_way(account).filter(pk__gt=last)[:NUMBERS_AT_ONCE]):
        look_up(sweep, client, account, trackings)
        last = trackings[-1].pk
        sweep.note(pk=last)
        yield
    end(sweep, Q(subject__startswith=f"{run.subject}:") | Q(subject=run.subject))


def trackings_under_way(account: AfterShipAccount) -> QuerySet[Tracking]:
    """Ours that AfterShip should have, and that have not come to an end."""
    ours = Tracking.objects.filter(account=account, opened_at__isnull=False, retired_at=None, forgotten_at=None)
    return ours.exclude(status__in=FINISHED).order_by("pk")


def look_up(sweep: Sweep, client: AfterShipClient, account: AfterShipAccount, trackings: Sequence[Tracking]) -> None:
    """Compare some of our trackings: one call lists them by number, those not listed are asked for one by one."""
    numbers = sorted({tracking.tracking_number for tracking in trackings})
    documents = list(client.list_trackings(tracking_numbers=numbers))
    listed = {document.get("id") for document in documents}
    for tracking in trackings:
        if tracking.aftership_id in listed:
            continue
        try:
            documents.append(client.get_tracking(tracking.aftership_id))
        except NotFound:
            sweep.apart(tracking_is_gone, tracking)
    sweep.counts[CHECKED] += len(trackings)
    sweep.apart(compare_trackings, account, documents)


def compare_trackings(sweep: Sweep, account: AfterShipAccount, documents: Sequence[dict[str, Any]]) -> None:
    """Apply what AfterShip has; count what was news, what nobody here knows, and what should not be there any more."""
    taken = take_in(account, documents)
    sweep.counts[CHECKED] += sum(item.tracking is not None and item.tracking.status in FINISHED for item in taken)
    for item in taken:
        if item.tracking is None:
            continue
        if item.is_news and item.snapshot:
            sweep.found(Drift.AFTERSHIP_AHEAD, item.tracking.pk, changed_at=item.snapshot.updated_at)
        if item.tracking.retired_at:
            find_lost_deletion(sweep, item.tracking)
    list_strangers(sweep, [item for item in taken if item.tracking is None])


def find_lost_deletion(sweep: Sweep, tracking: Tracking) -> None:
    """A retired tracking that AfterShip still has, and that nobody is going to delete there."""
    if (
        tracking.is_adopted
        or tracking.kept_until
        or is_coming(JobKind.RETIRE, tracking.pk)
        or is_dead(JobKind.RETIRE, tracking.pk)
    ):
        return
    sweep.found(Drift.JOB_LOST, tracking.pk)
    upstream = connections.upstream_key(tracking.account)
    jobs.want([jobs.Wish(JobKind.RETIRE, tracking.pk, upstream, tracking.correlation_id)])


def list_strangers(sweep: Sweep, strangers: Sequence[Taken]) -> None:
    """Trackings that nobody here knows: normal where people make some by hand, unless they name an order of ours."""
    sweep.counts[STRANGERS] += len(strangers)
    by_order = {item.snapshot.order_id: item for item in strangers if item.snapshot and item.snapshot.order_id}
    for order in Order.objects.filter(commercetools_id__in=by_order, deleted_at=None):
        item = by_order[order.commercetools_id]
        tracking_id = str(item.document.get("id"))
        if is_being_opened(order, item):
            continue
        sweep.found(Drift.UNKNOWN_TRACKING, tracking_id)
        cause = f"AfterShip has the tracking {tracking_id} for order {order}, and no parcel of the order shows it."
        sweep.listed(f"{sweep.run.subject}:{tracking_id}", cause)


def is_being_opened(order: Order, item: Taken) -> bool:
    """Whether a parcel of the order waits to adopt this very number."""
    number = item.snapshot.tracking_number if item.snapshot else ""
    return Tracking.objects.filter(parcels__order=order, tracking_number=number, opened_at=None).exists()


def tracking_is_gone(sweep: Sweep, tracking: Tracking) -> None:
    """AfterShip does not have it: normal after its 120 days, else somebody deleted it and it is opened again."""
    row = Tracking.objects.select_for_update().get(pk=tracking.pk)
    if row.opened_at is None or row.retired_at:
        return
    if row.opened_at < timezone.now() - KEPT_BY_AFTERSHIP:
        row.forgotten_at, row.is_moving = timezone.now(), False
        row.save(update_fields=["forgotten_at", "is_moving"])
        sweep.counts[FORGOTTEN] += 1
        return
    row.opened_at, row.aftership_id, row.is_adopted = None, "", False
    row.save(update_fields=["opened_at", "aftership_id", "is_adopted"])
    sweep.found(Drift.TRACKING_GONE, row.pk)
    upstream = connections.upstream_key(tracking.account)
    jobs.want([jobs.Wish(JobKind.PUSH, row.pk, upstream, row.correlation_id)])
