"""Which tracking a parcel needs: number ─> route ─> courier ─> Tracking, or a Problem that says what is missing.

A parcel without a number waits quietly. One tracking serves all parcels with the same number, account and courier.
Once AfterShip has the tracking, the choice stands until the parcel's own number, carrier or direction changes: a new
rule moves nothing behind anybody's back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from stores.carriers import normalise_carrier
from stores.models import AfterShipAccount, CarrierMapping, Courier, Route
from stores.routing import OrderFacts, Rule, choose_route
from tracking.enums import FINISHED, JobKind, ProblemKind
from tracking.models import Order, Parcel, Tracking
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number
from tracking.services import jobs
from tracking.services.apply_update import want_write_back
from tracking.services.connections import upstream_key
from tracking.services.problems import close_all, close_problems, open_problem
from tracking.services.story import tell


def link_parcel(order: Order, parcel: Parcel, priority: int = jobs.LIVE) -> str | None:
    """Give the parcel the tracking it needs, in the caller's transaction; returns the id of the one it left, if any."""
    before = parcel.tracking_id
    chosen_for = wanted_for(parcel)
    known = parcel.tracking
    if known and known.opened_at and not known.retired_at and parcel.linked_for == chosen_for:
        return None
    tracking = choose_tracking(order, parcel)
    parcel.tracking, parcel.linked_for = tracking, chosen_for
    parcel.save(update_fields=["tracking", "linked_for", "route", "route_trace"])
    if tracking and tracking.opened_at and tracking.pk != before:
        want_write_back([tracking.pk], priority)
    elif tracking and not tracking.opened_at:
        wish = jobs.Wish(JobKind.PUSH, tracking.pk, upstream_key(tracking.account), tracking.correlation_id, priority)
        jobs.want([wish])
    return before if before != parcel.tracking_id else None


def wanted_for(parcel: Parcel) -> list[object]:
    """What the choice of a tracking depends on, of the parcel's own facts."""
    return [parcel.tracking_number, parcel.carrier, parcel.is_return]


def lock_left_behind(parcels: Iterable[Parcel]) -> None:
    """Lock the trackings that these parcels are about to leave, before anything is wished for in this transaction.

    Whoever applies their news locks trackings first and wishes then: in the other order, both would wait for ever.
    """
    left = [one.tracking_id for one in parcels if one.removed_at or one.linked_for != wanted_for(one)]
    if any(left):
        list(Tracking.objects.filter(pk__in=filter(None, left)).order_by("pk").select_for_update())


def choose_tracking(order: Order, parcel: Parcel) -> Tracking | None:
    """The live tracking for the parcel's number, made where there is none; None where something is missing."""
    if not parcel.tracking_number.strip():
        close_problems([ProblemKind.BAD_NUMBER, ProblemKind.UNROUTED], parcel, "The parcel has no number any more.")
        return None
    try:
        number = clean_number(parcel.tracking_number)
    except PayloadError as error:
        open_problem(ProblemKind.BAD_NUMBER, parcel, error.cause, correlation_id=order.correlation_id)
        return None
    close_problems([ProblemKind.BAD_NUMBER], parcel, "The number is usable now.")
    route = choose(order, parcel)
    if route is None:
        store = order.store.key if order.store else "no store"
        cause = f"No active route matches project {order.project.key}, {store}."
        open_problem(ProblemKind.UNROUTED, parcel, cause, correlation_id=order.correlation_id)
        return None
    close_problems([ProblemKind.UNROUTED], parcel, f"Routed to {route.account.key}.")
    choice = choose_courier(order, parcel.carrier)
    return live_tracking(order, parcel, route.account, number, choice)


def choose(order: Order, parcel: Parcel) -> Route | None:
    """Ask the rules, and keep on the parcel which of them were tried and why one matched."""
    routes = list(Route.objects.filter(project=order.project, is_active=True).select_related("store", "account"))
    rules = [
        Rule(id=r.pk, project=order.project.key, store=r.store.key if r.store else None, account_id=r.account_id)
        for r in routes
    ]
    facts = OrderFacts(
        project=order.project.key,
        store=order.store.key if order.store else "",
        country=order.destination_country,
    )
    decision = choose_route(facts, rules)
    parcel.route_trace = [[step.rule_id, step.hit, step.reason] for step in decision.trace]
    rule = decision.rule
    parcel.route = next((route for route in routes if rule and route.pk == rule.id), None)
    return parcel.route


@dataclass(frozen=True)
class CourierChoice:
    """The slug to ask for ("" = AfterShip detects), and fields of the mapping that go with it."""

    slug: str
    extra_fields: dict[str, str]


def choose_courier(order: Order, carrier: str) -> CourierChoice:
    """Carrier text → courier: the store's mapping, then the project's, then everybody's.

    Text that is exactly a slug which AfterShip lists is that courier; any other text is left to AfterShip's detection.
    Names are never guessed: 149 of them belong to several couriers.
    """
    found = list(CarrierMapping.objects.filter(carrier_key=normalise_carrier(carrier)).select_related("courier"))
    scopes = [(order.project_id, order.store_id), (order.project_id, None), (None, None)]
    for scope in scopes:
        for mapping in found:
            if (mapping.project_id, mapping.store_id) == scope:
                return CourierChoice(mapping.courier.slug, mapping.extra_fields)
    if Courier.objects.filter(slug=carrier, imported_at__isnull=False).exists():
        return CourierChoice(carrier, {})
    return CourierChoice("", {})


def live_tracking(
    order: Order, parcel: Parcel, account: AfterShipAccount, number: str, choice: CourierChoice
) -> Tracking:
    """The live tracking of this number, account and courier. The database allows one: a race finds the winner.

    Locked until the caller's transaction ends, so that nobody retires it before the parcel shows it.
    """
    key = {"account": account, "tracking_number": number, "requested_courier": choice.slug, "retired_at": None}
    for known in Tracking.objects.filter(**key).select_related("account").select_for_update(of=("self",)):
        if is_used_up(known, order):
            retire(known, "the carrier used the number again")
    tracking, is_new = Tracking.objects.select_for_update().get_or_create(
        **key,
        defaults={
            "correlation_id": order.correlation_id,
            "extra_fields": choice.extra_fields,
            "is_return": parcel.is_return,
        },
    )
    if not tracking.opened_at and tracking.extra_fields != choice.extra_fields:
        tracking.extra_fields = choice.extra_fields  # the mapping was completed since
        tracking.save(update_fields=["extra_fields"])
    if is_new:
        tell("parcel routed", order=str(order), number=number, account=account.key, courier=choice.slug or "detect")
    return tracking


def is_used_up(tracking: Tracking, order: Order) -> bool:
    """Whether the tracking's parcel had come to its end before this order was placed: then the number is another's."""
    if order.ordered_at is None or tracking.updated_at is None or tracking.updated_at >= order.ordered_at:
        return False
    return tracking.status in FINISHED or tracking.forgotten_at is not None


def retire_unused(tracking_ids: Iterable[str], reason: str) -> None:
    """Retire those trackings that no parcel shows any more, in the caller's transaction. Their history stays."""
    live = Tracking.objects.filter(pk__in=list(tracking_ids), retired_at=None).order_by("pk")
    locked = list(live.select_for_update())  # before looking who shows them: an order may just be taking one up
    in_use = Parcel.objects.filter(removed_at=None, tracking__isnull=False).values("tracking")
    unused = Tracking.objects.filter(pk__in=[tracking.pk for tracking in locked]).exclude(pk__in=in_use)
    for tracking in unused.select_related("account"):
        retire(tracking, reason)


def retire(tracking: Tracking, reason: str) -> None:
    """Let go of a tracking: it is deleted at AfterShip, its row and its history stay with the parcels that show it."""
    tracking.retired_at, tracking.retired_reason = timezone.now(), reason
    tracking.save(update_fields=["retired_at", "retired_reason"])
    close_all(tracking, reason)
    jobs.want([jobs.Wish(JobKind.RETIRE, tracking.pk, upstream_key(tracking.account), tracking.correlation_id)])
    tell("tracking retired", number=tracking.tracking_number, reason=reason)
