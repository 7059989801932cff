"""Risk flags of the order: each with what it means, and for which parcels it holds."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracking.admin import pauses
from tracking.admin.display import BAD, DOUBTFUL, GOOD, MOVING, NOTHING, WAITING, badge, link
from tracking.admin.order_registry import FLAGS, Block, Part, ShownOrder, order_section
from tracking.enums import Flag
from tracking.services.flags import flags_of, flags_of_order, left_to_ship

FLAG_TONES: dict[str, str] = {
    Flag.CANCELLED: WAITING, Flag.CUSTOMS: DOUBTFUL, Flag.WEATHER: DOUBTFUL, Flag.ATTEMPTS_FAILED: DOUBTFUL,
    Flag.AWAITING_PICKUP: DOUBTFUL, Flag.STUCK: BAD, Flag.SILENT: BAD, Flag.COURIER_OUTAGE: DOUBTFUL, Flag.LATE: BAD,
    Flag.ESTIMATE_MOVED: DOUBTFUL, Flag.WRONG_CARRIER: DOUBTFUL, Flag.SYNC_FAILING: DOUBTFUL,
    Flag.MAIL_TROUBLE: DOUBTFUL, Flag.NEIGHBOUR: GOOD, Flag.LATE_NEWS: WAITING, Flag.NUMBER_CORRECTED: WAITING,
    Flag.SHARED: MOVING, Flag.SPLIT: MOVING, Flag.NOT_ALL_SHIPPED: MOVING, Flag.RETURN: WAITING,
}  # fmt: skip
MEANINGS = {
    Flag.CANCELLED: gettext_lazy("The order was cancelled: nothing is tracked, nobody is written to."),
    Flag.NUMBER_REUSED: gettext_lazy(
        "The carrier used this number for another parcel before. What happened then is left out, and tells nobody that "
        "it was delivered."
    ),
    Flag.NOT_TRACKED: gettext_lazy("It has a number, but nothing tracks it: see its problem for the cause."),
    Flag.DAMAGED: gettext_lazy("The carrier says that it was damaged: claim it, and send anew or refund."),
    Flag.ADDRESS: gettext_lazy("The carrier cannot deliver to this address: it needs the right one, or it goes back."),
    Flag.REFUSED: gettext_lazy("The recipient did not take it; it will come back."),
    Flag.NOT_COLLECTED: gettext_lazy("Nobody collected it in time; it will come back."),
    Flag.PAYMENT: gettext_lazy("The carrier waits for a payment by the shopper."),
    Flag.DOCUMENTS: gettext_lazy("Papers are missing or wrong: we have to send them to the carrier."),
    Flag.CUSTOMS: gettext_lazy("It is at customs."),
    Flag.WEATHER: gettext_lazy("Weather or another outside cause holds it up; nobody can act."),
    Flag.ATTEMPTS_FAILED: gettext_lazy("The carrier tried to deliver and could not."),
    Flag.AWAITING_PICKUP: gettext_lazy("It waits where the shopper collects it, and goes back if they do not."),
    Flag.STUCK: gettext_lazy("Announced, but not scanned for longer than is usual: ask the warehouse first."),
    Flag.SILENT: gettext_lazy("Without news for longer than is usual for this courier and destination."),
    Flag.COURIER_OUTAGE: gettext_lazy("The courier sends no news of anything at the moment: silence means nothing."),
    Flag.LATE: gettext_lazy("The expected day is over, and nobody tried to deliver by then."),
    Flag.ESTIMATE_MOVED: gettext_lazy("It is expected later than at first."),
    Flag.WRONG_CARRIER: gettext_lazy("The courier may be the wrong one: see the evidence at the problem."),
    Flag.SYNC_FAILING: gettext_lazy("Something could not be read or written upstream: see the problem."),
    Flag.MAIL_TROUBLE: gettext_lazy("A message to the shopper came back, or nobody knows whether it was sent."),
    Flag.NEIGHBOUR: gettext_lazy("The carrier left it with a neighbour."),
    Flag.LATE_NEWS: gettext_lazy("A scan arrived after the delivery was known; the state stays delivered."),
    Flag.NUMBER_CORRECTED: gettext_lazy("Its number was changed; what happened under the old one is linked below."),
    Flag.SHARED: gettext_lazy("The same box holds parcels of another order."),
    Flag.SPLIT: gettext_lazy("The order comes in several parcels."),
    Flag.NOT_ALL_SHIPPED: gettext_lazy("A part of the order is in no parcel yet."),
    Flag.RETURN: gettext_lazy("A parcel of it is on its way back from the shopper."),
}


def flag_badge(flag: Flag) -> SafeString:
    return badge(flag.label, FLAG_TONES.get(flag, BAD))


def flag_badges(flags: Iterable[Flag]) -> SafeString | str:
    """All of them in one line; a dash for none."""
    return format_html_join(" ", "{}", ((flag_badge(flag),) for flag in flags)) or NOTHING


@order_section(FLAGS)
def flags_section(shown: ShownOrder) -> Block:
    """What to know before one answers; the problems behind it, with what to do."""
    by_flag: dict[Flag, list[int]] = {}
    for pk, condition in shown.conditions.items():
        for flag in flags_of(condition, shown.today):
            by_flag.setdefault(flag, []).append(pk)
    rows = [
        {"badge": flag_badge(flag), "meaning": MEANINGS[flag], "parcels": which(shown, by_flag.get(flag, []))}
        for flag in order_flags(shown)
    ]
    not_now = badge(_("Not up to date"), DOUBTFUL)
    rows[:0] = [{"badge": not_now, "meaning": one} for one in pauses.of_order(shown.order, shown.live_parcels)]
    problems = [
        {"kind": link(one, one.get_kind_display()), "cause": one.cause, "next_step": one.next_step, "at": one.opened_at}
        for one in shown.open_problems
    ]
    return Part(_("What to know"), "admin/tracking/order/flags.html", {"flags": rows, "problems": problems})


def order_flags(shown: ShownOrder) -> tuple[Flag, ...]:
    """The flags of the whole order."""
    of_order = [problem.kind for problem in shown.open_problems if not (problem.parcel_id or problem.tracking_id)]
    return flags_of_order(
        shown.conditions.values(),
        shown.today,
        is_cancelled=shown.order.is_cancelled,
        is_all_shipped=not left_to_ship(shown.order, shown.live_parcels),
        problems=of_order,
    )


def which(shown: ShownOrder, keys: list[int]) -> SafeString | str:
    """Links to the cards of the parcels that are meant; nothing where it is all of them."""
    if not keys or len(keys) == len(shown.live_parcels):
        return ""
    numbers = {parcel.pk: str(parcel) for parcel in shown.live_parcels}
    return format_html_join(", ", '<a class="tb-link" href="#parcel-{}">{}</a>', ((pk, numbers[pk]) for pk in keys))
