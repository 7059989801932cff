"""What shoppers are told: a section of the order page, what may be done about it, the ledger and the blocks as lists.

order page ─ "What the shopper was told": rows of the ledger, and why the rest was not told
act ─ /admin/orders/<id>/messages/<act>/: GET says what it means, POST with a reason does it (``message_acts.py``)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from tracking import tasks
from tracking.admin.base import Facts, HistoryAdmin, Page, Table
from tracking.admin.codes import code_link
from tracking.admin.display import (
    DOUBTFUL,
    NOTHING,
    badge,
    link,
    page_of,
    person,
    two_lines,
)
from tracking.admin.display import when as shown_time
from tracking.admin.order_registry import TOLD, Act, Block, Part, ShownOrder, acts_on_orders, order_section
from tracking.admin.search import cut_note, orders_by
from tracking.admin.story_page import MESSAGE_TONES
from tracking.enums import MessageState
from tracking.models import BlockedAddress, Message, Order
from tracking.services import message_acts
from tracking.services.message_acts import ActRefused
from tracking.services.reminders import REMINDER
from tracking.services.scope import may_see_people, visible
from tracking.services.shoppers import shopper_key
from tracking.services.told import untold

MOST_SHOWN, MOST_REASON = 60, 500


def kind_of(row: Message) -> str:
    """What it tells; the second one about a pickup point says that it is the reminder."""
    label = row.get_kind_display()
    return _("%(kind)s: reminder") % {"kind": label} if row.occasion == REMINDER else label


def state_badge(row: Message) -> SafeString:
    return badge(row.get_state_display(), MESSAGE_TONES[row.state])


def when_of(row: Message, zone: tzinfo | None = None) -> SafeString | str:
    """When it was sent, or will be, by that clock; a dash for what never is."""
    at = row.sent_at or row.sending_at or (row.due_at if row.state == MessageState.PLANNED else None)
    return shown_time(at, zone) if at else NOTHING


def why_of(row: Message) -> str:
    if row.told_with_id:
        return _("in one mail with another parcel")
    if row.delivered_at and not row.reason:
        return _("arrived, as the mail provider says")
    return row.reason


# ── on the order page ────────────────────────────────────────────────────────────────────────────────────────────────


@order_section(TOLD)
def told_section(shown: ShownOrder) -> Block | None:
    """Each message that was sent, is planned or was dropped; folded below, what was not told and why. One query."""
    if not shown.request.user.has_perm("tracking.view_message"):
        return None
    rows = list(shown.order.messages.order_by("created_at", "pk")[:MOST_SHOWN])
    parcels = {parcel.pk: parcel for parcel in shown.parcels}
    title = _("What the shopper was told")
    if shown.order.messages_held_at:
        title = _("What the shopper was told (messages are held)")
    told = Table(
        title,
        [_("Message"), _("Parcel"), _("State"), _("When"), _("To"), _("Why")],
        [
            [
                kind_of(row),
                link(parcels[row.parcel_id]) if row.parcel_id in parcels else _("the whole order"),
                state_badge(row),
                when_of(row, shown.zone),
                two_lines(person(shown.request.user, row.recipient) or NOTHING, row.language),
                why_of(row),
            ]
            for row in rows
        ],
        _("Nothing yet."),
    )
    left = untold(shown.order, shown.live_parcels, rows)
    rest = Table(
        _("Not told, and why"),
        [_("Message"), _("Parcel"), _("Why")],
        [[one.kind.label, link(one.parcel), one.why] for one in left],
        _("Nothing: all was told."),
    )
    return Part(title, "admin/tracking/order/told.html", {"told": told, "rest": rest})


@dataclass(frozen=True)
class MessageAct:
    """One thing to do about an order's messages. ``does`` takes the order, the typed address where it asks for one."""

    key: str
    label: Any
    words: Any
    button: Any
    permission: str
    done: Any
    does: Callable[..., object]
    icon: str
    asks_address: bool = False

    def fits(self, order: Order, *, is_blocked: bool) -> bool:
        """Whether it makes sense now, without a query. ``is_blocked``: the address that its messages go to."""
        if order.deleted_at:
            return False
        is_held, has_address = order.messages_held_at is not None, bool(order.address)
        facts = {
            "hold": not is_held,
            "release": is_held,
            "block": has_address and not is_blocked,
            "unblock": is_blocked,
        }
        return facts.get(self.key, True)


ACTS = {
    act.key: act
    for act in (
        MessageAct(
            "hold",
            gettext_lazy("Hold messages"),
            gettext_lazy("Nothing is sent about it until somebody releases it; what is overtaken by then never is."),
            gettext_lazy("Hold messages"),
            "tracking.hold_message",
            gettext_lazy("Its messages are held."),
            message_acts.hold,
            "pause_circle",
        ),
        MessageAct(
            "release",
            gettext_lazy("Release messages"),
            gettext_lazy("What is still news is sent now; what was overtaken meanwhile is not."),
            gettext_lazy("Release messages"),
            "tracking.hold_message",
            gettext_lazy("Its messages are sent again."),
            message_acts.release,
            "play_circle",
        ),
        MessageAct(
            "resend",
            gettext_lazy("Send the current state again"),
            gettext_lazy("The shopper gets a message about what each parcel is now, whatever they were told before."),
            gettext_lazy("Send it again"),
            "tracking.resend_message",
            gettext_lazy("The current state is sent again."),
            message_acts.resend,
            "forward_to_inbox",
        ),
        MessageAct(
            "readdress",
            gettext_lazy("Change the address for messages"),
            gettext_lazy("Messages go there from now on. The order in commercetools stays as it is."),
            gettext_lazy("Change the address"),
            "tracking.readdress_message",
            gettext_lazy("Its messages go there from now on."),
            message_acts.readdress,
            "alternate_email",
            asks_address=True,
        ),
        MessageAct(
            "block",
            gettext_lazy("Block the address"),
            gettext_lazy("Nothing is sent to this address any more: about no order, of no brand."),
            gettext_lazy("Block the address"),
            "tracking.block_address",
            gettext_lazy("The address is blocked."),
            message_acts.block_address,
            "block",
        ),
        MessageAct(
            "unblock",
            gettext_lazy("Unblock the address"),
            gettext_lazy("Messages go to this address again, also where its owner unsubscribed: be sure they want it."),
            gettext_lazy("Unblock the address"),
            "tracking.block_address",
            gettext_lazy("The address is not blocked any more."),
            message_acts.unblock_address,
            "check_circle",
        ),
    )
}


@acts_on_orders
def message_acts_of(request: HttpRequest, order: Order) -> Iterable[Act]:
    """Those that make sense and are allowed. One query."""
    is_blocked = bool(message_acts.blocks_of([order.address]))
    for act in ACTS.values():
        if act.fits(order, is_blocked=is_blocked) and request.user.has_perm(act.permission):
            url = reverse("message-act", args=[order.pk, act.key])
            yield Act(act.label, url, title=act.words, icon=act.icon, key=f"message-{act.key}")


def act_page(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """GET: what it means. POST with ``reason`` (and ``address``): do it. Without a reason nothing happens."""
    act = ACTS.get(key)
    if act is None:
        raise Http404
    if not (request.user.has_perm(act.permission) and request.user.has_perm("tracking.view_order")):
        raise PermissionDenied
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    order = get_object_or_404(visible(request.user, Order.objects.filter(pk=pk)))
    reason, address = (request.POST.get(name, "").replace("\x00", "").strip() for name in ("reason", "address"))
    fault = ""
    if request.method == "POST" and reason:
        facts = {"address": address[:320]} if act.asks_address else {}
        try:
            act.does(order, **facts, actor=request.user, reason=reason[:MOST_REASON])
        except ActRefused as refusal:
            fault = str(refusal)
        else:
            tasks.kick()
            messages.success(request, act.done)
            return HttpResponseRedirect(page_of(order))
    context = {
        "title": act.label,
        "act": act,
        "order": order,
        "order_url": page_of(order),
        "now_to": person(request.user, order.address) or NOTHING,
        "address": address,
        "reason": reason[:MOST_REASON],
        "fault": fault,
        "most_reason": MOST_REASON,
        "is_reason_missing": request.method == "POST" and not reason,
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/message_act.html", admin.site.each_context(request) | context)


# ── lists ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@admin.register(Message)
class MessageAdmin(HistoryAdmin):
    """The ledger: what was sent, is planned, came back, or was not sent and why."""

    list_display = ["named", "order_link", "shown_state", "at", "to", "why", "story_code"]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter)]
    list_select_related = ["order", "parcel", "brand"]
    ordering = ["-created_at"]
    search_fields = ["correlation_id"]
    search_note = staticmethod(cut_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail, id or code")
    empty_list_words = gettext_lazy(
        "No message yet: they begin where a route's notify is platform (docs/notifications.md)."
    )

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        """By order as everywhere, or by the address that it went to, for who may know whose that is."""
        if not search_term:
            return queryset, False
        found = queryset.filter(order__in=orders_by(search_term).values("pk"))
        if "@" in search_term and may_see_people(request.user):
            found = found | queryset.filter(recipient_hash=shopper_key(search_term))
        return found, False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """The address is masked for who may not see people."""

        def to(row: Message) -> SafeString:
            return two_lines(person(request.user, row.recipient) or NOTHING, row.language)

        to.short_description = _("to")  # type: ignore[attr-defined]
        return [to if name == "to" else name for name in self.list_display]

    @admin.display(description=gettext_lazy("to"))
    def to(self, row: Message) -> str:
        return NOTHING

    @admin.display(description=gettext_lazy("message"), ordering="kind")
    def named(self, row: Message) -> SafeString:
        return two_lines(kind_of(row), row.brand or "")

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, row: Message) -> SafeString:
        return two_lines(link(row.order), row.parcel or "")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, row: Message) -> SafeString:
        return state_badge(row)

    @admin.display(description=gettext_lazy("when"))
    def at(self, row: Message) -> SafeString | str:
        return when_of(row)

    @admin.display(description=gettext_lazy("why"))
    def why(self, row: Message) -> str:
        return why_of(row)

    @admin.display(description=gettext_lazy("code"))
    def story_code(self, row: Message) -> SafeString:
        return code_link(row.correlation_id)

    def page(self, row: Message) -> Page:
        """All that the ledger knows of one message, but for whom it went to: that stands on the order."""
        times = [
            (_("Happened"), row.news_at), (_("Planned"), row.created_at), (_("Not before"), row.due_at),
            (_("Last try began"), row.sending_at), (_("Taken by the mail server"), row.sent_at),
            (_("Arrived"), row.delivered_at), (_("Came back"), row.returned_at),
        ]  # fmt: skip
        facts = [
            (_("State"), state_badge(row)), (_("Why"), why_of(row) or NOTHING), (_("Order"), link(row.order)),
            (_("Parcel"), link(row.parcel) if row.parcel else _("the whole order")),
            (_("Brand"), row.brand or NOTHING), (_("Language"), row.language or NOTHING),
            (_("Tries"), row.attempts), (_("Provider's id"), row.provider_id or NOTHING),
            (_("Code"), code_link(row.correlation_id)),
        ]  # fmt: skip
        shown = [(name, shown_time(at) if at else NOTHING) for name, at in times]
        return Page(str(row), facts, [Facts(_("Times"), shown)])


@admin.register(BlockedAddress)
class BlockedAddressAdmin(HistoryAdmin):
    """Addresses that get nothing more. Only a hash is kept; they are unblocked from an order's page."""

    list_display = ["named", "shown_reason", "brand", "words", "made"]
    list_filter = [("reason", ChoicesDropdownFilter)]
    list_select_related = ["brand"]
    ordering = ["-made_at"]
    search_fields = ["address_hash"]
    search_help_text = gettext_lazy("The whole e-mail address")
    empty_list_words = gettext_lazy("No address is blocked.")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(address_hash=shopper_key(search_term)) if search_term else queryset, False

    @admin.display(description=gettext_lazy("address (hash)"))
    def named(self, row: BlockedAddress) -> str:
        return f"{row.address_hash[:12]}…"

    @admin.display(description=gettext_lazy("reason"), ordering="reason")
    def shown_reason(self, row: BlockedAddress) -> SafeString:
        return badge(row.get_reason_display(), DOUBTFUL)

    @admin.display(description=gettext_lazy("since"), ordering="made_at")
    def made(self, row: BlockedAddress) -> SafeString | str:
        return shown_time(row.made_at)

    def page(self, row: BlockedAddress) -> Page:
        facts = [
            (_("Reason"), row.get_reason_display()), (_("Words"), row.words or NOTHING),
            (_("Brand"), row.brand or _("every brand")), (_("Since"), shown_time(row.made_at)),
            (_("After the message"), link(row.message) if row.message else NOTHING),
        ]  # fmt: skip
        return Page(str(row), facts)
