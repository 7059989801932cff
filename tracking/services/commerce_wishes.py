"""Wishes to tell AfterShip's Commerce API of orders (``commerce.py``): made where trackings open and orders change."""

from __future__ import annotations

from stores.models import AfterShipAccount
from tracking.enums import JobKind
from tracking.models import Order, Parcel, Tracking
from tracking.models.orders import SHOWN
from tracking.services import jobs
from tracking.services.connections import upstream_key


def want_commerce_of(tracking: Tracking) -> None:
    """A tracking was opened: its orders and parcels may be told of now. No query where the account is told of none."""
    if tracking.account.sends_orders:
        shown = Parcel.objects.filter(SHOWN, tracking=tracking, is_return=False)
        wish(list(Order.objects.filter(pk__in=shown.values("order")).only("correlation_id")), tracking.account)


def want_commerce_again(order: Order) -> None:
    """The order changed: those that were told of it hear of it again. No query where nobody was."""
    if order.commerce:
        for account in AfterShipAccount.objects.filter(key__in=order.commerce, sends_orders=True):
            wish([order], account)


def wish(orders: list[Order], account: AfterShipAccount) -> None:
    upstream = upstream_key(account)
    jobs.want(jobs.Wish(JobKind.COMMERCE, str(one.pk), upstream, one.correlation_id) for one in orders)
