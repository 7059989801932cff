"""What a remap would do to each parcel, before anybody starts it: pure reading.

parcel, target ─ drafted ─> the parcel as it would be, by the same Chooser that moves it later
    └─ refusal_of ─> why it is left as it is            └─ effects ─> at AfterShip, in commercetools, for the shopper
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone

from stores.models import AfterShipAccount, Courier, Route
from tracking.enums import AtSource, AtTarget, ParcelStatus, RemapItemState, ToShopper
from tracking.models import Parcel, RemapItem, Tracking
from tracking.payloads import to_commercetools
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import clean_number
from tracking.services.deeds import Target
from tracking.services.link import Choice, Chooser, wanted_for
from tracking.services.push import is_mailed_by_aftership
from tracking.services.write_back import parcel_state

Known = Mapping[str, Sequence[Tracking]]
NOTHING_KNOWN: Known = {}
ROUTE = ("route__project", "route__store", "route__brand")
TARGETS = ("route", "account", "courier", "number", "fields", "stop", "upstream")
CORRECTABLE = (  # AfterShip's names for what a courier may ask for besides the number (reference 4.4)
    "destination_postal_code",
    "destination_country_region",
    "destination_state",
    "origin_country_region",
    "tracking_account_number",
    "tracking_key",
    "tracking_ship_date",
)

STAYS = (AtTarget.SAME, AtTarget.TOLD)


@dataclass(frozen=True)
class Place:
    """Where a parcel is, or would be. ``courier`` "" is left to AfterShip's detection, ``account`` "" not tracked."""

    account: str
    courier: str
    number: str
    route: Route | None
    tracking: Tracking | None = None

    @property
    def key(self) -> tuple[object, ...]:
        return self.account, self.courier, self.number, self.route.pk if self.route else None


@dataclass(frozen=True)
class PlannedMove:
    """What would become of one parcel. With a ``refusal`` nothing does: then ``then`` is None.

    ``fields`` are ours in commercetools that would read differently. ``fingerprint`` goes into ``start_remap``, which
    leaves out what is not as it was seen here.
    """

    parcel: Parcel
    now: Place
    then: Place | None
    at_target: AtTarget
    at_source: AtSource
    to_shopper: ToShopper
    fields: tuple[str, ...]
    refusal: str
    fingerprint: str


def plan_remap(
    parcel_ids: Sequence[int], target: Target, *, chooser: Chooser | None = None, moving: Collection[int] | None = None
) -> list[PlannedMove]:
    """What a remap would do, parcel by parcel in the order of their ids; those that are no more are left out.

    Pure reading, with a fixed number of queries (and one for each route and account that is led to). ``moving`` are
    all parcels of the remap, where these are a part of them.
    """
    rows = Parcel.objects.filter(pk__in=parcel_ids).order_by("pk")
    parcels = list(rows.select_related("order__project", "order__store", "tracking__account", *ROUTE))
    chooser = chooser or chooser_for(parcels)
    fault = fault_of(target, len(moving or parcels))
    waiting = {item.parcel_id: item for item in waiting_items(parcels)}
    shared = shown_by_others(parcels, moving or parcel_ids)
    drafts = [(parcel, *drafted(parcel, target, chooser)) for parcel in parcels]
    known = known_trackings(number_of(draft) for _, draft, _ in drafts)
    moves = []
    for parcel, draft, choice in drafts:
        refusal = fault or refusal_of(parcel, draft, choice, target)
        if not refusal and parcel.pk in waiting:
            refusal = waits_in(waiting[parcel.pk])
        moves.append(planned(parcel, draft, choice, refusal, known, is_shared=parcel.tracking_id in shared))
    return moves


def chooser_for(parcels: Collection[Parcel]) -> Chooser:
    """The rules that these parcels need, at this moment."""
    projects = {parcel.order.project_id: parcel.order.project for parcel in parcels}
    return Chooser.of(projects.values(), {parcel.carrier for parcel in parcels})


def drafted(parcel: Parcel, target: Target, chooser: Chooser) -> tuple[Parcel, Choice | None]:
    """The parcel as it would be, as a copy that is not saved, and where it would go."""
    draft = copy(parcel)
    draft.override = override_for(parcel, target)
    return draft, chooser.choose(parcel.order, draft)


def override_for(parcel: Parcel, target: Target) -> dict[str, Any]:
    """What stands as chosen by hand afterwards. A new route, or the rules asked again, end an older choice of account
    and courier; what was corrected by hand (number, fields) stays until it is corrected again. Any choice of where it
    goes ends that it is stopped.
    """
    kept = {"number", "fields"} if not target or "route" in target else {*parcel.override}
    is_moved = not target or target.keys() & {"route", "account", "courier", "number"}
    stands = {name: parcel.override[name] for name in kept & parcel.override.keys() if name != "stop" or not is_moved}
    override = {**stands, **{name: value for name, value in target.items() if name != "upstream"}}
    if "fields" in target:
        override["fields"] = {**stands.get("fields", {}), **target["fields"]}
    if override.get("number") == parcel.tracking_number:
        del override["number"]
    return override


def number_of(parcel: Parcel) -> str:
    """The number as AfterShip would get it; "" where it is not usable."""
    try:
        return clean_number(parcel.override.get("number") or parcel.tracking_number)
    except PayloadError:
        return ""


def fault_of(target: Target, number_of_parcels: int) -> str:
    """Why nothing at all can be moved to this target; "" where it can be. Three queries at most."""
    if unknown := sorted(target.keys() - set(TARGETS)):
        return f"A parcel cannot be moved by its {unknown[0]}."
    if "number" in target and number_of_parcels > 1:
        return "A number can be given to one parcel only."
    if fault := fault_of_correction(target):
        return fault
    if "route" in target and not Route.objects.filter(pk=target["route"]).exists():
        return f"There is no route #{target['route']}."
    if "account" in target and not AfterShipAccount.objects.filter(key=target["account"]).exists():
        return f"There is no AfterShip account {target['account']}."
    if target.get("courier") and not Courier.objects.filter(slug=target["courier"]).exists():
        return f"There is no courier {target['courier']}."
    return ""


def fault_of_correction(target: Target) -> str:
    """What is wrong with corrected fields, or with a number that is to be corrected in commercetools, too."""
    if unknown := sorted(target.get("fields", {}).keys() - set(CORRECTABLE)):
        return f"AfterShip knows no field {unknown[0]} that could be corrected."
    if "upstream" in target and "number" not in target:
        return "Only a number can be corrected in commercetools."
    return ""


def refusal_of(parcel: Parcel, draft: Parcel, choice: Choice | None, target: Target) -> str:
    """Why this parcel is left as it is; "" where it can be moved. No queries."""
    if parcel.order.deleted_at:
        return "The order was deleted in commercetools."
    if parcel.order.is_cancelled:
        return "The order was cancelled."
    if parcel.removed_at:
        return "The parcel was removed from its order."
    if not parcel.tracking_number.strip():
        return "It has no tracking number."
    if not number_of(draft):
        return "Its tracking number is not usable."
    if choice is None:
        return "No route matches it, and none was chosen."
    if "route" in target and choice.route.project_id != parcel.order.project_id:
        return f"Route {choice.route.title} belongs to another project."
    if target.get("upstream") and not parcel.is_in_commercetools:
        return "It is no parcel in commercetools: its number stands in a custom field or in the return information."
    ends_choice = not target and parcel.override != draft.override
    ends_choice = ends_choice or parcel.override.get("fields") != draft.override.get("fields")
    ends_choice = ends_choice or bool(target.get("upstream"))
    if place_of(parcel).key == place_after(draft, choice).key and not ends_choice:
        return "It is there already."
    return ""


def waits_in(item: RemapItem) -> str:
    return f"It waits in remap #{item.remap_id} of {item.remap.actor_name or 'the rules'}."


def waiting_items(parcels: Collection[Parcel]) -> list[RemapItem]:
    """What waits already, of these parcels: one remap at a time."""
    waiting = RemapItem.objects.filter(parcel__in=[parcel.pk for parcel in parcels], state=RemapItemState.WAITING)
    return list(waiting.select_related("remap", "parcel"))


def shown_by_others(parcels: Collection[Parcel], moving: Collection[int]) -> set[str]:
    """The trackings of these parcels that parcels outside of the remap show as well."""
    sources = {parcel.tracking_id for parcel in parcels if parcel.tracking_id}
    shows = Parcel.objects.filter(tracking__in=sources, removed_at=None).exclude(pk__in=moving)
    return {tracking_id for tracking_id in shows.values_list("tracking", flat=True) if tracking_id}


def known_trackings(numbers: Iterable[str]) -> Known:
    """By number: trackings that are live, or gave way to a remap and can come back. One query."""
    wanted = {number for number in numbers if number}
    there = Q(retired_at=None) | Q(kept_until__isnull=False)
    known: dict[str, list[Tracking]] = defaultdict(list)
    for tracking in Tracking.objects.filter(there, tracking_number__in=wanted).select_related("account"):
        known[tracking.tracking_number].append(tracking)
    return known


def place_of(parcel: Parcel) -> Place:
    """Where the parcel is now."""
    tracking = parcel.tracking
    if tracking is None:
        return Place("", "", number_of(parcel), parcel.route)
    return Place(tracking.account.key, tracking.requested_courier, tracking.tracking_number, parcel.route, tracking)


def place_after(draft: Parcel, choice: Choice, known: Known = NOTHING_KNOWN) -> Place:
    """Where the parcel would be, with the tracking that is there already, if one is."""
    number = number_of(draft)
    if choice.account is None:
        return Place("", "", number, choice.route)
    slug = choice.courier.slug
    serves = [
        one
        for one in known.get(number, ())
        if one.account_id == choice.account.pk
        and (one.requested_courier == slug or (slug and one.courier == slug and one.retired_at is None))
    ]
    best = min(serves, key=lambda one: (one.requested_courier != slug, one.retired_at is not None), default=None)
    return Place(choice.account.key, slug, number, choice.route, best)


def planned(
    parcel: Parcel, draft: Parcel, choice: Choice | None, refusal: str, known: Known, *, is_shared: bool
) -> PlannedMove:
    """What the move of one parcel does at either account, to fields and shopper. ``refusal``: why it stays."""
    now = place_of(parcel)
    then = place_after(draft, choice, known) if choice and not refusal else None
    target, source, shopper = AtTarget.SAME, AtSource.NONE, ToShopper.SILENT
    fields: tuple[str, ...] = ()
    if then:
        target = target_of(now, then)
        if target == AtTarget.SAME and parcel.override.get("fields") != draft.override.get("fields"):
            target = AtTarget.TOLD
        source = AtSource.NONE if target in STAYS else source_of(parcel, is_shared=is_shared)
        shopper = shopper_of(parcel, then, target)
        fields = rewritten(parcel, then, target)
    return PlannedMove(
        parcel, now, then, target, source, shopper, fields, refusal, fingerprint(parcel, then.key if then else None)
    )


def target_of(now: Place, then: Place) -> AtTarget:
    if not then.account:
        return AtTarget.NONE
    if then.tracking is None or not then.tracking.opened_at:
        return AtTarget.SAME if then.tracking and then.tracking == now.tracking else AtTarget.OPENED
    return AtTarget.SAME if then.tracking == now.tracking else AtTarget.USED


def source_of(parcel: Parcel, *, is_shared: bool) -> AtSource:
    tracking = parcel.tracking
    if tracking is None or tracking.retired_at:
        return AtSource.NONE
    if is_shared:
        return AtSource.SHARED
    if tracking.is_adopted:
        return AtSource.ADOPTED
    return AtSource.DELETED if is_mailed_by_aftership(parcel.route, tracking) else AtSource.KEPT


def shopper_of(parcel: Parcel, then: Place, target: AtTarget) -> ToShopper:
    is_new = target == AtTarget.OPENED
    if not is_new or not then.route or then.route.notify != Route.Notify.AFTERSHIP or parcel.is_return:
        return ToShopper.SILENT
    return ToShopper.QUIET if was_told(parcel) else ToShopper.MAILED


def was_told(parcel: Parcel) -> bool:
    """Whether the shopper has heard of this parcel: somebody writes to them, and there was something to write."""
    tracking, route = parcel.tracking, parcel.route
    if tracking is None or route is None or route.notify == Route.Notify.OFF:
        return False
    return tracking.status != ParcelStatus.PENDING or tracking.is_quiet


def rewritten(parcel: Parcel, then: Place, target: AtTarget) -> tuple[str, ...]:
    """Names of our fields on the parcel that would read differently, as soon as AfterShip has the target."""
    if target in STAYS:
        return ()
    draft = copy(parcel)
    draft.tracking = then.tracking if target == AtTarget.USED else fresh(then)
    fields = parcel_state(draft).fields
    return tuple(to_commercetools.changed_fields(fields, parcel.carried if parcel.type_id else {}))


def fresh(place: Place) -> Tracking | None:
    """A tracking as AfterShip has just opened it, unsaved; None where nothing is tracked."""
    if not place.account:
        return None
    facts = {"tag": "Pending", "subtag": "Pending_001", "courier": place.courier, "aftership_id": "new"}
    return Tracking(tracking_number=place.number, opened_at=timezone.now(), **facts)


def fingerprint(parcel: Parcel, then: object) -> str:
    """Short text for what a preview rests on: the same as long as parcel, order and rules lead to the same."""
    facts = [
        wanted_for(parcel),
        parcel.override,
        parcel.tracking_id,
        parcel.route_id,
        bool(parcel.removed_at or parcel.order.deleted_at),
        then,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
