"""Scans and the webhooks they send."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import datetime

import pytest

from tests.sandbox.conftest import Caller, Receiver
from tests.sandbox.test_aftership import create
from tracking.sandbox.client import SandboxClient, SandboxError
from tracking.sandbox.webhooks import Sender, message_retry, webhook_retry


@pytest.fixture
def tracked(control: SandboxClient, aftership: Caller, receiver: Receiver) -> str:
    """A tracking of an account whose webhook is the receiver; retries come at once."""
    control.account("main", webhook={"url": receiver.url, "secret": "s3cret"})
    control.set_dials(webhooks={"retry_base_seconds": 0.01})
    return create(aftership, id="a").body["data"]["id"]


def test_a_webhook_is_signed_over_its_raw_bytes(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    control.scan("main", tracked, "InTransit", message="Zürich")
    headers, body = receiver.got.get(timeout=60)
    expected = base64.b64encode(hmac.new(b"s3cret", body, hashlib.sha256).digest()).decode()
    assert headers["aftership-hmac-sha256"] == expected
    assert headers["as-webhook-version"] == "2026-07"
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"].startswith("AfterShipTrackingWebhook/4.0.0")


def test_the_envelope_carries_the_tracking_as_the_api_shows_it(
    control: SandboxClient, aftership: Caller, receiver: Receiver, tracked: str
) -> None:
    event_id = control.scan("main", tracked, "InTransit")["event_id"]
    _, body = receiver.next()
    assert body.keys() == {"event", "event_id", "is_tracking_first_tag", "ts", "msg"}
    assert (body["event"], body["event_id"], body["is_tracking_first_tag"]) == ("tracking_update", event_id, True)
    assert abs(body["ts"] - time.time()) < 60
    assert body["msg"] == aftership("GET", f"/trackings/{tracked}").body["data"]


def test_only_the_first_of_a_tag_is_marked(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    for tag in ("InTransit", "InTransit", "Exception", "InTransit"):
        control.scan("main", tracked, tag, message=str(time.time()))
    marks = {
        body["msg"]["updated_at"]: body["is_tracking_first_tag"] for _, body in (receiver.next() for _ in range(4))
    }
    assert [marks[at] for at in sorted(marks)] == [True, False, True, False]


def test_pending_is_never_told(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    assert control.scan("main", tracked, "Pending")["event_id"] is None
    assert control.scan("main", tracked, "InTransit", webhook=False)["event_id"] is None
    assert control.idle()["idle"]
    assert receiver.got.empty()


def test_a_plan_without_webhooks_tells_nothing(control: SandboxClient, tracked: str) -> None:
    control.account("main", plan_webhooks=False)
    assert control.scan("main", tracked, "InTransit")["event_id"] is None


def test_a_refused_webhook_comes_again_with_the_same_event_id(
    control: SandboxClient, receiver: Receiver, tracked: str
) -> None:
    receiver.statuses = [500, 302, 404]
    event_id = control.scan("main", tracked, "InTransit")["event_id"]
    assert [receiver.next()[1]["event_id"] for _ in range(4)] == [event_id] * 4
    control.wait_idle(60)
    assert receiver.got.empty()


def test_a_waiting_webhook_is_counted_as_such(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    control.set_dials(webhooks={"retry_base_seconds": 600})
    receiver.statuses = [500]
    control.scan("main", tracked, "InTransit")
    receiver.next()
    control.wait_idle(60, retries_too=False)
    assert (control.idle()["outstanding"], control.idle()["waiting_for_retry"], control.idle()["idle"]) == (0, 1, False)


def test_waits_are_those_of_the_documented_table() -> None:
    waits = [webhook_retry(30)(attempts) for attempts in range(1, 15)]
    assert (waits[:3], waits[12], waits[13]) == ([30, 60, 120], 122_880, None)
    assert sum(wait for wait in waits if wait) == 245_730
    assert [message_retry(0.2)(attempts) for attempts in (1, 2, 100)] == [0.2, 0.4, 5.0]


def test_after_fourteen_attempts_it_gives_up(receiver: Receiver) -> None:
    sender = Sender(pool_size=1)
    receiver.statuses = [500] * 20
    sender.post(receiver.url, {}, b"{}", retry=webhook_retry(0.0))
    ends_at = time.monotonic() + 60
    while not sender.state()["idle"] and time.monotonic() < ends_at:
        time.sleep(0.01)
    assert (sender.state()["given_up"], receiver.got.qsize()) == (1, 14)
    sender.close()


def test_a_receiver_that_is_not_there_is_tried_again() -> None:
    sender = Sender(pool_size=1)
    sender.post("http://127.0.0.1:1/", {}, b"{}", retry=webhook_retry(0.0))
    ends_at = time.monotonic() + 60
    while not sender.state()["idle"] and time.monotonic() < ends_at:
        time.sleep(0.01)
    assert sender.state() == {"idle": True, "outstanding": 0, "waiting_for_retry": 0, "delivered": 0, "given_up": 1}
    sender.close()


def test_updated_at_grows_with_every_scan(control: SandboxClient, tracked: str) -> None:
    times = [control.scan("main", tracked, "InTransit", message=str(n))["tracking"]["updated_at"] for n in range(5)]
    assert times == sorted(set(times))
    assert all(datetime.fromisoformat(at).microsecond == 0 and at.endswith("+00:00") for at in times)


def test_a_scan_tells_place_time_and_words(control: SandboxClient, tracked: str) -> None:
    place = {"city": "Leipzig", "country_region": "DEU", "postal_code": "04435"}
    scan = {"location": place, "checkpoint_time": "2026-11-22T09:30:00", "raw_tag": "ARR", "message": "Arrived"}
    tracking = control.scan("main", tracked, "InTransit", "InTransit_003", **scan)["tracking"]
    checkpoint = tracking["checkpoints"][0]
    assert (tracking["subtag"], tracking["subtag_message"]) == ("InTransit_003", "Arrival scan")
    assert checkpoint == {
        **checkpoint,
        **place,
        "location": "Leipzig, DEU",
        "checkpoint_time": "2026-11-22T09:30:00",
        "raw_tag": "ARR",
        "message": "Arrived",
        "source": "carrier",
        "slug": "ups",
    }
    assert len(checkpoint["hash"]) == 40


def test_the_same_scan_to_the_letter_is_one_checkpoint(control: SandboxClient, tracked: str) -> None:
    for _ in range(2):
        tracking = control.scan("main", tracked, "InTransit", checkpoint_time="2026-11-22T09:30:00")["tracking"]
    assert len(tracking["checkpoints"]) == 1


def test_milestones_follow_the_scans(control: SandboxClient, tracked: str) -> None:
    control.scan("main", tracked, "InTransit", checkpoint_time="2026-11-20T08:00:00", eta="2026-11-23")
    control.scan("main", tracked, "AttemptFail", checkpoint_time="2026-11-22T08:00:00")
    tracking = control.scan("main", tracked, "Delivered", checkpoint_time="2026-11-23T08:00:00", eta="2026-11-24")
    data = tracking["tracking"]
    assert (data["shipment_pickup_date"], data["shipment_delivery_date"]) == (
        "2026-11-20T08:00:00",
        "2026-11-23T08:00:00",
    )
    assert (data["transit_time"], data["failed_delivery_attempts"], data["active"]) == (3, 1, False)
    assert data["first_estimated_delivery"]["datetime"] == "2026-11-23"
    assert data["latest_estimated_delivery"]["datetime"] == "2026-11-24"


def test_return_to_sender_sticks(control: SandboxClient, tracked: str) -> None:
    control.scan("main", tracked, "Exception", "Exception_010")
    assert control.scan("main", tracked, "Delivered")["tracking"]["return_to_sender"] is True


def test_the_courier_may_be_corrected_under_way(control: SandboxClient, aftership: Caller, tracked: str) -> None:
    tracking = control.scan("main", tracked, "InTransit", courier="fedex")["tracking"]
    assert (tracking["id"], tracking["slug"], tracking["checkpoints"][0]["slug"]) == (tracked, "fedex", "fedex")
    assert create(aftership, id="b", slug="ups").status == 201


def test_a_scan_may_come_from_the_past_and_of_an_unknown_tag(control: SandboxClient, tracked: str) -> None:
    at = "2026-01-01T00:00:00+00:00"
    tracking = control.scan("main", tracked, "Teleported", updated_at=at)["tracking"]
    assert (tracking["tag"], tracking["subtag"], tracking["updated_at"]) == ("Teleported", "Teleported_001", at)


def test_a_scan_of_nothing_is_said_to_be_one(control: SandboxClient) -> None:
    with pytest.raises(SandboxError) as refused:
        control.scan("main", "nothing", "InTransit")
    assert refused.value.status == 404


def test_webhooks_double_and_vanish_by_dial(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    control.set_dials(webhooks={"duplicate_rate": 1.0})
    event_id = control.scan("main", tracked, "InTransit")["event_id"]
    assert [receiver.next()[1]["event_id"] for _ in range(2)] == [event_id] * 2
    control.set_dials(webhooks={"duplicate_rate": 0.0, "drop_rate": 1.0})
    control.scan("main", tracked, "Delivered")
    control.wait_idle(60)
    assert receiver.got.empty()


def test_a_delayed_webhook_is_outstanding(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    control.set_dials(webhooks={"delay_seconds": 600})
    control.scan("main", tracked, "InTransit")
    assert (control.idle()["outstanding"], receiver.got.empty()) == (1, True)


def test_any_body_is_sent_and_signed_by_hand(control: SandboxClient, receiver: Receiver, tracked: str) -> None:
    receiver.statuses = [200, 401]
    assert control.send("main", b"\x00not json", times=2) == [200, 401]
    headers, body = receiver.got.get(timeout=60)
    signed = base64.b64encode(hmac.new(b"s3cret", b"\x00not json", hashlib.sha256).digest()).decode()
    assert (body, headers["aftership-hmac-sha256"]) == (b"\x00not json", signed)
    control.send("main", {"event": "x"}, secret="wrong")
    receiver.got.get(timeout=60)
    headers, body = receiver.got.get(timeout=60)
    assert json.loads(body) == {"event": "x"}
    assert headers["aftership-hmac-sha256"] == base64.b64encode(hmac.digest(b"wrong", body, "sha256")).decode()
