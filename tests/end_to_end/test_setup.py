"""setup_commercetools: says first what it would do, does it once, and takes back what it made."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from stores.models import AfterShipAccount, CustomType, Project, Route, Store
from tests.end_to_end.world import World, parcel
from tracking.clients.commercetools import CommercetoolsClient
from tracking.payloads import subscriptions
from tracking.services import connections

ARN = "arn:aws:sns:eu-central-1:123456789012:orders"
STOPPED = "ConfigurationErrorDeliveryStopped"
SCOPES = [
    "manage_orders:fresh", "view_types:fresh", "manage_types:fresh", "view_stores:fresh", "view_channels:fresh",
    "manage_subscriptions:fresh",
]  # fmt: skip


@pytest.fixture
def fresh(world: World) -> Project:
    """A project that nobody has set up, told by SNS; its client has no scope too many."""
    world.sandbox.project(
        "fresh", client_id="new", client_secret="secret", scope=" ".join(SCOPES), stores=[{"key": "de-web"}]
    )
    return Project.objects.create(
        key="fresh",
        api_url=world.project.api_url,
        auth_url=world.project.auth_url,
        client_id="new",
        client_secret="secret",
        inbound_type=Project.Inbound.SNS,
        inbound_options={"topic_arn": ARN},
    )


def told(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("setup_commercetools", *arguments, stdout=out)
    return out.getvalue().splitlines()


def client(project: Project) -> CommercetoolsClient:
    return connections.commercetools(project)


def writes(world: World, since: int) -> list[str]:
    return [one for one in world.calls("commercetools", since) if not one.startswith("GET ")]


def test_a_plan_says_everything_and_writes_nothing(world: World, fresh: Project) -> None:
    mark = world.mark()
    assert told("fresh", "--plan") == [
        "Scopes: all there",
        "Type trackbridge-parcel: would be made",
        "Type trackbridge-order: would be made",
        f"Subscription trackbridge-orders: would be made, to SNS {ARN}",
        "stores and channels: would be read",
    ]
    assert writes(world, mark) == []
    assert not CustomType.objects.filter(project=fresh).exists()
    assert not Store.objects.filter(project=fresh).exists()


def test_it_is_done_once_and_repeating_it_changes_nothing(world: World, fresh: Project) -> None:
    assert told("fresh") == [
        "Scopes: all there",
        "Type trackbridge-parcel: made",
        "Type trackbridge-order: made",
        f"Subscription trackbridge-orders: made, to SNS {ARN}",
        "stores: 1 new (de-web), 0 changed, 0 gone",
        "channels: 0 new, 0 changed, 0 gone",
    ]
    (made,) = client(fresh).list_subscriptions()
    assert made["destination"] == {"type": "SNS", "authenticationMode": "IAM", "topicArn": ARN}
    assert made["messages"] == [{"resourceTypeId": "order", "types": subscriptions.message_types()}]
    assert {"ParcelTrackingDataUpdated", "OrderCustomFieldChanged"} < set(made["messages"][0]["types"])
    assert not {"", "ResourceUpdated"} & set(made["messages"][0]["types"])
    mark = world.mark()
    assert told("fresh")[1:4] == [
        "Type trackbridge-parcel: has all our fields",
        "Type trackbridge-order: has all our fields",
        "Subscription trackbridge-orders: is as it should be (Healthy)",
    ]
    assert writes(world, mark) == []


def test_a_stopped_subscription_with_few_messages_is_brought_in_line(world: World, fresh: Project) -> None:
    told("fresh")
    (made,) = client(fresh).list_subscriptions()
    few = [{"resourceTypeId": "order", "types": ["OrderCreated"]}]
    client(fresh).update_subscription(made["id"], made["version"], [{"action": "setMessages", "messages": few}])
    world.sandbox.set_subscription_status("fresh", "trackbridge-orders", STOPPED)
    change = "its list of messages and its destination, which revives it"
    assert told("fresh", "--plan")[3] == f"Subscription trackbridge-orders: would change {change}"
    assert told("fresh")[3] == f"Subscription trackbridge-orders: changed {change}"
    (mended,) = client(fresh).list_subscriptions()
    assert (mended["status"], mended["messages"]) == ("Healthy", made["messages"])


def test_another_topic_is_another_destination(world: World, fresh: Project) -> None:
    told("fresh")
    Project.objects.filter(pk=fresh.pk).update(inbound_options={"topic_arn": f"{ARN}-2"})
    change = f"its destination, to SNS {ARN}-2"
    assert told("fresh", "--plan")[3] == f"Subscription trackbridge-orders: would change {change}"
    assert told("fresh")[3] == f"Subscription trackbridge-orders: changed {change}"
    assert client(fresh).list_subscriptions()[0]["destination"]["topicArn"] == f"{ARN}-2"


@pytest.mark.parametrize(
    ("kind", "options", "destination"),
    [
        ("pubsub", {"project_id": "shop", "topic": "orders"}, {"type": "GoogleCloudPubSub", "projectId": "shop"}),
        (
            "sqs",
            {"queue_url": "https://sqs/1/orders", "region": "eu-central-1"},
            {"type": "SQS", "region": "eu-central-1"},
        ),
        ("eventbridge", {"account_id": "1", "region": "eu-west-1"}, {"type": "EventBridge", "accountId": "1"}),
        ("eventgrid", {"uri": "https://grid/api/events"}, {"type": "EventGrid", "accessKey": "gr****ey"}),
    ],
)
def test_each_destination(
    world: World,
    fresh: Project,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    options: dict[str, str],
    destination: dict[str, str],
) -> None:
    Project.objects.filter(pk=fresh.pk).update(inbound_type=kind, inbound_options=options)
    monkeypatch.setenv("GRID_KEY", "grid-access-key")
    told("fresh", "--access-key-env", "GRID_KEY")
    (made,) = client(fresh).list_subscriptions()
    assert made["destination"].items() >= destination.items()
    mark = world.mark()
    assert "is as it should be" in told("fresh")[3], "a masked secret is no difference, and is not asked for again"
    assert writes(world, mark) == []


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("sns", {}, "inbound.topic_arn: is missing"),
        ("pubsub", {"topic": "orders"}, "inbound.project_id: is missing"),
        ("eventbridge", {"account_id": "1"}, "inbound.region: is missing"),
        ("eventgrid", {"uri": "https://grid/api/events"}, "--access-key-env: is missing"),
    ],
)
def test_what_is_missing_for_the_destination_is_named(
    fresh: Project, kind: str, options: dict[str, str], words: str
) -> None:
    Project.objects.filter(pk=fresh.pk).update(inbound_type=kind, inbound_options=options)
    with pytest.raises(CommandError) as refused:
        told("fresh")
    assert words in str(refused.value)
    assert client(fresh).list_subscriptions() == []


def test_missing_scopes_are_named_before_anything_is_written(world: World, fresh: Project) -> None:
    world.sandbox.project("fresh", scope=" ".join(SCOPES[:2] + SCOPES[3:5]))
    mark = world.mark()
    with pytest.raises(CommandError) as refused:
        told("fresh")
    named = (
        "manage_types:fresh (makes and extends Types), manage_subscriptions:fresh (makes the Subscription and looks at"
    )
    assert named in str(refused.value)
    assert writes(world, mark) == []


def test_a_client_of_two_stores_needs_the_scope_of_each(world: World, fresh: Project) -> None:
    Project.objects.filter(pk=fresh.pk).update(in_stores=["de-web", "at-web"])
    world.sandbox.project("fresh", scope=" ".join([*SCOPES[1:], "manage_orders:fresh:de-web"]))
    with pytest.raises(
        CommandError, match=r"lacks manage_orders:fresh:at-web \(reads orders and writes on parcels\)\."
    ):
        told("fresh")


@pytest.mark.parametrize("kind", ["bearer", "connect", "poll"])
def test_where_somebody_else_sends_no_subscription_is_made(fresh: Project, kind: str) -> None:
    Project.objects.filter(pk=fresh.pk).update(inbound_type=kind)
    assert told("fresh")[3].startswith("Subscription: none is made, ")
    assert client(fresh).list_subscriptions() == []


def own_type(project: Project, key: str) -> None:
    definition: dict[str, Any] = {"name": "erp_box", "label": {"en": "Box"}, "type": {"name": "String"}}
    draft = {"key": key, "name": {"en": key}, "resourceTypeIds": ["order-parcel"], "fieldDefinitions": [definition]}
    client(project).create_type(draft)


def names(project: Project, key: str) -> list[str]:
    return [one["name"] for one in client(project).get_type_by_key(key)["fieldDefinitions"]]


def test_removing_takes_back_what_was_made_and_leaves_what_the_merchant_made(fresh: Project) -> None:
    own_type(fresh, "erp-parcel")
    told("fresh", "--extend", "erp-parcel")
    fields = ", ".join(names(fresh, "erp-parcel")[1:])
    assert told("fresh", "--remove", "--plan") == [
        "Subscription trackbridge-orders: would be removed",
        f"Type erp-parcel: would lose {fields}",
        "Type trackbridge-parcel: would be removed, if nothing carries it",
        "Type trackbridge-order: would be removed, if nothing carries it",
    ]
    assert len(client(fresh).list_subscriptions()) == 1
    assert told("fresh", "--remove", "--yes") == [
        "Subscription trackbridge-orders: removed",
        f"Type erp-parcel: removed {fields}",
        "Type trackbridge-parcel: removed",
        "Type trackbridge-order: removed",
    ]
    assert client(fresh).list_subscriptions() == []
    assert names(fresh, "erp-parcel") == ["erp_box"]
    assert told("fresh", "--remove", "--yes") == [
        "Subscription trackbridge-orders: is not there",
        "Type trackbridge-parcel: is not there",
        "Type trackbridge-order: is not there",
    ]


def test_removing_asks_first(fresh: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    told("fresh")
    monkeypatch.setattr("builtins.input", lambda _question: "yes")
    with pytest.raises(CommandError, match="Stopped: nothing was removed"):
        told("fresh", "--remove")
    assert len(client(fresh).list_subscriptions()) == 1


def test_types_that_something_carries_stay(world: World, fresh: Project) -> None:
    told("fresh")
    Route.objects.create(project=fresh, account=AfterShipAccount.objects.get())
    fresh.inbound_type, fresh.inbound_secret = Project.Inbound.BEARER, "token"
    fresh.save()
    world.sandbox.project("fresh", push={"url": f"{world.own_url}/webhooks/commercetools/fresh/", "token": "token"})
    deliveries = [{"items": [], "parcels": [parcel("00340434161094042557")]}]
    world.sandbox.create_order("fresh", shippingAddress={"country": "DE"}, shippingInfo={"deliveries": deliveries})
    world.work()
    assert told("fresh", "--remove", "--yes")[1:] == [
        "Type trackbridge-parcel: left as it is, it is on 1 parcel",
        "Type trackbridge-order: left as it is, it is on 1 order",
    ]
