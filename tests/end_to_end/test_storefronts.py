"""Events are routed by project, store, channel and custom field: each storefront in its own context, there and back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from stores.models import AfterShipAccount, CarrierMapping, Channel, Courier, Route, Store
from tests.end_to_end.world import World, parcel
from tracking.models import Parcel, Problem, Tracking
from tracking.services import connections
from tracking.services.reapply import reapply_rules
from tracking.services.setup import set_up
from tracking.webhooks.authentication import forget

AUSTRIAN, SWISS, GERMAN, DPD = "1000000000000000000001", "990000000000000001", "RR123456785DE", "01234567890123"
ITEMS = [{"id": "li-1", "quantity": 1}, {"id": "li-2", "quantity": 1}]


@dataclass(frozen=True)
class Context:
    """What AfterShip was told of one parcel; language and promise only where AfterShip itself writes to shoppers."""

    account: str
    courier: str
    language: str | None
    promised_days: int | None
    country: str


@pytest.fixture
def shops(world: World) -> World:
    """Project ``demo``: two stores, an outlet and a kind of customer, each with its own account and courier."""
    world.sandbox.project("demo", stores=[{"key": "at-web"}, {"key": "ch-web"}], channels=[{"key": "outlet-berlin"}])
    own_order_type(world)
    list(set_up(world.project, extend=("erp-order",)))
    stores = {store.key: store for store in Store.objects.filter(project=world.project)}
    outlet = Channel.objects.get(key="outlet-berlin")
    in_project: dict[str, Any] = {"project": world.project}
    route(world, "austria", store=stores["at-web"], promise_days=2, position=30)
    route(world, "switzerland", store=stores["ch-web"], promise_days=5, promise_days_by_country={"LI": 7}, position=40)
    route(world, "outlet", channel=outlet, channel_role="supply", promise_days=9, position=20)
    route(world, "business", field_name="customer_kind", field_values=["b2b"], couriers=["dpd-de"], position=10)
    maps("Post", "austrian-post", **in_project, store=stores["at-web"])
    maps("Post", "swiss-post", **in_project, store=stores["ch-web"])
    maps("Post", "deutsch-post", **in_project, channel=outlet)
    return world


def own_order_type(world: World) -> None:
    """The merchant's own Type for orders: it says who the customer is."""
    definition = {"name": "customer_kind", "label": {"en": "Kind"}, "required": False, "type": {"name": "String"}}
    draft = {"key": "erp-order", "name": {"en": "ERP"}, "resourceTypeIds": ["order"], "fieldDefinitions": [definition]}
    connections.commercetools(world.project).create_type(draft)


def route(world: World, account: str, **facts: Any) -> Route:
    """A route to an account of this name, which has a key, a secret and a webhook address of its own."""
    key, secret = f"asat_{account}", f"secret-of-{account}"
    webhook = {"url": f"{world.own_url}/webhooks/aftership/{account}/", "secret": secret}
    world.sandbox.account(account, api_key=key, webhook=webhook)
    row = AfterShipAccount.objects.create(
        key=account, api_url=world.account.api_url, api_key=key, webhook_secret=secret
    )
    forget()
    return Route.objects.create(project=world.project, account=row, notify=Route.Notify.AFTERSHIP, **facts)


def maps(carrier: str, slug: str, **scope: Any) -> None:
    courier, _ = Courier.objects.get_or_create(slug=slug)
    CarrierMapping.objects.create(carrier=carrier, courier=courier, **scope)


def of_store(key: str, country: str, locale: str, **facts: Any) -> dict[str, Any]:
    """What an order of this store says of itself."""
    address = {"country": country, "postalCode": "1010", "city": "Town"}
    return {"store": {"typeId": "store", "key": key}, "locale": locale, "shippingAddress": address} | facts


def from_outlet(item: dict[str, Any]) -> dict[str, Any]:
    channel = Channel.objects.get(key="outlet-berlin")
    return item | {"supplyChannel": {"typeId": "channel", "id": channel.commercetools_id}}


def told(world: World) -> dict[str, Context]:
    """What each account of AfterShip has, by number: the sandbox's own record, not our rows."""
    found = {}
    for account in AfterShipAccount.objects.values_list("key", flat=True):
        for one in world.sandbox.trackings(account):
            assert one["tracking_number"] not in found
            promise = (one["order_promised_delivery_date"] or {}).get("promised_delivery_date")
            ordered = datetime.fromisoformat(one["order_date"]).date()
            days = (datetime.fromisoformat(promise).date() - ordered).days if promise else None
            found[one["tracking_number"]] = Context(
                account, one["slug"], one["language"], days, one["destination_country_region"]
            )
    return found


def test_each_storefront_gets_its_own_context_and_its_news_come_back_to_the_very_parcel(shops: World) -> None:
    austrian, swiss, plain, outlet, business = (
        parcel(AUSTRIAN, "Post"),
        parcel(SWISS, "Post"),
        parcel("00340434161094000001", "DHL", items=[{"id": "li-1", "quantity": 1}]),
        parcel(GERMAN, "POST", items=[{"id": "li-2", "quantity": 1}]),
        parcel(DPD, "Kurier"),
    )
    erp = {"type": {"typeId": "type", "key": "erp-order"}, "fields": {"customer_kind": "b2b"}}
    orders = {
        "at": shops.order(austrian, number="AT-1", **of_store("at-web", "AT", "de-AT")),
        "ch": shops.order(swiss, number="CH-1", **of_store("ch-web", "LI", "fr-CH")),
        "de": shops.order(plain, outlet, number="DE-1", lineItems=[ITEMS[0], from_outlet(ITEMS[1])]),
        "b2b": shops.order(business, number="DE-2", locale="en-GB", custom=erp),
    }
    shops.work()
    assert told(shops) == {
        AUSTRIAN: Context("austria", "austrian-post", "de", 2, "AUT"),
        SWISS: Context("switzerland", "swiss-post", "fr", 7, "LIE"),
        "00340434161094000001": Context("main", "dhl-germany", None, None, "DEU"),
        GERMAN: Context("outlet", "deutsch-post", "de", 9, "DEU"),
        DPD: Context("business", "dpd-de", "en", None, "DEU"),
    }
    for number, tag in ((AUSTRIAN, "Delivered"), (SWISS, "OutForDelivery"), (GERMAN, "InTransit"), (DPD, "Exception")):
        shops.scan(shops.tracking(number), tag)
    shops.work()
    statuses = {one: fields["tb_status"] for order in orders.values() for one, fields in shops.carried(order).items()}
    assert statuses == {
        austrian["id"]: "delivered",
        swiss["id"]: "out_for_delivery",
        plain["id"]: "pending",
        outlet["id"]: "in_transit",
        business["id"]: "exception",
    }
    assert shops.order_fields(orders["b2b"])["customer_kind"] == "b2b"
    assert not Problem.objects.filter(closed_at=None).exists()


def test_each_parcel_says_which_rule_sent_it_where(shops: World) -> None:
    shops.order(parcel(SWISS, "Post"), number="CH-1", **of_store("ch-web", "CH", "de-CH"))
    shops.work()
    row = Parcel.objects.get()
    assert [(hit, reason) for _rule, hit, reason, _version in row.route_trace] == [
        (False, "field customer_kind is none, not b2b"),
        (False, "supply channel is none, not outlet-berlin"),
        (False, "store is ch-web, not at-web"),
        (True, "project demo, store ch-web"),
    ]
    assert row.decision["facts"] == {"project": "demo", "store": "ch-web", "country": "CH", "carrier": "Post"}
    assert row.decision["courier"]["because"].endswith("(store ch-web of demo): 'Post' is swiss-post")


def test_one_number_in_two_stores_is_two_parcels_and_neither_gets_the_other_s_news(shops: World) -> None:
    first, second = parcel(AUSTRIAN, "Post"), parcel(AUSTRIAN, "Post")
    one = shops.order(first, number="AT-1", **of_store("at-web", "AT", "de-AT"))
    other = shops.order(second, number="CH-1", **of_store("ch-web", "CH", "de-CH"))
    shops.work()
    assert set(Tracking.objects.values_list("account__key", "courier")) == {
        ("austria", "austrian-post"),
        ("switzerland", "swiss-post"),
    }
    shops.scan(Tracking.objects.select_related("account").get(account__key="austria"), "Delivered")
    shops.work()
    assert shops.carried(one)[first["id"]]["tb_status"] == "delivered"
    assert shops.carried(other)[second["id"]]["tb_status"] == "pending"


def test_an_unrouted_parcel_is_linked_when_a_rule_comes_much_later(shops: World) -> None:
    Route.objects.filter(account__key__in=["main", "switzerland"]).delete()
    lost = parcel(SWISS, "Post")
    order = shops.order(lost, number="CH-1", **of_store("ch-web", "CH", "de-CH"))
    shops.work()
    problem = Problem.objects.get(closed_at=None)
    assert problem.kind == "unrouted"
    assert told(shops) == {}
    Problem.objects.update(opened_at=problem.opened_at - timedelta(days=40))
    late = Route.objects.create(
        project=shops.project,
        store=Store.objects.get(key="ch-web"),
        account=AfterShipAccount.objects.get(key="austria"),
    )
    reapply_rules([shops.project])
    shops.work()
    assert told(shops) == {SWISS: Context("austria", "swiss-post", None, None, "CHE")}
    assert shops.carried(order)[lost["id"]]["tb_status"] == "pending"
    problem.refresh_from_db()
    assert (problem.closed_at is not None, problem.closed_reason) == (True, f"Routed by #{late.pk}.")


def test_the_default_of_the_project_takes_what_no_rule_takes_and_only_that(shops: World) -> None:
    Route.objects.filter(account__key="main").delete()
    shops.order(parcel(AUSTRIAN, "Post"), number="AT-1", **of_store("at-web", "AT", "de-AT"))
    shops.order(parcel("00340434161094000001", "DHL"), number="DE-1")
    shops.work()
    assert Problem.objects.filter(closed_at=None).count() == 1
    Route.objects.create(project=shops.project, account=shops.account, is_default=True)
    reapply_rules([shops.project])
    shops.work()
    assert {number: context.account for number, context in told(shops).items()} == {
        AUSTRIAN: "austria",
        "00340434161094000001": "main",
    }
    assert not Problem.objects.filter(closed_at=None).exists()


def test_an_account_number_that_the_mapping_gives_later_opens_what_waited_for_it(shops: World) -> None:
    courier = Courier.objects.get(slug="swiss-post")
    Courier.objects.filter(pk=courier.pk).update(required_fields=["tracking_account_number"])
    shops.order(parcel(SWISS, "Post"), number="CH-1", **of_store("ch-web", "CH", "de-CH"))
    since = shops.mark()
    shops.work()
    cause = "swiss-post needs tracking_account_number, and neither the order nor the mapping has it."
    assert list(Problem.objects.filter(closed_at=None).values_list("kind", "cause")) == [("missing_field", cause)]
    assert shops.calls("aftership", since) == []
    mapping = CarrierMapping.objects.get(courier=courier)
    mapping.extra_fields = {"tracking_account_number": "0123"}
    mapping.save()
    reapply_rules([shops.project])
    shops.work()
    assert [one["tracking_account_number"] for one in shops.sandbox.trackings("switzerland")] == ["0123"]
    assert not Problem.objects.filter(closed_at=None).exists()
