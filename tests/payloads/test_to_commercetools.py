from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payloads.documents import document
from tracking.enums import ParcelStatus
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_commercetools import (
    ORDER_FIELDS,
    ORDER_TYPE_KEY,
    PARCEL_FIELDS,
    PARCEL_TYPE_KEY,
    ROLL_UP_ORDER,
    ForeignType,
    ParcelState,
    changed_fields,
    missing_field_actions,
    order_actions,
    order_fields,
    parcel_actions,
    parcel_fields,
    roll_up,
    shipment_state,
    type_draft,
)

OURS, USABLE, FOREIGN = "type-ours", "type-usable", "type-foreign"
S = ParcelStatus


def parcel(status="in_transit", **facts) -> ParcelState:
    return ParcelState(**{"commercetools_id": "P1", "status": ParcelStatus(status)} | facts)


def parcels(*pairs) -> list[ParcelState]:
    """(status, items) each."""
    return [parcel(status, items=items) for status, items in pairs]


class TestTypes:
    def test_field_names_and_kinds_are_the_published_ones(self):
        assert PARCEL_FIELDS == {
            "tb_status": "String",
            "tb_tag": "String",
            "tb_subtag": "String",
            "tb_message": "String",
            "tb_location": "String",
            "tb_checkpoint_at": "String",
            "tb_updated_at": "DateTime",
            "tb_eta": "Date",
            "tb_delivered_at": "String",
            "tb_courier": "String",
            "tb_tracking_id": "String",
            "tb_tracking_url": "String",
        }
        assert ORDER_FIELDS == {
            "tb_status": "String",
            "tb_parcels": "Number",
            "tb_parcels_delivered": "Number",
            "tb_eta": "Date",
        }

    def test_order_type_draft(self):
        assert type_draft("trackbridge-order") == {
            "key": "trackbridge-order",
            "name": {"en": "Trackbridge order"},
            "resourceTypeIds": ["order"],
            "fieldDefinitions": [
                {
                    "name": "tb_status",
                    "label": {"en": "Shipping status"},
                    "required": False,
                    "type": {"name": "String"},
                    "inputHint": "SingleLine",
                },
                {"name": "tb_parcels", "label": {"en": "Parcels"}, "required": False, "type": {"name": "Number"}},
                {
                    "name": "tb_parcels_delivered",
                    "label": {"en": "Parcels delivered"},
                    "required": False,
                    "type": {"name": "Number"},
                },
                {"name": "tb_eta", "label": {"en": "Estimated delivery"}, "required": False, "type": {"name": "Date"}},
            ],
        }

    def test_parcel_type_draft_is_for_parcels_and_has_all_fields(self):
        draft = type_draft(PARCEL_TYPE_KEY)
        assert (draft["key"], draft["resourceTypeIds"]) == ("trackbridge-parcel", ["order-parcel"])
        kinds = {definition["name"]: definition["type"]["name"] for definition in draft["fieldDefinitions"]}
        assert kinds == PARCEL_FIELDS

    def test_our_own_draft_lacks_nothing(self):
        assert missing_field_actions(type_draft(PARCEL_TYPE_KEY), PARCEL_FIELDS) == []
        assert missing_field_actions(type_draft(ORDER_TYPE_KEY), ORDER_FIELDS) == []

    def test_foreign_type_gets_what_it_lacks(self):
        actions = missing_field_actions(document("commercetools/type__parcel_extended_by_merchant"), PARCEL_FIELDS)
        assert {action["action"] for action in actions} == {"addFieldDefinition"}
        assert [action["fieldDefinition"]["name"] for action in actions] == list(PARCEL_FIELDS)[1:]
        assert actions[6]["fieldDefinition"] == {
            "name": "tb_eta",
            "label": {"en": "Estimated delivery"},
            "required": False,
            "type": {"name": "Date"},
        }

    def test_type_without_any_fields_lacks_all(self):
        assert len(missing_field_actions({}, ORDER_FIELDS)) == 4

    def test_field_of_another_kind_is_refused_because_it_can_never_change(self):
        definitions = [{"name": "x", "type": {"name": "Set"}}, {"name": "tb_eta", "type": {"name": "DateTime"}}]
        with pytest.raises(PayloadError) as caught:
            missing_field_actions({"fieldDefinitions": definitions}, PARCEL_FIELDS)
        assert str(caught.value) == "fieldDefinitions[1].type.name: tb_eta is DateTime, has to be Date"

    def test_broken_type_document_is_refused_with_its_path(self):
        with pytest.raises(PayloadError) as caught:
            missing_field_actions({"fieldDefinitions": [{"name": "tb_eta"}]}, PARCEL_FIELDS)
        assert caught.value.path == "fieldDefinitions[0].type"


class TestFields:
    def test_all_facts_in_commercetools_spelling(self):
        assert parcel_fields(
            status=S.DELIVERED,
            tag="Delivered",
            subtag="Delivered_001",
            message="Zugestellt.",
            location="Berlin, BE, Germany",
            checkpoint_at="2026-11-23T12:41:00",
            updated_at=datetime(2026, 11, 23, 13, 0, 5, 123999, timezone(timedelta(hours=1))),
            eta=date(2026, 11, 23),
            delivered_at="2026-11-23",
            courier="dhl-germany",
            tracking_id="8d0f",
            tracking_url="https://a.example/8d0f",
        ) == {
            "tb_status": "delivered",
            "tb_tag": "Delivered",
            "tb_subtag": "Delivered_001",
            "tb_message": "Zugestellt.",
            "tb_location": "Berlin, BE, Germany",
            "tb_checkpoint_at": "2026-11-23T12:41:00",
            "tb_updated_at": "2026-11-23T12:00:05.123Z",
            "tb_eta": "2026-11-23",
            "tb_delivered_at": "2026-11-23",
            "tb_courier": "dhl-germany",
            "tb_tracking_id": "8d0f",
            "tb_tracking_url": "https://a.example/8d0f",
        }

    def test_empty_is_absent(self):
        fields = parcel_fields(status="pending", message="  ", tracking_id="8d0f")
        assert {name: value for name, value in fields.items() if value is not None} == {
            "tb_status": "pending",
            "tb_tracking_id": "8d0f",
        }
        assert list(fields) == list(PARCEL_FIELDS)
        assert type(fields["tb_status"]) is str

    def test_whole_second_has_milliseconds(self):
        fields = parcel_fields(status="pending", updated_at=datetime(2026, 12, 1, 10, tzinfo=UTC))
        assert fields["tb_updated_at"] == "2026-12-01T10:00:00.000Z"

    def test_long_text_is_cut_and_cleaned(self):
        fields = parcel_fields(status="pending", message="\0" + "x" * 2_000)
        assert fields["tb_message"] == "␀" + "x" * 999

    def test_long_address_is_left_out_not_cut(self):
        address = "https://a.example/" + "x" * 982
        assert parcel_fields(status="pending", tracking_url=address)["tb_tracking_url"] == address
        assert parcel_fields(status="pending", tracking_url=address + "x")["tb_tracking_url"] is None

    def test_order_fields_count_outbound_parcels(self):
        states = [
            parcel("delivered", fields={"tb_eta": "2026-11-23"}),
            parcel("in_transit", fields={"tb_eta": "2026-11-25"}),
            parcel("pending", fields={"tb_eta": None}),
            parcel("cancelled", fields={"tb_eta": "2026-11-29"}),
            parcel("exception", is_return=True, fields={"tb_eta": "2026-11-30"}),
        ]
        assert order_fields(states) == {
            "tb_status": "pending",
            "tb_parcels": 3,
            "tb_parcels_delivered": 1,
            "tb_eta": "2026-11-25",
        }

    def test_order_fields_without_parcels(self):
        assert order_fields([]) == {"tb_status": None, "tb_parcels": 0, "tb_parcels_delivered": 0, "tb_eta": None}

    def test_order_with_cancelled_parcels_only(self):
        assert order_fields([parcel("cancelled")])["tb_status"] == "cancelled"

    def test_only_differences_are_changes(self):
        desired = {"tb_status": "delivered", "tb_tag": "Delivered", "tb_eta": None, "tb_message": None}
        carried = {"tb_status": "in_transit", "tb_tag": "Delivered", "tb_eta": "2026-11-23", "other": 1}
        assert changed_fields(desired, carried) == {"tb_status": "delivered", "tb_eta": None}

    def test_newer_clock_alone_is_no_news(self):
        desired = {"tb_status": "delivered", "tb_updated_at": "2026-11-23T12:00:00.000Z"}
        assert changed_fields(desired, desired | {"tb_updated_at": "2026-11-22T12:00:00.000Z"}) == {}
        assert changed_fields(desired, {"tb_status": "delivered"}) == {}

    def test_clock_goes_along_with_news(self):
        desired = {"tb_status": "delivered", "tb_updated_at": "b"}
        assert changed_fields(desired, {"tb_status": "pending", "tb_updated_at": "a"}) == desired

    values = st.none() | st.sampled_from(["a", "b"]) | st.integers(0, 2)
    desired_fields = st.dictionaries(st.sampled_from(list(PARCEL_FIELDS)), values)
    carried_fields = st.dictionaries(
        st.sampled_from([*PARCEL_FIELDS, "other"]), values.filter(lambda value: value is not None)
    )

    @given(desired_fields, carried_fields)
    def test_changes_applied_to_the_carried_give_the_desired(self, desired, carried):
        changed = changed_fields(desired, carried)
        after = {name: value for name, value in (carried | changed).items() if value is not None}
        for name, value in desired.items():
            if changed or name != "tb_updated_at":
                assert after.get(name) == value
        assert {name: after.get(name) for name in carried if name not in desired} == {
            name: value for name, value in carried.items() if name not in desired
        }
        assert changed_fields(desired, after) == {}


class TestActions:
    FIELDS = {"tb_status": "in_transit", "tb_tag": "InTransit", "tb_eta": None}

    def actions(self, **facts):
        state = parcel(fields=self.FIELDS, **facts)
        return parcel_actions(state, our_type_id=OURS, usable_type_ids=[USABLE])

    def test_parcel_without_a_type_gets_ours_with_all_fields(self):
        assert self.actions() == [
            {
                "action": "setParcelCustomType",
                "parcelId": "P1",
                "type": {"typeId": "type", "key": "trackbridge-parcel"},
                "fields": {"tb_status": "in_transit", "tb_tag": "InTransit"},
            }
        ]

    def test_what_was_carried_before_the_type_went_does_not_count(self):
        assert self.actions(carried={"tb_status": "in_transit"}) == self.actions()

    @pytest.mark.parametrize("type_id", [OURS, USABLE])
    def test_parcel_with_a_usable_type_gets_one_action_per_change(self, type_id):
        carried = {"tb_status": "pending", "tb_tag": "InTransit", "tb_eta": "2026-11-23"}
        assert self.actions(type_id=type_id, carried=carried) == [
            {"action": "setParcelCustomField", "parcelId": "P1", "name": "tb_status", "value": "in_transit"},
            {"action": "setParcelCustomField", "parcelId": "P1", "name": "tb_eta"},
        ]

    def test_field_that_is_not_carried_is_not_removed(self):
        actions = self.actions(type_id=OURS, carried={})
        assert [action["name"] for action in actions] == ["tb_status", "tb_tag"]

    @pytest.mark.parametrize("type_id", [OURS, USABLE, FOREIGN])
    def test_no_difference_is_no_action(self, type_id):
        assert self.actions(type_id=type_id, carried={"tb_status": "in_transit", "tb_tag": "InTransit"}) == []

    def test_parcel_of_which_we_know_nothing_is_left_alone(self):
        assert parcel_actions(parcel("pending"), usable_type_ids=[OURS]) == []

    def test_foreign_type_is_never_replaced(self):
        with pytest.raises(ForeignType) as caught:
            self.actions(type_id=FOREIGN)
        assert caught.value.type_id == FOREIGN

    def test_our_type_may_be_among_the_usable_ones(self):
        state = parcel(fields=self.FIELDS, type_id=OURS)
        assert len(parcel_actions(state, usable_type_ids={OURS})) == 2

    def test_order_without_a_type(self):
        fields = {"tb_status": "pending", "tb_parcels": 2, "tb_parcels_delivered": 0, "tb_eta": None}
        gone = {"tb_status": "pending", "tb_eta": "2026-11-23"}
        assert order_actions(type_id="", carried=gone, fields=fields, usable_type_ids=[OURS]) == [
            {
                "action": "setCustomType",
                "type": {"typeId": "type", "key": "trackbridge-order"},
                "fields": {"tb_status": "pending", "tb_parcels": 2, "tb_parcels_delivered": 0},
            }
        ]

    def test_order_with_our_type(self):
        fields = {"tb_status": "delivered", "tb_parcels": 2, "tb_parcels_delivered": 2, "tb_eta": None}
        carried = {"tb_status": "in_transit", "tb_parcels": 2, "tb_parcels_delivered": 1, "tb_eta": "2026-11-23"}
        assert order_actions(type_id=OURS, carried=carried, fields=fields, usable_type_ids=[OURS]) == [
            {"action": "setCustomField", "name": "tb_status", "value": "delivered"},
            {"action": "setCustomField", "name": "tb_parcels_delivered", "value": 2},
            {"action": "setCustomField", "name": "tb_eta"},
        ]

    def test_order_with_a_foreign_type(self):
        with pytest.raises(ForeignType) as caught:
            order_actions(type_id=FOREIGN, carried={}, fields={"tb_status": "pending"}, usable_type_ids=[OURS])
        assert caught.value.type_id == FOREIGN

    def test_order_that_carries_it_all(self):
        carried = {"tb_status": "pending"}
        assert order_actions(type_id=FOREIGN, carried=carried, fields=carried, usable_type_ids=[]) == []


class TestRollUp:
    def test_every_status_has_its_place(self):
        assert sorted(ROLL_UP_ORDER) == sorted(ParcelStatus)

    def test_no_parcel_is_no_status(self):
        assert roll_up([]) is None

    @pytest.mark.parametrize("status", list(ParcelStatus))
    def test_one_parcel_speaks_for_the_order(self, status):
        assert roll_up([status]) == status

    @pytest.mark.parametrize(
        ("statuses", "status"),
        [
            ((S.DELIVERED, S.IN_TRANSIT), S.IN_TRANSIT),
            ((S.DELIVERED, S.AVAILABLE_FOR_PICKUP), S.AVAILABLE_FOR_PICKUP),
            ((S.AVAILABLE_FOR_PICKUP, S.OUT_FOR_DELIVERY), S.OUT_FOR_DELIVERY),
            ((S.OUT_FOR_DELIVERY, S.IN_TRANSIT), S.IN_TRANSIT),
            ((S.IN_TRANSIT, S.INFO_RECEIVED), S.INFO_RECEIVED),
            ((S.INFO_RECEIVED, S.PENDING), S.PENDING),
            ((S.PENDING, S.UNKNOWN), S.UNKNOWN),
            ((S.UNKNOWN, S.EXPIRED), S.EXPIRED),
            ((S.EXPIRED, S.DELAYED), S.DELAYED),
            ((S.DELAYED, S.ATTEMPT_FAILED), S.ATTEMPT_FAILED),
            ((S.ATTEMPT_FAILED, S.EXCEPTION), S.EXCEPTION),
            ((S.EXCEPTION, S.RETURNING), S.RETURNING),
            ((S.RETURNING, S.RETURNED), S.RETURNED),
            ((S.RETURNED, S.DISPOSED), S.DISPOSED),
            ((S.DISPOSED, S.LOST), S.LOST),
            ((S.CANCELLED, S.DELIVERED), S.DELIVERED),
            ((S.CANCELLED, S.CANCELLED), S.CANCELLED),
            ((S.DELIVERED, S.DELIVERED, S.DELAYED), S.DELAYED),
        ],
    )
    def test_problem_above_all_else_the_least_advanced(self, statuses, status):
        assert roll_up(statuses) == status

    @given(st.lists(st.sampled_from(list(ParcelStatus)), min_size=1), st.randoms())
    def test_order_of_the_parcels_does_not_matter(self, statuses, random):
        assert roll_up(random.sample(statuses, len(statuses))) == roll_up(statuses)
        assert roll_up(statuses) in statuses
        assert roll_up(statuses + statuses) == roll_up(statuses)


ORDERED = {"a": 2, "b": 1}
ALL = dict(ORDERED)
STATES = [None, "", "Pending", "Ready", "Partial", "Shipped", "Delayed", "Delivered", "Backorder", "Canceled", "New"]


class TestShipmentState:
    @pytest.mark.parametrize("status", ["pending", "info_received", "unknown", "expired", "cancelled"])
    def test_nothing_moves_yet(self, status):
        assert shipment_state(parcels((status, ALL)), ORDERED, "Pending", "full") is None

    @pytest.mark.parametrize("status", ["in_transit", "out_for_delivery", "attempt_failed", "available_for_pickup"])
    def test_first_parcel_moves(self, status):
        assert shipment_state(parcels((status, {}), ("pending", {})), ORDERED, "Ready", "forward") == "Shipped"

    @pytest.mark.parametrize("status", ["delayed", "exception", "returning", "returned", "lost", "disposed"])
    def test_trouble_of_one_parcel_delays_the_order(self, status):
        for items in ({}, ALL):
            pair = parcels((status, items), ("in_transit", items))
            assert shipment_state(pair, ORDERED, "Shipped", "forward") == "Delayed"

    @pytest.mark.parametrize(
        ("pairs", "state"),
        [
            ([("in_transit", {"a": 2})], "Partial"),
            ([("in_transit", {"a": 1, "b": 1})], "Partial"),
            ([("in_transit", {"a": 2}), ("pending", {"b": 1})], "Partial"),
            ([("delivered", {"a": 2}), ("pending", {"b": 1})], "Partial"),
            ([("delivered", {"a": 2})], "Partial"),
            ([("in_transit", {"a": 2, "b": 1}), ("pending", {"a": 1})], "Shipped"),
            ([("in_transit", {"a": 2}), ("delivered", {"b": 1})], "Shipped"),
            ([("in_transit", {"a": 1}), ("in_transit", {"a": 1, "b": 1})], "Shipped"),
            ([("delivered", {"a": 2}), ("delivered", {"b": 1})], "Delivered"),
            ([("delivered", {"a": 5, "b": 5})], "Delivered"),
            ([("delivered", ALL), ("lost", ALL)], "Delivered"),
            ([("delivered", {"a": 2}), ("delayed", {"b": 1})], "Delayed"),
            ([("delivered", ALL), ("cancelled", ALL)], "Delivered"),
            ([("delivered", {"x": 9})], "Partial"),
        ],
    )
    def test_where_items_are_listed_they_are_counted(self, pairs, state):
        assert shipment_state(parcels(*pairs), ORDERED, "Ready", "forward") == state

    @pytest.mark.parametrize(
        ("pairs", "state"),
        [
            ([("delivered", {})], "Delivered"),
            ([("delivered", {}), ("delivered", {})], "Delivered"),
            ([("delivered", {}), ("cancelled", {})], "Delivered"),
            ([("delivered", {}), ("pending", {})], "Shipped"),
            ([("delivered", ALL), ("pending", {})], "Shipped"),
            ([("delivered", {}), ("lost", {})], "Delayed"),
        ],
    )
    def test_where_they_are_not_all_parcels_have_to_arrive(self, pairs, state):
        assert shipment_state(parcels(*pairs), ORDERED, "Ready", "forward") == state

    def test_order_without_items_goes_by_its_parcels(self):
        assert shipment_state(parcels(("delivered", ALL)), {}, "Ready", "forward") == "Delivered"
        assert shipment_state(parcels(("in_transit", ALL)), {}, "Ready", "forward") == "Shipped"

    def test_returns_do_not_count(self):
        back = parcel("delivered", is_return=True, items=ALL)
        assert shipment_state([back], ORDERED, "Delivered", "full") is None
        assert shipment_state([back, *parcels(("in_transit", ALL))], ORDERED, "Ready", "full") == "Shipped"
        assert shipment_state([parcel("lost", is_return=True)], ORDERED, "Shipped", "full") is None

    def test_no_parcels_is_nothing_to_say(self):
        assert shipment_state([], ORDERED, "Shipped", "full") is None

    @pytest.mark.parametrize("mode", ["forward", "full"])
    @pytest.mark.parametrize("current", ["Canceled", "Backorder", "Cancelled", "SomethingNew"])
    def test_never_over_what_is_not_ours(self, current, mode):
        assert shipment_state(parcels(("delivered", ALL)), ORDERED, current, mode) is None

    def test_off_is_off(self):
        assert shipment_state(parcels(("delivered", ALL)), ORDERED, "Ready", "off") is None

    @pytest.mark.parametrize(
        ("current", "status", "forward", "full"),
        [
            (None, "in_transit", "Shipped", "Shipped"),
            ("", "in_transit", "Shipped", "Shipped"),
            ("Shipped", "in_transit", None, None),
            ("Partial", "in_transit", "Shipped", "Shipped"),
            ("Delayed", "in_transit", "Shipped", "Shipped"),
            ("Delayed", "delivered", "Delivered", "Delivered"),
            ("Shipped", "exception", "Delayed", "Delayed"),
            ("Delivered", "exception", None, "Delayed"),
            ("Delivered", "in_transit", None, "Shipped"),
            ("Delivered", "delivered", None, None),
        ],
    )
    def test_forward_never_goes_back(self, current, status, forward, full):
        assert shipment_state(parcels((status, ALL)), ORDERED, current, "forward") == forward
        assert shipment_state(parcels((status, ALL)), ORDERED, current, "full") == full

    @pytest.mark.parametrize(
        ("current", "forward", "full"),
        [("Shipped", None, "Partial"), ("Delayed", "Partial", "Partial"), ("Ready", "Partial", "Partial")],
    )
    def test_shipped_becomes_partial_only_in_full(self, current, forward, full):
        some = parcels(("in_transit", {"a": 1}))
        assert shipment_state(some, ORDERED, current, "forward") == forward
        assert shipment_state(some, ORDERED, current, "full") == full

    quantities = st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 3))
    states = st.lists(
        st.builds(
            ParcelState,
            commercetools_id=st.just("P"),
            status=st.sampled_from(list(ParcelStatus)),
            is_return=st.booleans(),
            items=quantities,
        ),
        max_size=4,
    )
    PROGRESS = {None: 0, "": 0, "Pending": 0, "Ready": 0, "Partial": 1, "Shipped": 2, "Delivered": 3}

    @given(states, quantities, st.sampled_from(STATES))
    def test_no_step_in_forward_mode_goes_back(self, states, ordered, current):
        target = shipment_state(states, ordered, current, "forward")
        assert target in (None, "Partial", "Shipped", "Delayed", "Delivered")
        if target is None:
            return
        assert current not in ("Delivered", "Canceled", "Backorder", "New", target)
        if "Delayed" not in (current, target):
            assert self.PROGRESS[target] > self.PROGRESS[current]

    @given(states, quantities, st.sampled_from(STATES), st.sampled_from(["forward", "full"]), st.randoms())
    def test_order_of_the_parcels_does_not_matter_and_a_second_look_changes_nothing(
        self, states, ordered, current, mode, random
    ):
        target = shipment_state(states, ordered, current, mode)
        assert shipment_state(random.sample(states, len(states)), ordered, current, mode) == target
        if target:
            assert shipment_state(states, ordered, target, mode) is None
