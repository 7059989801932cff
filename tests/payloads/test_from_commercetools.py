import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given

from tests.payloads.documents import anything, document, parses_or_refuses, raw
from tracking.payloads.envelopes import unwrap
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import (
    RELEVANT_TYPES,
    Destination,
    OrderMessage,
    ParcelSnapshot,
    message_event_id,
    parse_message,
    parse_order,
)
from tracking.payloads.json_text import loads

ORDER = "7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001"
BOOT, SOCKS, PACK, ENGRAVING = (f"0f1d5a58-1c3c-4e0a-9d1b-6f6f6c0a000{n}" for n in (1, 2, 3, 9))


def digest(raw_bytes: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw_bytes).hexdigest()


def envelope(data: bytes) -> dict:
    return {"message": {"data": base64.b64encode(data).decode(), "messageId": "1"}, "subscription": "projects/p/s"}


class TestUnwrap:
    def test_plain_message_stays_as_it_is(self):
        body = raw("commercetools/message__parcel_added")
        assert unwrap(body) == [body]

    def test_pubsub_envelope_gives_the_message_inside(self):
        (body,) = unwrap(raw("commercetools/pubsub__parcel_added"))
        assert loads(body) == document("commercetools/message__parcel_added")

    def test_list_gives_one_each_with_the_exact_bytes(self):
        body = b'[ {"id": "a", "n": 1.50} , ' + json.dumps(envelope(b'{"id" : "b"}')).encode() + b', "x"]'
        assert unwrap(body) == [b'{"id": "a", "n": 1.50}', b'{"id" : "b"}', b'"x"']

    def test_list_of_envelope_and_message(self):
        bodies = unwrap(raw("commercetools/list__envelope_and_message"))
        assert [parse_message(loads(body)).type for body in bodies] == [
            "ParcelAddedToDelivery",
            "ParcelTrackingDataUpdated",
        ]

    def test_empty_list_is_nothing(self):
        assert unwrap(b"[]") == []

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"\xff",
            b"not json",
            b"[1,",
            b"[" * 50_000,
            b'"text"',
            b"null",
            b'{"message": {"data": "%%%"}}',
            b'{"message": {"data": "abc"}}',
            b'{"message": {"data": "%YWJj%"}}',
            b'{"message": {"data": ""}}',
            '{"message": {"data": "ü"}}'.encode(),
            b'{"message": {"data": 5}}',
            b'{"message": "text"}',
            b"[" + b",".join([b"0"] * 5_001) + b"]",
        ],
    )
    def test_what_cannot_be_taken_apart_is_kept_whole(self, body):
        assert unwrap(body) == [body]

    @given(anything("message data subscription"))
    def test_nothing_gets_lost_whatever_arrives(self, value):
        body = json.dumps(value).encode()
        expected = len(value) if isinstance(value, list) else 1
        assert len(unwrap(body)) == expected


class TestEventId:
    def test_message_has_its_own_id(self):
        assert message_event_id(raw("commercetools/message__parcel_added")) == "c4a1b6de-7f11-4b5c-9d0a-000000000001"

    def test_message_without_payload_too(self):
        body = raw("commercetools/message__payload_not_included")
        assert message_event_id(body) == "c4a1b6de-7f11-4b5c-9d0a-000000000003"

    def test_polled_message_has_the_id_of_the_pushed_one(self):
        pushed = document("commercetools/message__parcel_added")
        polled = {name: pushed[name] for name in pushed if name not in ("notificationType", "projectKey")}
        assert message_event_id(json.dumps(polled).encode()) == pushed["id"]

    def test_change_is_known_by_resource_and_version(self):
        assert message_event_id(raw("commercetools/change__resource_updated")) == f"change:{ORDER}:9"

    def test_deletion_at_the_version_of_the_last_update_is_no_repeat_of_it(self):
        assert message_event_id(raw("commercetools/change__resource_deleted")) == f"change:{ORDER}:9:deleted"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"[]",
            b"5",
            b"not json",
            b"{}",
            b'{"id": 5}',
            b'{"id": ""}',
            b'{"id": "a b"}',
            b'{"id": "a\\u0000"}',
            '{"id": "ü"}'.encode(),
            b'{"id": "' + b"x" * 129 + b'"}',
            b'{"notificationType": "ResourceUpdated", "id": "x"}',
            b'{"notificationType": "ResourceUpdated", "resource": {"id": "O"}, "version": true}',
            b'{"notificationType": "ResourceUpdated", "resource": {"id": "O"}, "version": 1.5}',
            b'{"notificationType": "ResourceUpdated", "resource": {"id": "O O"}, "version": 1}',
            b'{"notificationType": "ResourceUpdated", "resource": {"id": "O"}, "version": ' + b"9" * 4_000 + b"}",
            b'{"notificationType": ["x"], "id": "x"}',
            b'{"notificationType": "Event", "id": "x"}',
        ],
    )
    def test_anything_else_is_known_by_its_bytes(self, body):
        assert message_event_id(body) == digest(body)

    def test_longest_usable_id(self):
        assert message_event_id(b'{"id": "' + b"~" * 128 + b'"}') == "~" * 128


class TestMessage:
    def test_parcel_added(self):
        assert parse_message(document("commercetools/message__parcel_added")) == OrderMessage(
            message_id="c4a1b6de-7f11-4b5c-9d0a-000000000001",
            type="ParcelAddedToDelivery",
            resource_type="order",
            resource_id=ORDER,
            resource_version=7,
            sequence_number=5,
            order_number="CT-1001",
            project_key="demo",
        )

    def test_polled_message_needs_no_envelope_fields(self):
        message = parse_message(document("commercetools/message__polled_delivery_added"))
        assert (message.type, message.resource_version, message.project_key) == ("DeliveryAdded", 6, "")

    def test_payload_not_included_has_no_type_and_is_relevant(self):
        message = parse_message(document("commercetools/message__payload_not_included"))
        assert (message.type, message.resource_id, message.resource_version) == ("", ORDER, 1)
        assert message.type in RELEVANT_TYPES

    def test_change_carries_the_version_of_the_order(self):
        message = parse_message(document("commercetools/change__resource_updated"))
        assert message == OrderMessage(
            type="ResourceUpdated",
            resource_type="order",
            resource_id=ORDER,
            resource_version=9,
            order_number="CT-1001",
            project_key="demo",
        )

    def test_test_notification_is_about_no_order(self):
        message = parse_message(document("commercetools/change__subscription_test"))
        assert (message.type, message.resource_type) == ("ResourceCreated", "subscription")

    def test_unknown_types_keep_their_name(self):
        body = document("commercetools/message__parcel_added")
        assert parse_message(body | {"type": "OrderTeleported"}).type == "OrderTeleported"
        assert parse_message(body | {"notificationType": "Event"}).type == "Event"

    @pytest.mark.parametrize(
        ("change", "path", "cause"),
        [
            ({"resource": None}, "resource", "missing"),
            ({"resource": "order"}, "resource", "not an object"),
            ({"resource": {"typeId": "order"}}, "resource.id", "missing"),
            ({"resource": {"typeId": "order", "id": 7}}, "resource.id", "not a text"),
            ({"resource": {"typeId": "order", "id": " "}}, "resource.id", "missing"),
            ({"resource": {"typeId": "order", "id": "x" * 65}}, "resource.id", "longer than 64 characters"),
            ({"resource": {"id": "O"}}, "resource.typeId", "missing"),
            ({"id": None}, "id", "missing"),
            ({"type": None}, "type", "missing"),
            ({"type": 5}, "type", "not a text"),
            ({"notificationType": {}}, "notificationType", "not a text"),
            ({"resourceVersion": "7"}, "resourceVersion", "not a whole number"),
            ({"resourceVersion": True}, "resourceVersion", "not a whole number"),
            ({"resourceVersion": 7.0}, "resourceVersion", "not a whole number"),
            ({"resourceVersion": 2**53 + 1}, "resourceVersion", "too large"),
            ({"sequenceNumber": 2**63}, "sequenceNumber", "too large"),
            ({"projectKey": []}, "projectKey", "not a text"),
            (
                {"resourceUserProvidedIdentifiers": {"orderNumber": 1001}},
                "resourceUserProvidedIdentifiers.orderNumber",
                "not a text",
            ),
            ({"message": {"data": "%%%"}}, "message.data", "an envelope that cannot be opened"),
        ],
    )
    def test_wrong_shape_is_refused_with_its_path(self, change, path, cause):
        with pytest.raises(PayloadError) as caught:
            parse_message(document("commercetools/message__parcel_added") | change)
        assert (caught.value.path, caught.value.cause) == (path, cause)

    @pytest.mark.parametrize("value", [None, [], "text", 5, True])
    def test_what_is_no_object_is_refused(self, value):
        with pytest.raises(PayloadError):
            parse_message(value)

    def test_largest_version(self):
        body = document("commercetools/message__parcel_added") | {"resourceVersion": 2**53}
        assert parse_message(body).resource_version == 2**53

    @pytest.mark.parametrize(
        "kind", ["ParcelAddedToDelivery", "ParcelTrackingDataUpdated", "OrderImported", "OrderDeleted"]
    )
    def test_these_make_us_read_the_order(self, kind):
        assert kind in RELEVANT_TYPES

    @pytest.mark.parametrize("kind", ["OrderShipmentStateChanged", "OrderCustomFieldChanged", "OrderCustomTypeSet"])
    def test_echo_of_our_own_writes_does_not(self, kind):
        assert kind not in RELEVANT_TYPES

    @given(
        anything(
            "notificationType id type resource typeId version resourceVersion sequenceNumber projectKey message data "
            "resourceUserProvidedIdentifiers orderNumber payloadNotIncluded"
        )
    )
    def test_arbitrary_json_gives_a_message_or_a_payload_error(self, value):
        parses_or_refuses(parse_message, value)


class TestOrder:
    def test_single_mode_order_with_three_parcels(self):
        order = parse_order(document("commercetools/order__single_three_parcels"))
        assert (order.commercetools_id, order.version, order.order_number) == (ORDER, 7, "CT-1001")
        assert (order.customer_email, order.locale) == ("erika@example.com", "de-DE")
        assert (order.order_state, order.shipment_state, order.store_key) == ("Confirmed", "Ready", "de-web")
        assert order.item_channels == {
            item: [f"aaaa1111-0000-4000-8000-00000000000{n}" for n in (1, 2)] for item in (BOOT, SOCKS)
        }
        assert order.item_words[BOOT] == {"sku": "BOOT-42", "name": {"de": "Wanderschuh", "en": "Hiking boot"}}
        assert set(order.item_words) == {BOOT, SOCKS, PACK, ENGRAVING}
        assert order.custom_fields == {"erp_id": ["4711"]}
        assert order.created_at == datetime(2026, 11, 21, 18, 4, 11, 120000, UTC)
        assert order.last_modified_at == datetime(2026, 11, 22, 10, 0, 1, 532000, UTC)
        assert order.destination == Destination(country="DE", state="BE", city="Berlin", postal_code="10115")
        assert order.items == {BOOT: 2, SOCKS: 3, PACK: 1, ENGRAVING: 1}
        assert order.type_id == "d2a7c0de-0000-4000-8000-0000000000bb"
        assert order.fields == {"tb_status": "pending", "tb_parcels": 3, "tb_parcels_delivered": 0}
        assert len(order.parcels) == 3

    @pytest.mark.parametrize("name", ["Boot", ["Boot"], 7, None, {"en": 7, "de": None}])
    def test_item_without_a_readable_name_fails_no_order(self, name):
        order = document("commercetools/order__single_three_parcels")
        order["lineItems"][0] |= {"name": name, "variant": []}
        assert parse_order(order).item_words[BOOT] == {"sku": "", "name": {}}

    def test_parcel_is_read_in_full(self):
        first, second, third = parse_order(document("commercetools/order__single_three_parcels")).parcels
        assert first == ParcelSnapshot(
            commercetools_id="9a000000-0000-4000-8000-000000000001",
            key="wh1-1-a",
            delivery_id="de000000-0000-4000-8000-000000000001",
            tracking_number="0034 0434 1234 5678 9012",
            carrier="DHL Paket",
            items={BOOT: 2},
            created_at=datetime(2026, 11, 22, 1, tzinfo=UTC),
            type_id="d2a7c0de-0000-4000-8000-0000000000aa",
            fields={"tb_status": "in_transit", "tb_tag": "InTransit", "tb_updated_at": "2026-11-22T09:00:00.000Z"},
        )
        assert (second.provider, second.tracking_number, second.type_id) == ("ShipCo", "1Z999AA10123456784", "")
        assert (third.tracking_number, third.carrier, third.items) == ("", "", {})

    def test_items_of_the_delivery_count_only_for_a_parcel_that_is_alone_in_it(self):
        first, second, third = parse_order(document("commercetools/order__single_three_parcels")).parcels
        assert (first.delivery_items, second.delivery_items) == ({}, {})
        assert third.delivery_items == {PACK: 1}

    def test_multiple_mode_finds_the_parcels_of_every_shipping(self):
        order = parse_order(document("commercetools/order__multiple_two_shippings"))
        assert [(parcel.shipping_key, parcel.tracking_number, parcel.is_return) for parcel in order.parcels] == [
            ("home", "996012345678901234", False),
            ("office", "01505012345678", False),
            ("office", "RR123456785DE", True),
        ]
        assert order.shipment_state == ""

    def test_multiple_mode_goes_to_the_first_shipping_address(self):
        order = parse_order(document("commercetools/order__multiple_two_shippings"))
        assert order.destination == Destination(country="CH", state="ZH", city="Zürich", postal_code="8001")

    def test_bare_order_has_empty_values(self):
        order = parse_order(document("commercetools/order__guest_without_shipping"))
        assert (order.order_number, order.customer_email, order.locale, order.store_key) == ("", "", "", "")
        assert (order.parcels, order.items, order.item_channels, order.fields) == ((), {}, {}, {})
        assert order.destination == Destination()

    def test_smallest_order(self):
        order = parse_order({"id": "O", "version": 1})
        assert (order.created_at, order.last_modified_at, order.shipment_state) == (None, None, "")

    @pytest.mark.parametrize(
        "name", ["orderNumber", "customerEmail", "locale", "store", "shippingInfo", "shipping", "custom"]
    )
    def test_null_is_as_good_as_absent(self, name):
        body = document("commercetools/order__single_three_parcels")
        without = {key: value for key, value in body.items() if key != name}
        assert parse_order(body | {name: None}) == parse_order(without)

    def test_text_is_cleaned_and_ids_of_fields_too(self):
        order = parse_order(
            {
                "id": "O",
                "version": 1,
                "orderNumber": "A\0B\ud83d",
                "custom": {"type": {"id": "T"}, "fields": {"tb_message": "a\0b", "tb_\udc00": 1}},
            }
        )
        assert order.order_number == "A␀B\ufffd"
        assert order.fields == {"tb_message": "a␀b", "tb_\ufffd": 1}

    def test_only_plain_values_of_our_own_names_count_as_carried(self):
        fields = {
            "tb_status": "lost",
            "tb_parcels": 2,
            "tb_x": None,
            "tb_list": ["a"],
            "tb_text": {"de": "a"},
            "other": 1,
        }
        order = parse_order({"id": "O", "version": 1, "custom": {"type": {"id": "T"}, "fields": fields}})
        assert order.fields == {"tb_status": "lost", "tb_parcels": 2}

    def test_carried_text_is_neither_trimmed_nor_cut(self):
        text = " " + "x" * 2_000
        fields = {"tb_message": text}
        assert parse_order({"id": "O", "version": 1, "custom": {"fields": fields}}).fields == fields

    @pytest.mark.parametrize("country", ["Germany", "D", "", "D3", "ÄÖ"])
    def test_what_is_no_alpha2_code_is_no_country(self, country):
        order = parse_order({"id": "O", "version": 1, "shippingAddress": {"country": country, "city": "X"}})
        assert order.destination == Destination(city="X")

    def test_email_that_does_not_fit_is_dropped_not_cut(self):
        assert parse_order({"id": "O", "version": 1, "customerEmail": "a@" + "b" * 318}).customer_email.endswith("b")
        assert parse_order({"id": "O", "version": 1, "customerEmail": "a@" + "b" * 319}).customer_email == ""

    def test_quantities_add_up_and_nothing_is_no_item(self):
        lines = [{"id": "L", "quantity": 2}, {"id": "L", "quantity": 3}, {"id": "N", "quantity": 0}]
        assert parse_order({"id": "O", "version": 1, "lineItems": lines}).items == {"L": 5}

    @pytest.mark.parametrize(
        ("change", "path", "cause"),
        [
            ({"id": None}, "id", "missing"),
            ({"id": 5}, "id", "not a text"),
            ({"version": None}, "version", "missing"),
            ({"version": "7"}, "version", "not a whole number"),
            ({"version": 0}, "version", "not positive"),
            ({"version": 2**53 + 1}, "version", "too large"),
            ({"version": False}, "version", "not a whole number"),
            ({"orderNumber": 1001}, "orderNumber", "not a text"),
            ({"customerEmail": {}}, "customerEmail", "not a text"),
            ({"store": "de-web"}, "store", "not an object"),
            ({"store": {"key": 1}}, "store.key", "not a text"),
            ({"createdAt": "yesterday"}, "createdAt", "not a date-time"),
            ({"lastModifiedAt": 1795430401}, "lastModifiedAt", "not a text"),
            ({"shippingAddress": []}, "shippingAddress", "not an object"),
            ({"shippingAddress": {"country": 49}}, "shippingAddress.country", "not a text"),
            ({"lineItems": {}}, "lineItems", "not a list"),
            ({"lineItems": [None]}, "lineItems[0]", "missing"),
            ({"lineItems": [5]}, "lineItems[0]", "not an object"),
            ({"lineItems": [{"id": "L"}]}, "lineItems[0].quantity", "missing"),
            ({"lineItems": [{"id": "L", "quantity": 1.5}]}, "lineItems[0].quantity", "not a whole number"),
            ({"lineItems": [{"id": "L", "quantity": 2**63}]}, "lineItems[0].quantity", "too large"),
            ({"lineItems": [{"quantity": 1}]}, "lineItems[0].id", "missing"),
            ({"lineItems": [{"supplyChannel": "C"}]}, "lineItems[0].supplyChannel", "not an object"),
            ({"customLineItems": [{"id": "L", "quantity": "1"}]}, "customLineItems[0].quantity", "not a whole number"),
            ({"shippingInfo": []}, "shippingInfo", "not an object"),
            ({"shippingInfo": {"deliveries": {}}}, "shippingInfo.deliveries", "not a list"),
            ({"shipping": {}}, "shipping", "not a list"),
            ({"shipping": [{"shippingKey": 5}]}, "shipping[0].shippingKey", "not a text"),
            ({"custom": "x"}, "custom", "not an object"),
            ({"custom": {"type": "T"}}, "custom.type", "not an object"),
            ({"custom": {"fields": []}}, "custom.fields", "not an object"),
            ({"custom": {"fields": {"tb_parcels": 2**63}}}, "custom.fields.tb_parcels", "too large"),
        ],
    )
    def test_wrong_shape_is_refused_with_its_path(self, change, path, cause):
        with pytest.raises(PayloadError) as caught:
            parse_order(document("commercetools/order__single_three_parcels") | change)
        assert (caught.value.path, caught.value.cause) == (path, cause)

    @pytest.mark.parametrize(
        ("parcel", "path", "cause"),
        [
            ({}, "id", "missing"),
            ({"id": "P", "trackingData": "1Z"}, "trackingData", "not an object"),
            ({"id": "P", "trackingData": {"trackingId": 123456}}, "trackingData.trackingId", "not a text"),
            ({"id": "P", "trackingData": {"carrier": ["DHL"]}}, "trackingData.carrier", "not a text"),
            ({"id": "P", "trackingData": {"isReturn": "false"}}, "trackingData.isReturn", "not true or false"),
            ({"id": "P", "items": [{"id": "L"}]}, "items[0].quantity", "missing"),
            ({"id": "P", "createdAt": "2026-11-22"}, "createdAt", "not a date-time"),
            ({"id": "P", "custom": {"type": {"id": 5}}}, "custom.type.id", "not a text"),
        ],
    )
    def test_wrong_parcel_is_refused_with_its_path_in_both_modes(self, parcel, path, cause):
        deliveries = [{"id": "D1"}, {"id": "D2", "parcels": [parcel]}]
        for change, prefix in (
            ({"shippingInfo": {"deliveries": deliveries}}, "shippingInfo"),
            ({"shipping": [{"shippingInfo": {"deliveries": deliveries}}]}, "shipping[0].shippingInfo"),
        ):
            with pytest.raises(PayloadError) as caught:
                parse_order({"id": "O", "version": 1} | change)
            assert caught.value.path == f"{prefix}.deliveries[1].parcels[0].{path}"
            assert caught.value.cause == cause

    def test_two_parcels_with_one_id_are_refused(self):
        deliveries = [{"id": "D", "parcels": [{"id": "P"}, {"id": "P"}]}]
        with pytest.raises(PayloadError) as caught:
            parse_order({"id": "O", "version": 1, "shippingInfo": {"deliveries": deliveries}})
        assert caught.value.path == "shippingInfo.deliveries[0].parcels[1].id"

    NAMES = (
        "lineItems customLineItems shippingInfo shipping deliveries parcels trackingData trackingId carrier isReturn "
        "items quantity custom type fields tb_status id version store key shippingAddress country supplyChannel"
    )

    @given(anything(NAMES), anything(NAMES))
    def test_arbitrary_json_gives_an_order_or_a_payload_error(self, value, other):
        documents = [value, {"id": "O", "version": 1, "shippingInfo": value, "custom": other, "lineItems": other}]
        parcels = {"deliveries": [{"id": "D", "parcels": value, "items": other}]}
        documents.append({"id": "O", "version": 1, "shipping": [{"shippingInfo": parcels}], "shippingAddress": other})
        for one in documents:
            parses_or_refuses(parse_order, one)
