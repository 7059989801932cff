"""What a person may do to a parcel by hand: one list for the order page, the parcel's page and the lists.

ACTS ─> acts_for(user, parcel): which make sense for this parcel, and are allowed ─> a button that leads to
``/admin/act/<key>/?parcel=3`` (``act_pages.py``): a form, a preview, a reason; then the remap's page shows how far
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from tracking.admin import act_forms
from tracking.admin.order_registry import Act as Button
from tracking.admin.order_registry import acts_on_orders, acts_on_parcels
from tracking.models import Order, Parcel
from tracking.services.marking import refusal_of_any, refusal_of_mark, refusal_of_retrack

MAY_SYNC, MAY_ERASE = "tracking.change_order", "tracking.erase_customer"


@dataclass(frozen=True)
class Act:
    """One thing that can be done to parcels. ``form`` asks for what it needs; ``is_single``: to one parcel only."""

    key: str
    label: Any
    note: Any
    button: Any
    permission: str
    form: type[act_forms.ActForm]
    is_single: bool = False
    is_grave: bool = False

    def fits(self, parcel: Parcel) -> bool:
        """Whether it makes sense now, without a query: the parcel brings its order and tracking."""
        return not refusal_of_any(parcel)


class Mark(Act):
    """Its key is the status."""

    def fits(self, parcel: Parcel) -> bool:
        return not refusal_of_mark(parcel, {"mark": self.key})


class Retrack(Act):
    def fits(self, parcel: Parcel) -> bool:
        return not refusal_of_retrack(parcel)


def is_there(parcel: Parcel) -> bool:
    """Whether the parcel and its order still stand. No query: it brings its order."""
    order = parcel.order
    return not (parcel.removed_at or order.deleted_at or order.is_cancelled)


class Correction(Act):
    """Makes sense before anything is tracked, too."""

    def fits(self, parcel: Parcel) -> bool:
        return is_there(parcel) and bool(parcel.tracking_number)


REMAP, MARK = "tracking.remap_parcel", "tracking.mark_parcel"
MARKED_NOTE = _(
    "It counts at once: here, in commercetools, and at AfterShip, which asks the courier no more. News of the courier "
    "about something that happened later take its place."
)
ACTS: dict[str, Act] = {
    act.key: act
    for act in (
        Correction(
            "courier",
            _("Correct the courier"),
            _("AfterShip tracks the number with this courier from now on; the old tracking is kept for a day."),
            _("Correct the courier"),
            REMAP,
            act_forms.CourierForm,
        ),
        Correction(
            "number",
            _("Correct the number"),
            _("The parcel is tracked under this number from now on; the old tracking is kept for a day."),
            _("Correct the number"),
            REMAP,
            act_forms.NumberForm,
            is_single=True,
        ),
        Correction(
            "place",
            _("Correct the postcode"),
            _("Some couriers answer only with the postcode or another field besides the number. AfterShip is told."),
            _("Tell AfterShip"),
            REMAP,
            act_forms.PlaceForm,
        ),
        Retrack(
            "retrack",
            _("Track again"),
            _("AfterShip stopped asking the courier: it asks again. What it has no more is opened anew."),
            _("Track again"),
            "tracking.retrack_parcel",
            act_forms.RetrackForm,
        ),
        Mark("delivered", _("Mark as delivered"), MARKED_NOTE, _("Mark as delivered"), MARK, act_forms.DeliveredForm),
        Mark("lost", _("Mark as lost"), MARKED_NOTE, _("Mark as lost"), MARK, act_forms.LostForm, is_grave=True),
        Mark(
            "returned",
            _("Mark as returned"),
            MARKED_NOTE,
            _("Mark as returned"),
            MARK,
            act_forms.ReturnedForm,
            is_grave=True,
        ),
        Act(
            "stop",
            _("Stop tracking"),
            _(
                "Nothing of it is tracked any more: our fields leave the parcel in commercetools, and AfterShip's "
                "tracking is deleted after a day. Until then it can be undone."
            ),
            _("Stop tracking"),
            "tracking.stop_parcel",
            act_forms.StopForm,
            is_grave=True,
        ),
    )
}


def acts_for(user: AbstractBaseUser | Any, parcel: Parcel) -> Iterator[Act]:
    """What this person may do to this parcel now. No query: it brings its order and tracking."""
    return (act for act in ACTS.values() if user.has_perm(act.permission) and act.fits(parcel))


def address_of(act: Act, parcel: Parcel) -> str:
    return f"{reverse('act', args=[act.key])}?{urlencode({'parcel': parcel.pk})}"


@acts_on_parcels
def parcel_buttons(request: HttpRequest, parcel: Parcel) -> Iterator[Button]:
    """A button for each act that is possible; other targets (route, account) are the remap's."""
    if is_there(parcel) and request.user.has_perm(REMAP):
        address = f"{reverse('remap')}?{urlencode({'parcel': parcel.pk})}"
        words = _("To another route, account or courier, or to what the rules say now: first what would change.")
        yield Button(_("Remap"), address, title=words, key=f"remap-{parcel.pk}")
    for act in acts_for(request.user, parcel):
        yield Button(
            act.label, address_of(act, parcel), title=act.note, is_grave=act.is_grave, key=f"{act.key}-{parcel.pk}"
        )


@acts_on_orders
def order_buttons(request: HttpRequest, order: Order) -> Iterator[Button]:
    """Read everything about it now; for administrators, erase its shopper."""
    if order.deleted_at is None and request.user.has_perm(MAY_SYNC):
        words = _("Reads the order from commercetools and its trackings from AfterShip, and writes what is due.")
        yield Button(_("Sync now"), reverse("sync", args=[order.pk]), {}, title=words, is_main=True, key="sync")
    if order.erasure_id is None and order.customer_email and request.user.has_perm(MAY_ERASE):
        words = _("Empties what tells who and where the shopper is, of all their orders. It cannot be undone.")
        address = f"{reverse('erase')}?{urlencode({'order': order.pk})}"
        yield Button(_("Erase the shopper"), address, title=words, is_grave=True, key="erase")
