"""Which tracking a parcel needs: number ─> rules ─> Tracking, or a Problem that says what is missing.

    facts_of ─> RuleSet.decide ─> what a person chose instead (override) ─> route, account, courier, number
                                                                              └─> live_tracking (+ PUSH)

A parcel without a number waits quietly. One tracking serves all parcels with the same number, account and courier.
Once AfterShip tracks the number, the choice stands until the parcel's own number, carrier or direction changes: a new
rule moves nothing behind anybody's back. To move what stands is a person's act (``remap.py``). A number whose courier
AfterShip does not recognise is tracked by nobody: there a new mapping takes effect as soon as the order is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from django.db.models import Q
from django.utils import timezone

from stores.carriers import CourierChoice
from stores.models import AfterShipAccount, Project, Route
from stores.routing import ParcelFacts
from stores.rule_set import Decision, RuleSet, load_rule_set
from tracking.enums import FINISHED, JobKind, ProblemKind
from tracking.models import Order, Parcel, Tracking
from tracking.models.orders import SHOWN
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number
from tracking.services import jobs
from tracking.services.apply_update import want_write_back
from tracking.services.connections import upstream_key
from tracking.services.facts import channel_keys, facts_of, in_words
from tracking.services.notify_wishes import want_notify
from tracking.services.number_forms import UNRECOGNIZED
from tracking.services.problems import close_all, close_problems, open_problem
from tracking.services.push import want_updates
from tracking.services.replace import take_back
from tracking.services.senders import check_senders
from tracking.services.story import tell


def link_parcel(order: Order, parcel: Parcel, priority: int = jobs.LIVE) -> str | None:
    """Give the parcel the tracking it needs, in the caller's transaction; returns the id of the one it left, if any."""
    chosen_for = wanted_for(parcel)
    known = parcel.tracking
    if stands(known) and parcel.linked_for == chosen_for:
        return None
    if parcel.override and parcel.linked_for != chosen_for:
        parcel.override = {}  # a person chose for the number and carrier of then
        tell("the choice made by hand ends: the parcel itself changed", order=str(order), number=parcel.tracking_number)
    return relink(order, parcel, priority)


def relink(order: Order, parcel: Parcel, priority: int = jobs.LIVE, chooser: Chooser | None = None) -> str | None:
    """Choose the parcel's tracking anew, whatever it has; as `link_parcel` otherwise."""
    before = parcel.tracking_id
    tracking = choose_tracking(order, parcel, chooser)
    parcel.tracking, parcel.linked_for = tracking, wanted_for(parcel)
    parcel.save(update_fields=["tracking", "linked_for", "route", "route_trace", "decision", "override"])
    if tracking and tracking.opened_at and tracking.pk != before:
        want_write_back([tracking.pk], priority)
        check_senders(tracking)
        if priority == jobs.LIVE:
            want_notify([tracking.pk])
    elif tracking and not tracking.opened_at:
        wish = jobs.Wish(JobKind.PUSH, tracking.pk, upstream_key(tracking.account), tracking.correlation_id, priority)
        jobs.want([wish])
    return before if before != parcel.tracking_id else None


def stands(tracking: Tracking | None) -> bool:
    """Whether AfterShip has it and tracks it. One whose courier it does not recognise has nothing to lose."""
    return bool(tracking and tracking.opened_at and not tracking.retired_at and tracking.courier != UNRECOGNIZED)


def wanted_for(parcel: Parcel) -> list[object]:
    """What the choice of a tracking depends on, of the parcel's own facts."""
    return [parcel.tracking_number, parcel.carrier, parcel.is_return]


def lock_left_behind(parcels: Iterable[Parcel]) -> None:
    """Lock the trackings that these parcels are about to leave, before anything is wished for in this transaction.

    Whoever applies their news locks trackings first and wishes then: in the other order, both would wait for ever.
    """
    left = [
        one.tracking_id
        for one in parcels
        if one.removed_at or one.order.is_cancelled or one.linked_for != wanted_for(one) or not stands(one.tracking)
    ]
    if any(left):
        list(Tracking.objects.filter(pk__in=filter(None, left)).order_by("pk").select_for_update())


def choose_tracking(order: Order, parcel: Parcel, chooser: Chooser | None = None) -> Tracking | None:
    """The live tracking for the parcel's number, made where there is none; None where something is missing, or a rule
    says that nothing is tracked. On a cancelled order all stays as it is, and where the shopper was erased.
    """
    if order.is_cancelled or order.erasure_id:
        return parcel.tracking
    if not parcel.tracking_number.strip():
        close_problems([ProblemKind.BAD_NUMBER, ProblemKind.UNROUTED], parcel, "The parcel has no number any more.")
        return None
    try:
        number = clean_number(parcel.override.get("number") or parcel.tracking_number)
    except PayloadError as error:
        open_problem(ProblemKind.BAD_NUMBER, parcel, error.cause, correlation_id=order.correlation_id)
        return None
    close_problems([ProblemKind.BAD_NUMBER], parcel, "The number is usable now.")
    choice = (chooser or Chooser.of([order.project], [parcel.carrier])).choose(order, parcel)
    if choice is None:
        store = order.store.key if order.store else "no store"
        cause = f"No active route matches project {order.project.key}, {store}."
        open_problem(ProblemKind.UNROUTED, parcel, cause, correlation_id=order.correlation_id)
        return None
    close_problems([ProblemKind.UNROUTED], parcel, f"Routed by #{choice.route.pk}.")
    if choice.account is None:
        by = "a person" if parcel.override.get("stop") else "its route"
        tell(f"parcel is not tracked, as {by} says", order=str(order), number=number, route=choice.route.pk)
        return None
    check_courier_set(order, parcel, choice)
    return live_tracking(order, parcel, choice.account, number, choice.courier)


@dataclass(frozen=True)
class Choice:
    """Where a parcel goes. ``account`` is None where its route says that nothing is tracked."""

    route: Route
    account: AfterShipAccount | None
    courier: CourierChoice


class Chooser:
    """The rules at one moment, with the rows that they lead to: chooses for one parcel or for thousands.

    Rows are read when they are first needed, once each.
    """

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules
        self.routes: dict[int, Route | None] = {}
        self.accounts: dict[str, AfterShipAccount | None] = {}
        self.channels: dict[int, dict[str, str]] = {}

    @classmethod
    def of(cls, projects: Collection[Project], carriers: Collection[str]) -> Chooser:
        """For parcels of these projects with these carrier texts."""
        return cls(load_rule_set(projects, carriers))

    def choose(self, order: Order, parcel: Parcel) -> Choice | None:
        """Ask the rules, and what a person chose instead; keep on the parcel what was seen and decided, unsaved.

        None where no rule matches and nobody chose one.
        """
        facts = facts_of(order, parcel, self.channels_of(order.project))
        decision = self.rules.decide(facts)
        keep_decision(parcel, facts, decision)
        by_hand: Mapping[str, Any] = parcel.override
        chosen = self.route(by_hand["route"]) if "route" in by_hand else None
        parcel.route = chosen or (self.route(decision.rule.id) if decision.rule else None)
        if parcel.route is None:
            return None
        # What was promised stays promised, whatever the route says later.
        parcel.decision["promise_days"] = parcel.route.promised_days(order.destination_country)
        account = self.account(by_hand["account"]) if "account" in by_hand else None
        account = account or (None if parcel.route.do_not_track else parcel.route.account)
        if by_hand.get("stop"):
            account = None
        if "courier" in by_hand:
            courier = CourierChoice(by_hand["courier"], "chosen by hand")
        elif chosen is None and decision.courier is not None:
            courier = decision.courier
        else:
            courier = self.courier_under(parcel.route, facts)
        if "fields" in by_hand:
            courier = replace(courier, extra_fields={**courier.extra_fields, **by_hand["fields"]})
        words = {name: value for name, value in asdict(courier).items() if name != "extra_fields"}
        parcel.decision["courier"] = words
        return Choice(parcel.route, account, courier)

    def courier_under(self, route: Route, facts: ParcelFacts) -> CourierChoice:
        """The courier as the mappings give it under a route that the rules would not have chosen."""
        rule = next((rule for rule in self.rules.routes if rule.id == route.pk), None)
        return self.rules.courier_for(facts, rule) if rule else CourierChoice("", "left to AfterShip's detection")

    def route(self, pk: int) -> Route | None:
        if pk not in self.routes:
            rows = Route.objects.select_related("project", "store", "account", "brand")
            self.routes[pk] = rows.filter(pk=pk).first()
        return self.routes[pk]

    def account(self, key: str) -> AfterShipAccount | None:
        if key not in self.accounts:
            self.accounts[key] = AfterShipAccount.objects.filter(key=key).first()
        return self.accounts[key]

    def channels_of(self, project: Project) -> dict[str, str]:
        if project.pk not in self.channels:
            self.channels[project.pk] = channel_keys(project)
        return self.channels[project.pk]


def keep_decision(parcel: Parcel, facts: ParcelFacts, decision: Decision) -> None:
    """Note on the parcel which rules were tried, and which values they saw. Unsaved."""
    parcel.route_trace = [[step.rule_id, step.hit, step.reason, step.version] for step in decision.route.trace]
    parcel.decision = {"facts": in_words(facts), "at": timezone.now().isoformat(timespec="seconds")}


def check_courier_set(order: Order, parcel: Parcel, choice: Choice) -> None:
    """A courier that the storefront does not ship with is used all the same, and shown."""
    allowed: Collection[str] = choice.route.couriers
    slug = choice.courier.slug
    if not allowed or not slug or slug in allowed:
        close_problems([ProblemKind.OUTSIDE_COURIER_SET], parcel, "The courier is one of the route's set.")
        return
    cause = f"{slug} ({choice.courier.because}) is not among the couriers of route {choice.route.title}."
    open_problem(ProblemKind.OUTSIDE_COURIER_SET, parcel, cause, correlation_id=order.correlation_id)


def live_tracking(
    order: Order, parcel: Parcel, account: AfterShipAccount, number: str, choice: CourierChoice
) -> Tracking:
    """The live tracking of this number, account and courier. The database allows one: a race finds the winner.

    One that gave way to a remap comes back, and one that AfterShip tracks with this courier already is used.
    Shown by an outbound parcel it is no return, whatever else shows it.
    Locked until the caller's transaction ends, so that nobody retires it before the parcel shows it.
    """
    tracking, is_new = known_tracking(order, account, number, choice.slug), False
    if tracking is None:
        tracking, is_new = Tracking.objects.select_for_update().get_or_create(
            account=account,
            tracking_number=number,
            requested_courier=choice.slug,
            retired_at=None,
            defaults={
                "correlation_id": order.correlation_id,
                "extra_fields": choice.extra_fields,
                "is_return": parcel.is_return,
            },
        )
    if tracking.is_return and not parcel.is_return:
        tracking.is_return = False  # AfterShip has one for both ways: what goes to the shopper decides
        tracking.save(update_fields=["is_return"])
        want_updates([tracking.pk])
    if not tracking.opened_at and tracking.extra_fields != choice.extra_fields:
        tracking.extra_fields = choice.extra_fields  # the mapping was completed since
        tracking.save(update_fields=["extra_fields"])
    if is_new:
        tell("parcel routed", order=str(order), number=number, account=account.key, courier=choice.slug or "detect")
    return tracking


def known_tracking(order: Order, account: AfterShipAccount, number: str, slug: str) -> Tracking | None:
    """The tracking, locked, that serves this number and courier: the live one that we asked for, one that gave way to
    a remap (it comes back), or one that AfterShip corrected to this courier. To open another would be refused (4003).

    One that is used up is retired, so that a new one can be made.
    """
    asked = Q(requested_courier=slug) & (Q(retired_at=None) | Q(kept_until__isnull=False))
    known = Q(courier=slug, retired_at=None) | asked if slug else asked
    rows = Tracking.objects.filter(known, account=account, tracking_number=number).order_by("pk")
    usable = []
    for row in rows.select_related("account").select_for_update(of=("self",)):
        if not is_used_up(row, order):
            usable.append(row)
        elif row.retired_at is None:
            retire(row, "the carrier used the number again")
    best = min(usable, key=lambda row: (row.requested_courier != slug, row.retired_at is not None), default=None)
    if best and best.retired_at:
        take_back(best)
    return best


def is_used_up(tracking: Tracking, order: Order) -> bool:
    """Whether the tracking's parcel had come to its end before this order was placed: then the number is another's."""
    if order.ordered_at is None or tracking.updated_at is None or tracking.updated_at >= order.ordered_at:
        return False
    return tracking.status in FINISHED or tracking.forgotten_at is not None


def retire_unused(tracking_ids: Iterable[str], reason: str) -> None:
    """Retire those trackings that no parcel shows any more, in the caller's transaction. Their history stays."""
    live = Tracking.objects.filter(pk__in=list(tracking_ids), retired_at=None).order_by("pk")
    locked = list(live.select_for_update())  # before looking who shows them: an order may just be taking one up
    ids = [tracking.pk for tracking in locked]
    in_use = set(Parcel.objects.filter(SHOWN, tracking__in=ids).values_list("tracking", flat=True))
    unused = Tracking.objects.filter(pk__in=set(ids) - in_use).order_by("pk")
    for tracking in unused.select_related("account"):
        retire(tracking, reason)


def retire(tracking: Tracking, reason: str) -> None:
    """Let go of a tracking: it is deleted at AfterShip, its row and its history stay with the parcels that show it."""
    tracking.retired_at, tracking.retired_reason = timezone.now(), reason
    tracking.save(update_fields=["retired_at", "retired_reason"])
    close_all(tracking, reason)
    jobs.want([jobs.Wish(JobKind.RETIRE, tracking.pk, upstream_key(tracking.account), tracking.correlation_id)])
    tell("tracking retired", number=tracking.tracking_number, reason=reason)
