"""Tracking → AfterShip: open it once, adopt it where it is there already, tell it what changed on the order, retire it
when no parcel shows it any more.

The tracking's own key goes along as AfterShip's ``id``. So a repeated or timed-out create is harmless: AfterShip says
"already exists" (4003), and looking up our own id finds what the lost answer had made.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from stores.models import Courier, Route
from tracking.clients.aftership import AfterShipClient
from tracking.clients.errors import AlreadyExists, NotFound, Refused, RetryLater
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.models import Parcel, Receipt, Tracking
from tracking.models.orders import SHOWN
from tracking.payloads import from_aftership, to_aftership
from tracking.payloads.from_commercetools import Destination
from tracking.payloads.to_aftership import TrackingRequest
from tracking.services import connections, jobs
from tracking.services.apply_update import UNKNOWN_TRACKING, Batch, want_write_back
from tracking.services.budget import works_in_bulk
from tracking.services.carrier_case import Case, case_of
from tracking.services.commerce_wishes import want_commerce_of
from tracking.services.follow import wish
from tracking.services.marks import is_active
from tracking.services.message_plan import note_history
from tracking.services.problems import close_problems, open_problem
from tracking.services.promise import promised_day
from tracking.services.replace import never_opened, release, take_back
from tracking.services.senders import check_senders
from tracking.services.story import tell

PUSH_PROBLEMS = [ProblemKind.MISSING_FIELD, ProblemKind.REFUSED, ProblemKind.UNMAPPED_CARRIER]
REFUSED_AS = {
    "4011": ProblemKind.MISSING_FIELD,
    "4012": ProblemKind.UNMAPPED_CARRIER,
    "4010": ProblemKind.UNMAPPED_CARRIER,
}


def push_tracking(tracking_id: str) -> None:
    """Open the tracking at AfterShip, with one call where nothing is in the way. Safe to repeat.

    What AfterShip will not take becomes a Problem with its own words. Raises UpstreamError where trying later helps.
    """
    tracking = Tracking.objects.select_related("account").get(pk=tracking_id)
    parcel = shown_by(tracking)
    if tracking.opened_at or tracking.retired_at or parcel is None:
        return
    fields = to_aftership.tracking_fields(request_of(tracking, parcel))
    if missing := missing_of(tracking, fields):
        cause = missing_in_words(tracking, parcel, missing)
        open_problem(
            ProblemKind.MISSING_FIELD, tracking, cause, correlation_id=tracking.correlation_id, order=parcel.order
        )
        return
    client = connections.aftership(tracking.account)
    try:
        opened(tracking, client.create_tracking(fields), how="opened", told=to_aftership.digest(fields))
    except AlreadyExists as error:
        adopt(tracking, client, error)
    except Refused as error:
        refused(tracking, parcel, error)


def shown_by(tracking: Tracking) -> Parcel | None:
    """The first parcel that shows this tracking, outbound ones before returns: its order gives the facts."""
    live = Parcel.objects.filter(SHOWN, tracking=tracking)
    return live.select_related("order__project", "order__store", "route").order_by("is_return", "pk").first()


def request_of(tracking: Tracking, parcel: Parcel) -> TrackingRequest:
    """What AfterShip is told, from our rows. What its messages alone need goes along only where it writes them: e-mail,
    language and promise.
    """
    order, is_mailed = parcel.order, is_mailed_by_aftership(parcel.route, tracking)
    return TrackingRequest(
        id=tracking.pk,
        tracking_number=tracking.tracking_number,
        courier=tracking.requested_courier,
        order_id=order.commercetools_id,
        order_number=order.order_number,
        order_date=order.ordered_at,
        destination=Destination(
            country=order.destination_country,
            state=order.destination_state,
            city=order.destination_city,
            postal_code=order.destination_postal_code,
        ),
        locale=order.locale if is_mailed else "",
        ship_date=parcel.shipped_at.date() if parcel.shipped_at else None,
        is_return=tracking.is_return,
        extra_fields=tracking.extra_fields,
        notify_email=order.customer_email if is_mailed else "",
        promised_date=promised_day(parcel) if is_mailed else None,
    )


def is_mailed_by_aftership(route: Route | None, tracking: Tracking) -> bool:
    """Whether AfterShip itself writes to the shopper about this tracking: about any status, for it tells no other."""
    return bool(route and route.is_sender(Route.Notify.AFTERSHIP)) and not (tracking.is_quiet or tracking.is_return)


def settles_messages(parcel: Parcel, tracking: Tracking) -> bool:
    """Whether an update says whom AfterShip may write to and of what, if only nobody: where it writes, and where it is
    off. What it has of a quiet parcel's shopper, or of a return's, stays as it is.
    """
    is_off = parcel.route is None or not parcel.route.is_sender(Route.Notify.AFTERSHIP)
    return is_off or is_mailed_by_aftership(parcel.route, tracking)


def missing_of(tracking: Tracking, fields: dict[str, Any]) -> list[str]:
    """Fields that the courier needs (as AfterShip lists them) and we do not have."""
    courier = Courier.objects.filter(slug=tracking.requested_courier).first()
    return to_aftership.missing_fields(courier.required_fields, fields) if courier else []


def missing_in_words(tracking: Tracking, parcel: Parcel, missing: list[str]) -> str:
    """Which fields are missing; and of those that the order does have, that AfterShip would not take them."""
    side, order = "origin" if tracking.is_return else "destination", parcel.order
    given = {f"{side}_postal_code": order.destination_postal_code, f"{side}_country_region": order.destination_country}
    refused = [name for name in missing if given.get(name)]
    cause = f"{tracking.requested_courier} needs {', '.join(missing)}, and neither the order nor the mapping has it."
    return f"{cause} What the order says of {', '.join(refused)}, AfterShip does not take." if refused else cause


def opened(tracking: Tracking, document: dict[str, Any], *, how: str, told: str = "") -> None:
    """Record that AfterShip has it: id, first state, a write for each order, webhooks that came too early.

    ``told``: the digest of what it was told; by default of what it shows.
    """
    snapshot = from_aftership.parse_tracking(document, path="data")
    with transaction.atomic():
        batch = Batch.lock(tracking.account, [tracking.pk])
        row = batch.by_id[tracking.pk]
        row.aftership_id, row.opened_at = snapshot.aftership_id, row.opened_at or timezone.now()
        row.is_adopted = how == "adopted"
        row.told = told or to_aftership.digest(document)
        row.save(update_fields=["aftership_id", "opened_at", "is_adopted", "told"])
        close_problems(PUSH_PROBLEMS, row, "AfterShip has taken it.")
        batch.apply(row, snapshot)
        batch.save(is_told=not works_in_bulk())
        if works_in_bulk():
            note_history(row)
        want_commerce_of(row)
        check_senders(row, has_customers=how == "adopted" and bool(document.get("customers")))
        want_write_back([row.pk])
        wake_early_webhooks(row)
        if is_active(row.mark) and not row.is_adopted:  # staff marked its end before AfterShip had it
            jobs.want([wish(JobKind.COMPLETE, row)])
        if news_for(row):  # the order changed while the call was under way
            want_updates([row.pk])
        if row.retired_at and row.kept_until is None:  # the parcel went while the call was under way
            jobs.want([retire_wish(row)])
        release(row.replaces.all())
    tell(f"tracking {how}", number=row.tracking_number, courier=row.courier, account=row.account.key, id=row.pk)


def want_updates(tracking_ids: Iterable[str], priority: int = jobs.LIVE) -> None:
    """Wish to tell AfterShip what changed on the orders of these trackings; whether anything did shows in the job."""
    live = Tracking.objects.filter(pk__in=list(tracking_ids), retired_at=None, is_adopted=False)
    jobs.want(
        jobs.Wish(JobKind.UPDATE, one.pk, connections.upstream_key(one.account), one.correlation_id, priority)
        for one in live.select_related("account")
    )


def news_for(tracking: Tracking) -> dict[str, Any]:
    """The body of the PUT that AfterShip needs now; empty where it knows all, or is not to be told.

    What somebody else made there is theirs to change.
    """
    is_there = tracking.opened_at and not (tracking.retired_at or tracking.forgotten_at or tracking.is_adopted)
    parcel = shown_by(tracking) if is_there else None
    if parcel is None:
        return {}
    request = request_of(tracking, parcel)
    fields = to_aftership.update_fields(request, settles_messages=settles_messages(parcel, tracking))
    return fields if to_aftership.digest(fields) != tracking.told else {}


def update_tracking(tracking_id: str) -> None:
    """Tell AfterShip where the parcel goes and who gets it, if that changed: one PUT, or no call. Safe to repeat.

    Raises UpstreamError.
    """
    with transaction.atomic():  # waits for whoever records that it was opened: one of both sees what changed
        tracking = Tracking.objects.select_for_update(of=("self",)).select_related("account").get(pk=tracking_id)
        fields = news_for(tracking)
    if not fields:
        return
    try:
        connections.aftership(tracking.account).update_tracking(tracking.aftership_id, fields)
    except NotFound:
        tell("tracking was gone at AfterShip", number=tracking.tracking_number)
        return
    Tracking.objects.filter(pk=tracking.pk).update(told=to_aftership.digest(fields))
    tell("AfterShip told what changed", number=tracking.tracking_number, fields=", ".join(sorted(fields)))


def wake_early_webhooks(tracking: Tracking) -> None:
    """Webhooks that came under an id which we did not know yet are due again."""
    Receipt.objects.filter(
        source=Source.AFTERSHIP,
        endpoint=tracking.account.key,
        subject=tracking.aftership_id,
        state=ReceiptState.IGNORED,
        outcome__startswith=UNKNOWN_TRACKING,
    ).update(state=ReceiptState.PENDING, next_attempt_at=timezone.now())


def adopt(tracking: Tracking, client: AfterShipClient, error: AlreadyExists) -> None:
    """AfterShip has it already: ours, from an answer that was lost, or somebody else's with the same number."""
    try:
        opened(tracking, client.get_tracking(tracking.pk), how="found again")
        return
    except NotFound:
        found = find_same_number(tracking, client)
    if found is None:
        raise RetryLater("aftership", error.code, "It says the tracking exists, but shows none with this number.")
    other = Tracking.objects.filter(account=tracking.account, aftership_id=found["id"]).exclude(pk=tracking.pk).first()
    if other is None:
        opened(tracking, found, how="adopted")
    elif other.retired_at is None or other.kept_until:
        merge(tracking, other)
    else:
        free_retired(other)
        raise RetryLater("aftership", error.code, "Our retired tracking of this number is being removed first.")


def find_same_number(tracking: Tracking, client: AfterShipClient) -> dict[str, Any] | None:
    """AfterShip's tracking of this number (and courier, if we asked for one), rather one of our orders'.

    A list call, made only after a 4003.
    """
    filters = {"tracking_numbers": tracking.tracking_number}
    if tracking.requested_courier:
        filters["slug"] = tracking.requested_courier
    found = list(client.list_trackings(**filters))
    orders = Parcel.objects.filter(tracking=tracking, removed_at=None).values_list("order__commercetools_id", flat=True)
    return next((one for one in found if one.get("order_id") in set(orders)), found[0] if found else None)


def merge(tracking: Tracking, other: Tracking) -> None:
    """Both rows turned out to be one tracking at AfterShip: the parcels move to the row that has it.

    That row may have given way to this one in a remap to where AfterShip had it already: then it comes back.
    """
    with transaction.atomic():
        rows = Tracking.objects.filter(pk__in=[tracking.pk, other.pk]).order_by("pk").select_for_update()
        other = {row.pk: row for row in rows}[other.pk]
        Parcel.objects.filter(tracking=tracking).update(tracking=other)
        reason = f"the same tracking as {other.pk}"
        Tracking.objects.filter(pk=tracking.pk).update(retired_at=timezone.now(), retired_reason=reason)
        if other.retired_at:
            take_back(other)
        close_problems(PUSH_PROBLEMS, tracking, reason)
        want_write_back([other.pk])
    tell("trackings merged", number=tracking.tracking_number, into=other.pk)


def free_retired(other: Tracking) -> None:
    """A retired row stands in the way of a new one: delete it at AfterShip, or let go of one that was never ours."""
    if other.is_adopted:
        Tracking.objects.filter(pk=other.pk).update(aftership_id="")
    else:
        jobs.want([retire_wish(other)])


def refused(tracking: Tracking, parcel: Parcel, error: Refused) -> None:
    """AfterShip's no becomes a Problem in its own words, on the tracking that it concerns."""
    kind = REFUSED_AS.get(error.code, ProblemKind.REFUSED)
    cause = f"{error.code}: {error.message}"
    if kind == ProblemKind.UNMAPPED_CARRIER:
        cause = f"Carrier '{parcel.carrier}' ({tracking.requested_courier or 'not mapped'}). {cause}"
    case = case_of(tracking) if kind == ProblemKind.UNMAPPED_CARRIER else Case()
    open_problem(
        kind,
        tracking,
        cause,
        correlation_id=tracking.correlation_id,
        order=parcel.order,
        evidence=case.evidence,
        proposal=case.proposal,
    )


def retire_wish(tracking: Tracking) -> jobs.Wish:
    upstream = connections.upstream_key(tracking.account)
    return jobs.Wish(JobKind.RETIRE, tracking.pk, upstream, tracking.correlation_id)


def retire_tracking(tracking_id: str) -> None:
    """Delete a retired tracking at AfterShip, so that it is neither polled nor mailed about. Ours keeps its history.

    One that AfterShip had before us is left alone, and one that a remap may still bring back. Already gone is fine.
    Raises UpstreamError.
    """
    tracking = Tracking.objects.select_related("account").get(pk=tracking_id)
    if tracking.retired_at is None or tracking.kept_until or tracking.is_adopted:
        return
    try:
        connections.aftership(tracking.account).delete_tracking(tracking.aftership_id or tracking.pk)
    except NotFound:
        tell("tracking was gone at AfterShip", number=tracking.tracking_number)
    with transaction.atomic():
        row = Tracking.objects.select_for_update(of=("self",)).select_related("account").get(pk=tracking.pk)
        row.is_moving, row.forgotten_at = False, row.forgotten_at or timezone.now()
        if row.retired_at is None:  # it was taken back while the call was under way
            never_opened(row)
            wish = jobs.Wish(JobKind.PUSH, row.pk, connections.upstream_key(row.account), row.correlation_id)
            jobs.want([wish])
        row.save(update_fields=["is_moving", "forgotten_at", "opened_at", "aftership_id"])
