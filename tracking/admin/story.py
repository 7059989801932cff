"""Blocks that pages of one story share: problems, parcels, checkpoints, jobs, attempts, receipts; one query each."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import QuerySet
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tracking.admin import display
from tracking.admin.base import Table
from tracking.admin.display import NOTHING, age, lines, link, status_badge, two_lines, when
from tracking.admin.viewer import hidden, said, seen, shows_people
from tracking.admin.why import why_link
from tracking.enums import ABOUT_TRACKINGS, JobKind
from tracking.models import Attempt, Checkpoint, Job, Order, Parcel, Problem, Receipt, Tracking, Write

MOST_ROWS = 50
HIDDEN_FIELDS = {"tb_message", "tb_location", "tb_tracking_url"}  # some carriers' addresses hold the postcode
MOST_CHECKPOINTS = 200


def capped(queryset: QuerySet[Any], most: int = MOST_ROWS) -> tuple[list[Any], bool]:
    """The first rows, and whether there are more."""
    rows = list(queryset[: most + 1])
    return rows[:most], len(rows) > most


def problems_block(problems: QuerySet[Problem]) -> Table:
    """Open ones first."""
    rows, _more = capped(seen(problems).order_by("closed_at", "-pk"))
    rows.sort(key=lambda problem: problem.closed_at is not None)
    return Table(
        _("Problems"),
        [_("Problem"), _("Cause and next step"), _("Since"), _("Closed")],
        [
            [
                format_html('<a href="{}">{}</a>', display.page_of(problem), display.problem_badge(problem)),
                two_lines(problem.cause, problem.next_step),
                age(problem.opened_at),
                two_lines(when(problem.closed_at), problem.closed_reason) if problem.closed_at else _("open"),
            ]
            for problem in rows
        ],
        _("No problem has been seen."),
    )


def parcels_block(parcels: Iterable[Parcel]) -> Table:
    """``parcels`` come with their trackings."""
    return Table(
        _("Parcels"),
        [_("Parcel"), _("Carrier"), _("Status"), _("Last checkpoint"), _("Expected"), _("In commercetools")],
        [
            [
                two_lines(
                    number_link(parcel), lines([part for part in (parcel_note(parcel), why_link(parcel)) if part])
                ),
                two_lines(parcel.carrier or NOTHING, courier_of(parcel.tracking)),
                status_badge(parcel.tracking.status if parcel.tracking else None),
                last_checkpoint(parcel.tracking),
                display.day(parcel.tracking.eta) if parcel.tracking else NOTHING,
                carried_fields(parcel.carried),
            ]
            for parcel in parcels
        ],
        _("commercetools has no parcel on this order yet."),
    )


def number_link(parcel: Parcel) -> SafeString | str:
    return link(parcel, parcel.tracking_number or _("no number yet"))


def parcel_note(parcel: Parcel) -> str:
    """What sets this parcel apart."""
    if parcel.removed_at:
        return _("removed from the order")
    return _("return") if parcel.is_return else parcel.key


def courier_of(tracking: Tracking | None) -> str:
    """The courier that AfterShip tracks it with, and the one we asked for where that is another."""
    if tracking is None:
        return ""
    asked, found = tracking.requested_courier, tracking.courier
    if asked and found and asked != found:
        return _("%(found)s, asked for %(asked)s") % {"found": found, "asked": asked}
    return found or asked or _("courier not known yet")


def last_checkpoint(tracking: Tracking | None) -> SafeString | str:
    """Words, place and time of the newest scan."""
    if tracking is None or not (tracking.last_message or tracking.last_checkpoint_at):
        return NOTHING
    parts = (hidden(tracking.last_location), display.as_given(tracking.last_checkpoint_at))
    words = said(tracking.last_message, tracking.subtag_message)
    return two_lines(words, " · ".join(part for part in parts if part))


def carried_fields(fields: dict[str, Any]) -> SafeString | str:
    """Our fields as the parcel or order carries them: the status, and behind it everything."""
    if not fields:
        return _("nothing yet")
    rows = lines([format_html("{}: {}", name, value) for name, value in carried_values(fields)])
    summary = status_badge(str(fields.get("tb_status", ""))) if fields.get("tb_status") else _("fields")
    return format_html('<details class="tb-details"><summary>{}</summary>{}</details>', summary, rows)


def carried_values(fields: dict[str, Any]) -> list[tuple[str, Any]]:
    """Our fields by name; a carrier's words and places masked for whoever may not see people."""
    mask = display.MASK
    return [
        (name, value if name not in HIDDEN_FIELDS or shows_people() else mask) for name, value in sorted(fields.items())
    ]


def checkpoints_block(trackings: Collection[Tracking]) -> Table:
    """Newest first; with the number where there is more than one tracking."""
    by_id = {tracking.pk: tracking for tracking in trackings}
    found = Checkpoint.objects.filter(tracking__in=by_id).order_by("-sort_at", "-reported_at", "-fingerprint")
    rows, has_more = capped(found, MOST_CHECKPOINTS)
    return Table(
        _("Checkpoints"),
        [_("Time"), _("What happened"), _("Where"), _("AfterShip says"), _("Number")],
        [
            [
                display.clock_on_the_wall(checkpoint),
                link(checkpoint, said(checkpoint.message, checkpoint.subtag_message or checkpoint.tag)),
                hidden(checkpoint.location) or NOTHING,
                two_lines(checkpoint.tag or NOTHING, checkpoint.subtag),
                link(by_id[checkpoint.tracking_id], by_id[checkpoint.tracking_id].tracking_number),
            ]
            for checkpoint in rows
        ],
        _("No scan has been reported yet."),
        more=_("Only the newest %(n)d are shown.") % {"n": MOST_CHECKPOINTS} if has_more else "",
    )


def jobs_of(orders: Iterable[int], trackings: Iterable[str]) -> QuerySet[Job]:
    """The jobs about these orders and trackings."""
    about_orders = Job.objects.filter(kind__in=[JobKind.COLLECT, JobKind.WRITE_BACK], subject__in=map(str, orders))
    about_trackings = Job.objects.filter(kind__in=ABOUT_TRACKINGS, subject__in=trackings)
    return (about_orders | about_trackings).order_by("-pk")


def jobs_block(jobs: QuerySet[Job]) -> Table:
    """The jobs that the viewer may see: what was wished for, when it is tried next, and what went wrong last."""
    rows, _more = capped(seen(jobs))
    return Table(
        _("Jobs"),
        [_("Job"), _("State"), _("Next"), _("Tries"), _("Last error")],
        [
            [
                link(job, job.get_kind_display()),
                display.job_badge(job),
                NOTHING if job.dead_at or job.want == job.done else age(job.next_attempt_at),
                job.attempts,
                two_lines(job.last_error, job.last_error_code) if job.last_error_code else NOTHING,
            ]
            for job in rows
        ],
        _("Nothing has had to be done upstream."),
    )


def attempts_block(attempts: QuerySet[Attempt], **parameters: Any) -> Table:
    """``parameters`` filter the list that shows the rest."""
    rows, has_more = capped(seen(attempts).order_by("-started_at"))
    return Table(
        _("Calls"),
        [_("When"), _("Call"), _("Result"), _("Took"), _("Then waited")],
        [
            [
                link(attempt, age(attempt.started_at)),
                two_lines(f"{attempt.method} {attempt.path}", attempt.upstream),
                two_lines(display.outcome_badge(attempt.outcome, attempt.status), attempt.message),
                display.milliseconds(attempt.duration_ms),
                NOTHING if attempt.wait_seconds is None else f"{attempt.wait_seconds:g} s",
            ]
            for attempt in rows
        ],
        _("Neither upstream has been called for this."),
        more_url=display.list_of(Attempt, **parameters) if has_more else "",
        more=_("All calls") if has_more else "",
    )


def writes_block(order: Order) -> Table:
    """What we changed on the order. A carrier's words and places are left out: they may name people."""
    rows, _more = capped(Write.objects.filter(order=order).order_by("-pk"))
    return Table(
        _("Writes to commercetools"),
        [_("When"), _("Version"), _("What changed")],
        [[link(write, age(write.written_at)), versions_of(write), changes_of(write)] for write in rows],
        _("Nothing has been written to it yet."),
    )


def versions_of(write: Write) -> str:
    return f"{write.version_before} → {write.version_after}"


def changes_of(write: Write) -> SafeString | str:
    """Each changed field with its value before and after."""
    return lines([change_in_words(change) for change in write.changes])


def change_in_words(change: dict[str, Any]) -> str:
    """``tb_status: pending → in_transit``; only the name where the value may name people."""
    if change["name"] in HIDDEN_FIELDS:
        return str(change["name"])
    before, after = ("–" if value is None else value for value in (change["before"], change["after"]))
    return f"{change['name']}: {before} → {after}"


def receipts_block(codes: Collection[str]) -> Table:
    """Receipts of these stories."""
    rows, has_more = capped(seen(Receipt.objects.filter(correlation_id__in=codes)).defer("body").order_by("-pk"))
    return Table(
        _("Receipts"),
        [_("Received"), _("What"), _("State"), _("What it changed, or why it did not")],
        [
            [
                link(receipt, age(receipt.received_at)),
                two_lines(receipt.event or NOTHING, f"{receipt.get_source_display()} {receipt.endpoint}"),
                display.receipt_badge(receipt.state),
                receipt.outcome or NOTHING,
            ]
            for receipt in rows
        ],
        _("Nothing has come in about this."),
        more_url=display.list_of(Receipt, q=next(iter(codes))) if has_more else "",
        more=_("All receipts") if has_more else "",
    )


def order_line(order: Order) -> SafeString | str:
    """An order's number, and its store below."""
    return two_lines(link(order), store_of(order))


def store_of(order: Order) -> str:
    """``demo / de-web``."""
    return f"{order.project.key} / {order.store.key}" if order.store else order.project.key
