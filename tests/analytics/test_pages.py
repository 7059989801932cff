"""Pages of figures: the same numbers on page, in CSV and API; who sees what; each number leads to its parcels."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.exports import ALL_KPIS
from analytics.kpis import KPIS
from analytics.pages import PAGES, Grid, Ranking, Split, Stack, Tiles, Trend
from analytics.service import SERVICE_KPIS
from analytics.shoppers import SHOPPER_KPIS
from tests import factories as make
from tests.analytics.worlds import World
from tracking.models import StoreLimit

pytestmark = pytest.mark.django_db
PERIOD = "from=2026-10-05&to=2026-10-11"
OVERVIEW = f"/analytics/overview/?{PERIOD}"
MOST_QUERIES = 24


def client_with(*rights: str, **limits: Any) -> Client:
    user = User.objects.create_user(limits.get("name", "manager"), is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    for store in limits.get("stores", []):
        StoreLimit.objects.create(user=user, store=store)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def manager() -> Client:
    return client_with("view_parcelfact", "view_parcel", "view_order", "export")


@pytest.fixture
def world() -> World:
    """Ten parcels kept their promise, two did not, one is under way, one was lost."""
    world = World()
    for _ in range(10):
        world.parcel(promise=5, scan=4, attempt=50, delivered=50)
    for _ in range(2):
        world.parcel(promise=1, scan=4, attempt=90, delivered=90, courier="ups")
    world.parcel("in_transit", scan=5)
    world.parcel("lost", scan=5, exception=30, tallies={"troubles": [["lost", "Exception_013"]]})
    world.figure("created")
    return world


def csv_of(client: Client, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response.status_code == 200
    return list(csv.DictReader(b"".join(response.streaming_content).decode().splitlines()))


def test_page_csv_and_api_say_the_same(manager: Client, world: World) -> None:
    page = manager.get(OVERVIEW).content.decode()
    lines = {row["kpi"]: row for row in csv_of(manager, f"/analytics/figures.csv?{PERIOD}")}
    api = {row["kpi"]: row for row in manager.get(f"/api/v1/analytics/figures/?{PERIOD}").json()}
    assert set(lines) == set(api) == ALL_KPIS.keys()
    for key in lines:
        assert float(lines[key]["numerator"]) == api[key]["numerator"], key
        assert (json.loads(lines[key]["parts"] or "{}")) == api[key]["parts"], key
        value = lines[key]["value"]
        assert (float(value) if value else None) == api[key]["value"], key
    assert api["on_time_promise"]["numerator"] == 10
    assert api["on_time_promise"]["denominator"] == 12
    assert api["exception_rate"]["parts"]["lost"] == 1
    assert "83.3\xa0%" in page
    assert "of 12 parcels" in page


def test_scores_are_the_same_on_page_in_csv_and_api(manager: Client) -> None:
    world = World()
    for courier, late in (("dhl-germany", 2), ("ups", 9)):
        for number in range(25):
            promise = 1 if number < late else 5
            world.parcel(promise=promise, scan=4, attempt=70, delivered=70, courier=courier)
    world.figure("created")
    lines = csv_of(manager, f"/analytics/scorecard.csv?{PERIOD}")
    api = manager.get(f"/api/v1/analytics/scorecard/?{PERIOD}").json()
    assert [(row["courier"], row["kpi"]) for row in lines] == [(row["courier"], row["kpi"]) for row in api]
    assert [float(row["score"]) if row["score"] else None for row in lines] == [row["score"] for row in api]
    best = next(row for row in api if row["kpi"] == "on_time_promise")
    assert (best["courier"], best["numerator"], best["denominator"], best["weight"]) == ("dhl-germany", 23, 25, 3)
    page = manager.get(f"/analytics/couriers/?{PERIOD}").content.decode().replace("\xa0", " ")
    assert f"92.0 % ({best['score']:+.1f})" in page
    assert f"{best['low']:.1%} – {best['high']:.1%}".replace("%", " %") in page
    packer = client_with("view_parcel", name="packer")
    for address in ("/analytics/scorecard.csv", "/api/v1/analytics/scorecard/"):
        assert manager.get(f"{address}?from=yesterday").status_code == 400
        assert packer.get(address).status_code == 403


def test_every_number_opens_as_many_parcels_as_it_says(manager: Client, world: World) -> None:
    page = manager.get(OVERVIEW).content.decode()
    links = re.findall(r'<dt><a href="(/admin/figures/[^"]+)">([\d,]+)</a></dt>', page)
    assert len(links) > 15
    for address, number in links:
        listed = manager.get(address.replace("&amp;", "&")).content.decode()
        assert f"{number} parcels" in listed, address


@pytest.mark.parametrize(("slug", "least"), [("overview", 5), ("promises", 2), ("problems", 12), ("couriers", 20)])
def test_numbers_of_charts_and_tables_open_their_parcels(manager: Client, world: World, slug: str, least: int) -> None:
    """Days of trends, kinds of splits, rows of rankings, cells of tables; counts open as many as they say."""
    page = manager.get(f"/analytics/{slug}/?{PERIOD}").content.decode()
    links = set(re.findall(r'<t[dh][^>]*>(?:[^<]*<small>n )?<a href="(/admin/figures/[^"]+)">([^<]+)</a>', page))
    links |= set(re.findall(r'<small>n <a href="(/admin/figures/[^"]+)">([\d,]+)</a>', page))
    assert len(links) >= least
    for address, number in links:
        listed = manager.get(address.replace("&amp;", "&"))
        assert listed.status_code == 200, address
        if re.fullmatch(r"[\d,]+", number):
            assert f"{number} parcels" in listed.content.decode(), address


def test_who_may_not_list_parcels_sees_numbers_without_links(world: World) -> None:
    reader = client_with("view_parcelfact", name="reader")
    for slug in PAGES:
        assert "/admin/figures/" not in reader.get(f"/analytics/{slug}/?{PERIOD}").content.decode(), slug


def test_long_list_says_how_many_there_are_and_gives_all_as_a_file(
    manager: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stores.admin.MOST_COUNTED_FILTERED", 3)
    address = f"/admin/figures/exception_rate/denominator/?{PERIOD}&courier=dhl-germany"
    page = manager.get(address).content.decode()
    assert "12 parcels, of which the newest 3 are listed" in page
    assert "Only: Courier dhl-germany." in page
    (file,) = re.findall(r'href="(/analytics/parcels.csv[^"]+)"', page)
    assert len(csv_of(manager, file.replace("&amp;", "&"))) == 12
    lost = f"/analytics/parcels.csv?{PERIOD}&kpi=exception_rate&kind=lost"
    assert [row["status"] for row in csv_of(manager, lost)] == ["lost"]
    for wrong, words in (
        ("kpi=none", "kpi: "),
        ("kpi=created&part=left_out", "part: "),
        ("kpi=created&kind=x", "kind: "),
    ):
        refused = manager.get(f"/analytics/parcels.csv?{PERIOD}&{wrong}")
        assert (refused.status_code, refused.content.decode().startswith(words)) == (400, True)
    assert manager.get(f"/admin/figures/exception_rate/numerator/?{PERIOD}&kind=nothing").status_code == 404


def test_figures_by_courier_are_split_and_named(manager: Client, world: World) -> None:
    rows = manager.get(f"/api/v1/analytics/figures/?{PERIOD}&by=courier&kpi=on_time_promise").json()
    assert {row["group"]: (row["numerator"], row["denominator"]) for row in rows} == {
        "dhl-germany": (10, 10),
        "ups": (0, 2),
    }
    page = manager.get(f"/analytics/couriers/?{PERIOD}").content.decode()
    assert "too few · n 2" in page


def test_filter_narrows_and_stays_in_every_link(manager: Client, world: World) -> None:
    page = manager.get(OVERVIEW + "&courier=ups").content.decode()
    assert "of 2 parcels" in page
    assert "Only: Courier ups." in page, "also on paper, where no filters are seen"
    assert 'value="ups" selected' in page
    others = re.findall(r'href="(/analytics/(?!figures|parcels)[^"]+)"', page)
    assert others
    assert all("courier=ups" in address for address in others)


def test_form_keeps_several_choices_of_an_address(manager: Client, world: World) -> None:
    page = manager.get(OVERVIEW + "&courier=ups&courier=dhl-germany").content.decode()
    select = re.search(r'<select name="courier"[^>]*>.*?</select>', page, re.DOTALL)
    assert select
    assert "multiple" in select[0]
    assert select[0].count(" selected") == 2
    assert "multiple" not in manager.get(OVERVIEW + "&courier=ups").content.decode()


def test_figures_of_connections_say_so_where_a_store_is_chosen(manager: Client, world: World) -> None:
    words, untouched = "Of whole connections, those that serve what is chosen: ", "leave these figures as they are"
    page = manager.get(f"/analytics/service/?{PERIOD}").content.decode()
    assert words not in page
    assert untouched not in page
    page = manager.get(
        f"/analytics/service/?{PERIOD}&store={world.store.pk}&account={world.account.pk}&courier=ups"
    ).content.decode()
    assert f"{words}aftership:{world.account.key}, commercetools:{world.store.project.key}." in page
    assert untouched in page
    assert f"Only: Store {world.store.key}; Courier ups; AfterShip account {world.account.key}." in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=yesterday", "from: A day such as"),
        ("from=2026-10-09&to=2026-10-01", "from: The period ends before it begins."),
        ("from=1990-01-01", "from: The longest period is three years."),
        ("store=abc", "store: Its number is expected."),
        ("compare=never", "compare: One of"),
    ],
)
def test_filter_that_cannot_be_is_named_everywhere(manager: Client, query: str, words: str) -> None:
    name = words.partition(":")[0]
    page = manager.get(f"/analytics/overview/?{query}")
    assert (page.status_code, words in page.content.decode()) == (400, True)
    api = manager.get(f"/api/v1/analytics/figures/?{query}")
    assert (api.status_code, list(api.json())) == (400, [name])
    for address in ("figures.csv", "parcels.csv"):
        answer = manager.get(f"/analytics/{address}?{query}")
        assert (answer.status_code, answer.content.decode().startswith(name)) == (400, True)
    assert manager.get(f"/admin/figures/created/numerator/?{query}").status_code == 400


def test_unknown_figures_pages_and_groupings_are_refused(manager: Client) -> None:
    assert manager.get("/analytics/nowhere/").status_code == 404
    assert manager.get("/admin/figures/nothing/numerator/").status_code == 404
    assert manager.get("/admin/figures/created/left_out/").status_code == 404
    assert manager.get("/api/v1/analytics/figures/?kpi=nothing").json() == {"kpi": ["There is no figure nothing."]}
    assert manager.get("/api/v1/analytics/figures/?by=weather").status_code == 400
    assert manager.get("/analytics/figures.csv?by=weather").status_code == 400


@pytest.mark.parametrize("slug", PAGES)
def test_every_page_shows_with_and_without_parcels_in_few_queries(manager: Client, slug: str) -> None:
    address = f"/analytics/{slug}/?{PERIOD}&compare=previous"
    assert manager.get(address).status_code == 200
    world = World()
    for number in range(30):
        world.parcel(promise=5, scan=4, attempt=50, delivered=50, courier=f"courier-{number % 7}")
    world.figure("created")
    manager.get(address)
    with CaptureQueriesContext(connection) as queries:
        page = manager.get(address)
    assert page.status_code == 200
    assert len(queries) <= MOST_QUERIES, slug
    assert page.headers["Cache-Control"] == "private, no-store"
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"\sstyle=|\son\w+=|<script", page.content.decode())


def test_pages_name_only_figures_that_there_are() -> None:
    named: set[str] = set()
    for page in PAGES.values():
        for block in page.blocks:
            match block:
                case Tiles() | Trend() | Stack() | Grid():
                    named |= set(block.keys)
                case Split() | Ranking():
                    named.add(block.key)
    assert named <= set(KPIS)
    assert set(KPIS) - named <= {"delivered", "open", "tracked", "scan_gap_p50", "scan_gap_p95"}


def test_pages_of_other_figures_show_every_one_of_them(manager: Client, world: World) -> None:
    """Each by its title; repeat purchase by its windows and courses, in a table."""
    shoppers, service = (
        manager.get(f"/analytics/{slug}/?{PERIOD}").content.decode() for slug in ("shoppers", "service")
    )
    for key, kpi in SHOPPER_KPIS.items():
        assert key.startswith("again_") or f"<h3>{kpi.title}</h3>" in shoppers, key
    assert all(f"Ordered again within {days} days" in shoppers for days in (30, 60, 90))
    for key, kpi in SERVICE_KPIS.items():
        assert f"<h3>{kpi.title}</h3>" in service, key


def test_strangers_log_in_and_others_are_refused(world: World) -> None:
    assert Client().get(OVERVIEW).headers["Location"].startswith("/admin/login/?next=/analytics/overview/")
    assert Client().get("/api/v1/analytics/figures/").status_code == 401
    packer = client_with("view_parcel")
    for address in (OVERVIEW, "/analytics/", "/analytics/figures.csv", "/api/v1/analytics/figures/",
                    "/api/v1/analytics/kpis/", "/admin/figures/created/numerator/"):  # fmt: skip
        assert packer.get(address).status_code == 403, address
    assert packer.post(OVERVIEW).status_code == 405


def test_parcels_are_exported_by_who_may_and_name_nobody(world: World) -> None:
    viewer = client_with("view_parcelfact")
    assert viewer.get(f"/analytics/parcels.csv?{PERIOD}").status_code == 403
    assert "parcels.csv" not in viewer.get(OVERVIEW).content.decode()
    assert "/admin/figures/" not in viewer.get(OVERVIEW).content.decode()
    exporter = User.objects.get(username="manager")
    exporter.user_permissions.add(Permission.objects.get(codename="export"))
    client = Client()
    client.force_login(exporter)
    rows = csv_of(client, f"/analytics/parcels.csv?{PERIOD}")
    assert len(rows) == 14
    assert sum(int(row["promise_kept"]) for row in rows) == 10
    assert {row["store"] for row in rows} == {world.store.key}
    assert not any("@" in value for row in rows for value in row.values())


def test_manager_of_one_store_sees_no_other(world: World) -> None:
    other = World()
    other.parcel(promise=5, scan=4, attempt=50, delivered=50, courier="secret-courier")
    other.figure("created")
    client = client_with("view_parcelfact", "view_parcel", "export", stores=[world.store])
    for slug in PAGES:
        for address in (f"/analytics/{slug}/?{PERIOD}", f"/analytics/{slug}/?{PERIOD}&store={other.store.pk}"):
            page = client.get(address).content.decode()
            assert "secret-courier" not in page, address
            assert other.store.key not in page, address
    whole = client.get(f"/api/v1/analytics/figures/?{PERIOD}&kpi=created&store={other.store.pk}").json()
    assert whole[0]["numerator"] == 0
    assert client.get(f"/api/v1/analytics/figures/?{PERIOD}&kpi=created").json()[0]["numerator"] == 14
    assert len(csv_of(client, f"/analytics/parcels.csv?{PERIOD}")) == 14


def test_who_is_limited_learns_no_connection_of_other_stores(manager: Client, world: World) -> None:
    other = World()
    other.store.project = world.store.project
    other.store.save()
    other.parcel(scan=1)
    other.figure("created")
    mine, words = world.store, "Writes avoided are of all connections that hang together with these"
    limited = client_with("view_parcelfact", name="limited", stores=[mine])
    page = limited.get(f"/analytics/service/?{PERIOD}").content.decode()
    assert f"{words}." in page
    assert f"aftership:{world.account.key}" in page
    assert f"aftership:{other.account.key}" not in page
    named = manager.get(f"/analytics/service/?{PERIOD}&store={mine.pk}").content.decode()
    assert f"aftership:{other.account.key}" in named.partition(words)[2]


def test_erased_parcel_keeps_its_figures(manager: Client, world: World) -> None:
    parcel = world.parcel(promise=5, scan=4, attempt=50, delivered=50)
    world.figure("created")
    parcel.order.delete()
    listed = manager.get(f"/admin/figures/created/numerator/?{PERIOD}").content.decode()
    assert "15 parcels" in listed
    assert "erased" in listed


def test_definitions_are_told_in_full(manager: Client) -> None:
    rows = manager.get("/api/v1/analytics/kpis/").json()
    assert {row["key"] for row in rows} == ALL_KPIS.keys()
    assert all(row["definition"] and row["numerator"] and row["denominator"] and row["version"] >= 1 for row in rows)


def test_formula_in_a_name_is_text_in_the_file(manager: Client) -> None:
    store = make.make_store(countries=["DE"])
    world = World()
    world.store = store
    world.parcel(scan=4, courier="=cmd|x")
    world.figure("created")
    rows = csv_of(manager, f"/analytics/parcels.csv?{PERIOD}")
    assert [row["courier"] for row in rows] == ["'=cmd|x"]


def test_first_address_leads_to_the_overview(manager: Client) -> None:
    assert manager.get("/analytics/").headers["Location"] == reverse("figures", args=["overview"])
