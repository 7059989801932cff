"""Our rows → commercetools: what the order and its parcels should carry, compared with what they carry.

    plan ─> no difference: no call
         ─> one POST with the version we hold ─> the answer is taken in (store_order), what changed is kept (Write)
                └─ 409: somebody else wrote ─> GET ─> plan again from the fresh order, a bounded number of times

We touch only our own fields and the shipment state. A foreign Type is never replaced. Because the plan is a difference,
a repeat after a crash finds nothing left to write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from stores.models import CustomType, Project
from tracking.clients.commercetools import CommercetoolsClient
from tracking.clients.errors import Conflict, NotFound, Refused, RetryLater
from tracking.enums import JobKind, ParcelStatus, ProblemKind
from tracking.models import Job, Order, Parcel, Problem
from tracking.payloads import to_commercetools
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_commercetools import ForeignType, ParcelState
from tracking.services import connections, jobs
from tracking.services.collect import mark_deleted, store_key, store_order
from tracking.services.problems import close_problems, open_among, open_problem, subject_key
from tracking.services.record_write import carried_by, record_write
from tracking.services.story import ending, tell

MOST_TRIES = 4
FOREIGN_TYPE_RECHECK = timedelta(minutes=10)
TOLD = {"tb_status", "tb_subtag", "tb_eta", "tb_courier", "tb_parcels", "tb_parcels_delivered", "shipmentState"}
TYPE_CODES = {"ReferencedResourceNotFound", "ResourceNotFound", "InvalidField"}


def write_order(order_id: int) -> None:
    """Bring the order in line with our rows: one call where the version is known, none where all is said already.

    Raises UpstreamError (Conflict is met by reading again, and becomes RetryLater after a few rounds). Safe to repeat.
    """
    order = Order.objects.select_related("project", "store").get(pk=order_id)
    client = connections.commercetools(order.project)
    for _ in range(MOST_TRIES):
        if order.deleted_at:
            return
        try:
            order, is_settled = write_once(order, client)
        except Conflict:
            order.version = None  # unsaved: it is read first, then planned again
            continue
        except NotFound:
            mark_deleted(order)
            return
        if is_settled:
            return
    raise RetryLater("commercetools", "conflict", f"Somebody else kept writing this order, {MOST_TRIES} times over.")


def write_once(order: Order, client: CommercetoolsClient) -> tuple[Order, bool]:
    """One round: plan and write. Gives the order as it is now, and whether nothing is left to write."""
    if order.version is None:
        order = store_order(order, client.get_order(order.commercetools_id, store=store_key(order)))
    learn_types(order, client)
    plan = plan_write(order)
    if not plan.actions:
        return order, True
    sent = plan.actions[: to_commercetools.MOST_ACTIONS]
    try:
        document = client.update_order(order.commercetools_id, order.version or 1, sent, store=store_key(order))
    except Refused as error:
        if error.code in TYPE_CODES and not isinstance(error, NotFound):
            open_problem(
                ProblemKind.TYPE_MISSING, order, f"{error.code}: {error.message}", correlation_id=order.correlation_id
            )
        raise
    close_problems([ProblemKind.TYPE_MISSING], order, "The write was accepted.")
    with transaction.atomic():
        stored = store_order(order, document)
        record_write(order, sent, plan.carried, document["version"])
    order = stored
    tell("order written", order=str(order), version=order.version, changes="; ".join(plan.changes))
    return order, len(sent) == len(plan.actions)


@dataclass
class Plan:
    """The update actions that are needed now, and the same in words (carriers' own words may name people: not told)."""

    actions: list[dict[str, Any]] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    carried: dict[str, dict[str, Any]] = field(default_factory=dict)  # before the write, as carried_by gives it


def plan_write(order: Order) -> Plan:
    """What to write, from our rows alone: no call. Foreign Types become Problems and are left out."""
    parcels = list(order.parcels.filter(removed_at=None).select_related("tracking").order_by("pk"))
    plan = Plan(carried=carried_by(order, parcels))
    types = list(CustomType.objects.filter(project=order.project))
    open_before = open_among([ProblemKind.FOREIGN_TYPE], [order, *parcels])
    states = [parcel_state(parcel) for parcel in parcels]
    for parcel, state in zip(parcels, states, strict=True):
        if not parcel.is_in_commercetools or (parcel.tracking and not parcel.tracking.opened_at):
            continue
        try:
            actions = to_commercetools.parcel_actions(
                state,
                our_type_id=id_of(types, to_commercetools.PARCEL_TYPE_KEY),
                usable_type_ids=[one.commercetools_id for one in types if one.has_parcel_fields],
            )
        except ForeignType as error:
            foreign_type(parcel, error, order)
            continue
        if parcel.tracking:
            heal(parcel, open_before)
        add(plan, actions, ending(str(parcel)), to_commercetools.changed_fields(state.fields, state.carried))
    if any(parcel.tracking and parcel.tracking.opened_at for parcel in parcels):
        if plan_order(plan, order, states, types, to_commercetools.order_fields(states)):
            heal(order, open_before)
    elif order.carried and parcels and not any(parcel.tracking for parcel in parcels):
        plan_order(plan, order, states, types, dict.fromkeys(to_commercetools.ORDER_FIELDS))
    return plan


def plan_order(
    plan: Plan, order: Order, states: list[ParcelState], types: list[CustomType], fields: dict[str, Any]
) -> bool:
    """Add the order's own ``fields`` and its shipment state to the plan; False if a foreign Type keeps them out."""
    try:
        actions = to_commercetools.order_actions(
            type_id=order.type_id,
            carried=order.carried,
            fields=fields,
            usable_type_ids=[one.commercetools_id for one in types if one.has_order_fields],
            our_type_id=id_of(types, to_commercetools.ORDER_TYPE_KEY),
        )
    except ForeignType as error:
        foreign_type(order, error, order)
        is_ours = False
    else:
        is_ours = True
        add(plan, actions, "order", to_commercetools.changed_fields(fields, order.carried))
    state = to_commercetools.shipment_state(
        states, ordered=order.items, current=order.shipment_state or None, mode=shipment_mode(order)
    )
    if state:
        add(plan, [{"action": "changeShipmentState", "shipmentState": state}], "order", {"shipmentState": state})
    return is_ours


def shipment_mode(order: Order) -> str:
    """How the order's shipment state follows its parcels: as its store says, else as the project does."""
    of_store: str = order.store.shipment_state if order.store else ""
    return of_store or str(order.project.shipment_state)


def id_of(types: list[CustomType], key: str) -> str:
    """The id of our own Type; "" while it was never seen."""
    return next((one.commercetools_id for one in types if one.key == key), "")


def heal(subject: Order | Parcel, open_before: set[str]) -> None:
    if subject_key(subject) in open_before:
        close_problems([ProblemKind.FOREIGN_TYPE], subject, "Our fields can be written to it now.")


def add(plan: Plan, actions: list[dict[str, Any]], what: str, values: dict[str, Any]) -> None:
    if actions:
        plan.actions += actions
        told = [f"{name}={values[name]}" for name in sorted(TOLD & values.keys())]
        plan.changes.append(f"{what}: {', '.join(told or sorted(values))}")


def parcel_state(parcel: Parcel) -> ParcelState:
    """The parcel as the pure functions see it; one without a tracking at AfterShip counts as pending.

    Where nothing is tracked (any more) it carries none of our fields.
    """
    tracking = parcel.tracking if parcel.tracking and parcel.tracking.opened_at else None
    fields: dict[str, Any] = {} if parcel.tracking else dict.fromkeys(to_commercetools.PARCEL_FIELDS)
    if tracking:
        fields = to_commercetools.parcel_fields(
            status=ParcelStatus(tracking.status),
            tag=tracking.tag,
            subtag=tracking.subtag,
            message=tracking.last_message,
            location=tracking.last_location,
            checkpoint_at=tracking.last_checkpoint_at,
            updated_at=tracking.updated_at,
            eta=tracking.eta,
            delivered_at=tracking.delivered_at,
            courier=tracking.courier,
            tracking_id=tracking.aftership_id,
            tracking_url=tracking.tracking_url,
        )
    return ParcelState(
        commercetools_id=parcel.commercetools_id,
        type_id=parcel.type_id,
        carried=parcel.carried,
        status=ParcelStatus(tracking.status) if tracking else ParcelStatus.PENDING,
        is_return=parcel.is_return,
        items=parcel.items,
        fields=fields,
    )


def learn_types(order: Order, client: CommercetoolsClient) -> None:
    """Know every Type that the order and its parcels carry: one read per Type, again now and then for foreign ones."""
    parcels = order.parcels.filter(removed_at=None, tracking__isnull=False)
    wanted = {type_id for type_id in [order.type_id, *parcels.values_list("type_id", flat=True)] if type_id}
    known = {one.commercetools_id: one for one in CustomType.objects.filter(project=order.project)}
    for type_id in sorted(wanted):
        one = known.get(type_id)
        is_usable = one and (one.has_order_fields if type_id == order.type_id else one.has_parcel_fields)
        if one and (is_usable or one.checked_at > timezone.now() - FOREIGN_TYPE_RECHECK):
            continue
        try:
            remember_type(order.project, client.get_type(type_id))
        except NotFound as error:  # the Type is gone, not the order: which Type does it carry now?
            raise Conflict("commercetools", error.code, f"The Type {type_id} is gone.") from error


def remember_type(project: Project, document: dict[str, Any]) -> CustomType:
    """Keep which of our fields this Type has; returns the row."""
    row, _ = CustomType.objects.update_or_create(
        project=project,
        commercetools_id=document["id"],
        defaults={
            "key": document["key"],
            "has_parcel_fields": has_fields(document, "order-parcel", to_commercetools.PARCEL_FIELDS),
            "has_order_fields": has_fields(document, "order", to_commercetools.ORDER_FIELDS),
        },
    )
    return row


def has_fields(document: dict[str, Any], resource: str, fields: Mapping[str, str]) -> bool:
    """Whether the Type is for this resource and has all of these fields; one of another field type is not ours."""
    try:
        return resource in document["resourceTypeIds"] and not to_commercetools.missing_field_actions(document, fields)
    except PayloadError:
        return False


def foreign_type(subject: Order | Parcel, error: ForeignType, order: Order) -> None:
    """Somebody else's Type is set and lacks our fields: never replaced, always shown."""
    known = CustomType.objects.filter(project=order.project, commercetools_id=error.type_id).first()
    key = known.key if known else error.type_id
    cause = f"It carries the Type '{key}', which does not have our fields."
    open_problem(ProblemKind.FOREIGN_TYPE, subject, cause, correlation_id=order.correlation_id)


def retry_after_setup(project: Project) -> int:
    """Types were made or extended: writes that waited for them are due again; returns how many orders."""
    kinds = [ProblemKind.TYPE_MISSING, ProblemKind.FOREIGN_TYPE]
    waiting = Problem.objects.filter(kind__in=kinds, closed_at=None, order__project=project)
    orders = Order.objects.filter(pk__in=waiting.values("order"))
    jobs.requeue(
        Job.objects.filter(kind=JobKind.WRITE_BACK, subject__in=[str(pk) for pk in orders.values_list("pk", flat=True)])
    )
    jobs.want(
        jobs.Wish(JobKind.WRITE_BACK, str(order.pk), connections.upstream_key(project), order.correlation_id)
        for order in orders
    )
    return len(orders)
