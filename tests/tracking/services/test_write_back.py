"""Writing to commercetools, against the sandbox: rivals, many parcels, foreign Types, nothing to say."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import CustomType, Project
from tests.factories import make_account, make_order, make_parcel, make_project, make_store, make_tracking
from tracking.clients.errors import RetryLater
from tracking.enums import ParcelStatus, ProblemKind
from tracking.models import Order, Problem, Tracking
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox
from tracking.services import write_back
from tracking.services.setup import set_up
from tracking.services.write_back import write_order

pytestmark = pytest.mark.django_db
NUMBER = "00340434161094000001"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


class Shop:
    """The sandbox's project ``demo``, and our row of it, with its Types set up."""

    def __init__(self, sandbox: Sandbox) -> None:
        sandbox.reset()
        self.control = SandboxClient(sandbox.url)
        self.control.project("demo", client_id="id", client_secret="secret")
        facts = {"api_url": sandbox.url, "auth_url": sandbox.url, "client_id": "id", "client_secret": "secret"}
        self.project = make_project(key="demo", **facts)
        self.account = make_account()
        list(set_up(self.project))
        self.since = self.mark()

    def order(self, parcels: int = 1, **facts: Any) -> Order:
        """An order there and its row here, at the same version; each parcel shows an open tracking in transit."""
        drafts = [{"id": str(uuid.uuid4()), "trackingData": {"trackingId": f"{NUMBER}{at}"}} for at in range(parcels)]
        document = self.control.create_order(
            "demo",
            orderNumber="DE-1",
            shippingInfo={"deliveries": [{"id": "d-1", "items": [], "parcels": drafts}]},
            lineItems=[{"id": "li-1", "quantity": 1}],
        )
        known = {"commercetools_id": document["id"], "version": document["version"], "items": {"li-1": 1}}
        order = make_order(self.project, **known | {"shipment_state": "", "order_number": "DE-1"} | facts)
        for draft in drafts:
            number = draft["trackingData"]["trackingId"]
            tracking = make_tracking(self.account, tracking_number=number)
            linked = [number, "", False]
            make_parcel(order, tracking, commercetools_id=draft["id"], carrier="", linked_for=linked)
        self.since = self.mark()
        return order

    def mark(self) -> int:
        return max((one["n"] for one in self.control.journal()), default=0)

    def calls(self) -> list[tuple[str, int]]:
        """Calls since the order was made, without those for tokens."""
        entries = self.control.journal("commercetools", self.since)
        return [(one["method"], one["status"]) for one in entries if not one["path"].startswith("/oauth")]

    def carried(self, order: Order) -> list[dict[str, Any]]:
        now = self.control.order("demo", order.commercetools_id)
        parcels = [parcel for delivery in now["shippingInfo"]["deliveries"] for parcel in delivery["parcels"]]
        return [(parcel.get("custom") or {}).get("fields", {}) for parcel in parcels]

    def rival(self, order: Order) -> None:
        """Somebody else writes the order."""
        self.control.foreign_update("demo", order.commercetools_id, {"action": "setLocale", "locale": "fr"})

    def give_type(self, order: Order, key: str, **fields: Any) -> None:
        """Somebody else puts a Type on every parcel, and we have heard of it."""
        actions = [
            {
                "action": "setParcelCustomType",
                "parcelId": parcel_id,
                "type": {"typeId": "type", "key": key},
                "fields": fields,
            }
            for parcel_id in order.parcels.values_list("commercetools_id", flat=True)
        ]
        self.control.foreign_update("demo", order.commercetools_id, *actions)
        now = self.control.order("demo", order.commercetools_id)
        type_id = now["shippingInfo"]["deliveries"][0]["parcels"][0]["custom"]["type"]["id"]
        Order.objects.filter(pk=order.pk).update(version=now["version"])
        order.parcels.update(type_id=type_id, carried={})
        self.since = self.mark()


@pytest.fixture
def shop(sandbox: Sandbox, db: None) -> Shop:
    return Shop(sandbox)


def open_kinds() -> list[str]:
    return list(Problem.objects.filter(closed_at=None).order_by("pk").values_list("kind", flat=True))


# ── what a write costs ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_known_order_is_written_with_one_call_and_a_second_time_with_none(shop: Shop) -> None:
    order = shop.order(parcels=3)
    write_order(order.pk)
    assert shop.calls() == [("POST", 200)]
    assert [fields["tb_status"] for fields in shop.carried(order)] == ["in_transit"] * 3
    write_order(order.pk)
    assert shop.calls() == [("POST", 200)]


def test_an_order_that_was_never_read_is_read_first(shop: Shop) -> None:
    order = shop.order(version=None)
    write_order(order.pk)
    assert shop.calls() == [("GET", 200), ("POST", 200)]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda order: Order.objects.update(deleted_at=timezone.now()),
        lambda order: order.parcels.update(removed_at=timezone.now()),
        lambda order: order.parcels.update(tracking=None),
        lambda order: Tracking.objects.update(opened_at=None),
    ],
    ids=["order deleted", "parcel removed", "no tracking", "not opened"],
)
def test_where_nothing_is_to_be_said_nothing_is_called(shop: Shop, spoil: Callable[[Order], Any]) -> None:
    order = shop.order()
    spoil(order)
    write_order(order.pk)
    assert shop.calls() == []


def test_only_the_clock_of_the_update_is_no_reason_to_write(shop: Shop) -> None:
    order = shop.order()
    write_order(order.pk)
    Tracking.objects.update(updated_at=timezone.now())
    write_order(order.pk)
    assert shop.calls() == [("POST", 200)]


def test_more_than_500_changes_go_out_in_several_calls_and_all_arrive(shop: Shop) -> None:
    order = shop.order(parcels=600)
    write_order(order.pk)
    assert shop.calls() == [("POST", 200), ("POST", 200)]
    assert [fields.get("tb_status") for fields in shop.carried(order)] == ["in_transit"] * 600


def test_a_field_that_is_empty_now_is_removed(shop: Shop) -> None:
    order = shop.order()
    write_order(order.pk)
    assert shop.carried(order)[0]["tb_location"] == "Börnicke, BB, Germany"
    Tracking.objects.update(last_location="", eta=None)
    write_order(order.pk)
    assert not {"tb_location", "tb_eta"} & shop.carried(order)[0].keys()


# ── rivals ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rival_is_met_by_reading_and_planning_again(shop: Shop) -> None:
    order = shop.order()
    shop.rival(order)
    write_order(order.pk)
    assert shop.calls() == [("POST", 409), ("GET", 200), ("POST", 200)]
    order.refresh_from_db()
    assert order.locale == "fr"


def test_a_rival_who_said_the_same_leaves_nothing_to_write(shop: Shop) -> None:
    order = shop.order()
    write_order(order.pk)
    stale = Order.objects.values("version", "carried", "type_id").get()
    Order.objects.filter(pk=order.pk).update(version=1)
    order.parcels.update(carried={}, type_id="")
    shop.since = shop.mark()
    write_order(order.pk)
    assert shop.calls() == [("POST", 409), ("GET", 200)]
    assert Order.objects.values("version", "carried", "type_id").get() == stale


def test_after_four_rounds_with_a_rival_the_job_waits(shop: Shop) -> None:
    order = shop.order()
    shop.control.set_dials(commercetools={"rival_rate": 1})
    with pytest.raises(RetryLater) as caught:
        write_order(order.pk)
    assert caught.value.code == "conflict"
    assert shop.calls() == [("POST", 409), *[("GET", 200), ("POST", 409)] * 3]


def test_an_order_that_is_gone_is_marked_so_and_no_error(shop: Shop) -> None:
    order = shop.order()
    shop.control.delete_order("demo", order.commercetools_id)
    write_order(order.pk)
    order.refresh_from_db()
    assert order.deleted_at is not None
    assert Tracking.objects.get().retired_at is not None


# ── Types ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def foreign_type(shop: Shop, key: str = "erp") -> None:
    definition = {"name": "box", "label": {"en": "Box"}, "required": False, "type": {"name": "String"}}
    draft = {"key": key, "name": {"en": key}, "resourceTypeIds": ["order-parcel"], "fieldDefinitions": [definition]}
    write_back.connections.commercetools(shop.project).create_type(draft)


def test_a_foreign_type_is_looked_at_once_then_left_alone_for_a_while(shop: Shop) -> None:
    order = shop.order()
    foreign_type(shop)
    shop.give_type(order, "erp", box="A7")
    for _ in range(3):
        write_order(order.pk)
    assert shop.calls()[:2] == [("GET", 200), ("POST", 200)], "the Type is read, and the order's own fields are written"
    assert len(shop.calls()) == 2
    assert shop.carried(order) == [{"box": "A7"}]
    assert open_kinds() == [ProblemKind.FOREIGN_TYPE]
    long_ago = timezone.now() - write_back.FOREIGN_TYPE_RECHECK - timedelta(seconds=1)
    CustomType.objects.filter(key="erp").update(checked_at=long_ago)
    write_order(order.pk)
    assert shop.calls()[2:] == [("GET", 200)]


def test_a_foreign_type_on_one_parcel_does_not_hold_up_the_others(shop: Shop) -> None:
    order = shop.order(parcels=2)
    foreign_type(shop)
    first = order.parcels.order_by("pk").first()
    action = {"action": "setParcelCustomType", "parcelId": first.commercetools_id}
    shop.control.foreign_update(
        "demo", order.commercetools_id, action | {"type": {"typeId": "type", "key": "erp"}, "fields": {"box": "A7"}}
    )
    write_order(order.pk)
    assert [fields.get("tb_status") for fields in shop.carried(order)] == [None, "in_transit"]


def test_a_type_that_commercetools_does_not_show_is_no_deleted_order(shop: Shop) -> None:
    """Its parcel carried that Type when we read it. The 404 is about the Type alone: the order is read and written."""
    order = shop.order()
    order.parcels.update(type_id=str(uuid.uuid4()))
    write_order(order.pk)
    assert shop.calls() == [("GET", 404), ("GET", 200), ("POST", 200)]
    order.refresh_from_db()
    assert order.deleted_at is None
    assert Tracking.objects.get().retired_at is None
    assert shop.carried(order)[0]["tb_status"] == "in_transit"


def test_an_order_that_goes_between_a_conflict_and_the_next_read_is_marked_deleted(shop: Shop) -> None:
    order = shop.order()
    path = f"/demo/orders/{order.commercetools_id}"
    conflict = {"status": 409, "count": 1, "match": f"POST {path}"}
    shop.control.set_dials(commercetools={"fail": [conflict]})
    shop.control.delete_order("demo", order.commercetools_id)
    write_order(order.pk)
    assert shop.calls() == [("POST", 409), ("GET", 404)]
    order.refresh_from_db()
    assert order.deleted_at is not None


# ── the order as a whole ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("mode", "state"), [("off", None), ("forward", "Shipped"), ("full", "Shipped")])
def test_the_shipment_state_follows_only_where_it_may(shop: Shop, mode: str, state: str | None) -> None:
    Project.objects.update(shipment_state=mode)
    order = shop.order()
    write_order(order.pk)
    assert shop.control.order("demo", order.commercetools_id).get("shipmentState") == state


def test_a_parcel_that_waits_for_its_tracking_counts_as_pending(shop: Shop) -> None:
    order = shop.order(parcels=2)
    Tracking.objects.filter(pk=order.parcels.order_by("pk").first().tracking_id).update(opened_at=None)
    Tracking.objects.exclude(opened_at=None).update(status=ParcelStatus.DELIVERED)
    write_order(order.pk)
    fields = shop.control.order("demo", order.commercetools_id)["custom"]["fields"]
    assert (fields["tb_status"], fields["tb_parcels"], fields["tb_parcels_delivered"]) == ("pending", 2, 1)


@pytest.mark.parametrize(("of_store", "state"), [("off", None), ("full", "Shipped"), ("", "Shipped")])
def test_a_store_says_itself_whether_the_shipment_state_follows(shop: Shop, of_store: str, state: str | None) -> None:
    order = shop.order(store=make_store(shop.project, key="de-web", shipment_state=of_store))
    write_order(order.pk)
    assert shop.control.order("demo", order.commercetools_id).get("shipmentState") == state
