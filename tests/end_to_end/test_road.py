"""The road on good and bad days, over real HTTP: what reaches AfterShip, what comes back, what it costs."""

from __future__ import annotations

import http.client
import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from stores.models import AfterShipAccount, CarrierMapping, Courier, Project, Revision, Route
from stores.revisions import Draft
from stores.rule_set import snapshot
from tests.end_to_end.test_seed_case import envelope
from tests.end_to_end.world import SECRET, World, parcel
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.management.commands.sync_order import Command as SyncOrder
from tracking.models import Attempt, Job, Order, Parcel, Problem, Receipt, Tracking
from tracking.services import connections
from tracking.services.promise import promised_day
from tracking.services.pump import drain_everything
from tracking.services.rules import change_rules
from tracking.services.setup import set_up

WITH_FIGURES = True
NUMBER, OTHER = "00340434161094000001", "1Z999AA10123456784"


def open_problems() -> list[tuple[str, str]]:
    return list(Problem.objects.filter(closed_at=None).order_by("pk").values_list("kind", "cause"))


@pytest.fixture
def quick(settings: Any) -> None:
    """Back-off of milliseconds: the waits are still taken, noted and listed."""
    settings.JOB_BACKOFF_BASE_SECONDS, settings.JOB_BACKOFF_CAP_SECONDS = 0.01, 0.02


def work_off(world: World) -> None:
    """Work until no job waits any more, back-offs included; the pauses of a connection that was down pass at once."""
    for _ in range(200):
        world.work()
        Project.objects.update(paused_until=None)
        AfterShipAccount.objects.update(paused_until=None)
        if not any(job.want > job.done for job in Job.objects.filter(dead_at=None)):
            return
    raise AssertionError("jobs never came to an end")


# ── costs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_burst_on_a_known_order_costs_one_call_and_no_read(world: World) -> None:
    order = world.order(parcel(NUMBER), parcel(OTHER, "UPS"))
    world.work()
    since = world.mark()
    for tag in ("InfoReceived", "InTransit", "OutForDelivery"):
        world.scan(world.tracking(NUMBER), tag)
        world.scan(world.tracking(OTHER), tag)
    world.work()
    assert world.calls("commercetools", since) == [f"POST /demo/orders/{order['id']}"]
    assert world.calls("aftership", since) == []


def test_a_new_tracking_costs_one_call_to_aftership_and_one_read(world: World) -> None:
    since = world.mark()
    order = world.order(parcel(NUMBER))
    world.work()
    assert world.calls("aftership", since) == ["POST /tracking/2026-07/trackings"]
    assert world.calls("commercetools", since) == [
        f"GET /demo/orders/{order['id']}",
        f"POST /demo/orders/{order['id']}",
    ]


def test_the_clocks_of_both_upstreams_are_compared_with_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_clock_noted_at", {})
    world.order(parcel(NUMBER))
    world.work()
    skews = connections.clock_skews()
    assert skews == {"commercetools:demo": pytest.approx(0, abs=3), "aftership:main": pytest.approx(0, abs=3)}


def test_a_repeated_message_costs_nothing(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    since, receipts = world.mark(), Receipt.objects.count()
    push = {"url": f"{world.own_url}/webhooks/commercetools/demo/", "token": "inbound-token-of-demo"}
    for message in world.sandbox.messages("demo"):
        assert post(push["url"], json.dumps(message).encode(), {"Authorization": f"Bearer {push['token']}"})[0] == 200
    world.work()
    assert world.calls("commercetools", since) == []
    assert Receipt.objects.count() == receipts


def test_the_same_content_under_a_new_event_id_writes_nothing(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    body = envelope(world.scan(world.tracking(NUMBER), "InTransit")["tracking"])
    world.work()
    since = world.mark()
    assert world.sandbox.send("main", body, secret=SECRET, times=3) == [200, 200, 200]
    world.work()
    assert world.calls("commercetools", since) == []
    assert Receipt.objects.get(event_id=body["event_id"]).outcome.startswith("already applied")


# ── what AfterShip is told ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_aftership_is_told_of_a_parcel(world: World) -> None:
    order = world.order(parcel(" 0034 0434 1610 9400 0001 ", "dhl"))
    world.work()
    (told,) = world.sandbox.trackings("main")
    tracking = world.tracking(NUMBER)
    assert told["id"] == tracking.pk == tracking.aftership_id
    assert told["tracking_number"] == NUMBER
    assert told["slug"] == "dhl-germany"
    assert told["order_id"] == order["id"]
    assert told["order_number"] == "DE-1001"
    assert told["destination_country_region"] == "DEU"
    assert told["destination_postal_code"] == "10115"


def for_messages(world: World) -> tuple[Any, Any, Any]:
    """What AfterShip has of one tracking for its own messages alone: customers, language, promised day."""
    (told,) = world.sandbox.trackings("main")
    promise = (told["order_promised_delivery_date"] or {}).get("promised_delivery_date")
    return told["customers"] or [], told["language"], promise


@pytest.mark.parametrize("notify", [Route.Notify.OFF, Route.Notify.PLATFORM])
def test_what_messages_need_is_not_sent_where_aftership_writes_none(world: World, notify: str) -> None:
    Route.objects.update(notify=notify, promise_days=3)
    world.order(parcel(NUMBER))
    world.work()
    assert for_messages(world) == ([], None, None)


def test_what_messages_need_goes_along_where_aftership_writes(world: World) -> None:
    Route.objects.update(notify=Route.Notify.AFTERSHIP, promise_days=3)
    world.order(parcel(NUMBER))
    world.work()
    promised = promised_day(Parcel.objects.get())
    customer = {"role": "buyer", "email": "anna.muster@example.com", "language": "de"}
    assert promised is not None
    assert for_messages(world) == ([customer], "de", promised.isoformat())


def test_a_route_that_changes_hands_takes_away_what_messages_need_and_gives_it_back(world: World) -> None:
    route = Route.objects.get()
    Route.objects.update(notify=Route.Notify.AFTERSHIP, promise_days=3)
    order = world.order(parcel(NUMBER))
    world.work()
    since, before = world.mark(), for_messages(world)
    for notify in ("platform", "aftership", "off"):
        words = snapshot(Route.objects.get()) | {"notify": notify}
        change_rules([Draft("route", route.pk, words)], actor=None, source=Revision.Source.CONSOLE, reason="Hands")
        world.work()
        assert for_messages(world) == (before if notify == "aftership" else ([], "de", None)), notify
    assert len(world.calls("aftership", since)) == 3, "one PUT each"
    world.change(order, {"action": "setLocale", "locale": "fr-FR"})
    world.work()
    assert len(world.calls("aftership", since)) == 3, "what is off stays off, and costs no call"


def test_the_narrowest_mapping_of_a_carrier_text_wins(world: World) -> None:
    for scope, slug in (({}, "dpd"), ({"project": world.project}, "dpd-de"), ({"store": "de-web"}, "dpd-uk")):
        if "store" in scope:
            scope = {"project": world.project, "store": world.project.stores.get(key="de-web")}
        courier, _ = Courier.objects.get_or_create(slug=slug)
        CarrierMapping.objects.create(carrier="Paketdienst", courier=courier, **scope)
    world.order(parcel("01234567890123", "PAKETDIENST"))
    world.order(parcel("01234567890124", "paketdienst"), number="EN-1", store={"typeId": "store", "key": "en-web"})
    world.work()
    assert world.tracking("01234567890123").requested_courier == "dpd-uk"
    assert world.tracking("01234567890124").requested_courier == "dpd-de"


def test_text_without_a_mapping_is_left_to_aftership_to_detect(world: World) -> None:
    world.order(parcel(OTHER, "Brown trucks"))
    world.work()
    tracking = world.tracking(OTHER)
    assert (tracking.requested_courier, tracking.courier) == ("", "ups")
    assert open_problems() == []


def test_a_carrier_that_nobody_recognises_is_a_problem_until_it_is_mapped(world: World) -> None:
    order = world.order(parcel("QQ-77", "Oma's Fahrrad"))
    world.work()
    ((kind, cause),) = open_problems()
    assert kind == ProblemKind.UNMAPPED_CARRIER
    assert cause.startswith("Carrier 'Oma's Fahrrad' (not mapped). 4012: ")
    courier, _ = Courier.objects.get_or_create(slug="hermes-de")
    CarrierMapping.objects.create(carrier="Oma's Fahrrad", courier=courier)
    SyncOrder().handle(project="demo", order=order["orderNumber"])
    world.work()
    assert world.tracking("QQ-77").courier == "hermes-de"
    assert open_problems() == []


def test_fields_a_courier_needs_come_from_the_order_or_are_named_as_missing(world: World) -> None:
    courier, _ = Courier.objects.get_or_create(slug="gls-spain")
    courier.required_fields = ["destination_postal_code"]
    courier.save()
    CarrierMapping.objects.create(carrier="GLS", courier=courier)
    order = world.order(parcel("61234567890", "GLS"), number="ES-1")
    bare = world.order(parcel("61234567891", "GLS"), number="ES-2")
    world.change(bare, {"action": "setShippingAddress", "address": {"country": "ES"}})
    since = world.mark()
    world.work()
    assert [one["order_id"] for one in world.sandbox.trackings("main")] == [order["id"]]
    assert world.calls("aftership", since) == ["POST /tracking/2026-07/trackings"]
    ((kind, cause),) = open_problems()
    assert kind == ProblemKind.MISSING_FIELD
    assert cause.startswith("gls-spain needs destination_postal_code")


def test_fields_added_to_a_mapping_reach_a_parcel_that_waits_for_them(world: World) -> None:
    courier, _ = Courier.objects.get_or_create(slug="amazon-logistics")
    courier.required_fields = ["tracking_key"]
    courier.save()
    mapping = CarrierMapping.objects.create(carrier="Amazon", courier=courier)
    order = world.order(parcel("TBA123456789000", "Amazon"))
    world.work()
    assert [kind for kind, _ in open_problems()] == [ProblemKind.MISSING_FIELD]
    mapping.extra_fields = {"tracking_key": "K-7"}
    mapping.save()
    SyncOrder().handle(project="demo", order=order["id"])
    world.work()
    assert world.tracking("TBA123456789000").opened_at
    assert open_problems() == []


def test_a_number_that_cannot_be_one_is_named_and_nothing_is_called(world: World) -> None:
    since = world.mark()
    world.order(parcel("??", "DHL"), parcel(None, None))
    world.work()
    assert [kind for kind, _ in open_problems()] == [ProblemKind.BAD_NUMBER]
    assert world.calls("aftership", since) == []


def test_an_order_without_a_route_is_a_problem_that_closes_with_the_route(world: World) -> None:
    Route.objects.update(is_active=False)
    order = world.order(parcel(NUMBER))
    world.work()
    assert open_problems() == [(ProblemKind.UNROUTED, "No active route matches project demo, de-web.")]
    Route.objects.update(is_active=True)
    SyncOrder().handle(project="demo", order=order["id"])
    world.work()
    assert open_problems() == []
    assert next(iter(world.carried(order).values()))["tb_status"] == "pending"


# ── numbers change, parcels go, boxes are shared ─────────────────────────────────────────────────────────────────────


def test_a_changed_number_opens_a_new_tracking_and_retires_the_old_one_with_its_history(world: World) -> None:
    one = parcel(NUMBER)
    order = world.order(one)
    world.work()
    old = world.tracking(NUMBER)
    world.scan(old, "InTransit", message="Sorted in Leipzig")
    world.work()
    data = {"trackingId": "00340434161094000002", "carrier": "DHL"}
    world.change(order, {"action": "setParcelTrackingData", "parcelId": one["id"], "trackingData": data})
    world.work()
    old.refresh_from_db()
    assert old.retired_at
    assert [checkpoint.message for checkpoint in old.checkpoints.all()] == ["Sorted in Leipzig"]
    assert [told["tracking_number"] for told in world.sandbox.trackings("main")] == ["00340434161094000002"]
    carried = world.carried(order)[one["id"]]
    assert (carried["tb_status"], carried["tb_tracking_id"]) == ("pending", world.tracking("00340434161094000002").pk)
    assert "tb_message" not in carried


def test_a_removed_parcel_retires_its_tracking(world: World) -> None:
    one = parcel(NUMBER)
    order = world.order(one)
    world.work()
    world.change(order, {"action": "removeParcelFromDelivery", "parcelId": one["id"]})
    world.work()
    assert Tracking.objects.get(tracking_number=NUMBER).retired_reason == "the parcel was removed"
    assert world.sandbox.trackings("main") == []


def test_two_parcels_with_one_number_share_a_tracking_and_both_are_written(world: World) -> None:
    order = world.order(parcel(NUMBER), parcel(NUMBER.lower()))
    second = world.order(parcel(NUMBER), number="DE-1002")
    world.work()
    assert len(world.sandbox.trackings("main")) == Tracking.objects.count() == 1
    world.scan(world.tracking(NUMBER), "OutForDelivery")
    world.work()
    statuses = [fields["tb_status"] for one in (order, second) for fields in world.carried(one).values()]
    assert statuses == ["out_for_delivery"] * 3


def test_deliveries_of_multiple_shipping_mode_are_found(world: World) -> None:
    delivery = {"id": "d-1", "items": [], "parcels": [parcel(NUMBER)]}
    order = world.sandbox.create_order(
        "demo",
        shippingMode="Multiple",
        shippingInfo=None,
        shipping=[{"shippingKey": "s-1", "shippingInfo": {"deliveries": [delivery]}}],
        shippingAddress={"country": "DE"},
        lineItems=[{"id": "li-1", "quantity": 1}],
    )
    world.work()
    now = world.sandbox.order("demo", order["id"])
    written = now["shipping"][0]["shippingInfo"]["deliveries"][0]["parcels"][0]["custom"]["fields"]
    assert written["tb_status"] == "pending"


def test_return_parcels_do_not_count_for_the_order(world: World) -> None:
    order = world.order(parcel(NUMBER), parcel(OTHER, "UPS", is_return=True))
    world.work()
    world.scan(world.tracking(NUMBER), "Delivered")
    world.scan(world.tracking(OTHER), "InTransit")
    world.work()
    fields = world.order_fields(order)
    assert (fields["tb_status"], fields["tb_parcels"], fields["shipmentState"]) == ("delivered", 1, "Delivered")
    directions = {told["tracking_number"]: told["shipment_direction"] for told in world.sandbox.trackings("main")}
    assert directions[OTHER] == "return"
    assert directions[NUMBER] != "return"


# ── bad days ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_tracking_is_ignored_with_its_cause_visible(world: World) -> None:
    world.order(parcel(NUMBER))
    world.work()
    told = world.sandbox.trackings("main")[0] | {"id": "f" * 32}
    assert world.sandbox.send("main", envelope(told), secret=SECRET) == [200]
    world.work()
    receipt = Receipt.objects.get(subject="f" * 32)
    assert receipt.state == ReceiptState.IGNORED
    assert receipt.outcome == f"unknown tracking: no tracking of ours has AfterShip's id {'f' * 32}"


def test_news_for_an_order_that_was_deleted_loses_no_receipt(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    body = envelope(world.scan(world.tracking(NUMBER), "InTransit", webhook=False)["tracking"])
    world.sandbox.delete_order("demo", order["id"])
    assert world.sandbox.send("main", body, secret=SECRET) == [200]
    world.work()
    receipt = Receipt.objects.get(event_id=body["event_id"])
    assert receipt.state == ReceiptState.DONE
    assert Order.objects.get().deleted_at
    assert Tracking.objects.get().retired_reason == "the order was deleted in commercetools"
    assert not Job.objects.filter(dead_at__isnull=False).exists()


def test_an_order_deleted_without_a_message_ends_quietly_at_the_next_write(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.sandbox.project("demo", push={"url": "http://127.0.0.1:9/", "token": "x"})
    world.sandbox.delete_order("demo", order["id"])
    body = envelope(world.scan(world.tracking(NUMBER), "InTransit", webhook=False)["tracking"])
    world.sandbox.send("main", body, secret=SECRET)
    world.sandbox.reset_dials()
    drain_everything()
    assert Order.objects.get().deleted_at
    assert open_problems() == []


def test_ten_times_503_then_the_update_arrives_under_one_correlation_id(world: World, quick: None) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.sandbox.set_dials(
        commercetools={"fail": [{"status": 503, "count": 10, "match": f"POST /demo/orders/{order['id']}"}]}
    )
    since = world.mark()
    world.scan(world.tracking(NUMBER), "InTransit")
    work_off(world)
    assert next(iter(world.carried(order).values()))["tb_status"] == "in_transit"
    correlation_id = Order.objects.get().correlation_id
    attempts = list(Attempt.objects.filter(endpoint="POST /orders/{id}").order_by("pk"))[-11:]
    assert [attempt.status for attempt in attempts] == [503] * 10 + [200]
    assert all(attempt.wait_seconds and attempt.wait_seconds > 0 for attempt in attempts[:10])
    assert {attempt.correlation_id for attempt in attempts} == {correlation_id}
    assert {one["correlation_id"] for one in world.sandbox.journal("commercetools", since)} == {correlation_id}
    assert Receipt.objects.filter(source=Source.AFTERSHIP).get().correlation_id == correlation_id


def test_a_lost_answer_of_the_create_call_is_found_again(world: World, quick: None) -> None:
    world.sandbox.set_dials(aftership={"drop_answer": [{"count": 1, "match": "POST /tracking/2026-07/trackings"}]})
    order = world.order(parcel(NUMBER))
    work_off(world)
    assert len(world.sandbox.trackings("main")) == Tracking.objects.filter(retired_at=None).count() == 1
    assert world.carried(order).popitem()[1]["tb_status"] == "pending"
    codes = list(
        Attempt.objects.filter(upstream="aftership:main").order_by("pk").values_list("endpoint", "outcome", "code")
    )
    assert [endpoint for endpoint, _, _ in codes] == ["POST /trackings", "POST /trackings", "GET /trackings/{id}"]
    assert codes[1][2] == "4003"


def test_a_lost_answer_of_a_write_ends_in_a_read_and_no_second_write(world: World, quick: None) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.sandbox.set_dials(commercetools={"drop_answer": [{"count": 1, "match": f"POST /demo/orders/{order['id']}"}]})
    since = world.mark()
    world.scan(world.tracking(NUMBER), "InTransit")
    work_off(world)
    assert [one["effect"] for one in world.writes(since)] == ["updated"]
    assert world.carried(order).popitem()[1]["tb_status"] == "in_transit"


def test_a_rival_writers_edit_survives_our_write(world: World) -> None:
    one = parcel(NUMBER)
    order = world.order(one)
    world.work()
    world.sandbox.project("demo", push={"url": "http://127.0.0.1:9/", "token": "nobody hears of it"})
    world.change(
        order, {"action": "setParcelMeasurements", "parcelId": one["id"], "measurements": {"weightInGram": 900}}
    )
    since = world.mark()
    body = envelope(world.scan(world.tracking(NUMBER), "InTransit", webhook=False)["tracking"])
    world.sandbox.send("main", body, secret=SECRET)
    drain_everything()
    now = world.sandbox.order("demo", order["id"])["shippingInfo"]["deliveries"][0]["parcels"][0]
    assert now["measurements"] == {"weightInGram": 900}
    assert now["custom"]["fields"]["tb_status"] == "in_transit"
    statuses = [(entry["method"], entry["status"]) for entry in world.sandbox.journal("commercetools", since)]
    assert statuses == [("POST", 409), ("GET", 200), ("POST", 200)]


def test_a_foreign_type_is_never_replaced_and_heals_when_it_is_extended(world: World) -> None:
    one = parcel(NUMBER)
    order = world.order(one)
    client_type(world, "erp-parcel")
    custom = {"typeId": "type", "key": "erp-parcel"}
    action = {"action": "setParcelCustomType", "parcelId": one["id"], "type": custom, "fields": {"erp_box": "A7"}}
    world.change(order, action)
    world.work()
    assert world.carried(order)[one["id"]] == {"erp_box": "A7"}
    cause = "It carries the Type 'erp-parcel', which does not have our fields."
    assert open_problems() == [(ProblemKind.FOREIGN_TYPE, cause)]
    lines = list(set_up(world.project, extend=("erp-parcel",)))
    assert any(line.startswith("Type erp-parcel: added tb_status, tb_tag") for line in lines)
    world.work()
    carried = world.carried(order)[one["id"]]
    assert (carried["erp_box"], carried["tb_status"]) == ("A7", "pending")
    assert open_problems() == []


def client_type(world: World, key: str) -> None:
    """A merchant's own Type for parcels."""
    definition = {"name": "erp_box", "label": {"en": "Box"}, "required": False, "type": {"name": "String"}}
    draft = {"key": key, "name": {"en": key}, "resourceTypeIds": ["order-parcel"], "fieldDefinitions": [definition]}
    connections.commercetools(Project.objects.get()).create_type(draft)


def test_types_that_were_never_set_up_are_named_and_the_write_follows_the_set_up(world: World) -> None:
    world.sandbox.project(
        "bare",
        client_id="id",
        client_secret="secret",
        push={"url": f"{world.own_url}/webhooks/commercetools/bare/", "token": "t"},
    )
    bare = Project.objects.create(
        key="bare",
        api_url=world.project.api_url,
        auth_url=world.project.auth_url,
        client_id="id",
        client_secret="secret",
        inbound_secret="t",
    )
    Route.objects.create(project=bare, account=world.account)
    order = world.sandbox.create_order(
        "bare",
        shippingAddress={"country": "DE"},
        shippingInfo={"deliveries": [{"items": [], "parcels": [parcel(NUMBER)]}]},
    )
    world.work()
    kinds = [kind for kind, _ in open_problems()]
    assert kinds == [ProblemKind.TYPE_MISSING, ProblemKind.DEAD_LETTER]
    list(set_up(bare))
    world.work()
    now = world.sandbox.order("bare", order["id"])["shippingInfo"]["deliveries"][0]["parcels"][0]
    assert now["custom"]["fields"]["tb_status"] == "pending"
    assert open_problems() == []


def test_refused_credentials_pause_the_account_and_raise_one_problem(world: World, quick: None) -> None:
    world.account.api_key = "asat_wrong"
    world.account.save()
    for position in range(5):
        world.order(parcel(f"0034043416109400001{position}"), number=f"DE-{position}")
    world.work()
    world.account.refresh_from_db()
    assert world.account.paused_until
    ((kind, cause),) = open_problems()
    assert kind == ProblemKind.UPSTREAM_PAUSED
    assert cause.startswith("aftership 401: ")
    since = world.mark()
    world.work()
    assert world.calls("aftership", since) == [], "a paused account is not called"
    world.account.api_key, world.account.paused_until = "asat_main", None
    world.account.save()
    Job.objects.filter(kind=JobKind.PUSH).update(attempts=0, next_attempt_at=Job.objects.first().created_at)
    world.work()
    assert len(world.sandbox.trackings("main")) == 5
    assert open_problems() == []


def test_aftership_correcting_the_courier_is_followed_and_shown(world: World) -> None:
    order = world.order(parcel(NUMBER))
    world.work()
    world.scan(world.tracking(NUMBER), "InTransit", courier="deutsche-post")
    world.work()
    assert world.carried(order).popitem()[1]["tb_courier"] == "deutsche-post"
    cause = "We asked for dhl-germany, AfterShip tracks it with deutsche-post."
    assert open_problems() == [(ProblemKind.CARRIER_MISMATCH, cause)]


def test_an_html_502_is_retried(world: World, quick: None) -> None:
    world.sandbox.set_dials(aftership={"fail": [{"status": 502, "count": 2, "body": "html"}]})
    world.order(parcel(NUMBER))
    work_off(world)
    assert world.tracking(NUMBER).opened_at


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Post raw bytes; status and parsed answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request("POST", parts.path, body=body, headers={"Content-Type": "application/json"} | headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    finally:
        connection.close()


def test_an_upstream_that_is_down_pauses_its_own_work_only_and_resumes_by_itself(
    world: World, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "IS_DOWN", replace(connections.IS_DOWN, first=600, longest=600))
    orders = [world.order(parcel(f"0034043416109400002{one}"), number=f"DE-{one}") for one in range(8)]
    world.work()
    world.sandbox.set_dials(commercetools={"down": True})
    for one in range(8):
        world.scan(world.tracking(f"0034043416109400002{one}"), "InTransit")
    since = world.mark()
    for _ in range(10):
        world.work()
    assert len(world.calls("commercetools", since)) == 5, "after five failures nobody calls it any more"
    assert [kind for kind, _ in open_problems()] == [ProblemKind.UPSTREAM_DOWN]
    assert Job.objects.filter(kind=JobKind.WRITE_BACK, attempts=0).exists(), "waiting work has not lost a try"
    second = world.tracking("00340434161094000020")
    assert second.status == "in_transit", "what AfterShip says is taken in all the same"
    world.sandbox.set_dials(commercetools={"down": False})
    work_off(world)
    assert open_problems() == []
    assert {world.carried(order).popitem()[1]["tb_status"] for order in orders} == {"in_transit"}
