"""GET /api/v1/stories/{code}/: who may read it, what it says, and that the schema tells the truth."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests import factories as make
from tests.tracking.stories import CODE, NUMBER, WORDS, tell_story

pytestmark = pytest.mark.django_db
ADDRESS = f"/api/v1/stories/{CODE}/"


@pytest.fixture
def agent(client: Client) -> Client:
    user = User.objects.create_user("agent")
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(user)
    return client


def test_stranger_learns_nothing(client: Client) -> None:
    tell_story()
    response = client.get(ADDRESS)
    assert response.status_code == 401
    assert CODE not in response.content.decode()


def test_user_without_the_permission_learns_nothing(client: Client) -> None:
    tell_story()
    client.force_login(User.objects.create_user("packer"))
    assert client.get(ADDRESS).status_code == 403


def test_code_that_nobody_knows_is_404_with_words(agent: Client) -> None:
    response = agent.get("/api/v1/stories/ZZZZ-2222/")
    assert response.status_code == 404
    assert response.json() == {"detail": "Nothing is known under the code ZZZZ-2222."}


def test_nothing_can_be_written(agent: Client) -> None:
    assert {agent.post(ADDRESS).status_code, agent.delete(ADDRESS).status_code} == {405}


def test_story_comes_in_order_with_kinds(agent: Client) -> None:
    order = tell_story()
    body = agent.get("/api/v1/stories/k7mq2xrt/").json()
    assert (body["code"], body["orders"], body["is_cut"]) == (CODE, [order.commercetools_id], False)
    assert [entry["kind"] for entry in body["entries"]] == [
        *("receipt", "decision", "problem", "job", "attempt", "attempt", "receipt", "write", "problem"),
    ]
    assert body["entries"][4]["wait_seconds"] == 1.5
    assert body["entries"][7]["changes"][0] == {
        "what": "…0001",
        "name": "tb_status",
        "before": None,
        "after": "pending",
    }


def test_nobody_is_named(agent: Client) -> None:
    order = tell_story()
    text = agent.get(ADDRESS).content.decode()
    assert not [word for word in (order.customer_email, WORDS, NUMBER) if word in text]


def test_answer_is_what_the_schema_says(agent: Client) -> None:
    order = tell_story()
    make.make_dead_letter(subject=str(order.pk), correlation_id=CODE)
    schema: dict[str, Any] = agent.get("/api/schema/", {"format": "json"}).json()
    path = schema["paths"]["/api/v1/stories/{code}/"]["get"]
    assert set(path["responses"]) == {"200", "401", "403", "404"}
    document = {"$ref": "#/components/schemas/Story", "components": nullable(schema["components"])}
    jsonschema.validate(agent.get(ADDRESS).json(), document)


def nullable(schema: Any) -> Any:
    """OpenAPI 3.0's ``nullable`` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [nullable(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: nullable(one) for name, one in schema.items() if name != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True and "type" in plain else plain


def test_it_costs_the_story_and_the_session(agent: Client) -> None:
    tell_story()
    with CaptureQueriesContext(connection) as queries:
        assert agent.get(ADDRESS).status_code == 200
    assert len(queries) <= 17
