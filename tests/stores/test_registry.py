"""The registry of Stores and Channels: nothing half-imported, nothing lost, keys of Channels may change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from stores.models import AfterShipAccount, CarrierMapping, Channel, Courier, Project, Route, StatusRule, Store
from stores.registry import Imported, RegistryError, import_channels, import_couriers, import_stores, rules_naming

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DE_WEB = {
    "id": "5a1e0000-0000-4000-8000-000000000001",
    "version": 3,
    "key": "de-web",
    "name": {"de": "Deutschland", "de-CH": "Deutschland (CH)", "en": "Germany"},
    "languages": ["de", "en"],
    "countries": [{"code": "DE"}, {"code": "AT"}],
    "distributionChannels": [],
    "productSelections": [],
}
EN_WEB = {"id": "5a1e0000-0000-4000-8000-000000000002", "version": 1, "key": "en-web"}
BERLIN = {
    "id": "c4a90000-0000-4000-8000-000000000001",
    "version": 1,
    "key": "warehouse-berlin",
    "roles": ["InventorySupply", "ProductDistribution"],
    "name": {"de": "Lager Berlin", "en": "Berlin warehouse"},
}


@pytest.fixture
def project() -> Project:
    return make_project("demo")


def make_project(key: str) -> Project:
    return Project.objects.create(
        key=key, api_url="https://a.example.com", auth_url="https://b.example.com", client_id="id", client_secret="s"
    )


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("de-web", "stores[1]: an object is expected"),
        ({"id": "1"}, "stores[1].key: missing"),
        ({"id": "1", "key": ""}, "stores[1].key: 1 to 256 characters are expected"),
        ({"id": "1", "key": "a b"}, "stores[1].key: 2 to 256 letters, digits, _ or - are expected"),
        ({"key": "at-web"}, "stores[1].id: missing"),
        ({"id": 7, "key": "at-web"}, "stores[1].id: text is expected"),
        ({"id": "i" * 65, "key": "at-web"}, "stores[1].id: 1 to 64 characters are expected"),
        ({"id": "1", "key": "at-web", "name": "Austria"}, "stores[1].name: text by locale is expected"),
        ({"id": "1", "key": "at-web", "name": {"de": 7}}, "stores[1].name.de: text is expected"),
        ({"id": "1", "key": "at-web", "languages": "de"}, "stores[1].languages: a list is expected"),
        ({"id": "1", "key": "at-web", "languages": [None]}, "stores[1].languages[0]: text is expected"),
        ({"id": "1", "key": "at-web", "countries": ["AT"]}, "stores[1].countries[0]: an object is expected"),
        ({"id": "1", "key": "at-web", "countries": [{}]}, "stores[1].countries[0].code: missing"),
    ],
)
def test_bad_store_is_named_and_nothing_is_imported(project: Project, document: Any, words: str) -> None:
    with pytest.raises(RegistryError) as refused:
        import_stores(project, [DE_WEB, document])
    assert str(refused.value) == words
    assert not Store.objects.exists()


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"id": "1"}, "channels[0].key: missing"),
        ({"id": "1", "key": "k" * 257}, "channels[0].key: 1 to 256 characters are expected"),
        ({"id": "1", "key": "k", "roles": "Primary"}, "channels[0].roles: a list is expected"),
    ],
)
def test_bad_channel_is_named_and_nothing_is_imported(project: Project, document: Any, words: str) -> None:
    with pytest.raises(RegistryError) as refused:
        import_channels(project, [document, BERLIN])
    assert str(refused.value) == words
    assert not Channel.objects.exists()


def test_failure_while_paging_imports_nothing(project: Project) -> None:
    def pages() -> Iterator[dict[str, Any]]:
        yield DE_WEB
        raise ConnectionError("page 2")

    with pytest.raises(ConnectionError):
        import_stores(project, pages())
    assert not Store.objects.exists()


def test_pages_are_read_outside_of_our_transaction(project: Project) -> None:
    depths = []

    def pages() -> Iterator[dict[str, Any]]:
        depths.append(len(connection.savepoint_ids))
        yield DE_WEB

    before = len(connection.savepoint_ids)
    import_stores(project, pages())
    assert depths == [before]


def test_store_is_kept_with_all_names_languages_and_countries(project: Project) -> None:
    assert import_stores(project, [DE_WEB, EN_WEB]) == Imported(("de-web", "en-web"), (), (), ())
    store = Store.objects.get(key="de-web")
    assert store.commercetools_id == DE_WEB["id"]
    assert store.name == {"de": "Deutschland", "de-CH": "Deutschland (CH)", "en": "Germany"}
    assert (store.languages, store.countries) == (["de", "en"], ["DE", "AT"])
    assert timezone.now() - store.imported_at < timedelta(minutes=1)
    bare = Store.objects.get(key="en-web")
    assert (bare.name, bare.languages, bare.countries) == ({}, [], [])


def test_second_import_says_what_changed_and_what_is_gone_and_keeps_it(project: Project) -> None:
    import_stores(project, [DE_WEB, EN_WEB, {"id": "3", "key": "at-web"}])
    Store.objects.update(imported_at=timezone.now() - timedelta(days=9))
    imported = import_stores(project, [DE_WEB | {"countries": [{"code": "DE"}]}, EN_WEB])
    assert imported == Imported((), ("de-web",), ("en-web",), ("at-web",))
    assert str(imported) == "0 new, 1 changed, 1 unchanged, not listed there: at-web"
    assert Store.objects.get(key="de-web").countries == ["DE"]
    ages = {store.key: (timezone.now() - store.imported_at).days for store in Store.objects.all()}
    assert ages == {"at-web": 9, "de-web": 0, "en-web": 0}


def test_nothing_listed_removes_nothing(project: Project) -> None:
    import_stores(project, [DE_WEB])
    assert import_stores(project, []) == Imported((), (), (), ("de-web",))
    assert Store.objects.count() == 1


def test_store_that_a_rule_had_named_keeps_its_row_and_its_rule(project: Project) -> None:
    store = Store.objects.create(project=project, key="de-web")
    typo = Store.objects.create(project=project, key="de-wbe")
    account = AfterShipAccount.objects.create(key="main", api_key="k")
    route = Route.objects.create(project=project, store=store, account=account)
    assert import_stores(project, [DE_WEB]) == Imported(("de-web",), (), (), ("de-wbe",))
    route.refresh_from_db()
    assert (route.store.pk, route.store.commercetools_id) == (store.pk, DE_WEB["id"])
    typo.refresh_from_db()
    assert typo.imported_at is None


def test_projects_do_not_touch_each_other(project: Project) -> None:
    other = make_project("shop")
    import_stores(other, [DE_WEB])
    assert import_stores(project, [DE_WEB]) == Imported(("de-web",), (), (), ())
    assert import_stores(other, [DE_WEB]) == Imported((), (), ("de-web",), ())


def test_store_listed_twice_counts_once(project: Project) -> None:
    assert import_stores(project, [EN_WEB, EN_WEB | {"languages": ["en"]}]) == Imported(("en-web",), (), (), ())
    assert Store.objects.get().languages == ["en"]


def test_text_that_the_database_cannot_hold_is_cleaned(project: Project) -> None:
    import_stores(project, [EN_WEB | {"name": {"en": "a\0b\ud800"}}])
    assert Store.objects.get().name == {"en": "a␀b?"}


def test_channel_is_kept_with_names_and_roles(project: Project) -> None:
    assert import_channels(project, [BERLIN]) == Imported(("warehouse-berlin",), (), (), ())
    channel = Channel.objects.get()
    assert (channel.key, channel.commercetools_id) == ("warehouse-berlin", BERLIN["id"])
    assert channel.name == {"de": "Lager Berlin", "en": "Berlin warehouse"}
    assert channel.roles == ["InventorySupply", "ProductDistribution"]


def test_changed_key_of_a_channel_follows_its_id(project: Project) -> None:
    import_channels(project, [BERLIN])
    channel = Channel.objects.get()
    assert import_channels(project, [BERLIN | {"key": "berlin"}]) == Imported((), ("berlin",), (), ())
    assert [(row.pk, row.key) for row in Channel.objects.all()] == [(channel.pk, "berlin")]


def test_two_channels_may_swap_their_keys(project: Project) -> None:
    hamburg = BERLIN | {"id": "c4a90000-0000-4000-8000-000000000002", "key": "warehouse-hamburg"}
    import_channels(project, [BERLIN, hamburg])
    swapped = [BERLIN | {"key": "warehouse-hamburg"}, hamburg | {"key": "warehouse-berlin"}]
    assert import_channels(project, swapped).changed == ("warehouse-berlin", "warehouse-hamburg")


def test_channel_that_is_not_listed_any_more_is_kept(project: Project) -> None:
    import_channels(project, [BERLIN])
    assert import_channels(project, []) == Imported((), (), (), ("warehouse-berlin",))
    assert Channel.objects.count() == 1


def test_what_is_gone_is_marked_once_and_unmarked_when_it_is_back(project: Project) -> None:
    import_stores(project, [DE_WEB, EN_WEB])
    import_stores(project, [DE_WEB])
    gone = Store.objects.get(key="en-web")
    assert gone.gone_at is not None
    Store.objects.filter(pk=gone.pk).update(gone_at=gone.gone_at - timedelta(days=3))
    import_stores(project, [DE_WEB])
    assert gone.gone_at - Store.objects.get(key="en-web").gone_at == timedelta(days=3)
    assert import_stores(project, [DE_WEB, EN_WEB]).changed == ("en-web",)
    assert not Store.objects.filter(gone_at__isnull=False).exists()


def test_channel_that_only_a_rule_has_named_gets_its_id_and_stays_the_rule_s(project: Project) -> None:
    named = Channel.objects.create(project=project, key="warehouse-berlin", commercetools_id=None)
    other = Channel.objects.create(project=make_project("shop"), key="warehouse-berlin", commercetools_id=None)
    account = AfterShipAccount.objects.create(key="main", api_key="k")
    route = Route.objects.create(project=project, channel=named, account=account)
    assert import_channels(project, [BERLIN]) == Imported(("warehouse-berlin",), (), (), ())
    route.refresh_from_db()
    assert (route.channel.pk, route.channel.commercetools_id) == (named.pk, BERLIN["id"])
    other.refresh_from_db()
    assert other.commercetools_id is None
    assert rules_naming(named) == [route]


POSTNL = {
    "slug": "postnl-3s",
    "name": "PostNL",
    "required_fields": ["destination_postal_code", "destination_country_region"],
    "optional_fields": ["tracking_ship_date"],
}


def test_courier_is_kept_with_its_fields_and_what_is_gone_is_marked() -> None:
    Courier.objects.create(slug="ups", name="UPS", imported_at=timezone.now())
    assert import_couriers([POSTNL]) == Imported(("postnl-3s",), (), (), ("ups",))
    courier = Courier.objects.get(slug="postnl-3s")
    assert courier.required_fields == ["destination_postal_code", "destination_country_region"]
    assert courier.optional_fields == ["tracking_ship_date"]
    assert Courier.objects.get(slug="ups").gone_at is not None
    assert import_couriers([POSTNL | {"required_fields": []}, {"slug": "ups"}]).changed == ("postnl-3s", "ups")


@pytest.mark.parametrize(
    ("documents", "words"),
    [
        ([], "couriers: AfterShip listed none"),
        ([POSTNL, {"name": "UPS"}], "couriers[1].slug: missing"),
        ([POSTNL, {"slug": "U P S"}], "couriers[1].slug: lower-case letters, digits or - are expected"),
        ([POSTNL | {"required_fields": "all"}], "couriers[0].required_fields: a list is expected"),
    ],
)
def test_bad_list_of_couriers_is_named_and_nothing_is_marked(documents: list[Any], words: str) -> None:
    Courier.objects.create(slug="ups", imported_at=timezone.now())
    with pytest.raises(RegistryError) as refused:
        import_couriers(documents)
    assert str(refused.value) == words
    assert [(row.slug, row.gone_at) for row in Courier.objects.all()] == [("ups", None)]


def test_rules_that_name_a_store_a_courier_or_a_set_are_found(project: Project) -> None:
    account, store = (
        AfterShipAccount.objects.create(key="main", api_key="k"),
        Store.objects.create(project=project, key="at-web"),
    )
    courier = Courier.objects.create(slug="ups")
    of_store = Route.objects.create(project=project, store=store, account=account)
    shipping = Route.objects.create(project=project, account=account, couriers=["dpd", "ups"])
    mapping = CarrierMapping.objects.create(carrier="UPS", courier=courier, project=project, store=store)
    status = StatusRule.objects.create(courier=courier, code="X1", status="lost")
    assert rules_naming(store) == [of_store, mapping]
    assert rules_naming(courier) == [shipping, mapping, status]
    assert rules_naming(Channel.objects.create(project=project, key="c")) == []
