"""A number that staff corrected, in commercetools too: the one field of the merchant that is ever written, on demand.

    GET ─> somebody else changed it since: left as it is, and said so
       ├─> it is right already: nothing to write
       └─> setParcelTrackingData with all of the other data as they are ─ 409 ─> GET again, a bounded number of times

The wanted number follows from the remap's item: the new one after the move, the old one after its undo.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from tracking.clients.commercetools import CommercetoolsClient
from tracking.clients.errors import Conflict, Refused, RetryLater
from tracking.enums import RemapItemState
from tracking.models import Order, Parcel, RemapItem
from tracking.payloads.from_commercetools import deliveries
from tracking.payloads.reading import Node
from tracking.services import connections
from tracking.services.collect import store_key, store_order
from tracking.services.link import wanted_for
from tracking.services.record_write import record_write
from tracking.services.remap_move import snapshot
from tracking.services.story import ending, tell
from tracking.services.write_back import MOST_TRIES

IN_COMMERCETOOLS = "In commercetools: "


def correct_number(item_id: int) -> None:
    """Make the parcel in commercetools carry the number that the item stands for. Raises UpstreamError; repeatable."""
    item = RemapItem.objects.select_related("remap", "parcel__order__project", "parcel__order__store").get(pk=item_id)
    order = item.parcel.order
    client = connections.commercetools(order.project)
    for _ in range(MOST_TRIES):
        try:
            note(item, correct_once(item, order, client))
        except Conflict:
            continue
        except Refused as error:
            note(item, f"refused: {error.code}: {error.message}")
        return
    raise RetryLater("commercetools", "conflict", f"Somebody else kept writing this order, {MOST_TRIES} times over.")


def numbers_of(item: RemapItem) -> tuple[str, str]:
    """The number that commercetools should have, and the one that it may have until then."""
    old, new = str(item.before["wanted"][0]), str(item.remap.target["number"])
    return (new, old) if item.state == RemapItemState.MOVED else (old, new)


def correct_once(item: RemapItem, order: Order, client: CommercetoolsClient) -> str:
    """One round; returns what became of it in words."""
    wanted, until_now = numbers_of(item)
    document = client.get_order(order.commercetools_id, store=store_key(order))
    data = tracking_data_of(document, item.parcel.commercetools_id)
    if data is None:
        return "the parcel is gone."
    if data.get("trackingId") == wanted:
        settle(item, order, document, [])
        return "the number is there."
    if data.get("trackingId") != until_now:
        return "somebody else changed the number; it was left."
    action = {
        "action": "setParcelTrackingData",
        "parcelId": item.parcel.commercetools_id,
        "trackingData": {**data, "trackingId": wanted},
    }
    updated = client.update_order(order.commercetools_id, document["version"], [action], store=store_key(order))
    settle(item, order, updated, [action])
    tell("number corrected in commercetools", order=str(order), number=wanted, before=ending(until_now))
    return "the number is corrected."


def tracking_data_of(document: dict[str, Any], parcel_id: str) -> dict[str, Any] | None:
    """All of the parcel's tracking data as commercetools has them: what is not sent back is lost. None: no parcel."""
    for _key, delivery in deliveries(Node(document)):
        for parcel in delivery.children("parcels"):
            if parcel.text("id") == parcel_id:
                return dict(parcel.child("trackingData").value)
    return None


@transaction.atomic
def settle(item: RemapItem, order: Order, document: dict[str, Any], sent: list[dict[str, Any]]) -> None:
    """Take the answer in. The parcel goes on with the tracking that it has: it was chosen for this very number."""
    order = Order.objects.select_for_update(of=("self",)).select_related("project").get(pk=order.pk)
    wanted, until_now = numbers_of(item)
    parcel = Parcel.objects.select_for_update().get(pk=item.parcel_id)
    if item.state == RemapItemState.MOVED and parcel.linked_for[:1] == [until_now]:
        parcel.linked_for = [wanted, *parcel.linked_for[1:]]
        parcel.override = {name: value for name, value in parcel.override.items() if name != "number"}
        parcel.save(update_fields=["linked_for", "override"])
    if sent:
        record_write(
            order, sent, {item.parcel.commercetools_id: {"trackingId": ending(until_now)}}, document["version"]
        )
    store_order(order, document)
    fresh = Parcel.objects.select_related("tracking__account").get(pk=parcel.pk)
    if item.state == RemapItemState.MOVED and wanted_for(fresh)[0] == wanted:
        RemapItem.objects.filter(pk=item.pk, state=RemapItemState.MOVED).update(after=snapshot(fresh))


def note(item: RemapItem, words: str) -> None:
    """Keep on the item what became of it there."""
    row = RemapItem.objects.get(pk=item.pk)
    outcome = row.outcome.partition(f" {IN_COMMERCETOOLS}")[0]
    RemapItem.objects.filter(pk=item.pk).update(outcome=f"{outcome} {IN_COMMERCETOOLS}{words}"[:300])
