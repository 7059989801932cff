"""What came in: receipts, as they arrived and what became of them, and how many requests were turned away."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from config.people import viewer
from config.redaction import redact_json
from stores.models import AfterShipAccount, Project
from tracking import tasks
from tracking.admin import story
from tracking.admin.base import Facts, HistoryAdmin, Page, Table, Text, report
from tracking.admin.codes import code_link
from tracking.admin.display import NOTHING, age, code, link, receipt_badge, status_badge, two_lines, when
from tracking.admin.search import cut_story_note, story_codes, trimmed
from tracking.admin.viewer import NOT_FOR_YOU, seen, shows_people
from tracking.enums import ReceiptState, Source, StaffActionKind
from tracking.models import Order, Receipt, Refusal, Tracking
from tracking.services.receive import replay
from tracking.services.scope import is_own_story
from tracking.services.staff import note_each

MOST_CHARACTERS = 200_000


@admin.register(Receipt)
class ReceiptAdmin(HistoryAdmin):
    """Every webhook and message that was accepted."""

    list_display = ["received", "what", "sender", "shown_state", "outcome", "story_code"]
    list_filter = [("state", ChoicesDropdownFilter), ("source", ChoicesDropdownFilter)]
    ordering = ["-received_at"]
    search_fields = ["correlation_id"]
    search_note = staticmethod(cut_story_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail, event id or code")
    actions = ["take_in_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Receipt]:
        return super().get_queryset(request).defer("body", "headers")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(pk__in=receipts_by(search_term)) if search_term else queryset, False

    @admin.display(description=gettext_lazy("received"), ordering="received_at")
    def received(self, receipt: Receipt) -> SafeString | str:
        return age(receipt.received_at)

    @admin.display(description=gettext_lazy("what"))
    def what(self, receipt: Receipt) -> SafeString:
        return two_lines(receipt.event or _("not read yet"), receipt.event_id)

    @admin.display(description=gettext_lazy("from"))
    def sender(self, receipt: Receipt) -> SafeString:
        return two_lines(receipt.get_source_display(), receipt.endpoint)

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, receipt: Receipt) -> SafeString:
        return receipt_badge(receipt.state)

    @admin.display(description=gettext_lazy("code"))
    def story_code(self, receipt: Receipt) -> SafeString | str:
        return code_link(receipt.correlation_id)

    @admin.action(description=gettext_lazy("Take in again"), permissions=["act"])
    def take_in_again(self, request: HttpRequest, queryset: QuerySet[Receipt]) -> HttpResponse | None:
        """Make them pending again. Taking in twice changes nothing, so this is always safe."""
        with transaction.atomic():
            ended = list(queryset.exclude(state=ReceiptState.PENDING).select_for_update())
            count = replay([receipt.pk for receipt in ended])
            note_each(StaffActionKind.REPLAY, ended, actor=request.user, summary="Taken in again")
        tasks.kick()
        words, level = report(
            count,
            lambda n: (
                ngettext("%(n)d receipt will be taken in again.", "%(n)d receipts will be taken in again.", n)
                % {"n": n}
            ),
            _("These receipts are waiting to be taken in already."),
        )
        return self.done(request, queryset, words, level)

    def fits(self, action: str, receipt: Receipt) -> bool:
        return receipt.state != ReceiptState.PENDING

    def page(self, receipt: Receipt) -> Page:
        """What came, what became of it, whom it concerns, and its body and headers as far as they may be kept."""
        body = bytes(receipt.body)
        return Page(
            headline=format_html("{} {}", receipt_badge(receipt.state), receipt.outcome or _("Waits to be taken in.")),
            facts=[
                (_("From"), f"{receipt.get_source_display()} {receipt.endpoint}"),
                (_("Event"), receipt.event or NOTHING),
                (_("Received"), when(receipt.received_at)),
                (_("Taken in"), when(receipt.processed_at)),
                (_("Tries"), receipt.attempts),
                (_("Size"), _("%(n)d bytes") % {"n": len(body)}),
                (_("Event id"), code(receipt.event_id)),
                (_("Speaks of"), code(receipt.subject)),
                (_("Code of this story"), code_link(receipt.correlation_id)),
                (_("Code of the request"), code_link(receipt.request_id)),
            ],
            blocks=[
                concerns_block(receipt),
                body_block(receipt, body),
                Facts(_("Headers"), sorted(receipt.headers.items())),
            ],
        )


def receipts_by(text: str) -> QuerySet[Receipt]:
    """Keys of receipts by event id, subject, request or story: each by its own index."""
    word = trimmed(text)
    codes = story_codes(text)
    found = [
        Receipt.objects.filter(correlation_id__in=codes),
        Receipt.objects.filter(request_id=codes[0]),
        Receipt.objects.filter(subject=word).exclude(subject=""),
        Receipt.objects.filter(pk__in=events(word)),
    ]
    first, *others = [one.order_by().values("pk") for one in found]
    return first.union(*others)


def events(word: str) -> QuerySet[Receipt]:
    """Receipts of this event id, whoever sent it: the index begins with source and endpoint, of which there are few."""
    endpoints = [
        *AfterShipAccount.objects.values_list("key", flat=True),
        *Project.objects.values_list("key", flat=True),
    ]
    return Receipt.objects.filter(source__in=Source.values, endpoint__in=endpoints, event_id=word).values("pk")


def body_block(receipt: Receipt, body: bytes) -> Text:
    """What was received, for whoever may see people; of a box that two orders share, for whoever sees the order that
    opened its tracking: the body speaks of that one.
    """
    if not shows_people():
        return Text(_("Body"), "", NOT_FOR_YOU)
    if not is_own_story(viewer(), receipt):
        return Text(_("Body"), "", _("Not shown: it speaks of an order of another store."))
    text, note = readable(body)
    return Text(_("Body"), text, _("The body is empty."), note)


def readable(body: bytes) -> tuple[str, str]:
    """The body as text that may be shown: indented JSON where it is JSON, secrets and personal data hidden."""
    text = redact_json(body, limit=MOST_CHARACTERS)
    note = _("Secrets, names and addresses are hidden.")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False), note
    except ValueError:
        return text, _("Not JSON, or too long to be shown whole. %(note)s") % {"note": note}


def concerns_block(receipt: Receipt) -> Table:
    """The order or tracking that this code belongs to."""
    orders = seen(Order.objects.filter(correlation_id=receipt.correlation_id)).select_related("project", "store")
    trackings = seen(Tracking.objects.filter(correlation_id=receipt.correlation_id))
    return Table(
        _("About"),
        [_("Row"), _("Status")],
        [*order_rows(orders[: story.MOST_ROWS]), *tracking_rows(trackings[: story.MOST_ROWS])],
        _("No order or tracking is known by this code."),
    )


def order_rows(orders: Iterable[Order]) -> list[list[Any]]:
    return [[two_lines(link(order), story.store_of(order)), order.shipment_state or NOTHING] for order in orders]


def tracking_rows(trackings: Iterable[Tracking]) -> list[list[Any]]:
    return [[link(tracking), status_badge(tracking.status)] for tracking in trackings]


@admin.register(Refusal)
class RefusalAdmin(HistoryAdmin):
    """Requests that were turned away at the door: counted per day, nothing else is kept of them."""

    list_display = ["day", "source", "shown_endpoint", "reason", "count"]
    list_filter = [("source", ChoicesDropdownFilter)]
    search_fields = ["endpoint", "reason"]
    search_help_text = gettext_lazy("Endpoint or reason")

    @admin.display(description=gettext_lazy("endpoint"))
    def shown_endpoint(self, refusal: Refusal) -> str:
        return refusal.endpoint or _("not one of ours")

    def page(self, refusal: Refusal) -> Page:
        return Page(
            headline=ngettext("%(n)d request turned away", "%(n)d requests turned away", refusal.count)
            % {"n": refusal.count},
            facts=[
                (_("Day"), refusal.day),
                (_("Sent to"), f"{refusal.get_source_display()} {self.shown_endpoint(refusal)}"),
                (_("Reason"), refusal.reason),
            ],
        )
