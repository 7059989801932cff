"""What one scan means, in the shopper's language: the headline of a line of the timeline."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tracking.models import Checkpoint
from tracking.payloads.from_aftership import status_of
from tracking.words.facts import ParcelFacts
from tracking.words.states import STATES, state_of

# Steps on the way that are no state of their own: the state stays "in transit".
ON_THE_WAY: dict[str, str | Promise] = {
    "InfoReceived_001": _("Registered with the carrier"),
    "InTransit_002": _("Handed to the carrier"),
    "InTransit_003": _("Arrived at a parcel centre"),
    "InTransit_004": _("Arrived in the destination country"),
    "InTransit_005": _("Released by customs"),
    "InTransit_006": _("At customs"),
    "InTransit_007": _("Left a parcel centre"),
    "InTransit_008": _("Problem solved, on its way again"),
    "InTransit_009": _("Redirected to another address"),
}


def milestone(scan: Checkpoint, *, is_return: bool) -> str:
    """The scan's meaning, in the current language."""
    if not is_return and scan.subtag in ON_THE_WAY:
        return str(ON_THE_WAY[scan.subtag])
    facts = ParcelFacts(status=status_of(scan.tag, scan.subtag), subtag=scan.subtag, is_return=is_return)
    return str(STATES[state_of(facts)].headline)
