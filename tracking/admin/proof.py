"""``/admin/proof/<parcel>/``: "it says delivered, but I have nothing": a parcel's evidence, to print and claim with."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tracking.admin import display, story
from tracking.admin.base import Table
from tracking.admin.display import BAD, DOUBTFUL, GOOD, NOTHING, WAITING, badge, lines, link, person, two_lines, when
from tracking.admin.order_page.parcels import items_in_words
from tracking.models import Message, Parcel
from tracking.services.promise import promised_day
from tracking.services.proof import Proof, Region, proof_of
from tracking.services.scope import may_see_people, visible

REGION_WORDS = {
    Region.SAME: (gettext_lazy("The last scan is at the place of the address."), GOOD),
    Region.OTHER_PLACE: (gettext_lazy("The last scan is at another place than the address."), DOUBTFUL),
    Region.OTHER_COUNTRY: (gettext_lazy("The last scan is in another country than the address."), BAD),
    Region.UNKNOWN: (gettext_lazy("The carrier gave no place that can be compared."), WAITING),
}
FACT_WORDS = {
    "signed_by": gettext_lazy("Signed by"),
    "signature_requirement": gettext_lazy("Signature asked for"),
    "delivery_location_type": gettext_lazy("Left at"),
    "delivery_type": gettext_lazy("Kind of delivery"),
    "shipment_delivery_date": gettext_lazy("Delivered, says AfterShip"),
}
PERSONAL_FACTS = {"signed_by"}
CHECKLIST = (
    gettext_lazy("Asked the shopper: everybody in the household, neighbours, porter, safe place, parcel locker."),
    gettext_lazy("Compared the address of the order with the one on the label."),
    gettext_lazy("Compared time and place of the last scan with where the shopper was."),
    gettext_lazy("Asked the carrier for signature, photo or the coordinates of the delivery."),
    gettext_lazy("Looked up the carrier's deadline for claims, and noted it here: ________________"),
    gettext_lazy("Got the shopper's written statement that nothing was received."),
    gettext_lazy("Opened the claim at the carrier, with this page. Number of the claim: ________________"),
    gettext_lazy("Sent anew, or refunded."),
)


@never_cache
@require_safe
def proof_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The page, for who may see parcels and this one; 404 otherwise."""
    if not request.user.has_perm("tracking.view_parcel"):
        raise PermissionDenied
    rows = Parcel.objects.select_related("order__project", "order__store", "tracking__account", "route")
    parcel = visible(request.user, rows).filter(pk=pk).first()
    if parcel is None:
        raise Http404
    found = proof_of(parcel)
    words, tone = REGION_WORDS[found.region]
    context = {
        **admin.site.each_context(request),
        "title": _("Proof file"),
        "parcel": parcel,
        "made_at": timezone.now(),
        "made_by": request.user.get_username(),
        "facts": parcel_facts(request, parcel, found),
        "region": badge(words, tone),
        "given": given_facts(request, found),
        "files": found.files if may_see_people(request.user) else (),
        "is_raw_kept": found.is_raw_kept,
        "items": items_in_words(parcel.order, parcel.items),
        "scans": scans_table(request, found),
        "told": told_table(parcel),
        "checklist": CHECKLIST,
    }
    request.current_app = admin.site.name
    return TemplateResponse(request, "admin/tracking/proof.html", context)


def parcel_facts(request: HttpRequest, parcel: Parcel, found: Proof) -> list[tuple[str, Any]]:
    """Order, address region, number, and how long ago it was delivered."""
    order, tracking = parcel.order, parcel.tracking
    place = " ".join(part for part in (order.destination_postal_code, order.destination_city) if part)
    region = ", ".join(part for part in (person(request.user, place), order.destination_country) if part)
    days = (timezone.localdate() - found.delivered_on).days if found.delivered_on else None
    return [
        (_("Order"), link(order)),
        (_("Store"), story.store_of(order)),
        (_("Ordered"), when(order.ordered_at)),
        (_("Address region"), region or NOTHING),
        (_("Tracking number"), parcel.tracking_number or NOTHING),
        (_("Carrier"), two_lines(parcel.carrier or NOTHING, story.courier_of(tracking))),
        (_("Status"), display.status_badge(tracking.status if tracking else None)),
        (_("Delivered"), display.as_given(tracking.delivered_at) if tracking and tracking.delivered_at else NOTHING),
        (_("Days since"), NOTHING if days is None else days),
        (_("Expected"), display.day(tracking.eta) if tracking else NOTHING),
        (_("Promised"), display.day(promised_day(parcel))),
        (_("Code of this story"), order.correlation_id),
    ]


def given_facts(request: HttpRequest, found: Proof) -> list[tuple[Any, str]]:
    """What AfterShip gave as proof; who signed only for those who may see people."""
    return [
        (FACT_WORDS[name], person(request.user, value) if name in PERSONAL_FACTS else value)
        for name, value in found.facts.items()
    ]


def scans_table(request: HttpRequest, found: Proof) -> Table:
    """Oldest first, each at the clock of its place, with its offset or that none was given."""
    user = request.user
    return Table(
        _("Scans"),
        [_("Time there"), _("Where"), _("What happened"), _("Known since")],
        [
            [
                display.clock_on_the_wall(scan),
                person(user, scan.location) or NOTHING,
                two_lines(scan.subtag_message or scan.tag, scan.message if may_see_people(user) else ""),
                when(scan.reported_at or scan.created_at),
            ]
            for scan in found.scans
        ],
        _("No scan has been reported."),
    )


def told_table(parcel: Parcel) -> Table:
    """What the shopper was told about this parcel or the whole order, and when."""
    rows = Message.objects.filter(order=parcel.order).exclude(sent_at=None).order_by("sent_at")
    mine = [message for message in rows[:100] if message.parcel_id in (None, parcel.pk)]
    return Table(
        _("What the shopper was told"),
        [_("Sent"), _("Message"), _("Language"), _("State")],
        [
            [when(one.sent_at), one.get_kind_display(), one.language or NOTHING, lines([one.get_state_display()])]
            for one in mine
        ],
        _("No message was sent from here."),
    )
