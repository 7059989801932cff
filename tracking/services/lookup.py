"""A shopper without the link: order number, with e-mail or postcode → the order. Guessing is slow and tells nothing.

    tries of this address, of this number ─ too many ─> TooManyTriesError
             └─ order by number (1 query) ─ compare e-mail and postcode, with a stand-in where there is no order
                     ├─ no match ─> None, and the try stays counted          the same work and words in every case
                     └─ match ────> the order, and the try is taken back

The counts are rows, shared by all web processes. A number is limited as well as an address, so that many addresses
together get no further; who holds a mail with the link is not held up by that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from stores.models import Brand
from tracking.models import LookupCount, Order, Parcel
from tracking.services.counting import count_up

MINUTES_10, HOUR, DAY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
# What is limited, in which window, to how many failed tries.
LIMITS = (("address", MINUTES_10, 30), ("number", HOUR, 6), ("number", DAY, 20))
MOST_ALIKE = 5  # orders of several projects may have one number
STAND_IN = ("nobody@nowhere.invalid", "00000")


class TooManyTriesError(Exception):
    """Of this address or for this number; the same whether there is such an order or not."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__("too many tries")
        self.retry_after = retry_after


@dataclass(frozen=True)
class Asked:
    """What a shopper typed in, and where it came from."""

    number: str
    proof: str
    network: str = ""
    brand: Brand | None = None


def find_order(asked: Asked) -> Order | None:
    """The order that this shopper may see, or None. Raises TooManyTriesError before anything is looked up."""
    counted = count_try(asked)
    matches = [order for order in candidates(asked) if proves(order, asked.proof)]
    if not matches:
        return None
    take_back(counted)
    return matches[0]


def candidates(asked: Asked) -> list[Order]:
    """The orders of this number, those of the asked brand first; a stand-in where there is none. One query."""
    number = asked.number.strip()
    shows_brand = Parcel.objects.filter(order=OuterRef("pk"), route__brand=asked.brand, route__brand__isnull=False)
    rows = Order.objects.filter(order_number__in={number, number.upper(), number.lower()}, deleted_at=None).exclude(
        order_number=""
    )
    found = rows.annotate(shows_brand=Exists(shows_brand)).order_by("-shows_brand", "-created_at", "-pk")
    return list(found[:MOST_ALIKE]) or [Order(customer_email=STAND_IN[0], destination_postal_code=STAND_IN[1])]


def proves(order: Order, proof: str) -> bool:
    """Whether the proof is this order's e-mail or postcode. Both are compared always, each in constant time."""
    email, postcode = order.customer_email.strip().casefold(), plain(order.destination_postal_code)
    is_email = constant_time_compare(email, proof.strip().casefold())
    is_postcode = constant_time_compare(postcode, plain(proof))
    return order.pk is not None and ((is_email and bool(email)) or (is_postcode and bool(postcode)))


def plain(postcode: str) -> str:
    """Letters and digits alone: ``sw1a 1aa`` is ``SW1A1AA``."""
    return re.sub(r"[\W_]", "", postcode).upper()


def count_try(asked: Asked) -> list[tuple[str, datetime]]:
    """Count this try under each limit; what was counted. Raises TooManyTriesError at the first that is used up."""
    subjects = {"address": asked.network, "number": asked.number.strip().upper()[:256]}
    counted = []
    for kind, length, most in LIMITS:
        if not subjects[kind]:
            continue
        subject, window = digest(f"{kind}:{length}:{subjects[kind]}"), window_of(length)
        number = count_up(LookupCount, unique=("subject", "window"), subject=subject, window=window)
        if number == 1:
            sweep()
        if number > most:
            raise TooManyTriesError(window + length - timezone.now())
        counted.append((subject, window))
    return counted


def take_back(counted: list[tuple[str, datetime]]) -> None:
    """Who found their order did not guess."""
    same = Q(pk=None)
    for subject, window in counted:
        same |= Q(subject=subject, window=window)
    LookupCount.objects.filter(same, count__gt=0).update(count=F("count") - 1)


def sweep() -> None:
    """Forget windows that are over."""
    LookupCount.objects.filter(window__lt=timezone.now() - 2 * DAY).delete()


def window_of(length: timedelta) -> datetime:
    """When the running window of this length began."""
    seconds = int(length.total_seconds())
    return datetime.fromtimestamp(int(timezone.now().timestamp()) // seconds * seconds, UTC)


def digest(text: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"lookup:{text}".encode(), hashlib.sha256).hexdigest()
