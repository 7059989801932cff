"""Changed parcels → facts and roll-ups, exactly once whatever happens twice, at once or in another order.

    marks of changes ─ drain ─> parcels ─ refresh ─┬─ lock the state row: one writer of sums at a time
                                                   ├─ what was counted of each (ParcelFact.counted)  ── minus
                                                   ├─ what each is now, from its rows                 ── plus
                                                   └─ facts and differences saved, marks deleted: one transaction

A fact is made from the rows as they stand when the lock is held, so a repeat changes nothing, and a change that commits
later has a mark of its own.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from typing import Any

import structlog
from django.db import transaction
from django.db.models import OuterRef, Q, Subquery
from django.utils import timezone

from analytics.counted import Sums, counted_as
from analytics.facts import COLUMNS, SliceKey, fact_of, slice_of, slice_row
from analytics.models import FigureState, ParcelFact, Slice
from analytics.roll_ups import add, drop_empty
from stores.zones import zone, zone_name
from tracking.models import Change, Contact, Message, Parcel
from tracking.models.contacts import ABOUT_TROUBLE
from tracking.models.messages import TOLD, WARNINGS
from tracking.services.rows import upsert_rows

logger = structlog.get_logger("trackbridge.figures")

PAGE = 1_000
RUN_SECONDS = 15.0  # well within the lease of a job


class NotCountedError(Exception):
    """Some changed parcels could not be counted; their marks stay, and the others are done."""


def drain(seconds: float = RUN_SECONDS) -> int:
    """Count in what changed, oldest first, for up to ``seconds``; returns how many parcels were looked at.

    Where a page fails, its marks are tried one by one, so that a parcel that cannot be counted holds up nobody else.
    Raises NotCountedError at the end for those.
    """
    ends_at, total, stuck = time.monotonic() + seconds, 0, set[int]()
    while time.monotonic() < ends_at:
        marks = list(Change.objects.exclude(pk__in=stuck).order_by("pk")[:PAGE])
        if not marks:
            break
        try:
            total += take(marks)
        except Exception:
            logger.exception("a page of changes was not counted, they are tried one by one")
            done, failed = one_by_one(marks)
            total, stuck = total + done, stuck | failed
    if stuck:
        raise NotCountedError(f"{len(stuck)} changes could not be counted; the log says why.")
    return total


def one_by_one(marks: Iterable[Change]) -> tuple[int, set[int]]:
    """How many parcels were looked at, and the marks that failed."""
    done, failed = 0, set()
    for mark in marks:
        try:
            done += take([mark])
        except Exception:
            logger.exception("a change was not counted", kind=mark.kind, subject=mark.subject)
            failed.add(mark.pk)
    return done, failed


@transaction.atomic
def take(marks: Collection[Change]) -> int:
    """Refresh the parcels that these marks are about, and delete the marks."""
    state = lock()
    found = parcels_of(marks)
    refresh(found)
    if any(mark.kind == Change.Kind.STORE for mark in marks):
        FigureState.objects.filter(pk=state.pk).update(version=None)  # rebuilt by the job's next run
    Change.objects.filter(pk__in=[mark.pk for mark in marks]).delete()
    return len(found)


def parcels_of(marks: Iterable[Change]) -> list[int]:
    """Keys of the parcels that changed, themselves or by their order or tracking."""
    subjects: dict[str, set[str]] = {kind: set() for kind in Change.Kind.values}
    for mark in marks:
        subjects[mark.kind].add(mark.subject)
    orders, parcels = ([int(key) for key in subjects[kind]] for kind in (Change.Kind.ORDER, Change.Kind.PARCEL))
    found = set(Parcel.objects.filter(pk__in=parcels).values_list("pk", flat=True))
    found |= set(Parcel.objects.filter(order__in=orders).values_list("pk", flat=True))
    found |= set(Parcel.objects.filter(tracking__in=subjects[Change.Kind.TRACKING]).values_list("pk", flat=True))
    return sorted(found)


def lock() -> FigureState:
    """The right to change sums, until the transaction ends."""
    state = FigureState.objects.select_for_update().filter(pk=1).first()
    if state is None:
        FigureState.objects.bulk_create([FigureState(pk=1)], ignore_conflicts=True)
        state = FigureState.objects.select_for_update().get(pk=1)
    return state


@transaction.atomic
def refresh(parcel_ids: Collection[int]) -> int:
    """Make the facts of these parcels anew and move the sums by the difference; returns how many facts changed.

    Parcels that are gone keep their facts: figures outlive the rows of a person that was erased.
    """
    lock()
    now, sums, facts = timezone.now(), Sums(), []
    known = dict(ParcelFact.objects.filter(pk__in=parcel_ids).values_list("pk", "counted"))
    rows = rows_of(parcel_ids)
    slices = slice_ids({slice_of(row) for row in rows})
    changed = 0
    for row in rows:
        fact = fact_of(row, now)
        fact.slice_id = slices[slice_of(row)]
        here = zone(zone_name(row["order__store__time_zone"] or "", row["order__store__countries"] or []))
        fact.counted = counted_as(fact, here)
        before = known.get(fact.parcel_id, "")
        if before != fact.counted:
            sums.add(before, -1)
            sums.add(fact.counted)
            changed += 1
        facts.append(fact)
    upsert_rows(facts, ["parcel_id"])
    add(sums)
    drop_empty()
    FigureState.objects.filter(pk=1).update(changed_at=now)
    return changed


def rows_of(parcel_ids: Collection[int]) -> list[dict[str, Any]]:
    """What facts are made of: one query."""
    told = Message.objects.filter(parcel=OuterRef("pk"), kind__in=WARNINGS, state__in=TOLD).order_by("sent_at")
    asked = Contact.objects.filter(order=OuterRef("order_id"), cause__in=ABOUT_TROUBLE).order_by("opened_at")
    moments = {
        "warned_at": Subquery(told.values("sent_at")[:1]),
        "asked_at": Subquery(asked.values("opened_at")[:1]),
    }
    return list(Parcel.objects.filter(pk__in=parcel_ids).order_by("pk").annotate(**moments).values(*COLUMNS))


def slice_ids(keys: Collection[SliceKey]) -> dict[SliceKey, int]:
    """The ids of these combinations, made where they are new. Never changed, never deleted."""
    found = find_slices(keys)
    if missing := keys - found.keys():
        Slice.objects.bulk_create(map(slice_row, sorted(missing)), ignore_conflicts=True)
        found |= find_slices(missing)
    return found


def find_slices(keys: Collection[SliceKey]) -> dict[SliceKey, int]:
    """One query; by three of the columns, since no database likes a thousand ORs."""
    projects, stores, couriers = ({key[position] for key in keys} for position in (0, 1, 4))
    rows = Slice.objects.filter(Q(project_id__in=projects), store_id__in=stores, courier__in=couriers)
    names = ("project_id", "store_id", "account_id", "channel", "courier", "country", "is_return", "pk")
    found = {tuple(values): pk for *values, pk in rows.values_list(*names)}
    return {key: found[key] for key in keys if key in found}
