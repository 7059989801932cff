"""What a browser may load: strict by default, looser only under the console and the API's docs."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from config.security import ContentSecurityPolicyMiddleware, policy_for


def directives(path: str) -> dict[str, str]:
    return dict(part.split(" ", 1) for part in policy_for(path).split("; "))


@pytest.mark.parametrize(
    "path", ["/", "/track/x", "/analytics/", "/api/v1/orders", "/administrator/", "/adminx", "/api/docsx"]
)
def test_everywhere_else_nothing_is_inline_or_evaluated(path: str) -> None:
    assert directives(path)["script-src"] == directives(path)["style-src"] == "'self'"
    assert directives(path)["default-src"] == "'none'"
    assert directives(path)["frame-ancestors"] == "'none'"


def test_console_may_evaluate_but_has_no_inline_scripts() -> None:
    assert directives("/admin/tracking/order/")["script-src"] == "'self' 'unsafe-eval'"
    assert directives("/admin/tracking/order/")["style-src"] == "'self' 'unsafe-inline'"


def test_docs_may_set_a_style_and_no_more() -> None:
    assert directives("/api/docs/")["script-src"] == "'self'"
    assert directives("/api/docs/")["style-src"] == "'self' 'unsafe-inline'"


def test_answer_with_a_policy_of_its_own_keeps_it() -> None:
    def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "sandbox"})

    response = ContentSecurityPolicyMiddleware(view)(RequestFactory().get("/"))
    assert response.headers["Content-Security-Policy"] == "sandbox"


@pytest.mark.django_db
def test_pages_carry_the_headers(client: Client) -> None:
    response = client.get("/admin/login/")
    assert response.status_code == 200
    assert "'unsafe-eval'" in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["X-Frame-Options"] == "DENY"
    assert "camera=()" in response.headers["Permissions-Policy"]


@pytest.mark.django_db
def test_static_files_are_served_without_a_build_step(client: Client) -> None:
    response = client.get("/static/unfold/css/styles.css")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/css")
