"""What people of the staff made of an erased person's rows: files of exports, and saved views that name them.

Looked at once, at the end of an erasure: what is exported later holds nothing of the person any more. An export that
is still being written ends here as well, since some of its pages may be older.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

from django.db import transaction
from django.utils import timezone

from tracking.models import Erasure, Export, ExportPart, Order, Parcel, SavedView
from tracking.services.erase import erases_at_the_end

WHY = "Somebody who was in it was erased: export it again."


@erases_at_the_end("exports")
def exports(erasure: Erasure) -> int:
    """Their files go, their rows stay and say why. Holds each export's row, so that no page is written meanwhile."""
    signs = signs_of(erasure)
    number = 0
    for pk in Export.objects.order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            export = Export.objects.select_for_update().filter(pk=pk).first()
            if export and is_about(export, signs):
                ExportPart.objects.filter(export=export).delete()
                query = "" if signs.search(unquote_plus(export.query)) else export.query
                Export.objects.filter(pk=pk).update(
                    query=query, fault=WHY, finished_at=export.finished_at or timezone.now()
                )
                number += 1
    return number


def is_about(export: Export, signs: re.Pattern[str]) -> bool:
    """By its filters, or by what is written so far: one part in memory at a time."""
    if signs.search(unquote_plus(export.query)):
        return True
    return any(signs.search(part.text) for part in ExportPart.objects.filter(export=export).iterator(chunk_size=1))


def signs_of(erasure: Erasure) -> re.Pattern[str]:
    """What tells that a text is about the person: the address, or a number, id or code of their orders and parcels.

    Only as a word of its own: the order 12 is not meant by 12.50.
    """
    orders = Order.objects.filter(erasure=erasure)
    words = {erasure.email or ""}
    for row in orders.values_list("order_number", "commercetools_id", "correlation_id"):
        words.update(row)
    words.update(Parcel.objects.filter(order__in=orders.values("pk")).values_list("tracking_number", flat=True))
    told = "|".join(re.escape(word) for word in sorted(words - {""}))
    return re.compile(rf"(?<![\w.@-])(?:{told})(?![\w@-]|\.\w)", re.IGNORECASE)


@erases_at_the_end("saved views")
def views(erasure: Erasure) -> int:
    """Those that name the person's address; a list without this filter would be another view."""
    address = (erasure.email or "").lower()
    rows = SavedView.objects.values_list("pk", "name", "query")
    naming = [pk for pk, name, query in rows if address and address in f"{name}\n{unquote_plus(query)}".lower()]
    SavedView.objects.filter(pk__in=naming).delete()
    return len(naming)
