"""What comes of commercetools' messages and order documents: stale ones, echoes, strangers, removals."""

from __future__ import annotations

import copy
import json
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import Project
from tests.factories import (
    make_account,
    make_carrier_mapping,
    make_courier,
    make_order,
    make_problem,
    make_project,
    make_route,
)
from tests.payloads.documents import document, raw
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.models import Job, Order, Parcel, Problem, Receipt, Tracking
from tracking.payloads.errors import PayloadError
from tracking.services import pump
from tracking.services.collect import mark_deleted, store_order
from tracking.services.receive import store_receipts

pytestmark = pytest.mark.django_db
SINGLE = document("commercetools/order__single_three_parcels")
MESSAGE = document("commercetools/message__parcel_added")
CHANGE = document("commercetools/change__resource_updated")
DELETED = document("commercetools/change__resource_deleted")


@pytest.fixture
def project() -> Project:
    project = make_project(key="demo")
    make_route(project, make_account(key="main"))
    make_carrier_mapping(make_courier("dhl-germany"), carrier="DHL Paket")
    make_carrier_mapping(make_courier("ups"), carrier="UPS")
    return project


@pytest.fixture
def order(project: Project) -> Order:
    """The order of the fixture, known by a message only."""
    return make_order(project, commercetools_id=SINGLE["id"], version=None, order_number="", items={})


def changed(**facts: Any) -> dict[str, Any]:
    return copy.deepcopy(SINGLE) | facts


def parcels_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [parcel for delivery in document["shippingInfo"]["deliveries"] for parcel in delivery["parcels"]]


def note(*messages: dict[str, Any], endpoint: str = "demo") -> list[tuple[str, str]]:
    """Take messages in; state and outcome of each."""
    now = timezone.now()
    receipts = [
        Receipt.objects.create(
            source=Source.COMMERCETOOLS,
            endpoint=endpoint,
            event_id=str(uuid.uuid4()),
            body=json.dumps(message).encode(),
            next_attempt_at=now,
            received_at=now,
            request_id="RQST-CODE",
            correlation_id="RQST-CODE",
        )
        for message in messages
    ]
    pump.drain_receipts()
    rows = Receipt.objects.in_bulk([one.pk for one in receipts])
    return [(rows[one.pk].state, rows[one.pk].outcome) for one in receipts]


def everything() -> list[Any]:
    """All rows of the order's story, to see that nothing was touched."""
    return [list(model.objects.order_by("pk").values()) for model in (Order, Parcel, Tracking, Job)]


def open_kinds() -> list[str]:
    return list(Problem.objects.filter(closed_at=None).order_by("pk").values_list("kind", flat=True))


# ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


WILL_BE_READ = (ReceiptState.DONE, "the order will be read")


def test_a_message_about_an_unknown_order_makes_a_shell_with_a_code_of_its_own(project: Project) -> None:
    assert note(MESSAGE) == [WILL_BE_READ]
    order = Order.objects.get()
    assert (order.commercetools_id, order.order_number, order.version) == (MESSAGE["resource"]["id"], "CT-1001", None)
    job, receipt = Job.objects.get(), Receipt.objects.get()
    assert (job.kind, job.subject, job.upstream) == (JobKind.COLLECT, str(order.pk), "commercetools:demo")
    assert job.correlation_id == receipt.correlation_id == order.correlation_id != "RQST-CODE"


def test_a_burst_of_messages_about_one_order_is_one_wish(project: Project) -> None:
    assert note(*[MESSAGE | {"id": str(number)} for number in range(20)]) == [WILL_BE_READ] * 20
    assert (Order.objects.count(), Job.objects.get().want) == (1, 1)


@pytest.mark.parametrize(("version", "is_known"), [(6, False), (7, True), (8, True)])
def test_the_echo_of_what_we_hold_costs_nothing(order: Order, version: int, is_known: bool) -> None:
    Order.objects.update(version=version)
    ((_, outcome),) = note(MESSAGE)  # resourceVersion 7
    assert (outcome == f"known: the order was read at version {version}") is is_known
    assert Job.objects.exists() is not is_known


@pytest.mark.parametrize(("version", "is_known"), [(8, False), (9, True), (10, True)])
def test_a_change_notification_is_known_by_its_version(order: Order, version: int, is_known: bool) -> None:
    Order.objects.update(version=version)
    note(CHANGE)
    assert Job.objects.exists() is not is_known


def test_a_deletion_is_always_looked_at_whatever_version_it_names(order: Order) -> None:
    Order.objects.update(version=10_000)
    assert note(DELETED) == [WILL_BE_READ]
    assert Job.objects.get().kind == JobKind.COLLECT


def test_an_order_that_counts_as_deleted_is_read_again_at_the_next_message(order: Order) -> None:
    Order.objects.update(version=10_000, deleted_at=timezone.now())
    assert note(MESSAGE) == [WILL_BE_READ]


def test_a_message_without_its_payload_makes_the_order_read(project: Project) -> None:
    assert note(document("commercetools/message__payload_not_included")) == [WILL_BE_READ]


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        (
            {"type": "OrderPaymentStateChanged"},
            ReceiptState.IGNORED,
            "OrderPaymentStateChanged changes nothing that is shipped",
        ),
        ({"type": "OrderTeleported"}, ReceiptState.IGNORED, "OrderTeleported changes nothing that is shipped"),
        ({"resource": {"typeId": "customer", "id": "c-1"}}, ReceiptState.IGNORED, "about a customer, not an order"),
        ({"projectKey": "another"}, ReceiptState.QUARANTINED, "projectKey: belongs to project another"),
        ({"resource": {"typeId": "order"}}, ReceiptState.QUARANTINED, "resource.id: missing"),
    ],
)
def test_other_messages_end_with_their_reason_and_wish_nothing(
    project: Project, change: dict[str, Any], state: str, words: str
) -> None:
    assert note(MESSAGE | change) == [(state, words)]
    assert not Job.objects.exists()
    assert not Order.objects.exists()


def test_one_bad_message_does_not_hold_up_the_good_ones_beside_it(project: Project) -> None:
    outcomes = note(MESSAGE | {"projectKey": "another"}, MESSAGE, {"what": "is this"})
    assert [state for state, _ in outcomes] == [ReceiptState.QUARANTINED, ReceiptState.DONE, ReceiptState.QUARANTINED]


# ── documents ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_order_is_taken_in_with_its_parcels_and_their_trackings(order: Order) -> None:
    store_order(order, SINGLE)
    order.refresh_from_db()
    assert (order.version, order.order_number) == (SINGLE["version"], SINGLE["orderNumber"])
    numbers = sorted(Tracking.objects.values_list("tracking_number", "requested_courier"))
    assert numbers == [("00340434123456789012", "dhl-germany"), ("1Z999AA10123456784", "ups")]
    assert Parcel.objects.filter(tracking=None).count() == 1, "one parcel waits quietly for its number"
    pushes = Job.objects.filter(kind=JobKind.PUSH)
    assert set(pushes.values_list("subject", flat=True)) == set(Tracking.objects.values_list("pk", flat=True))
    assert set(Tracking.objects.values_list("correlation_id", flat=True)) == {order.correlation_id}
    assert open_kinds() == []


def test_the_same_document_again_changes_no_parcel_and_no_tracking(order: Order) -> None:
    store_order(order, SINGLE)
    Tracking.objects.update(opened_at=timezone.now())
    Job.objects.all().delete()
    before = everything()[1:]
    store_order(order, SINGLE)
    assert everything()[1:] == before


def test_a_stale_document_changes_nothing(order: Order) -> None:
    store_order(order, changed(version=20, orderNumber="NEW"))
    before = everything()
    stale = store_order(order, changed(version=19, orderNumber="OLD"))
    assert stale.order_number == "NEW"
    assert everything() == before


def test_a_document_that_is_no_order_changes_nothing(order: Order) -> None:
    store_order(order, SINGLE)
    before = everything()
    with pytest.raises(PayloadError, match="version: missing"):
        store_order(order, changed(version=None))
    assert everything() == before


def test_the_address_of_the_shopper_is_kept_in_one_spelling(order: Order) -> None:
    store_order(order, changed(customerEmail="Anna.Muster@Example.COM"))
    assert Order.objects.get().customer_email == "anna.muster@example.com"


def test_a_store_that_was_never_imported_is_made_by_name(order: Order) -> None:
    store_order(order, changed(store={"typeId": "store", "key": "new-shop"}))
    store = Order.objects.get().store
    assert store is not None
    assert (store.key, store.imported_at) == ("new-shop", None)
    store_order(order, changed(store=None))
    assert Order.objects.get().store is None


def test_a_removed_parcel_keeps_its_row_and_its_problems_close(order: Order) -> None:
    bad = changed()
    parcels_of(bad)[0]["trackingData"]["trackingId"] = "??"
    store_order(order, bad)
    assert open_kinds() == [ProblemKind.BAD_NUMBER]
    without = changed(version=bad["version"] + 1)
    gone = without["shippingInfo"]["deliveries"][0]["parcels"].pop(0)
    store_order(order, without)
    parcel = Parcel.objects.get(commercetools_id=gone["id"])
    assert parcel.removed_at is not None
    assert open_kinds() == []


def test_a_removed_parcel_retires_its_tracking_unless_another_shows_it(order: Order) -> None:
    store_order(order, SINGLE)
    twin = changed(version=50)
    parcels_of(twin)[-1]["trackingData"] = {"trackingId": "1z999 aa10123456784", "carrier": "ups"}
    store_order(order, twin)
    shown = Tracking.objects.get(tracking_number="1Z999AA10123456784")
    assert shown.parcels.count() == 2
    for version, is_retired in ((51, False), (52, True)):
        twin["version"] = version
        for delivery in twin["shippingInfo"]["deliveries"]:
            position = next(
                (
                    at
                    for at, one in enumerate(delivery["parcels"])
                    if "999" in one.get("trackingData", {}).get("trackingId", "")
                ),
                None,
            )
            if position is not None:
                delivery["parcels"].pop(position)
                break
        store_order(order, twin)
        shown.refresh_from_db()
        assert (shown.retired_at is not None) is is_retired
    assert Job.objects.filter(kind=JobKind.RETIRE, subject=shown.pk).exists()


def test_a_deleted_order_lets_go_of_all_it_had_and_keeps_its_history(order: Order) -> None:
    store_order(order, SINGLE)
    make_problem(parcel=order.parcels.first())
    make_problem(kind=ProblemKind.FOREIGN_TYPE, subject=f"order:{order.pk}", order=order)
    mark_deleted(order)
    order.refresh_from_db()
    assert order.deleted_at is not None
    assert not Parcel.objects.filter(removed_at=None).exists()
    assert set(Tracking.objects.values_list("retired_reason", flat=True)) == {"the order was deleted in commercetools"}
    assert open_kinds() == []


def test_an_order_that_comes_back_gets_trackings_that_live(order: Order) -> None:
    """As when commercetools said 404 for a while and was wrong."""
    store_order(order, SINGLE)
    Tracking.objects.update(opened_at=timezone.now())
    mark_deleted(order)
    store_order(order, SINGLE)
    order.refresh_from_db()
    assert order.deleted_at is None
    shown = Parcel.objects.filter(removed_at=None, tracking__isnull=False)
    assert shown.count() == 2
    assert not shown.exclude(tracking__retired_at=None).exists()


# ── the choice of a tracking ─────────────────────────────────────────────────────────────────────────────────────────


def with_first_parcel(version: int, **tracking_data: Any) -> dict[str, Any]:
    document = changed(version=version)
    parcels_of(document)[0]["trackingData"] |= tracking_data
    return document


def first_parcel() -> Parcel:
    return Parcel.objects.get(commercetools_id=parcels_of(SINGLE)[0]["id"])


def open_all() -> None:
    Tracking.objects.filter(opened_at=None).update(opened_at=timezone.now())


@pytest.mark.parametrize("number", ["", "   ", None])
def test_a_parcel_that_loses_its_number_waits_quietly_again(order: Order, number: str | None) -> None:
    store_order(order, SINGLE)
    old = first_parcel().tracking
    store_order(order, with_first_parcel(50, trackingId=number))
    assert first_parcel().tracking is None
    old.refresh_from_db()
    assert old.retired_reason == "the number was changed or removed"
    assert old.replaced_by is None
    assert open_kinds() == []


def test_a_bad_number_is_a_problem_until_it_is_mended(order: Order) -> None:
    store_order(order, with_first_parcel(50, trackingId="A"))
    assert open_kinds() == [ProblemKind.BAD_NUMBER]
    assert first_parcel().tracking is None
    store_order(order, with_first_parcel(51, trackingId="ABCD-1"))
    assert open_kinds() == []
    assert first_parcel().tracking.tracking_number == "ABCD-1"


def test_another_carrier_for_the_same_number_is_another_tracking(order: Order) -> None:
    store_order(order, SINGLE)
    open_all()
    old = first_parcel().tracking
    store_order(order, with_first_parcel(50, carrier="UPS"))
    new = first_parcel().tracking
    assert (new.tracking_number, new.requested_courier) == (old.tracking_number, "ups")
    old.refresh_from_db()
    assert old.retired_at is not None


def test_corrected_number_leads_from_the_old_tracking_to_the_new_and_further(order: Order) -> None:
    store_order(order, SINGLE)
    open_all()
    first = first_parcel().tracking
    store_order(order, with_first_parcel(50, trackingId="00340434161094000002"))
    open_all()
    second = first_parcel().tracking
    store_order(order, with_first_parcel(51, trackingId="00340434161094000003"))
    for old in (first, second):
        old.refresh_from_db()
        assert old.replaced_by == first_parcel().tracking
    assert first_parcel().tracking.tracking_number == "00340434161094000003"


def test_another_spelling_of_the_number_is_the_same_tracking(order: Order) -> None:
    store_order(order, SINGLE)
    open_all()
    old = first_parcel().tracking
    store_order(order, with_first_parcel(50, trackingId="0034-0434".replace("-", "") + "123456789012\u200b"))
    assert first_parcel().tracking == old


def test_a_new_rule_moves_nothing_that_is_open(order: Order, project: Project) -> None:
    store_order(order, SINGLE)
    open_all()
    before = {parcel.pk: parcel.tracking_id for parcel in Parcel.objects.all()}
    project.routes.all().delete()
    make_route(project, make_account(key="other"))
    store_order(order, changed(version=50))
    assert {parcel.pk: parcel.tracking_id for parcel in Parcel.objects.all()} == before


def test_a_new_rule_moves_what_aftership_does_not_have_yet(order: Order, project: Project) -> None:
    store_order(order, SINGLE)
    project.routes.all().delete()
    make_route(project, make_account(key="other"))
    store_order(order, changed(version=50))
    assert first_parcel().tracking.account.key == "other"
    assert Tracking.objects.filter(account__key="main", retired_at=None).count() == 0


def test_the_trace_of_the_route_is_kept_on_the_parcel(order: Order, project: Project) -> None:
    store_order(order, SINGLE)
    parcel = first_parcel()
    assert parcel.route == project.routes.get()
    assert [(step[0], step[1]) for step in parcel.route_trace] == [(parcel.route.pk, True)]


def test_fields_that_a_mapping_got_since_reach_a_tracking_that_still_waits(order: Order) -> None:
    store_order(order, SINGLE)
    mapping = make_courier("dhl-germany").mappings.get()
    mapping.extra_fields = {"tracking_account_number": "7"}
    mapping.save()
    store_order(order, changed(version=50))
    assert first_parcel().tracking.extra_fields == {"tracking_account_number": "7"}


def test_a_number_that_another_order_had_delivered_long_ago_gets_a_tracking_of_its_own(
    order: Order, project: Project
) -> None:
    store_order(order, SINGLE)
    open_all()
    Tracking.objects.update(status="delivered", tag="Delivered", updated_at=timezone.now() - timedelta(days=400))
    old = first_parcel().tracking
    later = make_order(project, version=None)
    again = changed(id=later.commercetools_id, orderNumber="CT-2", createdAt=timezone.now().isoformat())
    for delivery in again["shippingInfo"]["deliveries"]:
        for parcel in delivery["parcels"]:
            parcel["id"] = str(uuid.uuid4())
    store_order(later, again)
    tracking = Parcel.objects.get(order=later, tracking_number=first_parcel().tracking_number).tracking
    assert tracking != old
    assert tracking.retired_at is None


# ── when a project was heard ─────────────────────────────────────────────────────────────────────────────────────────


def heard(project: Project, *bodies: bytes) -> datetime | None:
    store_receipts(Source.COMMERCETOOLS, project.key, bodies, {}, "K7MQ-2XRT")
    pump.drain_receipts()
    project.refresh_from_db()
    return project.heard_at


@pytest.mark.parametrize("name", ["message__parcel_added", "change__subscription_test", "change__resource_deleted"])
def test_whatever_comes_is_a_sign_of_life(name: str) -> None:
    project, other = make_project(key="demo"), make_project()
    before = timezone.now()
    at = heard(project, raw(f"commercetools/{name}"))
    assert at is not None
    assert before <= at <= timezone.now()
    other.refresh_from_db()
    assert other.heard_at is None


def test_a_project_is_noted_as_heard_once_a_minute() -> None:
    recently = timezone.now() - timedelta(seconds=30)
    project = make_project(key="demo", heard_at=recently)
    assert heard(project, b'{"no": "message"}') == recently
    Project.objects.update(heard_at=timezone.now() - timedelta(seconds=70))
    at = heard(project, b'{"still": "none"}')
    assert at is not None
    assert at > recently
