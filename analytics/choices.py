"""What the filters of a page offer: what there is, within what the person may see."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from analytics.filters import SLICED, Filters
from analytics.models import Slice
from analytics.names_of import names_of

OFFERED = (
    ("store", gettext_lazy("Store")),
    ("channel", gettext_lazy("Supply channel")),
    ("courier", gettext_lazy("Courier")),
    ("country", gettext_lazy("Destination")),
    ("account", gettext_lazy("AfterShip account")),
)
ONLY_WHERE_CHOSEN = "account"  # addresses may have it; offering it to everybody would be one more thing to read


def choices_for(filters: Filters) -> list[dict[str, Any]]:
    """One select per dimension: its parameter, label and options; two queries for all. Chosen values always show."""
    rows = Slice.objects.all() if filters.seen is None else Slice.objects.filter(store_id__in=filters.seen)
    combinations = list(rows.values_list(*(SLICED[name] for name, _label in OFFERED)).distinct())
    found = []
    for at, (name, label) in enumerate(OFFERED):
        if name == ONLY_WHERE_CHOSEN and not filters.chosen.get(name):
            continue
        values, chosen = {str(row[at]) for row in combinations}, {str(one) for one in filters.chosen.get(name, ())}
        if filters.seen is None:  # whoever is limited learns no name from an address
            values |= chosen
        named = names_of(name, values - {"", "0"})
        options = [
            {"value": value, "words": words, "is_chosen": value in chosen}
            for value, words in sorted(named.items(), key=lambda one: one[1])
        ]
        several = sum(option["is_chosen"] for option in options) > 1  # of an address; the form keeps them all
        found.append({"name": name, "label": label, "options": options, "all": _("all"), "several": several})
    return found
