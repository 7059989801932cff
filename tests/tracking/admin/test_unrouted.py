"""Parcels that no rule takes: none is lost, each group comes with a rule, and one click fills in its form."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from stores.models import AfterShipAccount, Project, Route, Store
from tests import factories as make
from tests.ages import aged
from tests.tracking.admin.test_rules import confirmed
from tracking.enums import JobKind
from tracking.models import Job, Parcel, Problem
from tracking.services.link import link_parcel
from tracking.services.unrouted import Shared, groups

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def project() -> Project:
    """Two of three routes lead to ``main``; none takes at-web, nor orders without a store."""
    project = make.make_project(key="demo")
    main, outlet = make.make_account(key="main"), make.make_account(key="outlet")
    for key, account in {"de-web": main, "ch-web": main, "outlet": outlet}.items():
        make.make_route(project, account, store=make.make_store(project, key=key))
    make.make_store(project, key="at-web")
    return project


def unrouted(project: Project, store: str = "", *, minutes: int = 1, **facts: Any) -> Parcel:
    """A parcel with a number that the rules were asked about, and that none took, so many minutes ago."""
    known = Store.objects.filter(project=project, key=store).first()
    order = make.make_order(project, store=known, **facts)
    parcel = make.make_parcel(order, carrier="Post", tracking_number="RR1234567")
    link_parcel(order, parcel)
    opened_at = timezone.now() - timedelta(minutes=minutes)
    Problem.objects.filter(parcel=parcel).update(opened_at=opened_at, due_at=opened_at + timedelta(minutes=15))
    return parcel


def page(client: Client) -> Any:
    return client.get(reverse("unrouted"))


def cells(response: Any) -> list[list[str]]:
    rows = response.context["table"].rows
    return [[re.sub(r"\s+", " ", strip_tags(str(cell)).replace("\xa0", " ")).strip() for cell in row] for row in rows]


def links(response: Any) -> dict[str, str]:
    """Links of the last column by their words."""
    html = "".join(str(row[-1]) for row in response.context["table"].rows)
    return {words: url.replace("&amp;", "&") for url, words in re.findall(r'href="([^"]+)">([^<]+)<', html)}


def test_parcels_are_grouped_by_what_they_share_the_oldest_first(project: Project) -> None:
    channel = make.make_channel(project, key="berlin")
    item_channels = {"li-1": [channel.commercetools_id, ""]}
    for minutes in (5, 40):
        unrouted(project, "at-web", minutes=minutes, destination_country="AT")
    unrouted(project, minutes=9, item_channels=item_channels)
    unrouted(project, minutes=2, destination_country="FR")
    found = groups()
    assert [(group.shared, group.number) for group in found] == [
        (Shared("demo", "at-web", (), "AT"), 2),
        (Shared("demo", "", ("berlin",), "DE"), 1),
        (Shared("demo", "", (), "FR"), 1),
    ]
    assert [len(group.samples) for group in found] == [2, 1, 1]
    assert found[0].cause == "No active route matches project demo, at-web."
    proposals = [group.proposal for group in found]
    assert [(one.store and one.store.key, one.channel, one.is_default) for one in proposals] == [
        ("at-web", None, False),
        (None, channel, False),
        (None, None, True),
    ]
    assert {one.account.key for one in proposals if one.account} == {"main"}


def test_more_groups_cost_no_more_queries(project: Project) -> None:
    unrouted(project, "at-web")
    with CaptureQueriesContext(connection) as few:
        groups()
    for country in ("AT", "FR", "IT"):
        unrouted(project, "at-web", destination_country=country)
        unrouted(make.make_project())
    with CaptureQueriesContext(connection) as many:
        assert len(groups()) == 7
    assert len(few) == len(many) == 6


def test_no_account_is_proposed_where_none_stands_out() -> None:
    lonely = make.make_project(key="lonely")
    unrouted(lonely)
    assert groups()[0].proposal.account is None
    only = make.make_account()
    assert groups()[0].proposal.account == only
    make.make_account()
    assert groups()[0].proposal.account is None


def test_a_route_that_is_switched_off_is_shown_rather_than_a_second_one(admin_client: Client, project: Project) -> None:
    store = Store.objects.get(key="at-web")
    asleep = make.make_route(project, AfterShipAccount.objects.get(key="main"), store=store, is_active=False)
    unrouted(project, "at-web")
    assert groups()[0].proposal.known == asleep
    assert cells(page(admin_client))[0][-1].startswith("demo/at-web → mainis switched off")


def test_page_tells_age_cause_and_samples_with_their_traces(admin_client: Client, project: Project) -> None:
    parcel = unrouted(project, "at-web", minutes=40, destination_country="AT")
    response = page(admin_client)
    assert cells(response) == [
        [
            "Project demoStore at-webTo AT",
            "1",
            "40 min ago",
            "No active route matches project demo, at-web.",
            "RR1234567",
            "Add a route: store at-web of demo → mainMake it the default of demo → main",
        ]
    ]
    assert reverse("admin:tracking_parcel_why", args=[parcel.pk]) in response.content.decode()


def test_one_click_opens_the_form_filled_in_and_saving_it_reads_the_parcels_again(
    admin_client: Client, project: Project
) -> None:
    parcel = unrouted(project, "at-web")
    url = links(page(admin_client))["Add a route: store at-web of demo → main"]
    main, store = AfterShipAccount.objects.get(key="main"), Store.objects.get(key="at-web")
    assert parse_qs(urlsplit(url).query) == {
        "project": [str(project.pk)],
        "store": [str(store.pk)],
        "account": [str(main.pk)],
    }
    form = admin_client.get(url).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields}
    assert {name: int(sent[name]) for name in ("project", "store", "account")} == {
        "project": project.pk, "store": store.pk, "account": main.pk,
    }  # fmt: skip
    given = {name: value for name, value in sent.items() if value not in (None, False)}
    confirmed(admin_client, admin_client.post(url, given), "Austria opens")
    assert Route.objects.get(store=store).account == main
    job = Job.objects.get(kind=JobKind.COLLECT)
    assert job.subject == str(parcel.order_id)


def test_default_of_the_project_is_one_click_too(admin_client: Client, project: Project) -> None:
    unrouted(project)
    url = links(page(admin_client))["Make it the default of demo → main"]
    assert parse_qs(urlsplit(url).query)["is_default"] == ["on"]
    form = admin_client.get(url).context["adminform"].form
    assert form["is_default"].value() == "on"


def test_who_may_not_add_routes_sees_the_proposal_without_a_link(
    client: Client, viewer_client: Client, project: Project
) -> None:
    unrouted(project, "at-web")
    assert "Add a route: store at-web of demo → main" in cells(page(viewer_client))[0][-1]
    assert links(page(viewer_client)) == {}
    nobody = User.objects.create_user("nobody", is_staff=True)
    nobody.user_permissions.set(Permission.objects.filter(codename="view_order"))
    client.force_login(nobody)
    assert page(client).status_code == 403


def test_empty_queue_says_so_and_takes_no_post(admin_client: Client) -> None:
    assert "Every parcel with a number has a route." in page(admin_client).content.decode()
    assert admin_client.post(reverse("unrouted")).status_code == 405


def test_first_page_is_quiet_for_a_quarter_of_an_hour_and_loud_after(admin_client: Client, project: Project) -> None:
    unrouted(project, minutes=14)
    (tile,) = tiles_to_unrouted(admin_client)
    assert (tile.number, str(tile.words), tile.tone) == ("1", "No route", "doubtful")
    unrouted(project, "at-web", minutes=16)
    assert [(one.number, one.tone) for one in tiles_to_unrouted(admin_client)] == [("2", "bad")]


def tiles_to_unrouted(client: Client) -> list[Any]:
    sections = client.get(reverse("admin:index")).context["sections"]
    return [one for section in sections for one in section.tiles if one.url == reverse("unrouted")]


def test_machines_are_told_how_many_and_how_old(client: Client, project: Project) -> None:
    unrouted(project, minutes=20)
    part = client.get("/readyz").json()["parts"]["unrouted"]
    assert part == {
        "ok": True, "number": 1, "oldest_seconds": aged(1200), "is_late": True,
    }  # fmt: skip
    said = client.get("/metrics").content.decode()
    assert "trackbridge_unrouted_parcels 1.0" in said
    assert float(re.findall(r"^trackbridge_unrouted_oldest_seconds (\S+)", said, re.MULTILINE)[0]) == aged(1200)
