"""Where a project's tracking numbers stand if not on parcels: in a custom field of its orders or deliveries.

Kept as ``Project.tracking_source``: the options below by name, those that are given; empty: on parcels only. A project
whose numbers stand in a field may have parcels as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

PARCEL, ORDER, DELIVERY = "parcel", "order", "delivery"
PLACES = (PARCEL, ORDER, DELIVERY)
FIELD_NAME = re.compile(r"[A-Za-z0-9_-]{2,36}")  # what commercetools lets a field be called
LONGEST = 100


@dataclass(frozen=True)
class Option:
    """One option: how the console names and explains it."""

    label: str | Promise
    help: str | Promise


OPTIONS = {
    "field": Option(_("Field"), _("The custom field's name, such as fft_parcels.")),
    "number": Option(
        _("Key of the number"),
        _("Where the field holds JSON objects: the key of the number in each. Empty: plain numbers."),
    ),
    "carrier": Option(_("Key of the carrier"), _("Optional: the key of the carrier in each object.")),
    "carrier_text": Option(_("Carrier"), _("Optional: the carrier of all numbers that come without one, such as DHL.")),
    "items": Option(
        _("Key of the items"),
        _("Optional: the key of the contents in each object, an object of line item id and quantity."),
    ),
}


def faults(options: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with options that are to be kept: name → words."""
    where = options.get("where")
    if where not in (ORDER, DELIVERY):
        words = gettext("leave this out where numbers stand on parcels only")
        return {name: words for name in options if name != "where"}
    found = {}
    if not options.get("field"):
        found["field"] = gettext("missing; name the custom field")
    elif not FIELD_NAME.fullmatch(options["field"]):
        found["field"] = gettext("2 to 36 letters, digits, _ or - are expected")
    elif options["field"].startswith("tb_"):
        found["field"] = gettext("fields that begin with tb_ are written here, not read")
    for name in ("carrier", "items"):
        if options.get(name) and not options.get("number"):
            found[name] = gettext("needs the key of the number: without objects there are no keys")
    return found
