"""The order for the storefront's own page: by the shopper's token, for browsers of the brand's storefronts alone."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.test import Client

from stores.models import Brand
from tests import factories as make
from tests.tracking.pages.orders import make_branded, make_shopped, path_of, ship
from tracking.enums import ParcelStatus
from tracking.models import Order, ShopperCount, StoreLimit
from tracking.services.links import link_token, withdraw_link

pytestmark = pytest.mark.django_db
SHOP = "https://shop.example.com"


@pytest.fixture
def order() -> Order:
    _brand, route = make_branded(name="Acme", storefront_origins=[SHOP])
    order = make_shopped(route, order_number="AT-1", destination_postal_code="SW1Y 5QT")
    ship(order, ParcelStatus.OUT_FOR_DELIVERY, steps=4, items={"boot": 1})
    ship(order, is_return=True, items={"sock": 1})
    return order


def api(order: Order) -> str:
    return f"/api/v1/track/{link_token(order)}/"


def test_json_says_what_the_page_says(client: Client, order: Order) -> None:
    document = client.get(api(order) + "?lang=en").json()
    page = client.get(path_of(order) + "?lang=en").content.decode()
    assert (document["order_number"], document["brand"], document["state"]) == ("AT-1", "Acme", "out_for_delivery")
    assert document["answer"] in page
    assert document["parcels"][0]["headline"] == "Out for delivery"
    assert document["parcels"][0]["items"] == [{"quantity": 1, "name": "Hiking boot"}]
    assert [one["is_return"] for one in document["returns"]] == [True]
    assert document["unshipped"] == [{"quantity": 2, "name": "Socke"}]
    assert document["labels"]["not_shipped"] == "Not shipped yet"
    assert document["url"].endswith(path_of(order) + "?lang=en"), "whoever reads on does so in the same language"


def test_answer_fits_its_schema(client: Client, order: Order) -> None:
    schema = client.get("/api/schema/", {"format": "json"}).json()
    operation = schema["paths"]["/api/v1/track/{token}/"]["get"]
    assert set(operation["responses"]) == {"200", "304", "403", "404", "410"}
    assert not operation.get("security"), "the token in its address is all it asks for"
    shown = operation["responses"]["200"]["content"]["application/json"]["schema"]
    make.make_promotion(order.parcels.first().route.brand)  # null is no object to this validator
    jsonschema.validate(client.get(api(order)).json(), shown | {"components": schema["components"]})


def test_nothing_private_is_in_it(client: Client, order: Order) -> None:
    text = client.get(api(order)).content.decode()
    hidden = (order.customer_email, order.destination_postal_code, order.correlation_id, order.commercetools_id)
    assert [word for word in hidden if word in text] == []


def test_browser_of_a_storefront_may_read_it_and_of_another_site_may_not(client: Client, order: Order) -> None:
    mine = client.get(api(order), headers={"origin": SHOP})
    assert (mine.status_code, mine.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    assert "Access-Control-Allow-Credentials" not in mine.headers
    assert "Origin" in mine.headers["Vary"]
    for origin in ("https://evil.example", "http://shop.example.com", "https://shop.example.com.evil.example", "null"):
        other = client.get(api(order), headers={"origin": origin})
        assert other.status_code == 403
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "AT-1" not in other.content.decode()


def test_no_cookie_is_read_or_set_and_nobody_else_keeps_it(client: Client, order: Order) -> None:
    client.force_login(User.objects.create_superuser("root"))
    response = client.get(api(order))
    assert not response.cookies
    assert "Cookie" not in response.headers["Vary"]
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["X-Robots-Tag"] == "noindex, nofollow"


def test_asking_again_is_304_and_only_a_fresh_look_is_counted(client: Client, order: Order) -> None:
    first = client.get(api(order))
    again = client.get(api(order) + "?refresh=1", headers={"if-none-match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    row = ShopperCount.objects.get()
    assert (row.place, row.event, row.count) == ("embed", "view", 1)


def test_unknown_and_withdrawn_tokens_are_told_apart_from_nothing_else(client: Client, order: Order) -> None:
    token = api(order)
    withdraw_link(order, actor=None, reason="x")
    assert (client.get(token).status_code, client.get("/api/v1/track/abc/").status_code) == (410, 404)
    assert client.post(token).status_code == 405


# The link, from server to server -----------------------------------------------------------------------------------


def agent(*stores: Any) -> Client:
    user = User.objects.create_user(f"shop-{len(stores)}-{User.objects.count()}")
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    for store in stores:
        StoreLimit.objects.create(user=user, store=store)
    client = Client()
    client.force_login(user)
    return client


def test_link_is_found_by_number_or_id(client: Client, order: Order) -> None:
    for name in (order.order_number, order.commercetools_id):
        response = agent().get(f"/api/v1/orders/{order.project.key}/{name}/link/")
        assert response.json()["token"] == link_token(order)
        assert response.json()["url"].endswith(path_of(order))
        assert client.get(response.json()["api_url"].partition("/api/")[2].join(["/api/", ""])).status_code == 200
        assert "no-store" in response.headers["Cache-Control"]


def test_stranger_and_agent_of_another_store_get_no_link(client: Client, order: Order) -> None:
    path = f"/api/v1/orders/{order.project.key}/AT-1/link/"
    assert client.get(path).status_code == 401
    other = agent(make.make_store()).get(path)
    assert other.status_code == 404
    assert link_token(order) not in other.content.decode()
    assert agent(order.store).get(path).status_code == 200
    assert agent().get(f"/api/v1/orders/{order.project.key}/AT-2/link/").status_code == 404


@pytest.mark.parametrize("origin", ["shop.example.com", "ftp://shop.example.com", "https://a.example/path", "*", ""])
def test_what_is_no_origin_cannot_be_listed_and_opens_nothing(client: Client, order: Order, origin: str) -> None:
    brand = Brand.objects.get()
    brand.storefront_origins = [origin]
    with pytest.raises(ValidationError):
        brand.full_clean()
    brand.save()
    assert client.get(api(order), headers={"origin": "https://evil.example"}).status_code == 403


def test_address_of_the_storefront_is_an_origin_too(client: Client, order: Order) -> None:
    Brand.objects.update(storefront_origins=[], storefront_url="https://Shop.example.com/de/")
    assert client.get(api(order), headers={"origin": SHOP}).status_code == 200
