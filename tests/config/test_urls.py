"""Addresses: what answers where, and that failures are told to machines in JSON without a detail of ours."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse

from config import navigation
from config.urls import handler400, handler403, handler404, handler500
from tests import factories as make
from tracking.models import StoreLimit

__all__ = ["handler400", "handler403", "handler404", "handler500"]


def fail(_request: HttpRequest, kind: str) -> HttpResponse:
    raise {"bug": ValueError, "forbidden": PermissionDenied, "malformed": BadRequest, "gone": Http404}[kind](
        "swordfish"
    )


urlpatterns = [
    path("api/fail/<str:kind>/", fail),
    path("page/fail/<str:kind>/", fail),
    path("admin/fail/<str:kind>/", fail),
    path("admin/", admin.site.urls),
]


@pytest.mark.parametrize(("kind", "status"), [("bug", 500), ("forbidden", 403), ("malformed", 400)])
@pytest.mark.urls("tests.config.test_urls")
def test_failure_is_told_to_machines_as_json_with_the_correlation_id(client: Client, kind: str, status: int) -> None:
    client.raise_request_exception = False
    response = client.get(f"/api/fail/{kind}/")
    assert response.status_code == status
    assert set(response.json()) == {"detail", "correlation_id"}
    assert response.json()["correlation_id"] == response.headers["X-Correlation-ID"] != ""
    assert "swordfish" not in response.content.decode()


@pytest.mark.parametrize(("kind", "status"), [("bug", 500), ("forbidden", 403), ("malformed", 400)])
@pytest.mark.urls("tests.config.test_urls")
def test_failure_is_shown_to_people_as_a_page(client: Client, kind: str, status: int) -> None:
    client.raise_request_exception = False
    response = client.get(f"/page/fail/{kind}/")
    assert response.status_code == status
    assert response.headers["Content-Type"].startswith("text/html")
    assert "swordfish" not in response.content.decode()


@pytest.mark.parametrize(("kind", "status"), [("bug", 500), ("forbidden", 403), ("malformed", 400), ("gone", 404)])
@pytest.mark.urls("tests.config.test_urls")
def test_failure_in_the_console_tells_the_code_and_the_way_back(client: Client, kind: str, status: int) -> None:
    """Without a query: the database may be what failed."""
    client.raise_request_exception = False
    response = client.get(f"/admin/fail/{kind}/")
    page = response.content.decode()
    assert response.status_code == status
    assert response.headers["X-Correlation-ID"] in page
    assert f'href="{reverse("admin:index")}"' in page
    assert "swordfish" not in page


@pytest.mark.parametrize("address", ["/webhooks/", "/webhooks/nobody/x/", "/api/v0/"])
def test_unknown_machine_address_is_a_json_404(client: Client, address: str) -> None:
    response = client.get(address)
    assert (response.status_code, response.json()["detail"]) == (404, "There is nothing at this address.")


def test_wrong_host_is_a_json_400_for_machines(client: Client) -> None:
    response = client.get("/api/schema/", headers={"host": "evil.example.com"})
    assert (response.status_code, response.json()["detail"]) == (400, "The request is malformed.")


def test_root_leads_to_the_console(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/admin/"


@pytest.mark.django_db
def test_schema_and_docs_are_open_and_load_nothing_from_elsewhere(client: Client) -> None:
    schema = client.get("/api/schema/", {"format": "json"})
    assert "/webhooks/aftership/{key}/" in schema.json()["paths"]
    page = client.get("/api/docs/").content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    assert "https://" not in page


@pytest.mark.django_db
def test_sidebar_shows_everything_to_an_administrator(admin_client: Client) -> None:
    page = admin_client.get("/admin/").content.decode()
    links = [str(item["link"]) for group in navigation.SIDEBAR for item in group["items"]]
    assert len(links) == len(set(links)) >= 15
    assert [link for link in links if f'href="{link}"' not in page] == []
    assert [link for link in links if admin_client.get(link).status_code != 200] == []


@pytest.mark.django_db
def test_sidebar_shows_staff_without_rights_no_entry(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("sam", is_staff=True))
    page = client.get("/admin/").content.decode()
    assert reverse("admin:tracking_order_changelist") not in page


@pytest.mark.django_db
def test_sidebar_leads_nobody_to_a_refusal(client: Client, django_user_model: Any) -> None:
    """Least of all an administrator who sees one store only: some pages are about all of them."""
    user = django_user_model.objects.create_user("ada", is_staff=True)
    user.groups.set(Group.objects.all())
    StoreLimit.objects.create(user=user, store=make.make_store())
    client.force_login(user)
    page = client.get("/admin/").content.decode()
    shown = [
        link for group in navigation.SIDEBAR for item in group["items"] if f'"{(link := str(item["link"]))}"' in page
    ]
    assert len(shown) > 30
    assert [link for link in shown if client.get(link).status_code != 200] == []
