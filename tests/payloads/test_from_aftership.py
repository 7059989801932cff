import hashlib
import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.payloads.documents import anything, document, parses_or_refuses, raw, webhooks
from tracking.enums import Actor, ParcelStatus
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_aftership import (
    KNOWN_EVENTS,
    TAG_STATUS,
    CheckpointSnapshot,
    actor_of,
    event_name,
    newest_checkpoint,
    parse_tracking,
    parse_webhook,
    sort_key,
    status_of,
    webhook_event_id,
)

NOT_MOVED_YET = {"id": "T", "tag": "Pending", "updated_at": "2026-11-22T10:00:00+00:00"}


def webhook(case: str):
    return parse_webhook(document(f"aftership/webhooks/{case}"))


def tracking(**changes):
    return parse_tracking(NOT_MOVED_YET | changes)


def scan(subtag: str, hour: int = 0, **facts) -> CheckpointSnapshot:
    happened_at = datetime(2026, 11, 22, hour, tzinfo=UTC)
    tag = facts.pop("tag", subtag.partition("_")[0])
    return CheckpointSnapshot(fingerprint=f"{subtag}{hour}", tag=tag, subtag=subtag, happened_at=happened_at, **facts)


# Every subtag of reference section 7, and our word for it.
SUBTAGS = {
    "Pending_001": "pending",
    "Pending_002": "pending",
    "Pending_003": "pending",
    "Pending_004": "pending",
    "Pending_005": "pending",
    "Pending_006": "pending",
    "InfoReceived_001": "info_received",
    "InTransit_001": "in_transit",
    "InTransit_002": "in_transit",
    "InTransit_003": "in_transit",
    "InTransit_004": "in_transit",
    "InTransit_005": "in_transit",
    "InTransit_006": "in_transit",
    "InTransit_007": "in_transit",
    "InTransit_008": "in_transit",
    "InTransit_009": "in_transit",
    "InTransit_010": "in_transit",
    "InTransit_011": "in_transit",
    "InTransit_012": "in_transit",
    "InTransit_013": "in_transit",
    "OutForDelivery_001": "out_for_delivery",
    "OutForDelivery_002": "available_for_pickup",
    "OutForDelivery_003": "out_for_delivery",
    "OutForDelivery_004": "out_for_delivery",
    "AttemptFail_001": "attempt_failed",
    "AttemptFail_002": "attempt_failed",
    "AttemptFail_003": "attempt_failed",
    "AvailableForPickup_001": "available_for_pickup",
    "Delivered_001": "delivered",
    "Delivered_002": "delivered",
    "Delivered_003": "delivered",
    "Delivered_004": "delivered",
    "Delivered_005": "delivered",
    "Exception_001": "exception",
    "Exception_002": "exception",
    "Exception_003": "exception",
    "Exception_004": "delayed",
    "Exception_005": "delayed",
    "Exception_006": "exception",
    "Exception_007": "exception",
    "Exception_008": "exception",
    "Exception_009": "exception",
    "Exception_010": "returning",
    "Exception_011": "returned",
    "Exception_012": "exception",
    "Exception_013": "lost",
    "Exception_014": "exception",
    "Exception_015": "exception",
    "Exception_016": "delayed",
    "Exception_017": "delayed",
    "Exception_018": "exception",
    "Exception_019": "delayed",
    "Exception_020": "cancelled",
    "Exception_021": "disposed",
    "Expired_001": "expired",
}


class TestStatus:
    @pytest.mark.parametrize(("subtag", "status"), SUBTAGS.items())
    def test_every_known_subtag_has_its_status(self, subtag, status):
        tag = subtag.partition("_")[0]
        assert status_of(tag, subtag) == status
        assert status_of("", subtag) == status

    @pytest.mark.parametrize(
        ("tag", "status"),
        [
            ("Pending", "pending"),
            ("InfoReceived", "info_received"),
            ("InTransit", "in_transit"),
            ("OutForDelivery", "out_for_delivery"),
            ("AttemptFail", "attempt_failed"),
            ("AvailableForPickup", "available_for_pickup"),
            ("Delivered", "delivered"),
            ("Exception", "exception"),
            ("Expired", "expired"),
        ],
    )
    def test_unknown_subtag_is_read_by_its_tag(self, tag, status):
        for subtag in (f"{tag}_099", f"{tag}_1", f"{tag}_", "", "garbage"):
            assert status_of(tag, subtag) == status

    @pytest.mark.parametrize(
        ("tag", "subtag"),
        [
            ("Teleported", "Teleported_001"),
            ("Customs", "InTransit_006"),
            ("delivered", "Delivered_001"),
            ("", ""),
            ("", "x"),
        ],
    )
    def test_unknown_tag_is_unknown_whatever_the_subtag(self, tag, subtag):
        assert status_of(tag, subtag) == ParcelStatus.UNKNOWN

    def test_subtag_of_another_tag_does_not_speak_for_this_one(self):
        assert status_of("Delivered", "Exception_013") == ParcelStatus.DELIVERED
        assert status_of("AvailableForPickup", "OutForDelivery_002") == ParcelStatus.AVAILABLE_FOR_PICKUP

    @pytest.mark.parametrize(
        ("tag", "subtag", "status"),
        [
            ("InTransit", "InTransit_003", "returning"),
            ("InTransit", "InTransit_099", "returning"),
            ("Delivered", "Delivered_001", "returned"),
            ("Delivered", "Delivered_003", "returned"),
            ("Exception", "Exception_010", "returning"),
            ("Exception", "Exception_011", "returned"),
            ("Exception", "Exception_001", "exception"),
            ("Exception", "Exception_004", "delayed"),
            ("Exception", "Exception_013", "lost"),
            ("Expired", "Expired_001", "expired"),
            ("OutForDelivery", "OutForDelivery_001", "out_for_delivery"),
            ("AvailableForPickup", "AvailableForPickup_001", "available_for_pickup"),
            ("InTransit", "InTransit_008", "in_transit"),
            ("InTransit", "InTransit_009", "in_transit"),
            ("Teleported", "", "unknown"),
        ],
    )
    def test_after_the_way_back_began(self, tag, subtag, status):
        assert status_of(tag, subtag, [scan("InTransit_003", 1), scan("Exception_010", 2)]) == status

    @pytest.mark.parametrize(
        "sign",
        [
            "OutForDelivery_001",
            "OutForDelivery_099",
            "AvailableForPickup_001",
            "AttemptFail_002",
            "InTransit_008",
            "InTransit_009",
        ],
    )
    def test_a_later_forward_sign_ends_the_way_back(self, sign):
        checkpoints = [scan("Exception_010", 2), scan(sign, 3), scan("InTransit_003", 4)]
        assert status_of("InTransit", "InTransit_003", checkpoints) == ParcelStatus.IN_TRANSIT
        assert status_of("Delivered", "Delivered_001", checkpoints) == ParcelStatus.DELIVERED

    @pytest.mark.parametrize(
        "sign", ["InTransit_001", "InTransit_007", "InTransit_010", "Exception_003", "Delivered_001"]
    )
    def test_what_is_no_forward_sign_does_not(self, sign):
        checkpoints = [scan("Exception_010", 2), scan(sign, 3)]
        assert status_of("Delivered", "Delivered_001", checkpoints) == ParcelStatus.RETURNED

    def test_forward_sign_without_a_subtag_counts_by_its_tag(self):
        checkpoints = [scan("Exception_010", 2), scan("", 3, tag="OutForDelivery")]
        assert status_of("Delivered", "Delivered_001", checkpoints) == ParcelStatus.DELIVERED

    def test_forward_sign_before_the_way_back_does_not_count(self):
        checkpoints = [scan("OutForDelivery_001", 1), scan("Exception_010", 2)]
        assert status_of("Delivered", "Delivered_001", checkpoints) == ParcelStatus.RETURNED

    def test_second_way_back_counts_again(self):
        checkpoints = [scan("Exception_010", 1), scan("OutForDelivery_001", 2), scan("Exception_010", 3)]
        assert status_of("InTransit", "InTransit_003", checkpoints) == ParcelStatus.RETURNING

    @given(st.permutations([scan("OutForDelivery_001", 1), scan("Exception_010", 2), scan("InTransit_003", 3)]))
    def test_time_decides_not_the_place_in_the_list(self, checkpoints):
        assert status_of("Delivered", "Delivered_001", checkpoints) == ParcelStatus.RETURNED

    @given(st.text(max_size=12), st.text(max_size=12), st.lists(st.sampled_from(list(SUBTAGS)).map(scan), max_size=4))
    def test_any_text_has_a_status(self, tag, subtag, checkpoints):
        assert isinstance(status_of(tag, subtag, checkpoints), ParcelStatus)


class TestActor:
    @pytest.mark.parametrize(
        ("subtag", "actor"),
        [
            ("AttemptFail_001", Actor.CARRIER),
            ("AttemptFail_002", Actor.SHOPPER),
            ("AttemptFail_003", Actor.SHOPPER),
            ("Exception_001", Actor.CARRIER),
            ("Exception_002", Actor.SHOPPER),
            ("Exception_003", Actor.MERCHANT),
            ("Exception_004", Actor.CUSTOMS),
            ("Exception_005", Actor.WEATHER),
            ("Exception_006", Actor.SHOPPER),
            ("Exception_007", Actor.SHOPPER),
            ("Exception_008", Actor.SHOPPER),
            ("Exception_009", Actor.MERCHANT),
            ("Exception_010", Actor.MERCHANT),
            ("Exception_011", Actor.MERCHANT),
            ("Exception_012", Actor.MERCHANT),
            ("Exception_013", Actor.CARRIER),
            ("Exception_016", Actor.CARRIER),
            ("Exception_017", Actor.WEATHER),
            ("Exception_018", Actor.MERCHANT),
            ("Exception_019", Actor.CARRIER),
            ("Exception_020", Actor.MERCHANT),
            ("Exception_021", Actor.CARRIER),
            ("Exception_099", Actor.CARRIER),
            ("Expired_001", Actor.MERCHANT),
        ],
    )
    def test_each_problem_has_somebody_who_can_act(self, subtag, actor):
        assert actor_of(status_of("", subtag), subtag) == actor

    def test_no_problem_needs_nobody(self):
        for subtag in SUBTAGS:
            if not subtag.startswith(("Exception", "AttemptFail", "Expired")):
                assert actor_of(status_of("", subtag), subtag) is None
        assert actor_of(ParcelStatus.UNKNOWN, "Teleported_001") is None

    def test_parcel_on_its_way_back_is_the_merchant_s_whatever_the_last_scan(self):
        assert actor_of(ParcelStatus.RETURNING, "InTransit_003") == Actor.MERCHANT


class TestWebhook:
    @pytest.mark.parametrize(
        ("case", "event", "status", "checkpoints", "newest"),
        [
            ("tracking_update__info_received", "tracking_update", "info_received", 1, "InfoReceived_001"),
            ("tracking_update__in_transit", "tracking_update", "in_transit", 3, "InTransit_003"),
            ("tracking_update__out_for_delivery", "tracking_update", "out_for_delivery", 4, "OutForDelivery_001"),
            ("tracking_update__delivered", "tracking_update", "delivered", 5, "Delivered_001"),
            ("tracking_update__on_the_way_back", "tracking_update", "returning", 7, "InTransit_003"),
            ("tracking_update__delivered_to_the_sender", "tracking_update", "returned", 8, "Delivered_001"),
            ("tracking_update__sent_out_once_more", "tracking_update", "delivered", 8, "Delivered_002"),
            ("tracking_update__unknown_subtag", "tracking_update", "exception", 2, "InTransit_002"),
            ("tracking_update__unknown_tag", "tracking_update", "unknown", 2, "InTransit_002"),
            ("tracking_update__no_checkpoints", "tracking_update", "info_received", 0, None),
            ("tracking_update__times_without_offset", "tracking_update", "delivered", 5, "Delivered_001"),
            ("tracking_update__customer_return", "tracking_update", "delivered", 1, "Delivered_001"),
            ("tracking_update__nul_and_lone_surrogate", "tracking_update", "in_transit", 1, "InTransit_001"),
            ("edd_revise__one_day_later", "edd_revise", "in_transit", 3, "InTransit_003"),
            ("tracking_pending_time__48_hours", "tracking_pending_time", "pending", 0, None),
        ],
    )
    def test_each_fixture_is_understood(self, case, event, status, checkpoints, newest):
        parsed = webhook(case)
        last = newest_checkpoint(parsed.snapshot.checkpoints)
        assert (parsed.event, parsed.snapshot.status) == (event, status)
        assert (len(parsed.snapshot.checkpoints), last and last.subtag) == (checkpoints, newest)
        assert parsed.event in KNOWN_EVENTS

    def test_no_fixture_is_left_out(self):
        assert len(webhooks()) == 15

    def test_envelope(self):
        parsed = webhook("tracking_update__in_transit")
        assert (parsed.event_id, parsed.is_first_tag) == ("3f1c2b9e-6d2a-4c57-8a3e-000000000002", True)
        assert parsed.sent_at == datetime.fromtimestamp(1795430401, UTC)

    def test_delivered_tracking_in_full(self):
        snapshot = webhook("tracking_update__delivered").snapshot
        assert snapshot.aftership_id == "8d0f3a1c5b7e4a429b3d1f6c2e9a7b01"
        assert (snapshot.tracking_number, snapshot.courier) == ("00340434123456789012", "dhl-germany")
        assert (snapshot.tag, snapshot.subtag, snapshot.subtag_message) == ("Delivered", "Delivered_001", "Delivered")
        assert snapshot.updated_at == datetime(2026, 11, 23, 12, 0, 5, tzinfo=UTC)
        assert snapshot.created_at == datetime(2026, 11, 21, 18, 20, 5, tzinfo=UTC)
        assert (snapshot.active, snapshot.return_to_sender, snapshot.is_return) == (False, False, False)
        assert (snapshot.eta, snapshot.delivered_at_text) == (date(2026, 11, 23), "2026-11-23T12:41:00")
        assert snapshot.tracking_url == "https://acme.aftership.com/8d0f3a1c5b7e4a429b3d1f6c2e9a7b01"
        assert (snapshot.order_id, snapshot.order_number) == ("7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001", "CT-1001")

    def test_checkpoint_in_full(self):
        checkpoint = webhook("tracking_update__info_received").snapshot.checkpoints[0]
        message = "Die Sendungsdaten wurden elektronisch angekündigt."
        assert checkpoint == CheckpointSnapshot(
            fingerprint=hashlib.sha1(f"2026-11-21T19:30:00+01:00InfoReceived_001{message}".encode()).hexdigest(),
            time_text="2026-11-21T19:30:00+01:00",
            happened_at=datetime(2026, 11, 21, 18, 30, tzinfo=UTC),
            local_time=datetime(2026, 11, 21, 19, 30),
            created_at=datetime(2026, 11, 21, 18, 45, tzinfo=UTC),
            tag="InfoReceived",
            subtag="InfoReceived_001",
            subtag_message="Info Received",
            message=message,
            location="Germany",
            country="DEU",
            courier="dhl-germany",
            raw_tag="VA",
            source="carrier",
        )

    def test_customer_return_is_one(self):
        assert webhook("tracking_update__customer_return").snapshot.is_return

    def test_text_is_cleaned(self):
        checkpoint = webhook("tracking_update__nul_and_lone_surrogate").snapshot.checkpoints[0]
        assert (checkpoint.message, checkpoint.city) == ("Paket␀zentrum \ufffd", "K␀ln")

    def test_event_name_is_read_before_the_rest(self):
        assert event_name({"event": "tracking_teleported", "msg": 5}) == "tracking_teleported"
        with pytest.raises(PayloadError):
            event_name({"msg": {}})

    def test_stranger_event_keeps_its_name(self):
        body = document("aftership/webhooks/tracking_update__in_transit") | {"event": "tracking_created"}
        assert parse_webhook(body).event == "tracking_created"

    @pytest.mark.parametrize(
        ("change", "path", "cause"),
        [
            ({"event": None}, "event", "missing"),
            ({"event": 5}, "event", "not a text"),
            ({"event_id": 5}, "event_id", "not a text"),
            ({"is_tracking_first_tag": "yes"}, "is_tracking_first_tag", "not true or false"),
            ({"ts": "1795430401"}, "ts", "not a whole number"),
            ({"msg": None}, "msg", "missing"),
            ({"msg": []}, "msg", "not an object"),
            ({"msg": NOT_MOVED_YET | {"id": None}}, "msg.id", "missing"),
            ({"msg": NOT_MOVED_YET | {"id": "x" * 129}}, "msg.id", "longer than 128 characters"),
            ({"msg": NOT_MOVED_YET | {"tag": ""}}, "msg.tag", "missing"),
            ({"msg": NOT_MOVED_YET | {"tag": ["Delivered"]}}, "msg.tag", "not a text"),
            ({"msg": NOT_MOVED_YET | {"updated_at": None}}, "msg.updated_at", "missing"),
            ({"msg": NOT_MOVED_YET | {"updated_at": "now"}}, "msg.updated_at", "not a date-time"),
            ({"msg": NOT_MOVED_YET | {"updated_at": "2026-11-22"}}, "msg.updated_at", "not a date-time"),
            ({"msg": NOT_MOVED_YET | {"updated_at": "9999-12-31T00:00:00Z"}}, "msg.updated_at", "not a date-time"),
            ({"msg": NOT_MOVED_YET | {"updated_at": 1795430401}}, "msg.updated_at", "not a text"),
            ({"msg": NOT_MOVED_YET | {"tracking_number": 340434}}, "msg.tracking_number", "not a text"),
            ({"msg": NOT_MOVED_YET | {"active": "true"}}, "msg.active", "not true or false"),
            ({"msg": NOT_MOVED_YET | {"return_to_sender": 1}}, "msg.return_to_sender", "not true or false"),
            ({"msg": NOT_MOVED_YET | {"checkpoints": {}}}, "msg.checkpoints", "not a list"),
            ({"msg": NOT_MOVED_YET | {"checkpoints": [{}, "x"]}}, "msg.checkpoints[1]", "not an object"),
            (
                {"msg": NOT_MOVED_YET | {"checkpoints": [{}, {}, {"checkpoint_time": 5}]}},
                "msg.checkpoints[2].checkpoint_time",
                "not a text",
            ),
            ({"msg": NOT_MOVED_YET | {"checkpoints": [{"message": {}}]}}, "msg.checkpoints[0].message", "not a text"),
            ({"msg": NOT_MOVED_YET | {"checkpoints": [{"hash": 5}]}}, "msg.checkpoints[0].hash", "not a text"),
            (
                {"msg": NOT_MOVED_YET | {"latest_estimated_delivery": "2026-11-23"}},
                "msg.latest_estimated_delivery",
                "not an object",
            ),
            (
                {"msg": NOT_MOVED_YET | {"custom_estimated_delivery_date": {"datetime": 5}}},
                "msg.custom_estimated_delivery_date.datetime",
                "not a text",
            ),
        ],
    )
    def test_wrong_shape_is_refused_with_its_path(self, change, path, cause):
        with pytest.raises(PayloadError) as caught:
            parse_webhook(document("aftership/webhooks/tracking_update__in_transit") | change)
        assert (caught.value.path, caught.value.cause) == (path, cause)

    @pytest.mark.parametrize("value", [None, [], "text", 5])
    def test_what_is_no_object_is_refused(self, value):
        with pytest.raises(PayloadError):
            parse_webhook(value)

    def test_path_of_a_polled_tracking_is_the_caller_s(self):
        with pytest.raises(PayloadError) as caught:
            parse_tracking({"id": "T"}, path="data.trackings[3]")
        assert caught.value.path == "data.trackings[3].tag"

    @pytest.mark.parametrize("ts", [10**17, -(10**17), 2**63 - 1])
    def test_clock_of_the_sender_is_no_reason_to_lose_the_news(self, ts):
        body = document("aftership/webhooks/tracking_update__in_transit") | {"ts": ts}
        assert parse_webhook(body).sent_at is None

    NAMES = (
        "event event_id ts msg is_tracking_first_tag id tag subtag updated_at slug active checkpoints checkpoint_time "
        "message hash location city created_at latest_estimated_delivery datetime shipment_direction order_id"
    )

    @given(anything(NAMES), anything(NAMES))
    def test_arbitrary_json_gives_a_webhook_or_a_payload_error(self, value, other):
        half_right = NOT_MOVED_YET | {"checkpoints": [other, value], "latest_estimated_delivery": value, "slug": other}
        for one in (value, {"event": "x", "msg": value}, {"event": "x", "msg": half_right}):
            parses_or_refuses(parse_webhook, one)


class TestEventId:
    def test_webhook_has_its_own_id(self):
        body = raw("aftership/webhooks/tracking_update__in_transit")
        assert webhook_event_id(body) == "3f1c2b9e-6d2a-4c57-8a3e-000000000002"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"x",
            b"[]",
            b"{}",
            b'{"event_id": null}',
            b'{"event_id": ""}',
            b'{"event_id": "a b"}',
            b'{"event_id": 5}',
            b'{"event_id": "\\ud800"}',
            b'{"event_id": "' + b"x" * 129 + b'"}',
            b"[" * 50_000,
        ],
    )
    def test_anything_else_is_known_by_its_bytes(self, body):
        assert webhook_event_id(body) == "sha256:" + hashlib.sha256(body).hexdigest()


class TestTracking:
    @pytest.mark.parametrize(
        ("changes", "eta"),
        [
            ({}, None),
            ({"latest_estimated_delivery": {"datetime": "2026-11-23"}}, date(2026, 11, 23)),
            ({"latest_estimated_delivery": {"datetime": "2026-11-23T23:30:00-05:00"}}, date(2026, 11, 23)),
            (
                {
                    "latest_estimated_delivery": {
                        "datetime": None,
                        "datetime_min": "2026-11-24",
                        "datetime_max": "2026-11-25",
                    }
                },
                date(2026, 11, 25),
            ),
            ({"latest_estimated_delivery": {"datetime_min": "2026-11-24"}}, date(2026, 11, 24)),
            (
                {
                    "latest_estimated_delivery": {"datetime": "soon"},
                    "courier_estimated_delivery_date": {"estimated_delivery_date": "2026-11-26"},
                },
                date(2026, 11, 26),
            ),
            (
                {
                    "courier_estimated_delivery_date": None,
                    "aftership_estimated_delivery_date": {"estimated_delivery_date": "2026-11-27"},
                    "custom_estimated_delivery_date": {"datetime": "2026-11-28"},
                },
                date(2026, 11, 27),
            ),
            ({"custom_estimated_delivery_date": {"datetime": "2026-11-28"}}, date(2026, 11, 28)),
        ],
    )
    def test_best_promise_wins(self, changes, eta):
        assert tracking(**changes).eta == eta

    @pytest.mark.parametrize(
        ("ours", "courier", "url"),
        [
            ("https://a.example/1", "https://b.example/2", "https://a.example/1"),
            (None, "http://b.example/2", "http://b.example/2"),
            ("javascript:alert(1)", None, ""),
            ("https://a.example/<script>", None, ""),
            ("https://a.example/ 1", "HTTPS://B.example", "HTTPS://B.example"),
            ("https://a.example/" + "x" * 2_000, None, ""),
            (None, None, ""),
        ],
    )
    def test_link_is_a_whole_web_address_or_none(self, ours, courier, url):
        assert tracking(aftership_tracking_url=ours, courier_tracking_link=courier).tracking_url == url

    def test_smallest_tracking(self):
        snapshot = tracking()
        assert (snapshot.status, snapshot.checkpoints, snapshot.active) == (ParcelStatus.PENDING, (), None)
        assert (snapshot.courier, snapshot.tracking_number, snapshot.created_at) == ("", "", None)

    def test_unreadable_creation_time_is_no_reason_to_lose_the_news(self):
        assert tracking(created_at="whenever").created_at is None

    @pytest.mark.parametrize(
        "updated_at", ["2026-11-22T10:00:00Z", "2026-11-22T11:00:00.000+01:00", "2026-11-22T10:00:00"]
    )
    def test_clock_is_utc(self, updated_at):
        assert tracking(updated_at=updated_at).updated_at == datetime(2026, 11, 22, 10, tzinfo=UTC)


class TestCheckpoints:
    def test_times_keep_what_was_given_and_whether_the_offset_was_known(self):
        checkpoints = webhook("tracking_update__times_without_offset").snapshot.checkpoints
        assert [(c.time_text, c.happened_at, c.local_time) for c in checkpoints] == [
            ("2026-11-20T23:30:00-05:00", datetime(2026, 11, 21, 4, 30, tzinfo=UTC), datetime(2026, 11, 20, 23, 30)),
            ("hier soir", None, None),
            ("2026-11-22T08:15:30.1234567", None, datetime(2026, 11, 22, 8, 15, 30, 123456)),
            ("2026-11-23", None, datetime(2026, 11, 23)),
            ("2026-11-23", None, datetime(2026, 11, 23)),
        ]

    def test_delivery_of_the_same_day_is_the_later_scan(self):
        checkpoints = webhook("tracking_update__times_without_offset").snapshot.checkpoints
        assert [c.tag for c in checkpoints[-2:]] == ["OutForDelivery", "Delivered"]

    def test_repeats_are_kept_once(self):
        body = {"checkpoint_time": "2026-11-22T10:00:00", "message": "a"}
        checkpoints = tracking(checkpoints=[body, body | {"message": "b"}, body]).checkpoints
        assert [c.message for c in checkpoints] != ["a", "b", "a"]
        assert sorted(c.message for c in checkpoints) == ["a", "b"]

    def test_repeat_by_hash_keeps_the_first_report(self):
        one = {"hash": "h", "checkpoint_time": "2026-11-22T10:00:00", "created_at": "2026-11-22T12:00:00Z"}
        two = one | {"created_at": "2026-11-22T11:00:00Z"}
        for order in ([one, two], [two, one]):
            (kept,) = tracking(checkpoints=order).checkpoints
            assert kept.created_at == datetime(2026, 11, 22, 11, tzinfo=UTC)

    @pytest.mark.parametrize("given_hash", [None, "", "with space", "x" * 65, "ü", "\0"])
    def test_without_a_usable_hash_the_content_is_the_fingerprint(self, given_hash):
        body = {"hash": given_hash, "checkpoint_time": "2026-11-22T10:00:00", "message": "a"}
        (checkpoint,) = tracking(checkpoints=[body]).checkpoints
        (same,) = tracking(checkpoints=[body | {"created_at": "2026-11-23T10:00:00Z", "slug": "ups"}]).checkpoints
        assert len(checkpoint.fingerprint) == 64
        assert same.fingerprint == checkpoint.fingerprint

    @pytest.mark.parametrize(
        "name", ["checkpoint_time", "message", "tag", "subtag", "location", "city", "state", "postal_code", "raw_tag"]
    )
    def test_every_fact_tells_scans_apart(self, name):
        prints = {tracking(checkpoints=[body]).checkpoints[0].fingerprint for body in ({}, {name: "a"}, {name: "b"})}
        assert len(prints) == 3

    @pytest.mark.parametrize(
        ("body", "location", "country"),
        [
            ({"location": "Hub 7", "city": "Köln"}, "Hub 7", ""),
            ({"city": "Köln", "state": "NW", "country_region": "DEU", "country_region_name": "Germany"},
             "Köln, NW, Germany", "DEU"),
            ({"city": "Köln", "country_region": "DEU"}, "Köln, DEU", "DEU"),
            ({"country_region": "Deutschland"}, "Deutschland", ""),
            ({"location": " ", "state": "NW"}, "NW", ""),
            ({}, "", ""),
        ],
    )  # fmt: skip
    def test_location_is_the_text_or_made_of_its_parts(self, body, location, country):
        (checkpoint,) = tracking(checkpoints=[body]).checkpoints
        assert (checkpoint.location, checkpoint.country) == (location, country)

    def test_no_checkpoint_is_the_newest_of_none(self):
        assert newest_checkpoint(()) is None

    def test_without_any_time_the_report_counts(self):
        untimed = CheckpointSnapshot(fingerprint="a", created_at=datetime(2026, 11, 23, tzinfo=UTC))
        nothing = CheckpointSnapshot(fingerprint="b")
        assert newest_checkpoint([untimed, scan("InTransit_001", 5), nothing]) == untimed
        assert sorted([untimed, nothing], key=sort_key) == [nothing, untimed]

    moments = st.none() | st.integers(0, 3).map(lambda hour: datetime(2026, 11, 22, hour))
    aware = st.none() | st.integers(0, 3).map(lambda hour: datetime(2026, 11, 22, hour, tzinfo=UTC))
    snapshots = st.builds(
        CheckpointSnapshot,
        fingerprint=st.text("abc", min_size=1, max_size=2),
        happened_at=aware,
        local_time=moments,
        created_at=aware,
        tag=st.sampled_from([*TAG_STATUS, "", "Teleported"]),
    )

    @given(st.lists(snapshots, max_size=6, unique_by=lambda one: one.fingerprint), st.randoms())
    def test_order_does_not_depend_on_arrival(self, checkpoints, random):
        shuffled = random.sample(checkpoints, len(checkpoints))
        assert sorted(shuffled, key=sort_key) == sorted(checkpoints, key=sort_key)
        assert newest_checkpoint(shuffled) == newest_checkpoint(checkpoints)

    @given(st.randoms(), st.sampled_from(webhooks()))
    def test_shuffled_webhook_says_the_same(self, random, name):
        body = document(name)
        shuffled = json.loads(json.dumps(body))
        random.shuffle(shuffled["msg"]["checkpoints"])
        assert parse_webhook(shuffled) == parse_webhook(body)
