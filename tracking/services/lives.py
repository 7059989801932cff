"""Stored checkpoints → the clocks on their tracking. What the clocks are: ``clocks.py``.

``apply_update`` does it for each batch of news; ``retake`` anew for rows whose scans, fences or status rules changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from tracking.enums import ParcelStatus
from tracking.models import Checkpoint, Run, Tracking
from tracking.services import runs
from tracking.services.clocks import SCAN_COLUMNS, Clock, Scan, life_of
from tracking.services.rows import update_rows
from tracking.services.status_rules import StatusRules, load_status_rules

LIFE_FIELDS = ["clocks", "tallies", "first_scan_at", "last_news_at"]
PAGE = 1_000


def take_life(tracking: Tracking, scans: Iterable[Scan], rules: StatusRules) -> None:
    """Set the clocks that follow from these scans, unsaved; fenced ones are not among them."""

    def rule(scan: Scan) -> ParcelStatus | None:
        found = rules.find(scan.raw_tag, scan.subtag, scan.courier or tracking.courier)
        return found[1] if found else None

    life = life_of(
        scans, status=tracking.status, delivered_at=tracking.delivered_at, rule=rule if rules.rules else None
    )
    tracking.clocks, tracking.tallies = life
    if tracking.estimates:
        learned_at, day = tracking.estimates[0]
        tracking.clocks["first_estimate"] = {"at": learned_at, "local": day, "is_offset_known": True}
    tracking.first_scan_at = moment_of(life.clocks.get("first_scan"))
    tracking.last_news_at = moment_of(life.clocks.get("last_news"))


def moment_of(clock: Clock | None) -> datetime | None:
    return datetime.fromisoformat(clock["at"]) if clock else None


def scan_of(row: Checkpoint) -> Scan:
    """A checkpoint as clocks see it."""
    return Scan(*(getattr(row, name) for name in SCAN_COLUMNS))


def retake(trackings: Collection[Tracking], rules: StatusRules | None = None) -> None:
    """Set and save the clocks of these rows from what is stored, in two statements; the caller holds their locks."""
    rules = rules or load_status_rules()
    scans: dict[str, list[Scan]] = defaultdict(list)
    stored = Checkpoint.objects.filter(tracking__in=list(trackings), is_fenced=False).order_by()
    for tracking_id, *columns in stored.values_list("tracking_id", *SCAN_COLUMNS).iterator(chunk_size=5_000):
        scans[tracking_id].append(Scan(*columns))
    for tracking in trackings:
        take_life(tracking, scans[tracking.pk], rules)
    update_rows(trackings, LIFE_FIELDS)


def retake_all(run: Run) -> Iterator[None]:
    """Walk all trackings, each page in a transaction of its own: for rows from before there were clocks."""
    counts = Counter(run.counts)
    while keys := list(keys_after(run.cursor.get("after", ""))):
        with transaction.atomic():
            retake(list(Tracking.objects.filter(pk__in=keys).order_by("pk").select_for_update()))
        counts["trackings"] += len(keys)
        runs.note(run, {"after": keys[-1]}, counts)
        yield
    runs.finish(run)


def keys_after(key: str) -> QuerySet[Tracking, str]:
    return Tracking.objects.filter(pk__gt=key).order_by("pk").values_list("pk", flat=True)[:PAGE]
