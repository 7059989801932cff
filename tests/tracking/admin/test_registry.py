"""The button that reads stores, channels and couriers anew; what the last import found; who names what is gone."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stores.models import AfterShipAccount, Channel, Courier, Project, Store
from tests import factories as make
from tests.tracking.admin.test_pages import address
from tests.tracking.admin.test_why import rows, text
from tracking.enums import JobKind, RunKind
from tracking.models import Job, Run

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
BUTTON = "Import stores and channels"


def press(client: Client, **form: Any) -> Any:
    return client.post(reverse("import-registry"), form)


def wished() -> set[tuple[str, str]]:
    return set(Job.objects.values_list("kind", "upstream"))


def test_list_s_button_wishes_for_one_import_of_each_active_project(admin_client: Client) -> None:
    for key, is_active in {"one": True, "two": True, "asleep": False}.items():
        make.make_project(key=key, is_active=is_active)
    assert BUTTON in admin_client.get(address(Channel, "changelist")).content.decode()
    response = press(admin_client, connection="project", back="channel")
    assert response.url == address(Channel, "changelist")
    assert wished() == {(JobKind.IMPORT_REGISTRY, "commercetools:one"), (JobKind.IMPORT_REGISTRY, "commercetools:two")}


def test_project_s_and_account_s_own_buttons_concern_them_alone(admin_client: Client) -> None:
    project, account = make.make_project(key="one"), make.make_account(key="main")
    make.make_project(key="two")
    make.make_account(key="other")
    assert BUTTON in admin_client.get(address(Project, "change", project.pk)).content.decode()
    page = admin_client.get(address(AfterShipAccount, "change", account.pk)).content.decode()
    assert "Import AfterShip&#x27;s couriers" in page or "Import AfterShip's couriers" in page
    assert press(admin_client, connection="project", pk=project.pk).url == address(Project, "change", project.pk)
    press(admin_client, connection="aftershipaccount", pk=account.pk)
    assert wished() == {
        (JobKind.IMPORT_REGISTRY, "commercetools:one"),
        (JobKind.IMPORT_COURIERS, "aftership:main"),
    }


@pytest.mark.parametrize("pk", ["999999", "1; DROP", "-1", "9" * 40])
def test_button_of_a_connection_that_is_not_there_starts_nothing(admin_client: Client, pk: str) -> None:
    make.make_project()
    assert press(admin_client, connection="project", pk=pk).status_code == 302
    assert wished() == set()


def test_only_who_may_change_connections_may_import_and_only_by_post(client: Client, viewer_client: Client) -> None:
    make.make_project()
    assert BUTTON not in viewer_client.get(address(Store, "changelist")).content.decode()
    assert press(viewer_client, connection="project", back="store").status_code == 403
    keeper = User.objects.create_user("keeper", is_staff=True)
    keeper.user_permissions.set(Permission.objects.filter(codename="change_project"))
    client.force_login(keeper)
    assert press(client, connection="aftershipaccount", back="courier").status_code == 403
    assert press(client, connection="nothing").status_code == 403
    assert client.get(reverse("import-registry")).status_code == 405
    assert wished() == set()
    assert press(client, connection="project", back="store").status_code == 302
    assert len(wished()) == 1


def test_list_tells_the_last_import_and_what_is_gone(admin_client: Client) -> None:
    project = make.make_project(key="demo")
    make.make_store(project, key="old-web", gone_at=timezone.now(), imported_at=timezone.now())
    make.make_store(project, key="de-web", imported_at=timezone.now())
    make.make_store(project, key="named-only")
    findings = {"stores": {"new": ["de-web"], "changed": [], "gone": ["old-web"]}}
    make.make_run(kind=RunKind.REGISTRY, subject="commercetools:demo", findings=findings)
    response = admin_client.get(address(Store, "changelist"))
    assert "stores: 1 new (de-web), 0 changed, 1 gone (old-web)" in text(response)
    for choice, key in {"gone": "old-web", "yes": "de-web", "never": "named-only"}.items():
        found = admin_client.get(address(Store, "changelist"), {"listed": choice}).context["cl"].queryset
        assert [store.key for store in found] == [key]


def test_page_of_a_channel_tells_which_rules_name_it_and_warns_where_it_is_gone(admin_client: Client) -> None:
    project = make.make_project(key="demo")
    channel = make.make_channel(project, key="berlin")
    route = make.make_route(project, make.make_account(key="main"), channel=channel, name="Outlet")
    mapping = make.make_carrier_mapping(make.make_courier("dpd"), carrier="Post", project=project, channel=channel)
    page = text(admin_client.get(address(Channel, "change", channel.pk)))
    assert "route Outlet → main" in page
    assert "carrier mapping Post → dpd" in page
    assert "These rules name what is gone" not in page
    Channel.objects.update(gone_at=timezone.now())
    html = admin_client.get(address(Channel, "change", channel.pk)).content.decode()
    assert "These rules name what is gone" in html
    for rule in (route, mapping):
        assert address(type(rule), "change", rule.pk) in html


def test_run_s_page_tells_names_and_the_rules_that_name_what_is_gone(admin_client: Client) -> None:
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    gone = make.make_courier("pigeon-post", gone_at=timezone.now())
    make.make_carrier_mapping(gone, carrier="Pigeon")
    make.make_route(project, account, couriers=["dpd", "pigeon-post"], name="All")
    findings = {"couriers": {"new": ["dpd", "ups"], "changed": [], "gone": ["pigeon-post"]}}
    run = make.make_run(kind=RunKind.REGISTRY, subject="aftership:main", findings=findings)
    response = admin_client.get(address(Run, "change", run.pk))
    assert rows(response, "Found") == [
        ["couriers", "new", "2", "dpd, ups"],
        ["couriers", "changed", "0", "–"],
        ["couriers", "gone", "1", "pigeon-post"],
    ]
    warned = rows(response, "Rules that name what is gone")
    assert [(row[0], row[2]) for row in warned] == [
        ("courier pigeon-post", "route All → main"),
        ("courier pigeon-post", "carrier mapping Pigeon → pigeon-post"),
    ]


@pytest.mark.parametrize("model", [Store, Courier])
def test_form_for_a_new_row_opens(admin_client: Client, model: type) -> None:
    assert admin_client.get(address(model, "add")).status_code == 200
