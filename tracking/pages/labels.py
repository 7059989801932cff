"""The words between the texts of an order, for who draws the page elsewhere."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from tracking.words.languages import speaking

LABELS = {
    "not_shipped": _("Not shipped yet"),
    "items": _("Your items"),
    "returns": _("What you sent back"),
    "carrier": _("Carrier"),
    "tracking_number": _("Tracking number"),
    "follow": _("Follow it at the carrier"),
    "pickup": _("Pickup point"),
    "earlier": _("Earlier news"),
    "progress": _("Progress"),
    "done": _("(done)"),
    "updated": _("Last updated:"),
    "paused": _("We are getting no news from the carrier at the moment. This is the latest we know."),
    "details": _("All details"),
}


def labels(language: str) -> dict[str, str]:
    """All of them in this language."""
    with speaking(language):
        return {name: str(words) for name, words in LABELS.items()}
