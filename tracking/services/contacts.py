"""A helpdesk's ticket → what was the matter with its order at that moment.

ticket ─ find order ─> its parcels ─ checkpoints up to then ─> status then ─┐
                       problems that were open then ────────────────────────┴> cause, the gravest ─> told of it before?
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Min, Q, QuerySet

from stores.models import Project
from stores.statuses import MessageKind
from tracking.enums import ContactCause, ParcelStatus, ProblemKind
from tracking.models import Checkpoint, Contact, Message, Order, Parcel, Problem
from tracking.models.messages import TOLD, WARNINGS
from tracking.payloads.from_aftership import status_of
from tracking.services.flags import Condition, day_of, is_late
from tracking.services.promise import promised_day
from tracking.services.shoppers import shopper_key

TROUBLE = frozenset(
    {
        ParcelStatus.EXCEPTION, ParcelStatus.DELAYED, ParcelStatus.LOST, ParcelStatus.DISPOSED,
        ParcelStatus.RETURNING, ParcelStatus.RETURNED,
    }
)  # fmt: skip
ATTEMPTED = frozenset({ParcelStatus.ATTEMPT_FAILED, ParcelStatus.AVAILABLE_FOR_PICKUP})
BEFORE_SCAN = frozenset({ParcelStatus.PENDING, ParcelStatus.INFO_RECEIVED})
STALLS = {ProblemKind.SILENT: ContactCause.STALLED, ProblemKind.NO_SCAN: ContactCause.NOT_SCANNED}
GRAVEST = list(ContactCause)
# Which messages tell of which matter; there are none of the others.
TELLS_OF = {
    ContactCause.NOT_RECEIVED: {MessageKind.DELIVERED, MessageKind.ALL_ARRIVED},
    ContactCause.PROBLEM: WARNINGS,
    ContactCause.ATTEMPT: {MessageKind.ATTEMPT_FAILED, MessageKind.AVAILABLE_FOR_PICKUP},
    ContactCause.STALLED: {MessageKind.DELAYED, MessageKind.EXCEPTION},
    ContactCause.LATE: {MessageKind.DELAYED, MessageKind.EXCEPTION},
}


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """What a helpdesk says of one ticket. One of the three ways to name the order is enough; the first known wins."""

    source: str
    ticket: str
    opened_at: datetime
    closed_at: datetime | None = None
    order_number: str = ""
    tracking_number: str = ""
    email: str = ""


@transaction.atomic
def take_ticket(project: Project, ticket: Ticket, known_orders: QuerySet[Order] | None = None) -> tuple[Contact, bool]:
    """Keep one ticket; returns it, and whether it is new. A repeat only tells when it was closed.

    ``known_orders``: those that whoever tells of it may know of (all); others are not found.

    The cause is found once, when the ticket comes: what AfterShip tells later of the time before does not change it.
    """
    known = Contact.objects.filter(source=ticket.source, ticket=ticket.ticket)
    if ticket.closed_at:
        known.filter(closed_at=None, opened_at__lte=ticket.closed_at).update(closed_at=ticket.closed_at)
    if contact := known.first():
        return contact, False
    orders = Order.objects.all() if known_orders is None else known_orders
    order, parcel = find(orders.filter(project=project), ticket)
    cause, status = matter_of(order, parcel, ticket.opened_at)
    warned_at = told_of(order, parcel, cause, ticket.opened_at)
    return Contact.objects.get_or_create(
        source=ticket.source,
        ticket=ticket.ticket,
        defaults={
            "project": project,
            "order": order,
            "parcel": parcel,
            "cause": cause,
            "status": status,
            "warned_at": warned_at,
            "opened_at": ticket.opened_at,
            "closed_at": ticket.closed_at,
        },
    )


def find(orders: QuerySet[Order], ticket: Ticket) -> tuple[Order | None, Parcel | None]:
    """The order that is meant, and its parcel where a number names it. An address: its newest order before then."""
    before = Q(ordered_at=None) | Q(ordered_at__lte=ticket.opened_at)
    orders = orders.filter(before).order_by("-ordered_at", "-pk")
    if ticket.tracking_number:
        parcels = Parcel.objects.filter(order__in=orders, tracking_number=ticket.tracking_number)
        if parcel := parcels.select_related("order").order_by("removed_at", "-pk").first():
            return parcel.order, parcel
    if ticket.order_number and (order := orders.filter(order_number=ticket.order_number).first()):
        return order, None
    if key := shopper_key(ticket.email):
        return orders.filter(shopper_key=key).first(), None
    return None, None


def told_of(order: Order | None, parcel: Parcel | None, cause: ContactCause, at: datetime) -> datetime | None:
    """When we first told the shopper of this matter of this order, before that time; None where we did not."""
    rows = Message.objects.filter(order=order, kind__in=TELLS_OF.get(cause, ()), state__in=TOLD, sent_at__lte=at)
    if parcel:
        rows = rows.filter(Q(parcel=parcel) | Q(parcel=None))
    found: datetime | None = rows.aggregate(at=Min("sent_at"))["at"] if order else None
    return found


def matter_of(order: Order | None, parcel: Parcel | None, at: datetime) -> tuple[ContactCause, str]:
    """What was the matter at that time, and the status of the parcel that it was about ("" where none was tracked)."""
    if order is None:
        return ContactCause.UNKNOWN_ORDER, ""
    was_made = Q(shipped_at__lte=at) | Q(shipped_at=None, created_at__lte=at)
    rows = order.parcels.filter(was_made, is_return=False).filter(Q(removed_at=None) | Q(removed_at__gt=at))
    rows = rows.filter(pk=parcel.pk) if parcel else rows
    parcels = list(rows.select_related("order__store", "route", "tracking"))
    if not parcels:
        return ContactCause.NOT_SHIPPED, ""
    statuses = statuses_at(parcels, at)
    stalls = stalls_at(parcels, at)
    matters = [(cause_of(one, statuses[one.pk], stalls.get(one.pk), at.date()), statuses[one.pk]) for one in parcels]
    arrived = [status == ParcelStatus.DELIVERED for status in statuses.values()]
    if any(arrived) and not all(arrived):
        rest = [matter for matter in matters if matter[1] != ParcelStatus.DELIVERED]
        return min([*rest, (ContactCause.SPLIT, rest[0][1])], key=lambda one: GRAVEST.index(one[0]))
    return min(matters, key=lambda one: GRAVEST.index(one[0]))


def statuses_at(parcels: Iterable[Parcel], at: datetime) -> dict[int, str]:
    """Each parcel's status as its checkpoints up to ``at`` tell it; "" where nothing tracked it."""
    trackings = {parcel.tracking_id for parcel in parcels if parcel.tracking_id}
    scans: dict[str, list[Checkpoint]] = defaultdict(list)
    seen = Checkpoint.objects.filter(tracking__in=trackings, is_fenced=False, sort_at__lte=at)
    for scan in seen.order_by("sort_at", "reported_at", "fingerprint"):
        scans[scan.tracking_id].append(scan)
    found = {}
    for parcel in parcels:
        mine = scans.get(parcel.tracking_id or "", [])
        untold = ParcelStatus.PENDING.value if parcel.tracking_id else ""
        found[parcel.pk] = status_of(mine[-1].tag, mine[-1].subtag).value if mine else untold
    return found


def stalls_at(parcels: Iterable[Parcel], at: datetime) -> dict[int, ContactCause]:
    """Of each parcel that was called stuck or silent at that time: as which."""
    by_tracking = {parcel.tracking_id: parcel.pk for parcel in parcels if parcel.tracking_id}
    is_open = Q(opened_at__lte=at) & (Q(closed_at=None) | Q(closed_at__gt=at))
    about = Q(tracking__in=by_tracking) | Q(parcel__in=by_tracking.values())
    rows = Problem.objects.filter(is_open, about, kind__in=STALLS).values_list("kind", "tracking_id", "parcel_id")
    return {parcel or by_tracking[tracking]: STALLS[ProblemKind(kind)] for kind, tracking, parcel in rows}


def cause_of(parcel: Parcel, status: str, stall: ContactCause | None, today: date) -> ContactCause:
    """One parcel's matter on that day, the gravest first."""
    if status == ParcelStatus.DELIVERED:
        return ContactCause.NOT_RECEIVED
    if status in TROUBLE:
        return ContactCause.PROBLEM
    if status in ATTEMPTED:
        return ContactCause.ATTEMPT
    if stall:
        return stall
    if status in BEFORE_SCAN or not status:
        return ContactCause.NOT_SCANNED
    condition = Condition(
        status=status,
        estimate=day_of(parcel.tracking.clocks.get("first_estimate")) if parcel.tracking else None,
        promised=promised_day(parcel),
    )
    return ContactCause.LATE if is_late(condition, today) else ContactCause.NONE
