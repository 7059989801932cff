"""The four steps of a parcel's way, as a page or a mail draws them."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from tracking.enums import Flag, ParcelStatus
from tracking.words.facts import ParcelFacts
from tracking.words.languages import speaking

LABELS = (_("Ordered"), _("On its way"), _("Out for delivery"), _("Delivered"))
STEP: dict[ParcelStatus, int] = {
    ParcelStatus.PENDING: 1,
    ParcelStatus.INFO_RECEIVED: 1,
    ParcelStatus.IN_TRANSIT: 2,
    ParcelStatus.DELAYED: 2,
    ParcelStatus.EXCEPTION: 2,
    ParcelStatus.OUT_FOR_DELIVERY: 3,
    ParcelStatus.ATTEMPT_FAILED: 3,
    ParcelStatus.AVAILABLE_FOR_PICKUP: 3,
    ParcelStatus.DELIVERED: 4,
}


def step_of(parcel: ParcelFacts) -> int:
    """1 to 4, how many steps are done; 0 where the way leads elsewhere, or is not the shopper's: draw none."""
    if parcel.is_return or parcel.status is None:
        return 0
    return 1 if Flag.NUMBER_REUSED in parcel.flags else STEP.get(parcel.status, 0)


def step_labels(language: str) -> tuple[str, ...]:
    """What the steps are called."""
    with speaking(language):
        return tuple(str(label) for label in LABELS)
