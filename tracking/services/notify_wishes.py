"""What is said after a status changed is decided later, by ``notify.py``: here it is only wished for."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from stores.models import Route
from tracking.enums import JobKind
from tracking.models import Order, Parcel
from tracking.models.messages import WAITING
from tracking.models.orders import SHOWN
from tracking.services import jobs

MAIL = "mail"  # before the colon of an upstream key; behind it stands the brand's
NOBODY = "-"  # where the route has no brand
# Routes by which we may write about some status.
TELLING = Q(route__notify=Route.Notify.PLATFORM) | Q(route__isnull=False) & ~Q(route__notify_by_status={})


def mail_upstream(brand_key: str | None) -> str:
    """``mail:acme``: what jobs of a brand are paused by, and limited by its budget."""
    return f"{MAIL}:{brand_key or NOBODY}"


def want_notify(tracking_ids: Iterable[str]) -> None:
    """Wish to look at what the shoppers of these trackings should know, as far as we write to them at all.

    In the transaction that changed the news. One or two queries, none without trackings.
    """
    ids = list(tracking_ids)
    if not ids:
        return
    parcels = Parcel.objects.filter(SHOWN, TELLING, tracking__in=ids, order__erasure=None)
    rows = parcels.values_list("order", "order__correlation_id", "route__brand__key").order_by("order", "pk")
    jobs.want(wish(order, code, brand) for order, code, brand in rows)


def want_notify_orders(orders: Iterable[Order]) -> None:
    """The same for orders: after something by hand, or because the time of a planned message has come."""
    by_id = {order.pk: order for order in orders}
    brands = Parcel.objects.filter(order__in=by_id, route__brand__isnull=False).order_by("-pk")
    keys = dict(brands.values_list("order", "route__brand__key"))
    jobs.want(wish(pk, order.correlation_id, keys.get(pk)) for pk, order in by_id.items())


def want_notify_waiting(order: Order) -> None:
    """The same, if anything is planned for this order: what stops it is seen at once. One query where nothing is."""
    if order.messages.filter(state__in=WAITING).exists():
        want_notify_orders([order])


def wish(order_id: int, correlation_id: str, brand_key: str | None) -> jobs.Wish:
    return jobs.Wish(JobKind.NOTIFY, str(order_id), mail_upstream(brand_key), correlation_id)
