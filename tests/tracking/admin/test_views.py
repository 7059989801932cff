"""Saved views, and lists as CSV: what the person sees, as far as they see it, and for nobody else."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.admin import views
from tracking.enums import StaffActionKind
from tracking.models import Export, ExportPart, Job, Order, SavedView, StaffAction, StoreLimit
from tracking.services import exports
from tracking.services.exports import drop_expired, run_export

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

ORDERS = {"list": "tracking.Order"}


def member(role: str, name: str = "") -> User:
    user = User.objects.create_user(name or role, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def rows_in(answer: object) -> list[list[str]]:
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.reader(io.StringIO(text)))


def test_a_list_with_its_filters_is_exported_as_it_is_seen(admin_client: Client) -> None:
    store = make.make_store()
    own = make.make_order(store.project, store=store, order_number="=HYPERLINK(1)")
    make.make_order(order_number="OTHER")
    answer = admin_client.post(reverse("export-list"), {**ORDERS, "query": f"store__id__exact={store.pk}"})
    headings, *rows = rows_in(answer)
    assert headings[:3] == ["id", "order", "store"]
    assert [row[0] for row in rows] == [str(own.pk)]
    assert "'=HYPERLINK(1)" in rows[0]
    assert "no-store" in answer["Cache-Control"]
    action = StaffAction.objects.get(kind=StaffActionKind.EXPORT)
    assert action.summary == "Exported 1 row of tracking.Order"


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda one: one._meta.label))
def test_every_list_can_be_exported(model: type, admin_client: Client, django_assert_max_num_queries: object) -> None:
    makers = {Order: make.make_order, Job: make.make_dead_letter}
    if model in makers:
        makers[model]()
    answer = admin_client.post(reverse("export-list"), {"list": model._meta.label, "query": ""})
    assert answer.status_code == 200
    assert rows_in(answer)[0][0] == "id"


def test_without_the_permission_nothing_is_exported() -> None:
    make.make_order()
    client = client_of(member("agent"))
    assert client.post(reverse("export-list"), ORDERS).status_code == 403
    assert client.get(reverse("export-list")).status_code == 405
    assert not StaffAction.objects.exists()


def test_an_export_holds_own_stores_only_and_masks_people(monkeypatch: pytest.MonkeyPatch) -> None:
    store = make.make_store()
    seen = make.make_order(store.project, store=store)
    tracking = make.make_tracking(last_location="Hintertür", last_message="Signed by Ella")
    make.make_parcel(seen, tracking)
    make.make_parcel(make.make_order(), make.make_tracking())
    user = member("operations")
    StoreLimit.objects.create(user=user, store=store)
    client = client_of(user)
    rows = rows_in(client.post(reverse("export-list"), {"list": "tracking.Parcel"}))
    assert len(rows) == 2
    assert "Hintertür" not in str(rows)
    assert "Ella" not in str(rows)
    monkeypatch.setattr(views, "MOST_AT_ONCE", 0)
    client.post(reverse("export-list"), {"list": "tracking.Parcel"})
    export = Export.objects.get()
    run_export(export.pk)
    rows = rows_in(client.get(reverse("export-file", args=[export.pk])))
    assert len(rows) == 2
    assert "Hintertür" not in str(rows)


@pytest.fixture
def long_list(monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    monkeypatch.setattr(views, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(exports, "PAGE", 2)
    return [make.make_order() for _ in range(5)]


def test_a_long_list_is_written_by_a_job_and_kept_encrypted(long_list: list[Order]) -> None:
    user = member("lead")
    client = client_of(user)
    answer = client.post(reverse("export-list"), ORDERS)
    export = Export.objects.get()
    assert answer["Location"] == reverse("export", args=[export.pk])
    page = client.get(answer["Location"])
    assert page["Refresh"] == "3"
    assert "Waits for a worker." in page.content.decode()
    assert client.get(reverse("export-file", args=[export.pk])).status_code == 404
    assert Job.objects.get(kind="export").subject == str(export.pk)
    run_export(export.pk)
    page = client.get(answer["Location"])
    assert "Ready: 5 rows." in page.content.decode()
    assert "Refresh" not in page
    rows = rows_in(client.get(reverse("export-file", args=[export.pk])))
    assert [row[0] for row in rows] == ["id", *(str(order.pk) for order in reversed(long_list))]
    stored = ExportPart.objects.raw("SELECT id, text AS kept FROM tracking_exportpart")
    assert all(part.kept.startswith("enc1:") for part in stored)


def test_a_job_that_was_cut_off_goes_on_where_it_stood(long_list: list[Order], monkeypatch: pytest.MonkeyPatch) -> None:
    user = member("lead")
    export = exports.want_export(user, "tracking.Order", "")
    monkeypatch.setattr(exports, "RUN_SECONDS", -1)
    for done in (2, 4):
        run_export(export.pk)
        export.refresh_from_db()
        assert (export.done, export.number, export.finished_at) == (done, 5, None)
        assert Job.objects.get().want > Job.objects.get().done
    page = client_of(user).get(reverse("export", args=[export.pk])).content.decode()
    assert "4 rows are written, 1 are left." in page
    run_export(export.pk)
    run_export(export.pk)
    rows = rows_in(client_of(user).get(reverse("export-file", args=[export.pk])))
    assert [row[0] for row in rows] == ["id", *(str(order.pk) for order in reversed(long_list))]


def test_of_two_workers_one_writes_a_page(long_list: list[Order]) -> None:
    export = exports.want_export(member("lead"), "tracking.Order", "")
    first, second = (Export.objects.get(pk=export.pk) for _ in range(2))
    assert exports.keep_page(first, [["1"]], "9", ["id"])
    assert not exports.keep_page(second, [["1"]], "9", ["id"])
    assert ExportPart.objects.count() == 1


def test_who_lost_the_right_meanwhile_gets_no_file(long_list: list[Order]) -> None:
    user = member("lead")
    export = exports.want_export(user, "tracking.Order", "")
    user.groups.clear()
    run_export(export.pk)
    export.refresh_from_db()
    assert export.fault == "You may not export this list."
    assert not ExportPart.objects.exists()


def test_nobody_else_takes_the_file_not_even_a_superuser(long_list: list[Order], admin_client: Client) -> None:
    export = exports.want_export(member("lead"), "tracking.Order", "")
    run_export(export.pk)
    for client in (admin_client, client_of(member("lead", "another"))):
        assert client.get(reverse("export", args=[export.pk])).status_code == 404
        assert client.get(reverse("export-file", args=[export.pk])).status_code == 404


def test_a_file_expires(long_list: list[Order]) -> None:
    user = member("lead")
    export = exports.want_export(user, "tracking.Order", "")
    run_export(export.pk)
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client_of(user).get(reverse("export-file", args=[export.pk])).status_code == 404
    assert drop_expired() == 1
    assert not ExportPart.objects.exists()


def test_a_view_is_kept_found_and_deleted() -> None:
    user = member("agent")
    client = client_of(user)
    kept = client.post(reverse("views"), {**ORDERS, "query": "problems=open&o=-1&p=3", "name": " Trouble "})
    assert kept.status_code == 302
    view = SavedView.objects.get()
    assert (view.name, view.query, view.group) == ("Trouble", "problems=open&o=-1", None)
    page = client.get(reverse("views"), ORDERS).content.decode()
    assert 'href="/admin/tracking/order/?problems=open&amp;o=-1"' in page
    assert client.get(f"{reverse('admin:tracking_order_changelist')}?{view.query}").status_code == 200
    client.post(reverse("view-delete", args=[view.pk]))
    assert not SavedView.objects.exists()


def test_a_shared_view_is_seen_by_the_group_and_deleted_by_its_owner_only() -> None:
    owner, colleague, stranger = member("agent", "anna"), member("agent", "ben"), member("viewer")
    group = owner.groups.get()
    client_of(owner).post(reverse("views"), {**ORDERS, "query": "problems=open", "name": "Ours", "group": group.pk})
    view = SavedView.objects.get()
    assert "Ours" in client_of(colleague).get(reverse("views"), ORDERS).content.decode()
    assert "Ours" not in client_of(stranger).get(reverse("views"), ORDERS).content.decode()
    assert client_of(colleague).post(reverse("view-delete", args=[view.pk])).status_code == 404
    assert SavedView.objects.exists()


def test_a_view_is_not_shared_with_a_group_that_one_is_not_in() -> None:
    group = Group.objects.get(name="lead")
    client_of(member("agent")).post(reverse("views"), {**ORDERS, "name": "x", "group": group.pk})
    assert SavedView.objects.get().group is None


def test_a_search_for_a_person_and_a_nameless_view_are_not_kept() -> None:
    client = client_of(member("agent"))
    client.post(reverse("views"), {**ORDERS, "query": "q=ella%40example.com", "name": "Ella"})
    client.post(reverse("views"), {**ORDERS, "query": "q=1", "name": " "})
    assert not SavedView.objects.exists()


def test_a_list_that_one_may_not_see_has_no_views_here() -> None:
    client = client_of(member("agent"))
    assert client.get(reverse("views"), {"list": "auth.User"}).status_code == 403
    assert client.get(reverse("views"), {"list": "nothing.Here"}).status_code == 404
