"""What happened cannot be changed, and nothing is done but by POST and with permission."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_q.models import OrmQ

from stores.models import AfterShipAccount, CarrierMapping, Channel, CustomType, Revision, Route
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tests.tracking.admin.test_pages import FACTORIES, address
from tracking.enums import JobKind, ReceiptState
from tracking.models import (
    Attempt,
    Checkpoint,
    Contact,
    Heartbeat,
    Job,
    Order,
    Parcel,
    Problem,
    Receipt,
    Refusal,
    Remap,
    Run,
    StaffAction,
    Tracking,
    Write,
)

pytestmark = pytest.mark.django_db
HISTORY = [
    Attempt, Channel, Checkpoint, Contact, CustomType, Heartbeat, Job, Order, Parcel, Problem, Receipt, Refusal,
    Revision, Run, Remap, StaffAction, Tracking, Write,
]  # fmt: skip


@pytest.mark.parametrize("model", HISTORY, ids=lambda model: model.__name__)
def test_history_cannot_be_added_edited_or_deleted_even_by_a_superuser(
    model: type[Model], admin_client: Client
) -> None:
    row = FACTORIES[model]()
    before = model.objects.filter(pk=row.pk).values().get()
    assert admin_client.get(address(model, "add")).status_code == 403
    assert admin_client.post(address(model, "add"), {}).status_code == 403
    assert admin_client.post(address(model, "change", row.pk), {"_save": "1"}).status_code == 403
    assert admin_client.post(address(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).values().get() == before


def actions_of(model_admin: Any, request: Any) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every action, Django's and unfold's."""
    for function, name, _label in model_admin._get_base_actions():
        yield name, function
    for kind in ("list", "detail", "row", "submit_line"):
        for action in getattr(model_admin, f"_get_base_actions_{kind}")():
            yield action.action_name, action.method


def test_every_action_asks_for_a_permission(rf: RequestFactory, admin_user: User) -> None:
    request = rf.get("/")
    request.user = admin_user
    unguarded = [
        f"{model._meta.label}.{name}"
        for model, model_admin in admin.site._registry.items()
        for name, function in actions_of(model_admin, request)
        if not getattr(function, "allowed_permissions", None)
    ]
    assert unguarded == []


def test_every_action_of_ours_is_pressed_here() -> None:
    named = {(model, name) for model, model_admin in admin.site._registry.items() for name in model_admin.actions or []}
    assert named == {(model, name) for model, name, _row in PRESSED}


def dead_letter() -> Job:
    return make.make_dead_letter()


def done_receipt() -> Receipt:
    return make.make_receipt(state=ReceiptState.QUARANTINED)


def tracked_parcel() -> Parcel:
    return make.make_parcel(tracking=make.make_tracking())


OF_PARCELS = ["remap", "retrack", "mark_delivered", "mark_lost", "mark_returned", "stop", "correct_courier"]
PRESSED: list[tuple[type[Model], str, Callable[[], Model]]] = [
    (Job, "make_due_again", dead_letter),
    (Receipt, "take_in_again", done_receipt),
    (Order, "read_again", make.make_order),
    (AfterShipAccount, "read_couriers", make.make_account),
    (Route, "remove_rules", make.make_route),
    (CarrierMapping, "remove_rules", make.make_carrier_mapping),
    (Revision, "roll_back", make.make_revision),
    *((Parcel, name, tracked_parcel) for name in OF_PARCELS),
    (Problem, "remap_alike", make.make_problem),
    (Remap, "stop", lambda: make.make_remap(state="running")),
    (Remap, "go_on", lambda: make.make_remap(state="stopped")),
    (Remap, "undo", make.make_remap),
]


def press(client: Client, row: Model, action: str, **more: str) -> Any:
    data = {"action": action, "_selected_action": [str(row.pk)], "index": "0"} | more
    return client.post(address(type(row), "changelist"), data, follow=True)


def words_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.mark.parametrize(("model", "action", "make_row"), PRESSED, ids=[name for _model, name, _row in PRESSED])
def test_viewer_cannot_press(
    model: type[Model], action: str, make_row: Callable[[], Model], viewer_client: Client
) -> None:
    row = make_row()
    before = model.objects.filter(pk=row.pk).values().get()
    jobs_before = Job.objects.count()
    page = viewer_client.get(address(model, "change", row.pk)).content.decode()
    press(viewer_client, row, action)
    assert f'value="{action}"' not in page
    assert model.objects.filter(pk=row.pk).values().get() == before
    assert (Job.objects.count(), OrmQ.objects.count()) == (jobs_before, 0)


@pytest.mark.parametrize(("model", "action", "make_row"), PRESSED, ids=[name for _model, name, _row in PRESSED])
def test_following_a_link_presses_nothing(
    model: type[Model], action: str, make_row: Callable[[], Model], admin_client: Client
) -> None:
    row = make_row()
    before = model.objects.filter(pk=row.pk).values().get()
    admin_client.get(address(model, "changelist"), {"action": action, "_selected_action": str(row.pk), "index": "0"})
    assert model.objects.filter(pk=row.pk).values().get() == before
    assert OrmQ.objects.count() == 0


def test_button_without_csrf_token_is_refused(admin_user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    job = dead_letter()
    assert press(client, job, "make_due_again").status_code == 403
    job.refresh_from_db()
    assert job.dead_at is not None


def test_dead_letter_is_made_due_again_by_whoever_may_requeue_jobs(viewer: User) -> None:
    viewer.user_permissions.add(Permission.objects.get(codename="requeue_job"))
    job = dead_letter()
    response = press(client_of(viewer), job, "make_due_again", _from_page="1")
    job.refresh_from_db()
    assert (job.dead_at, job.attempts) == (None, 0)
    assert words_of(response) == ["1 dead letter is due again."]
    assert response.redirect_chain[-1][0] == address(Job, "change", job.pk)
    assert OrmQ.objects.count() == 1
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_id, entry.change_message) == (viewer, str(job.pk), "1 dead letter is due again.")
    action = StaffAction.objects.get()
    assert (action.kind, action.actor, action.correlation_id) == ("requeue", viewer, job.correlation_id)


def test_living_job_is_left_alone(admin_client: Client) -> None:
    job = make.make_job(attempts=3)
    assert words_of(press(admin_client, job, "make_due_again")) == ["None of these jobs is a dead letter."]
    job.refresh_from_db()
    assert job.attempts == 3


def test_receipt_is_taken_in_again_and_a_worker_is_woken(admin_client: Client) -> None:
    receipt = done_receipt()
    assert words_of(press(admin_client, receipt, "take_in_again")) == ["1 receipt will be taken in again."]
    receipt.refresh_from_db()
    assert (receipt.state, receipt.processed_at) == (ReceiptState.PENDING, None)
    assert OrmQ.objects.count() == 1
    action = StaffAction.objects.get()
    assert (action.kind, action.actor_name, action.correlation_id) == ("replay", "engineer", receipt.correlation_id)


def test_order_is_wished_for_once_however_often_the_button_is_pressed(admin_client: Client) -> None:
    order = make.make_order()
    for _ in range(2):
        assert words_of(press(admin_client, order, "read_again")) == ["1 order will be read."]
    job = Job.objects.get(kind=JobKind.COLLECT)
    assert (job.subject, job.upstream, job.correlation_id) == (
        str(order.pk), f"commercetools:{order.project.key}", order.correlation_id,
    )  # fmt: skip
    assert list(StaffAction.objects.values_list("kind", "order", "actor_name")) == [("sync", order.pk, "engineer")] * 2


def test_deleted_order_is_not_read(admin_client: Client) -> None:
    order = make.make_order(deleted_at=timezone.now())
    assert "deleted in commercetools" in words_of(press(admin_client, order, "read_again"))[0]
    assert not Job.objects.exists()
    page = admin_client.get(address(Order, "change", order.pk)).content.decode()
    assert 'value="read_again"' not in page


def test_couriers_are_read_once_per_account(admin_client: Client, django_capture_on_commit_callbacks: Any) -> None:
    account = make.make_account()
    with django_capture_on_commit_callbacks(execute=True):
        press(admin_client, account, "read_couriers")
    assert Job.objects.get().kind == JobKind.IMPORT_COURIERS
    assert OrmQ.objects.count() == 1


def test_receipt_page_shows_the_body_without_personal_data(admin_client: Client) -> None:
    document = {"msg": {"tag": "Delivered", "customers": [{"name": "Erika Mustermann", "email": "erika@example.com"}]}}
    receipt = make.make_receipt(document)
    page = admin_client.get(address(Receipt, "change", receipt.pk)).content.decode()
    assert "&quot;tag&quot;: &quot;Delivered&quot;" in page
    assert f"{len(json.dumps(document))} bytes" in page
    assert "Erika" not in page
    assert "erika@" not in page


def test_receipt_that_is_not_json_is_shown_as_it_came(admin_client: Client) -> None:
    receipt = make.make_receipt(body=b"{broken <b>\x00\xff", state=ReceiptState.QUARANTINED)
    page = admin_client.get(address(Receipt, "change", receipt.pk)).content.decode()
    assert "{broken &lt;b&gt;␀" in page
    assert "Not JSON" in page


def test_text_of_upstreams_is_escaped_everywhere(admin_client: Client) -> None:
    evil = "<script>alert(1)</script>"
    order = make.make_order(order_number=evil)
    tracking = make.make_tracking(last_message=evil, last_location=evil, last_checkpoint_at=evil, courier=evil)
    make.make_parcel(order, tracking, carrier=evil, key=evil, carried={"tb_status": evil, evil: evil})
    make.make_checkpoint(tracking, message=evil, location=evil, time_text=evil, local_time="")
    make.make_problem(order=order, cause=evil)
    make.make_receipt(correlation_id=order.correlation_id, event=evil, outcome=evil)
    for url in (
        address(Order, "changelist"),
        address(Order, "change", order.pk),
        address(Tracking, "change", tracking.pk),
        address(Problem, "changelist"),
        address(Receipt, "changelist"),
        reverse("admin:index"),
    ):
        assert evil not in admin_client.get(url).content.decode()
