"""Erase a person: what tells who and where a shopper is goes from our rows, and AfterShip is asked to forget it.

    plan_erasure(email) ─ start_erasure ─> Erasure, ERASE job ─> order by order, each in its own transaction ─> done
                                                 └─ each registered eraser empties its rows; RETIRE jobs at AfterShip

Figures stay as they are: statuses, clocks, couriers, countries and times are nobody's. An order that was erased takes
in nothing personal any more, whatever commercetools still has (``Order.erasure``). A tracking that another person's
order shows as well stays as it is. Modules that keep personal data about orders register with ``@erases``; those that
keep copies of it (``erase_copies.py``) with ``@erases_at_the_end``.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from tracking.enums import FINISHED, JobKind, MessageState, StaffActionKind
from tracking.models import Erasure, Message, Order, Parcel, Receipt, Tracking
from tracking.models.messages import WAITING
from tracking.services import jobs
from tracking.services.commerce_wishes import want_commerce_again
from tracking.services.connections import upstream_key
from tracking.services.shoppers import shopper_key
from tracking.services.staff import note_action
from tracking.services.story import tell

UPSTREAM = "trackbridge:erase"  # no connection of that name: no pause holds it up
RUN_SECONDS = 15.0  # well within the lease of a job
REASON = "its shopper was erased"


@dataclass
class Person:
    """One order of the person with what of it is theirs alone, while it is being erased (all of it locked)."""

    order: Order
    parcels: list[Parcel]
    trackings: list[Tracking]
    shared: int = 0

    @property
    def codes(self) -> list[str]:
        """Codes of stories that are this person's alone."""
        return sorted({self.order.correlation_id, *(one.correlation_id for one in self.trackings)})


Eraser = Callable[[Person], int]
_erasers: dict[str, Eraser] = {}


def erases(what: str) -> Callable[[Eraser], Eraser]:
    """Register who empties rows of this kind: called for each order in its transaction, returns how many rows it
    emptied. Safe to repeat. ``what`` names them on the certificate.
    """

    def register(eraser: Eraser) -> Eraser:
        _erasers[what] = eraser
        return eraser

    return register


Ender = Callable[[Erasure], int]
_enders: dict[str, Ender] = {}


def erases_at_the_end(what: str) -> Callable[[Ender], Ender]:
    """Register who empties what is about all orders of the person: called once, when these are empty, and while the
    erasure still knows the address. Returns how many rows it emptied; safe to repeat.
    """

    def register(ender: Ender) -> Ender:
        _enders[what] = ender
        return ender

    return register


@dataclass(frozen=True)
class Plan:
    """What erasing would do, before it is done. ``under_way`` parcels are no longer tracked then."""

    orders: int = 0
    parcels: int = 0
    under_way: int = 0
    at_aftership: int = 0
    adopted: int = 0
    shared: int = 0
    stores: list[str] = field(default_factory=list)


def orders_of(email: str) -> QuerySet[Order]:
    """The person's orders that were not erased yet: by the keyed hash, and by the address of older rows."""
    address = email.strip().lower()
    mine = Q(customer_email=address) | Q(shopper_key=shopper_key(address)) if address else Q(pk__in=[])
    return Order.objects.filter(mine, erasure=None)


def plan_erasure(email: str) -> Plan:
    """Pure reading, in a fixed number of queries."""
    orders = orders_of(email)
    parcels = Parcel.objects.filter(order__in=orders.values("pk"))
    trackings = Tracking.objects.filter(pk__in=parcels.filter(tracking__isnull=False).values("tracking"))
    shared = trackings.filter(pk__in=shown_elsewhere(orders))
    alone = trackings.exclude(pk__in=shared.values("pk"))
    there = alone.filter(opened_at__isnull=False, forgotten_at=None)
    stores = orders.filter(store__isnull=False).order_by("store__key").values_list("store__key", flat=True).distinct()
    return Plan(
        orders=orders.count(),
        parcels=parcels.count(),
        under_way=alone.filter(retired_at=None).exclude(status__in=FINISHED).count(),
        at_aftership=there.filter(is_adopted=False).count(),
        adopted=there.filter(is_adopted=True).count(),
        shared=shared.count(),
        stores=list(stores),
    )


def shown_elsewhere(orders: QuerySet[Order]) -> QuerySet[Parcel, str]:
    """Trackings that parcels of other people's orders show."""
    others = Parcel.objects.filter(tracking__isnull=False, order__erasure=None).exclude(order__in=orders.values("pk"))
    return others.values("tracking")


@transaction.atomic
def start_erasure(email: str, *, actor: AbstractBaseUser | None, reason: str) -> Erasure:
    """Keep the wish to erase this person; the job does it. Raises ValueError where no order is theirs.

    Somebody who is being erased already is not erased twice: that Erasure comes back.
    """
    address, person = email.strip().lower(), shopper_key(email)
    number = orders_of(address).count()
    if not number:
        raise ValueError("No order that is not erased yet belongs to this address.")
    erasure, is_new = Erasure.objects.get_or_create(
        person=person,
        finished_at=None,
        defaults={
            "email": address,
            "reason": reason[:500],
            "actor": actor,
            "actor_name": actor.get_username() if actor else "",
            "correlation_id": new_correlation_id(),
        },
    )
    if is_new:
        note_action(
            StaffActionKind.ERASE,
            actor=actor,
            summary=f"{erasure}: a person with {number} orders.",
            reason=reason,
            correlation_id=erasure.correlation_id,
        )
    jobs.want([wish(erasure)])
    return erasure


def wish(erasure: Erasure) -> jobs.Wish:
    return jobs.Wish(JobKind.ERASE, str(erasure.pk), UPSTREAM, erasure.correlation_id)


def run_erasure(erasure_id: int) -> None:
    """Erase order by order; what is left after a while is wished for again. Safe to repeat, and to be killed."""
    erasure, ends_at = Erasure.objects.get(pk=erasure_id), time.monotonic() + RUN_SECONDS
    while erasure.finished_at is None:
        order = orders_of(erasure.email or "").order_by("pk").values_list("pk", flat=True).first()
        if order is None:
            finish(erasure)
        elif time.monotonic() > ends_at:
            jobs.want([wish(erasure)])
            return
        else:
            erase_order(erasure, order)


@transaction.atomic
def finish(erasure: Erasure) -> None:
    """The end: the address itself is forgotten, also where it stood on orders of others."""
    address = erasure.email or ""
    Order.objects.filter(message_email=address).exclude(message_email="").update(message_email="")
    told = Message.objects.filter(recipient=address).exclude(recipient="")
    told.filter(state__in=WAITING).update(state=MessageState.SKIPPED, reason=f"{REASON.capitalize()}.")
    told.update(recipient="")
    counts = Counter(erasure.counts) + Counter({what: ender(erasure) for what, ender in _enders.items()})
    Erasure.objects.filter(pk=erasure.pk).update(email=None, finished_at=timezone.now(), counts=counts)
    erasure.refresh_from_db()
    tell("a person was erased", code=erasure.correlation_id, counts=dict(erasure.counts))


@transaction.atomic
def erase_order(erasure: Erasure, order_id: int) -> None:
    """Empty everything of one order, and count it on the certificate."""
    order = Order.objects.select_for_update(of=("self",)).select_related("project").get(pk=order_id)
    person = locked(order, erasure)
    counts = Counter(erasure.counts)
    for what, eraser in _erasers.items():
        counts[what] += eraser(person)
    counts["trackings shared with other people"] += person.shared
    without_person(order)
    order.erasure, order.shopper_key = erasure, pseudonym(erasure)
    order.link_version += 1
    order.save()
    counts["orders"] += 1
    erasure.counts = {what: number for what, number in counts.items() if number}
    erasure.save(update_fields=["counts"])
    upstream = upstream_key(order.project)
    jobs.want([jobs.Wish(JobKind.WRITE_BACK, str(order.pk), upstream, order.correlation_id)])
    want_commerce_again(order)


def locked(order: Order, erasure: Erasure) -> Person:
    """Its rows, locked in the order that everybody locks them."""
    parcels = list(Parcel.objects.filter(order=order).order_by("pk"))
    mine = Order.objects.filter(Q(pk=order.pk) | Q(pk__in=orders_of(erasure.email or "").values("pk")))
    shown = {parcel.tracking_id for parcel in parcels if parcel.tracking_id}
    shown |= earlier_trackings(parcels)
    rows = Tracking.objects.filter(pk__in=shown).order_by("pk").select_related("account")
    trackings = list(rows.select_for_update(of=("self",)))
    shared = set(shown_elsewhere(mine).filter(tracking__in=shown).values_list("tracking", flat=True))
    alone = [tracking for tracking in trackings if tracking.pk not in shared]
    return Person(order, parcels, alone, len(trackings) - len(alone))


def earlier_trackings(parcels: list[Parcel]) -> set[str]:
    """Those that these parcels showed before somebody moved them."""
    found: set[str] = set()
    for parcel in parcels:
        for before in parcel.remap_items.values_list("before__tracking", flat=True):
            found |= {str(before)} if before else set()
    return found


def without_person(order: Order) -> None:
    """Empty what tells who and where the shopper is, unsaved. The country stays: figures count by it."""
    order.customer_email = order.message_email = ""
    order.destination_state = order.destination_city = order.destination_postal_code = ""
    order.custom_fields = {}


def pseudonym(erasure: Erasure) -> str:
    """In place of the shopper's key: tells that orders were of one person, and cannot be made from an address."""
    return hashlib.sha256(f"erased:{erasure.correlation_id}:{erasure.pk}".encode()).hexdigest()


def empty_of_erased(receipts: Sequence[Receipt]) -> None:
    """What comes in about orders whose shopper was erased has done its work, and is not kept. One query for a batch."""
    codes = {receipt.correlation_id for receipt in receipts}
    erased = Order.objects.filter(correlation_id__in=codes, erasure__isnull=False)
    if found := list(erased.values_list("correlation_id", flat=True)):
        mine = [receipt.pk for receipt in receipts if receipt.correlation_id in found]
        Receipt.objects.filter(pk__in=mine).update(body=b"", headers={})


def certificate_of(email: str) -> QuerySet[Erasure]:
    """What was erased of the person with this address."""
    return Erasure.objects.filter(person=shopper_key(email))


def upstream_progress(erasure: Erasure) -> tuple[int, int]:
    """How many trackings AfterShip was asked to delete, and how many of them it has deleted."""
    retired = Tracking.objects.filter(
        parcels__order__erasure=erasure, retired_reason=REASON, opened_at__isnull=False, is_adopted=False
    ).distinct()
    return retired.count(), retired.filter(forgotten_at__isnull=False).count()


def facts_of(erasure: Erasure) -> dict[str, Any]:
    """The certificate's own facts, for console and command."""
    asked, deleted = upstream_progress(erasure)
    return {**erasure.counts, "asked of AfterShip": asked, "deleted at AfterShip": deleted}
