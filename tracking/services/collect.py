"""commercetools' news → Order, Parcels, and the trackings they need.

    messages ─> note_messages ─> one COLLECT job per order ─> collect_order: GET ─> store_order
                                                     answer of our own write ──────────┘
    store_order ─> link_parcel: number ─> route ─> courier ─> Tracking (+ PUSH), or a Problem with its cause

A message is only a hint that its order changed: the order is read and its state counts, so that messages may come
twice, late and in any order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import Project, Route, Store
from tracking.clients.errors import NotFound
from tracking.enums import JobKind, ProblemKind, ReceiptState
from tracking.models import Order, Parcel, Receipt
from tracking.payloads import from_commercetools, json_text, self_test
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import (
    CUSTOM_TYPES,
    RELEVANT_TYPES,
    OrderMessage,
    OrderSnapshot,
    ParcelSnapshot,
)
from tracking.payloads.from_fields import ORDER, source_of
from tracking.payloads.from_sns import control_type
from tracking.services import connections, jobs
from tracking.services.apply_update import end
from tracking.services.commerce_wishes import want_commerce_again
from tracking.services.erase import without_person
from tracking.services.link import link_parcel, lock_left_behind, retire_unused
from tracking.services.notify_wishes import want_notify_waiting
from tracking.services.problems import close_all, close_problems, open_problem
from tracking.services.push import want_updates
from tracking.services.replace import lead_on
from tracking.services.shoppers import shopper_key
from tracking.services.sns import note_control
from tracking.services.story import tell

DELETIONS = {"OrderDeleted", "ResourceDeleted"}
WILL_BE_READ = "the order will be read"
HEARD_EACH = timedelta(minutes=1)
# What AfterShip is told of an order, as far as it may change.
TOLD = (
    "customer_email", "locale",
    "destination_country", "destination_state", "destination_city", "destination_postal_code",
)  # fmt: skip


def note_messages(receipts: Sequence[Receipt]) -> None:
    """Turn commercetools messages into wishes to read their orders, in one transaction (the caller's).

    Sets state and outcome on each receipt, unsaved. A change that we know already, such as the echo of our own write,
    costs nothing: its ``resourceVersion`` is not above the version we hold. That holds for messages that got lost as
    well, since whatever they said is in the order at that version. So a jump in ``sequenceNumber`` tells something new
    in one case only: at a message that would be ignored for its type, of an order that has changed since we read it.
    """
    messages = {receipt: message for receipt in receipts if (message := read_message(receipt)) is not None}
    genuine = [receipt for receipt in receipts if not self_test.is_self_test(receipt.event_id)]
    for endpoint in sorted({receipt.endpoint for receipt in genuine}):
        project = Project.objects.get(key=endpoint)
        note_heard(project)
        mine = {receipt: message for receipt, message in messages.items() if receipt.endpoint == endpoint}
        asked = asked_fields(project) if any(one.type in CUSTOM_TYPES for one in mine.values()) else frozenset()
        relevant = {receipt for receipt, message in mine.items() if is_relevant(message, asked)}
        orders = order_shells(project, mine, relevant)
        upstream = connections.upstream_key(project)
        news: dict[Order, list[str]] = defaultdict(list)
        for receipt, message in sorted(mine.items(), key=lambda one: one[1].sequence_number or 0):
            order = orders.get(message.resource_id)
            if order:
                receipt.correlation_id = order.correlation_id
            outcome = why_read(order, message, is_relevant=receipt in relevant)
            end(receipt, *outcome)
            if order and outcome[1].startswith(WILL_BE_READ):
                news[order].append(receipt.event)
            if order and message.sequence_number:
                order.sequence_number = max(message.sequence_number, order.sequence_number or 0)
        keep_sequence_numbers(orders.values())
        jobs.want(jobs.Wish(JobKind.COLLECT, str(order.pk), upstream, order.correlation_id) for order in news)
        for order, events in news.items():
            tell("messages received", order=str(order), events=", ".join(events), correlation_id=order.correlation_id)


def note_heard(project: Project) -> None:
    """Keep when it last told us anything, to a minute."""
    now = timezone.now()
    if project.heard_at is None or now - project.heard_at > HEARD_EACH:
        Project.objects.filter(pk=project.pk).update(heard_at=now)


def why_read(order: Order | None, message: OrderMessage, *, is_relevant: bool) -> tuple[ReceiptState, str]:
    """What becomes of a message about this order (None: one that we never heard of, and need not)."""
    if order and is_relevant:
        if is_known(order, message):
            return ReceiptState.DONE, f"known: the order was read at version {order.version}"
        return ReceiptState.DONE, WILL_BE_READ
    if order and is_jump(order, message):
        return ReceiptState.DONE, f"{WILL_BE_READ}: messages before number {message.sequence_number} are missing"
    return ReceiptState.IGNORED, f"{message.type} changes nothing that is shipped"


def asked_fields(project: Project) -> frozenset[tuple[str, str]]:
    """The merchant's custom fields that matter to this project, as (order or delivery, name): those of orders that its
    routes ask for, and the one in which its tracking numbers stand."""
    asking = Route.objects.filter(project=project, is_active=True).exclude(field_name="")
    asked = {(ORDER, name) for name in asking.values_list("field_name", flat=True)}
    source = source_of(project.tracking_source)
    return frozenset(asked | {(source.where, source.field)} if source else asked)


def is_relevant(message: OrderMessage, asked: frozenset[tuple[str, str]]) -> bool:
    """Whether a message of this kind may change anything that is shipped. ``asked``: as `asked_fields` gives them."""
    if owner := CUSTOM_TYPES.get(message.type):
        names = {name for its_owner, name in asked if its_owner == owner}
        return bool(names if message.fields is None else names & message.fields)
    return not message.type or message.type in RELEVANT_TYPES


def is_jump(order: Order, message: OrderMessage) -> bool:
    """Whether messages between the newest one seen and this one are missing, and the order was not read since."""
    if order.sequence_number is None or message.sequence_number is None or is_known(order, message):
        return False
    return message.sequence_number > order.sequence_number + 1


def keep_sequence_numbers(orders: Iterable[Order]) -> None:
    """Keep the newest number seen; a late message lowers none. Orders in use elsewhere are left: it is only a hint.

    Nobody is waited for here: this transaction holds rows of jobs that the other one may want.
    """
    newest = {order.pk: order.sequence_number for order in orders if order.sequence_number is not None}
    behind = Order.objects.filter(pk__in=newest).select_for_update(skip_locked=True).only("sequence_number")
    rows = [order for order in behind if (order.sequence_number or 0) < newest[order.pk]]
    for order in rows:
        order.sequence_number = newest[order.pk]
    Order.objects.bulk_update(rows, ["sequence_number"])


def is_known(order: Order, message: OrderMessage) -> bool:
    """Whether we hold the order at this version or a later one already."""
    if order.version is None or message.resource_version is None or message.type in DELETIONS:
        return False
    return order.deleted_at is None and message.resource_version <= order.version


def read_message(receipt: Receipt) -> OrderMessage | None:
    """Parse one message; a receipt that is not about an order, or not readable, is ended here and gives None."""
    if self_test.is_self_test(receipt.event_id):
        receipt.event = self_test.EVENT
        end(receipt, ReceiptState.IGNORED, self_test.OUTCOME)
        return None
    try:
        document = json_text.loads(bytes(receipt.body))
        if control_type(document):
            note_control(receipt, document)
            return None
        message = from_commercetools.parse_message(document)
    except PayloadError as error:
        end(receipt, ReceiptState.QUARANTINED, str(error))
        return None
    receipt.event, receipt.subject = message.type[:100], message.resource_id[:128]
    if message.resource_type == "subscription":
        end(receipt, ReceiptState.IGNORED, "a test of the subscription: what it sends arrives here")
    elif message.resource_type != "order":
        end(receipt, ReceiptState.IGNORED, f"about a {message.resource_type}, not an order")
    elif message.project_key and message.project_key != receipt.endpoint:
        end(receipt, ReceiptState.QUARANTINED, f"projectKey: belongs to project {message.project_key}")
    else:
        return message
    return None


def order_shells(
    project: Project, messages: Mapping[Receipt, OrderMessage], relevant: set[Receipt]
) -> Mapping[str, Order]:
    """The orders that the messages speak of, by commercetools id; new ones as empty rows with a code of their own.

    A message that is not ``relevant`` makes no row.
    """
    numbers = {messages[receipt].resource_id: messages[receipt].order_number for receipt in relevant}
    shells = [
        Order(
            project=project,
            commercetools_id=order_id,
            order_number=numbers[order_id][:256],
            correlation_id=new_correlation_id(),
        )
        for order_id in sorted(numbers)
    ]
    Order.objects.bulk_create(shells, ignore_conflicts=True)
    spoken_of = {message.resource_id for message in messages.values()}
    found = Order.objects.filter(project=project, commercetools_id__in=spoken_of)
    return {order.commercetools_id: order for order in found}


def collect_order(order_id: int) -> None:
    """Read the order and take in what it says. Raises UpstreamError; safe to repeat and to run beside a write."""
    order = Order.objects.select_related("project", "store").get(pk=order_id)
    client = connections.commercetools(order.project)
    try:
        document = client.get_order(order.commercetools_id, store=store_key(order))
    except NotFound:
        mark_deleted(order)
        return
    store_order(order, document)


def store_key(order: Order) -> str:
    return order.store.key if order.store else ""


def store_order(order: Order, document: dict[str, Any], priority: int = jobs.LIVE) -> Order:
    """Take in an order document of commercetools; one that is older than what we hold changes nothing.

    What follows from it is wished for with this priority. Raises PayloadError where the document is not an order.
    Returns the row as it is now.
    """
    snapshot = from_commercetools.parse_order(document, source_of(order.project.tracking_source))
    with transaction.atomic():
        # Of the order only: a lock on its project would let no other order of it be stored at the same time.
        order = Order.objects.select_for_update(of=("self",)).select_related("project", "store").get(pk=order.pk)
        if order.version is not None and snapshot.version < order.version:
            return order
        told = told_of(order) if order.version else None  # of a new order, AfterShip is told when its parcels open
        take_order(order, snapshot)
        parcels = take_parcels(order, snapshot)
        tell_source_faults(order, snapshot)
        lock_left_behind(parcels)
        live = [parcel for parcel in parcels if parcel.removed_at is None]
        if order.is_cancelled:
            stop(live)
            want_notify_waiting(order)
            live = []
        left = {before: parcel for parcel in live if (before := link_parcel(order, parcel, priority))}
        if told and (told != told_of(order) or order.is_cancelled):
            want_commerce_again(order)
        if told and told != told_of(order):
            want_updates([parcel.tracking_id for parcel in live if parcel.tracking_id], priority)
        retire_unused(left, "the number was changed or removed")
        lead_on({before: parcel.tracking for before, parcel in left.items() if parcel.tracking})
        gone = [parcel.tracking_id for parcel in parcels if parcel.removed_at and parcel.tracking_id]
        retire_unused(gone, "the parcel was removed")
    return order


def tell_source_faults(order: Order, snapshot: OrderSnapshot) -> None:
    """Show what cannot be read of the field in which numbers stand, for as long as anybody needs it."""
    if not snapshot.source_faults or order.is_cancelled:
        close_problems([ProblemKind.BAD_NUMBER], order, "Nothing is wrong with a field of numbers any more.")
        return
    cause = "; ".join(snapshot.source_faults)
    open_problem(ProblemKind.BAD_NUMBER, order, cause, correlation_id=order.correlation_id)


def told_of(order: Order) -> list[str]:
    return [getattr(order, name) for name in TOLD]


def stop(parcels: Iterable[Parcel]) -> None:
    """The order was cancelled: what its parcels show is retired, and stays with them so that it can be seen why."""
    reason = "the order was cancelled"
    for parcel in parcels:
        close_all(parcel, reason)
    retire_unused([parcel.tracking_id for parcel in parcels if parcel.tracking_id], reason)


def take_order(order: Order, snapshot: OrderSnapshot) -> None:
    """Copy the order's facts onto its row, and save it."""
    if snapshot.store_key:
        order.store, _ = Store.objects.get_or_create(project=order.project, key=snapshot.store_key)
    else:
        order.store = None
    order.version = snapshot.version
    order.order_number = snapshot.order_number
    order.customer_email = snapshot.customer_email.lower()
    order.shopper_key = order.shopper_key if order.erasure_id else shopper_key(order.customer_email)
    order.locale = snapshot.locale
    order.order_state, order.shipment_state = snapshot.order_state, snapshot.shipment_state
    order.ordered_at = snapshot.created_at
    order.destination_country = snapshot.destination.country
    order.destination_state = snapshot.destination.state
    order.destination_city = snapshot.destination.city
    order.destination_postal_code = snapshot.destination.postal_code
    order.items = snapshot.items
    order.item_words = snapshot.item_words
    order.item_channels, order.custom_fields = snapshot.item_channels, snapshot.custom_fields
    order.type_id, order.carried = snapshot.type_id, snapshot.fields
    order.collected_at, order.deleted_at = timezone.now(), None
    if order.erasure_id:
        without_person(order)
    order.save()


def take_parcels(order: Order, snapshot: OrderSnapshot) -> list[Parcel]:
    """Bring the order's parcel rows in line with the document; returns those present, and those just removed."""
    known = {parcel.commercetools_id: parcel for parcel in order.parcels.select_related("tracking")}
    touched = []
    for parcel_snapshot in snapshot.parcels:
        parcel = known.pop(parcel_snapshot.commercetools_id, None)
        is_new = parcel is None
        parcel = parcel or Parcel(order=order, commercetools_id=parcel_snapshot.commercetools_id)
        if take_parcel(parcel, parcel_snapshot) or is_new:
            parcel.save()
        touched.append(parcel)
        if is_new:
            tell("parcel found", order=str(order), carrier=parcel.carrier, number=parcel.tracking_number or "none")
    for parcel in known.values():
        if parcel.removed_at is None:
            parcel.removed_at = timezone.now()
            parcel.save(update_fields=["removed_at"])
            close_all(parcel, "The parcel was removed.")
            touched.append(parcel)
            tell("parcel removed", order=str(order), number=parcel.tracking_number)
    return touched


def take_parcel(parcel: Parcel, snapshot: ParcelSnapshot) -> bool:
    """Copy the parcel's facts onto its row, unsaved; False where they were the same before."""
    facts = {
        "delivery_id": snapshot.delivery_id,
        "shipping_key": snapshot.shipping_key,
        "key": snapshot.key,
        "carrier": snapshot.carrier,
        "tracking_number": snapshot.tracking_number,
        "provider": snapshot.provider,
        "is_return": snapshot.is_return,
        "items": snapshot.items or snapshot.delivery_items,
        "type_id": snapshot.type_id,
        "carried": snapshot.fields,
        "shipped_at": snapshot.created_at,
        "removed_at": None,
    }
    changed = {name: fact for name, fact in facts.items() if getattr(parcel, name) != fact}
    for name, fact in changed.items():
        setattr(parcel, name, fact)
    return bool(changed)


def mark_deleted(order: Order) -> None:
    """The order is gone in commercetools: its trackings are retired, its history stays."""
    now = timezone.now()
    with transaction.atomic():
        order = Order.objects.select_for_update().get(pk=order.pk)
        order.deleted_at = order.deleted_at or now
        order.save(update_fields=["deleted_at"])
        live = Parcel.objects.filter(order=order, removed_at=None)
        trackings = [tracking_id for tracking_id in live.values_list("tracking", flat=True) if tracking_id]
        for subject in (order, *live):
            close_all(subject, "The order was deleted in commercetools.")
        live.update(removed_at=now)
        retire_unused(trackings, "the order was deleted in commercetools")
    tell("order deleted in commercetools", order=str(order))
