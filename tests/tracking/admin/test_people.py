"""Who may make whom what: nobody lifts themselves up."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.models import Remap, StoreLimit

pytestmark = pytest.mark.django_db


def member(role: str, name: str = "") -> User:
    user = User.objects.create_user(name or role, password="old", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def form_of(user: User, **changes: object) -> dict[str, object]:
    """What the page of a user posts."""
    joined = user.date_joined
    return {
        "username": user.username,
        "is_active": "on",
        "is_staff": "on",
        "date_joined_0": f"{joined:%Y-%m-%d}",
        "date_joined_1": f"{joined:%H:%M:%S}",
        "store_limits-TOTAL_FORMS": "0",
        "store_limits-INITIAL_FORMS": "0",
    } | changes


def test_an_administrator_limits_somebody_to_a_store_on_their_page(client: Client) -> None:
    administrator, agent, store = member("administrator"), member("agent"), make.make_store()
    url = reverse("admin:auth_user_change", args=[agent.pk])
    body = client_of(administrator).get(url).content.decode()
    assert f"{store.project} / {store}" in body
    limit = {"store_limits-TOTAL_FORMS": "1", "store_limits-0-store": str(store.pk)}
    answer = client_of(administrator).post(url, form_of(agent, **limit))
    assert answer.status_code == 302, answer.context["errors"]
    assert list(StoreLimit.objects.values_list("user", "store")) == [(agent.pk, store.pk)]


def test_an_administrator_makes_nobody_a_superuser(client: Client) -> None:
    administrator = member("administrator")
    url = reverse("admin:auth_user_change", args=[administrator.pk])
    client_of(administrator).post(url, form_of(administrator, is_superuser="on"))
    administrator.refresh_from_db()
    assert not administrator.is_superuser


def test_an_administrator_does_not_touch_a_superuser(admin_user: User) -> None:
    client = client_of(member("administrator"))
    url = reverse("admin:auth_user_change", args=[admin_user.pk])
    assert client.post(url, form_of(admin_user, is_active="")).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[admin_user.pk])
    assert client.post(password, {"password1": "new", "password2": "new"}).status_code == 403
    assert client.post(reverse("admin:auth_user_delete", args=[admin_user.pk]), {"post": "yes"}).status_code == 403
    every = {"action": "delete_selected", "_selected_action": [admin_user.pk], "post": "yes"}
    client.post(reverse("admin:auth_user_changelist"), every)
    admin_user.refresh_from_db()
    assert admin_user.is_active


def test_a_limited_administrator_does_not_lift_the_limit() -> None:
    administrator = member("administrator")
    StoreLimit.objects.create(user=administrator, store=make.make_store())
    client = client_of(administrator)
    url = reverse("admin:auth_user_change", args=[administrator.pk])
    limit = StoreLimit.objects.get()
    gone = {
        "store_limits-TOTAL_FORMS": "1",
        "store_limits-INITIAL_FORMS": "1",
        "store_limits-0-id": str(limit.pk),
        "store_limits-0-DELETE": "on",
    }
    assert client.post(url, form_of(administrator, **gone)).status_code == 403
    assert client.get(reverse("admin:auth_user_add")).status_code == 403
    group = Group.objects.get(name="administrator")
    assert client.post(reverse("admin:auth_group_change", args=[group.pk]), {"name": "x"}).status_code == 403
    assert StoreLimit.objects.exists()


def test_an_agent_undoes_their_own_remaps_only() -> None:
    agent = member("agent")
    own, foreign = make.make_remap(actor=agent), make.make_remap()
    client = client_of(agent)
    body = {"action": "undo", "_selected_action": [own.pk, foreign.pk]}
    client.post(reverse("admin:tracking_remap_changelist"), body)
    assert {remap.pk: remap.state for remap in Remap.objects.all()} == {own.pk: "undoing", foreign.pk: "done"}
    client_of(member("lead")).post(reverse("admin:tracking_remap_changelist"), body)
    foreign.refresh_from_db()
    assert foreign.state == "undoing"


def test_an_agent_moves_twenty_parcels_at_once_and_a_lead_more() -> None:
    order = make.make_order()
    ids = ",".join(str(make.make_parcel(order).pk) for _ in range(21))
    for role, status in (("agent", 302), ("lead", 200)):
        client = client_of(member(role))
        assert client.get(reverse("remap"), {"parcel": ids}).status_code == status, role
        start = {"parcels": ids, "how": "rules", "start": "1", "reason": "x"}
        if role == "agent":
            client.post(reverse("remap"), start)
    assert not Remap.objects.exists()


@pytest.mark.parametrize(
    ("role", "status"), [("viewer", 403), ("lead", 403), ("operations", 302), ("administrator", 302)]
)
def test_operations_have_connections_examined_without_seeing_their_forms(role: str, status: int) -> None:
    project = make.make_project()
    client = client_of(member(role))
    assert client.post(reverse("doctor")).status_code == status
    asked = {"connection": "project", "pk": project.pk, "back": "store"}
    assert client.post(reverse("import-registry"), asked).status_code == status
    page = client.post(reverse("admin:stores_project_change", args=[project.pk]), {"key": "x"})
    assert page.status_code == (200 if role == "administrator" else 403)
