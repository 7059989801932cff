"""What each message of commercetools leads to, counted in the sandbox's journal: reads, and what AfterShip is told."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from stores.models import Route
from tests.end_to_end.test_road import post, work_off
from tests.end_to_end.world import TOKEN, World, parcel
from tracking.enums import ReceiptState
from tracking.models import Job, Order, Receipt, Tracking
from tracking.services import connections

NUMBER, OTHER = "00340434161094000001", "1Z999AA10123456784"
PUT = "PUT /tracking/2026-07/trackings/"
BERLIN = {"country": "DE", "postalCode": "10115", "city": "Berlin"}
WIEN = {"country": "AT", "postalCode": "1010", "city": "Wien"}


def tell(world: World, document: dict[str, Any]) -> Receipt:
    """Send one message of our making; returns its receipt when all is worked."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{world.own_url}/webhooks/commercetools/demo/"
    assert post(url, json.dumps({"projectKey": "demo", **document}).encode(), headers)[0] == 200
    world.work()
    return Receipt.objects.order_by("-pk")[0]


def message_about(order: dict[str, Any], kind: str, **fields: Any) -> dict[str, Any]:
    """A message of a version that nobody has read yet."""
    resource = {"typeId": "order", "id": order["id"]}
    ids = {"id": str(uuid.uuid4()), "resource": resource, "resourceVersion": 1_000}
    return {"notificationType": "Message", "version": 1, "type": kind, **ids, **fields}


def outcomes(event: str) -> list[tuple[str, str]]:
    return list(Receipt.objects.filter(event=event).order_by("pk").values_list("state", "outcome"))


# ── what costs nothing ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_test_notification_is_acknowledged_and_makes_no_order(world: World) -> None:
    since = world.mark()
    about = {"resource": {"typeId": "subscription", "id": "s-1"}, "version": 1}
    receipt = tell(world, {"notificationType": "ResourceCreated", **about})
    assert (receipt.state, receipt.outcome) == (
        ReceiptState.IGNORED,
        "a test of the subscription: what it sends arrives here",
    )
    assert world.calls("commercetools", since) == []
    assert not Order.objects.exists()


def test_echoes_of_our_own_writes_cost_no_read(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    since = world.mark()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    assert world.calls("commercetools", since) == [f"POST /demo/orders/{order['id']}"]
    echoed = {message["type"] for message in world.sandbox.messages("demo")}
    assert {"OrderCustomTypeSet", "OrderCustomFieldChanged", "OrderShipmentStateChanged"} <= echoed
    version = world.sandbox.order("demo", order["id"])["version"]
    change = {"resource": {"typeId": "order", "id": order["id"]}, "version": version, "oldVersion": version - 1}
    receipt = tell(world, {"notificationType": "ResourceUpdated", **change})
    assert receipt.outcome == f"known: the order was read at version {version}"
    assert world.calls("commercetools", since) == [f"POST /demo/orders/{order['id']}"]


@pytest.mark.parametrize("name", ["tb_status", "gift_wrap"])
def test_a_custom_field_that_no_route_asks_for_costs_nothing(world: World, name: str) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    since = world.mark()
    receipt = tell(world, message_about(order, "OrderCustomFieldChanged", name=name, value="x"))
    assert (receipt.state, receipt.outcome) == (
        ReceiptState.IGNORED,
        "OrderCustomFieldChanged changes nothing that is shipped",
    )
    assert world.calls("commercetools", since) == []


@pytest.mark.parametrize(
    ("kind", "fields", "is_read"),
    [
        ("OrderCustomFieldAdded", {"name": "fulfilled_by"}, True),
        ("OrderCustomFieldRemoved", {"name": "fulfilled_by"}, True),
        ("OrderCustomFieldChanged", {"name": "tb_status"}, False),
        ("OrderCustomTypeSet", {"customFields": {"fields": {"fulfilled_by": "us"}}}, True),
        ("OrderCustomTypeSet", {"customFields": {"fields": {"tb_status": "pending"}}}, False),
        ("OrderCustomTypeSet", {"customFields": {"fields": {}}, "oldTypeId": "t-1"}, True),
        ("OrderCustomTypeRemoved", {}, True),
        ("ReturnInfoAdded", {}, True),
        ("ReturnInfoSet", {}, True),
        ("OrderReturnShipmentStateChanged", {"returnItemId": "r-1"}, False),
        ("DeliveryAddressSet", {}, False),
        ("ParcelMeasurementsUpdated", {}, False),
        ("OrderEstimatedDeliverySet", {}, False),
        ("OrderStateTransition", {}, False),
        ("OrderEditApplied", {}, True),
        ("DeliveryRemoved", {}, True),
        ("ParcelRemovedFromDelivery", {}, True),
        ("OrderStoreSet", {}, True),
    ],
)
def test_which_messages_lead_to_a_read_where_a_route_asks_for_a_field(
    world: World, kind: str, fields: dict[str, Any], is_read: bool
) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    Route.objects.create(
        project=world.project, account=world.account, field_name="fulfilled_by", field_values=["us"], position=9
    )
    since = world.mark()
    tell(world, message_about(order, kind, **fields))
    assert world.calls("commercetools", since) == ([f"GET /demo/orders/{order['id']}"] if is_read else [])


def test_a_message_whose_payload_was_left_out_leads_to_a_read(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    since = world.mark()
    left_out = message_about(order, "x", payloadNotIncluded={"reason": "Payload too large.", "payloadType": "x"})
    del left_out["type"]
    tell(world, left_out)
    assert world.calls("commercetools", since) == [f"GET /demo/orders/{order['id']}"]


# ── orders that end, and come back ───────────────────────────────────────────────────────────────────────────────────


def test_a_cancelled_order_is_tracked_no_more_and_shows_why(world: World) -> None:
    order = world.order(parcel(NUMBER), parcel(None))
    world.work()
    tracking = world.tracking(NUMBER)
    world.change(order, {"action": "changeOrderState", "orderState": "Cancelled"})
    world.work()
    tracking.refresh_from_db()
    assert (tracking.retired_reason, world.sandbox.trackings("main")) == ("the order was cancelled", [])
    assert world.our_order(order).parcels.get(tracking_number=NUMBER).tracking == tracking, "so that it is seen why"
    since = world.mark()
    delivery = world.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["id"]
    late = {"trackingId": OTHER, "carrier": "UPS"}
    world.change(order, {"action": "addParcelToDelivery", "deliveryId": delivery, "trackingData": late})
    world.work()
    assert world.calls("aftership", since) == []


def test_an_order_that_is_opened_again_is_tracked_again(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.change(order, {"action": "changeOrderState", "orderState": "Cancelled"})
    world.work()
    world.change(order, {"action": "changeOrderState", "orderState": "Open"})
    world.work()
    (told,) = world.sandbox.trackings("main")
    assert (told["id"], told["tracking_number"]) == (world.tracking(NUMBER).pk, NUMBER)
    assert [fields["tb_tracking_id"] for fields in world.carried(order).values()] == [told["id"]]
    assert Tracking.objects.filter(tracking_number=NUMBER).count() == 2


def test_a_box_shared_with_a_cancelled_order_is_tracked_for_the_other(world: World) -> None:
    cancelled, other = world.order(parcel(NUMBER)), world.order(parcel(NUMBER), number="DE-1002")
    world.work()
    world.change(cancelled, {"action": "changeOrderState", "orderState": "Cancelled"})
    world.work()
    since = world.mark()
    world.scan(world.tracking(NUMBER), "InTransit")
    world.work()
    assert world.calls("commercetools", since) == [f"POST /demo/orders/{other['id']}"]


# ── what AfterShip is told afterwards ────────────────────────────────────────────────────────────────────────────────


def puts(world: World, since: int) -> list[str]:
    return [call for call in world.calls("aftership", since) if call.startswith("PUT")]


def test_a_changed_address_is_one_put_and_the_same_again_none(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    since, tracking = world.mark(), world.tracking(NUMBER)
    world.change(order, {"action": "setShippingAddress", "address": {**BERLIN, "streetName": "Invalidenstraße"}})
    world.work()
    assert world.calls("aftership", since) == [], "AfterShip is told no street"
    world.change(order, {"action": "setShippingAddress", "address": WIEN})
    world.work()
    assert world.calls("aftership", since) == [PUT + tracking.pk]
    (told,) = world.sandbox.trackings("main")
    place = [told[f"destination_{part}"] for part in ("country_region", "city", "postal_code", "state")]
    assert (place, told["customers"]) == (["AUT", "Wien", "1010", ""], []), "no route says that AfterShip notifies"
    world.change(order, {"action": "setShippingAddress", "address": WIEN | {"streetName": "Ring"}})
    world.change(order, {"action": "setCustomerEmail", "email": "new@example.com"})
    world.work()
    assert puts(world, since) == [PUT + tracking.pk], "an e-mail is not AfterShip's where it does not notify"


def test_a_blank_in_the_new_address_clears_what_aftership_had(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.change(order, {"action": "setShippingAddress", "address": {"country": "DE"}})
    world.work()
    (told,) = world.sandbox.trackings("main")
    assert (told["destination_city"], told["destination_postal_code"]) == ("", "")


def test_a_changed_email_reaches_aftership_where_it_notifies_and_a_removed_one_is_taken_away(world: World) -> None:
    Route.objects.update(notify=Route.Notify.AFTERSHIP)
    order = world.order(parcel(NUMBER), parcel(OTHER, "UPS", is_return=True))
    world.work()
    since, tracking = world.mark(), world.tracking(NUMBER)
    world.change(order, {"action": "setCustomerEmail", "email": "Neu@Example.com"})
    world.work()
    told = {one["tracking_number"]: one for one in world.sandbox.trackings("main")}
    assert [one["email"] for one in told[NUMBER]["customers"]] == ["neu@example.com"]
    assert told[OTHER]["customers"] == [], "never for a return"
    world.change(order, {"action": "setCustomerEmail", "email": None})
    world.work()
    assert {one["tracking_number"]: one["customers"] for one in world.sandbox.trackings("main")} == {
        NUMBER: [],
        OTHER: [],
    }
    assert puts(world, since) == [PUT + tracking.pk] * 2


def test_a_quiet_tracking_is_given_no_email(world: World) -> None:
    Route.objects.update(notify=Route.Notify.AFTERSHIP)
    order = world.order(parcel(NUMBER))
    world.work()
    Tracking.objects.update(is_quiet=True)
    since = world.mark()
    world.change(order, {"action": "setShippingAddress", "address": WIEN})
    world.work()
    assert puts(world, since) == [PUT + world.tracking(NUMBER).pk]
    Tracking.objects.update(told="")
    world.change(order, {"action": "setCustomerEmail", "email": "new@example.com"})
    world.work()
    (told,) = world.sandbox.trackings("main")
    assert [one["email"] for one in told["customers"]] == ["anna.muster@example.com"], "as it was when it was not quiet"


def test_an_address_that_changes_before_the_tracking_is_open_is_not_missed(world: World, settings: Any) -> None:
    settings.JOB_BACKOFF_BASE_SECONDS, settings.JOB_BACKOFF_CAP_SECONDS = 0.01, 0.02
    order = world.order(parcel(NUMBER))
    world.sandbox.set_dials(aftership={"fail": [{"status": 503, "count": 1, "match": "POST /tracking"}]})
    world.work()
    world.change(order, {"action": "setShippingAddress", "address": WIEN})
    world.work()
    work_off(world)
    (told,) = world.sandbox.trackings("main")
    assert told["destination_city"] == "Wien"


def test_a_tracking_that_is_gone_at_aftership_stops_no_change_of_the_address(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    tracking = world.tracking(NUMBER)
    connections.aftership(tracking.account).delete_tracking(tracking.pk)
    since = world.mark()
    world.change(order, {"action": "setShippingAddress", "address": WIEN})
    world.work()
    assert puts(world, since) == [PUT + tracking.pk]
    assert not Job.objects.filter(dead_at__isnull=False).exists()
