"""Order and parcels → AfterShip's Commerce API, where the account's switch ``sends_orders`` is on.

    tracking opened, order changed ─ commerce_wishes ─> Job COMMERCE ─> GET order (commercetools: totals are not kept)
        ├─ order: found or made, or told what changed
        └─ each parcel whose tracking is open: a fulfilment that refers to it, or the new tracking after a remap

What AfterShip has is kept on the order (``Order.commerce``) with a digest of what it was told: no difference, no call.
AfterShip does not recognise a repeated create, so each is looked for before it is made; a job runs once at a time.
"""

from __future__ import annotations

from typing import Any

from stores.models import AfterShipAccount, Route
from tracking.clients.commerce import CommerceClient
from tracking.clients.errors import NotFound
from tracking.models import Order, Parcel
from tracking.payloads import to_commerce
from tracking.payloads.to_aftership import language
from tracking.services import connections
from tracking.services.budget import SharedBudget
from tracking.services.collect import store_key
from tracking.services.story import tell


def send_order(order_id: int) -> None:
    """Bring AfterShip's orders and fulfilments in line with ours. Safe to repeat. Raises UpstreamError."""
    order = Order.objects.select_related("project", "store").get(pk=order_id)
    shown = Parcel.objects.filter(order=order, removed_at=None, tracking__opened_at__isnull=False)
    parcels = [
        parcel
        for parcel in shown.select_related("tracking__account", "route").order_by("pk")
        if parcel.tracking.account.sends_orders and not parcel.is_return
    ]
    if order.erasure_id:
        parcels = [parcel for parcel in parcels if parcel.tracking.account.key in order.commerce]
    if order.deleted_at or not parcels:
        return
    client = connections.commercetools(order.project)
    try:
        document = client.get_order(order.commercetools_id, store=store_key(order))
    except NotFound:
        return
    for account in {parcel.tracking.account_id: parcel.tracking.account for parcel in parcels}.values():
        mine = [parcel for parcel in parcels if parcel.tracking.account_id == account.pk]
        send_to(order, account, mine, document)


def send_to(order: Order, account: AfterShipAccount, parcels: list[Parcel], document: dict[str, Any]) -> None:
    """One account's side. What was done is kept after each call, so that a crash repeats one call at most."""
    client = CommerceClient(
        api_url=account.api_url,
        api_key=account.api_key,
        store_id=account.commerce_store_id,
        budget=SharedBudget(account),
    )
    known = order.commerce.setdefault(account.key, {})
    is_mailed = any(parcel.route and parcel.route.is_sender(Route.Notify.AFTERSHIP) for parcel in parcels)
    fields = to_commerce.order_fields(
        document,
        email=order.customer_email if is_mailed else "",
        language=language(order.locale) or "",
        number=str(order),
    )
    if order.erasure_id:  # what AfterShip has of this person goes; nothing new is sent
        fields.pop("shipping_address", None)
    settle_order(order, known, client, fields)
    for parcel in parcels:
        if not (order.is_cancelled or order.erasure_id):
            settle_parcel(order, known, client, parcel)


def settle_order(order: Order, known: dict[str, Any], client: CommerceClient, fields: dict[str, Any]) -> None:
    """Make AfterShip's order like ``fields``, once; looked for by source id before it is made."""
    told = to_commerce.digest(fields)
    if known.get("told") == told:
        return
    if not known.get("id"):
        there = client.find_order(fields["source_id"])
        known["id"] = (there or client.create_order(fields))["id"]
        if there:
            client.update_order(known["id"], changeable(fields))
    else:
        client.update_order(known["id"], changeable(fields))
    known["told"] = told
    keep(order)
    tell("order sent to AfterShip", order=str(order))


def changeable(fields: dict[str, Any]) -> dict[str, Any]:
    """What may still change of an order there: its items and total are those of the day it was made."""
    cleared: dict[str, Any] = {"shipping_address": {}, "customer": {}}
    names = ("number", "status", *cleared)
    return cleared | {name: fields[name] for name in names if name in fields}


def settle_parcel(order: Order, known: dict[str, Any], client: CommerceClient, parcel: Parcel) -> None:
    """The same for the fulfilment of one parcel, below the order that ``known`` names."""
    fields = to_commerce.fulfillment_fields(
        order_id=known["id"],
        parcel_id=parcel.commercetools_id,
        items=parcel.items,
        tracking_id=parcel.tracking.aftership_id,
    )
    mine = known.setdefault("fulfillments", {}).setdefault(str(parcel.pk), {})
    told = to_commerce.digest(fields)
    if mine.get("told") == told:
        return
    if not mine.get("id"):
        there = client.find_fulfillment(known["id"], fields["source_id"])
        mine["id"] = (there or client.create_fulfillment(fields))["id"]
        is_new = there is None
    else:
        is_new = False
    if not is_new:
        client.update_fulfillment(mine["id"], {"trackings": fields["trackings"], "items": fields.get("items", [])})
    mine["told"] = told
    keep(order)
    tell("fulfilment sent to AfterShip", order=str(order), number=parcel.tracking_number)


def keep(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(commerce=order.commerce)
