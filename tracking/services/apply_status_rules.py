"""Changed status rules → the stored trackings that carry their codes.

a rule changed ─ wish_for ─> APPLY_STATUS_RULES ─> page by page: decide from the stored scans ─> write_back
a draft ─ preview ─> how many would change, from what to what
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import Revision
from tracking.enums import JobKind, ParcelStatus, RunKind
from tracking.models import Checkpoint, Run, Tracking
from tracking.payloads.from_aftership import CheckpointSnapshot, TrackingSnapshot, status_of
from tracking.payloads.times import parse_times
from tracking.services import jobs, runs
from tracking.services.apply_update import check, want_write_back
from tracking.services.lives import retake
from tracking.services.marks import is_active
from tracking.services.rows import update_rows
from tracking.services.status_rules import StatusRules, load_status_rules
from tracking.services.story import tell

UPSTREAM = "trackbridge:rules"  # no connection of that name: no pause holds it up
PAGE = 200
RUN_SECONDS = 15.0  # well within the lease of a job


def wish_for(revision: Revision | None) -> bool:
    """Wish to apply what the revision did to status rules, in the caller's transaction; False where it did nothing."""
    if revision is None or not codes_of(revision):
        return False
    wish = jobs.Wish(JobKind.APPLY_STATUS_RULES, str(revision.pk), UPSTREAM, new_correlation_id(), jobs.BACKFILL)
    jobs.want([wish])
    return True


def codes_of(revision: Revision) -> set[tuple[str, str]]:
    """(kind, code) of every status rule that the revision touched, as it was and as it is."""
    changes = [change for change in revision.changes if change["kind"] == "status_rule"]
    words = [words for change in changes for words in (change["before"], change["after"]) if words]
    return {(one["code_kind"], one["code"]) for one in words}


def apply_changed_rules(revision_id: int) -> None:
    """Bring stored trackings in line with the rules that this revision touched; the job's handler.

    Goes on where it stood after an interruption; what is left after a while is wished for again.
    """
    revision = Revision.objects.get(pk=revision_id)
    subject = f"revision {revision.pk}"
    codes = codes_of(revision)
    run = runs.open_run(RunKind.STATUS_RULES, subject) or runs.begin(
        RunKind.STATUS_RULES, subject, {"codes": sorted(map(list, codes))}
    )
    if not runs.go_for(run, lambda run: walk(run, codes), RUN_SECONDS):
        wish_for(revision)


def walk(run: Run, codes: Collection[tuple[str, str]]) -> Iterator[None]:
    """Page by page over the live trackings that ever had one of these codes."""
    counts = Counter(run.counts)
    while page := list(affected(codes).filter(pk__gt=run.cursor.get("after", "")).order_by("pk")[:PAGE]):
        counts["checked"] += len(page)
        counts["changed"] += reapply([tracking.pk for tracking in page])
        runs.note(run, {"after": page[-1].pk}, counts)
        yield
    runs.finish(run)
    tell("status rules applied", **{name: counts[name] for name in ("checked", "changed")})


def affected(codes: Collection[tuple[str, str]]) -> QuerySet[Tracking]:
    """Live trackings with a scan that carries one of these codes."""
    raw, subtags = ([code for known, code in codes if known == kind] for kind in ("raw", "subtag"))
    carries = Q(raw_tag__in=raw) | Q(subtag__in=subtags)
    scans = Checkpoint.objects.filter(carries, is_fenced=False)
    return Tracking.objects.filter(pk__in=scans.values("tracking"), retired_at=None, is_fenced=False)


@transaction.atomic
def reapply(tracking_ids: Iterable[str]) -> int:
    """Give these trackings the status that the rules of now say, from what is stored; returns how many changed."""
    rules = load_status_rules()
    locked = list(Tracking.objects.filter(pk__in=list(tracking_ids)).order_by("pk").select_for_update())
    changed = []
    for tracking, (status, rule_id) in decide(locked, rules):
        if (tracking.status, tracking.status_rule_id) == (status, rule_id):
            continue
        if tracking.status != status:
            tracking.status_changed_at = timezone.now()
        tracking.status, tracking.status_rule_id = status, rule_id
        changed.append(tracking)
    update_rows(changed, ["status", "status_rule", "status_changed_at"])
    retake(locked, rules)  # a rule speaks of old scans, too
    check(changed)
    want_write_back([tracking.pk for tracking in changed], jobs.BACKFILL)
    return len(changed)


def decide(
    trackings: Collection[Tracking], rules: StatusRules
) -> Iterator[tuple[Tracking, tuple[ParcelStatus, int | None]]]:
    """Each tracking with the status these rules give it, and by which rule, from its stored scans: one query."""
    scans: dict[str, list[CheckpointSnapshot]] = {tracking.pk: [] for tracking in trackings}
    for row in Checkpoint.objects.filter(tracking__in=trackings, is_fenced=False).iterator(chunk_size=2_000):
        scans[row.tracking_id].append(scan_of(row))
    for tracking in trackings:
        if tracking.updated_at is None or is_active(tracking.mark):
            continue
        found = tuple(scans[tracking.pk])
        snapshot = TrackingSnapshot(
            aftership_id=tracking.aftership_id,
            courier=tracking.courier,
            tag=tracking.tag,
            subtag=tracking.subtag,
            status=status_of(tracking.tag, tracking.subtag, found),
            updated_at=tracking.updated_at,
            checkpoints=found,
        )
        yield tracking, rules.status_for(snapshot)


def scan_of(row: Checkpoint) -> CheckpointSnapshot:
    """A stored scan as far as a status follows from it."""
    return CheckpointSnapshot(
        fingerprint=row.fingerprint,
        time_text=row.time_text,
        happened_at=row.happened_at,
        local_time=parse_times(row.time_text).local,
        created_at=row.reported_at,
        tag=row.tag,
        subtag=row.subtag,
        courier=row.courier,
        raw_tag=row.raw_tag,
    )


def preview(codes: Collection[tuple[str, str]], draft: StatusRules, most: int) -> tuple[int, Counter[tuple[str, str]]]:
    """What a draft of all status rules would do to up to ``most`` live trackings with these codes, newest first.

    Returns how many were looked at, and how many would go from one status to another. Writes nothing.
    """
    moves: Counter[tuple[str, str]] = Counter()
    looked_at = list(affected(codes).order_by("-created_at")[:most])
    for tracking, (status, _) in decide(looked_at, draft):
        if status != tracking.status:
            moves[tracking.status, status.value] += 1
    return len(looked_at), moves
