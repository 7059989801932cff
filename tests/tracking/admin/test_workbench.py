"""The carrier workbench: which texts it shows and why, what it proposes, and what its one button does."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.http import urlencode

from stores.models import AfterShipAccount, CarrierMapping, Project, Revision, Route, Store
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking import tasks
from tracking.enums import JobKind, ParcelStatus, ProblemKind, StaffActionKind
from tracking.models import IgnoredCarrier, Job, Parcel, Problem, StaffAction, Tracking
from tracking.services.carrier_texts import find_texts
from tracking.services.number_forms import form_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
LIST, MAP = "/admin/carriers/", "/admin/carriers/map/"


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Wake-ups of workers."""
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


class Shop:
    """Project ``demo`` with stores ``de-web`` and ``at-web``, one route, and couriers as imported."""

    def __init__(self) -> None:
        self.project: Project = make.make_project(key="demo")
        self.account: AfterShipAccount = make.make_account(key="main")
        self.route: Route = make.make_route(self.project, self.account)
        self.de: Store = make.make_store(self.project, key="de-web")
        self.at: Store = make.make_store(self.project, key="at-web")
        for slug, name in {
            "dhl-germany": "Deutsche Post DHL",
            "austrian-post": "Austrian Post",
            "ups": "UPS",
            "colissimo": "Colissimo",
            "royal-mail": "Royal Mail",
        }.items():
            make.make_courier(slug, name=name)

    def parcel(self, carrier: str, courier: str = "dhl-germany", *, asked: str = "", **facts: Any) -> Parcel:
        """A parcel that says ``carrier``: we asked AfterShip for ``asked``, it made ``courier`` of it."""
        store = facts.pop("store", self.de)
        tracking = make.make_tracking(self.account, requested_courier=asked, courier=courier, **facts)
        order = make.make_order(self.project, store=store)
        return make.make_parcel(order, tracking, carrier=carrier, route=self.route)

    def problem(self, parcel: Parcel, kind: ProblemKind, cause: str = "", courier: str = "") -> None:
        make.make_problem(
            kind=kind,
            subject=f"tracking:{parcel.tracking_id}",
            tracking=parcel.tracking,
            cause=cause or "It is doubtful.",
            proposal={"courier": courier, "carrier": parcel.carrier} if courier else {},
        )


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def agent(viewer: User) -> Client:
    """A support agent who may map carriers, and move parcels."""
    codes = ["add_carriermapping", "change_carriermapping", "remap_parcel"]
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=codes))
    return client_of(viewer)


def text_of(response: Any) -> str:
    """A page as it is read."""
    main = response.content.decode().partition('id="content-main"')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def cost(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


# ── which texts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_spellings_of_one_text_are_one_row_per_store_most_parcels_first(shop: Shop) -> None:
    for carrier in ("DHL Paket", "dhl-paket", "DHL_Paket", "DHL Paket"):
        shop.parcel(carrier)
    shop.parcel("DHL Paket", store=shop.at)
    shop.parcel("Fahrradkurier", "unrecognized", status=ParcelStatus.PENDING)
    shop.parcel("Fahrradkurier", "", status=ParcelStatus.PENDING, opened_at=None)
    found = [(one.carrier, one.store_id, one.number, one.waiting) for one in find_texts()]
    assert found == [
        ("DHL Paket", shop.de.pk, 4, 0),
        ("Fahrradkurier", shop.de.pk, 2, 2),
        ("DHL Paket", shop.at.pk, 1, 0),
    ]
    first = find_texts(store=shop.de.pk)[1]
    assert dict(first.outcomes) == {"unrecognized": 1, "": 1}


@pytest.mark.parametrize("case", ["mapped", "asked", "removed", "old", "no text", "slug"])
def test_what_needs_no_mapping_is_left_out(shop: Shop, case: str) -> None:
    parcel = shop.parcel("" if case == "no text" else "DHL", asked="dhl-germany" if case in ("asked", "slug") else "")
    if case == "mapped":
        make.make_carrier_mapping(make.make_courier("ups"), carrier="d.h.l", project=shop.project)
    elif case == "removed":
        Parcel.objects.update(removed_at=timezone.now())
    elif case == "old":
        Tracking.objects.filter(pk=parcel.tracking_id).update(created_at=timezone.now() - timedelta(days=91))
    assert find_texts() == []


def test_mapping_of_another_store_or_of_one_channel_settles_nothing(shop: Shop) -> None:
    shop.parcel("DHL")
    make.make_carrier_mapping(carrier="DHL", project=shop.project, store=shop.at)
    make.make_carrier_mapping(carrier="DHL", project=shop.project, channel=make.make_channel(shop.project))
    assert [one.carrier for one in find_texts()] == ["DHL"]


def test_mapped_text_is_shown_while_its_courier_is_in_doubt(shop: Shop) -> None:
    make.make_carrier_mapping(make.make_courier("ups"), carrier="Post")
    refused, moved = shop.parcel("Post", "", asked="ups", opened_at=None), shop.parcel("Post", asked="ups")
    shop.problem(refused, ProblemKind.UNMAPPED_CARRIER, "Carrier 'Post' (ups). 4012: it cannot be detected.")
    shop.problem(moved, ProblemKind.CARRIER_MISMATCH, courier="dhl-germany")
    shop.parcel("Post", "ups", asked="ups")
    [text] = find_texts()
    assert (text.number, text.mapped_to, dict(text.refused)) == (2, "ups", {"4012": 1})
    assert dict(text.doubts) == {"unmapped_carrier": 1, "carrier_mismatch": 1}
    assert dict(text.proposed) == {"dhl-germany": 1}
    Problem.objects.update(closed_at=timezone.now())
    assert find_texts() == []


def test_parcel_left_to_detection_and_in_doubt_counts_once(shop: Shop) -> None:
    parcel = shop.parcel("Post", "unrecognized", status=ParcelStatus.PENDING)
    shop.problem(parcel, ProblemKind.UNMAPPED_CARRIER)
    [text] = find_texts()
    assert (text.number, text.waiting) == (1, 1)


# ── the list ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("address", [LIST, MAP + "?project=demo&carrier=DHL"])
def test_only_who_may_see_mappings_gets_in(shop: Shop, client: Client, address: str) -> None:
    assert client.get(address).headers["Location"].startswith("/admin/login/")
    assert client_of(User.objects.create_user("outsider", is_staff=True)).get(address).status_code == 403


def test_list_shows_volume_outcome_samples_and_proposals(shop: Shop, viewer_client: Client) -> None:
    parcel = shop.parcel("DHL Paket")
    shop.parcel("DHL-Paket", "unrecognized", status=ParcelStatus.PENDING)
    make.make_number_form(form_of(parcel.tracking_number), "dhl-germany", 409)
    make.make_number_form(form_of(parcel.tracking_number), "ups", 3)
    response = viewer_client.get(LIST)
    text = text_of(response)
    assert "1 carrier text wants a look; 2 parcels have it." in text
    assert "2 1 waits for news" in text
    assert "1 not recognised" in text
    assert "1 detected as dhl-germany" in text
    assert f"of 412 numbers of the form {form_of(parcel.tracking_number)} 409 moved with it" in text
    assert f"/admin/tracking/parcel/{parcel.pk}/change/" in response.content.decode()
    assert f"…{parcel.tracking_number[-6:]}" in text


def test_empty_list_and_filters_that_fit_nothing_say_so(shop: Shop, viewer_client: Client) -> None:
    assert "Every carrier text has its courier." in text_of(viewer_client.get(LIST))
    shop.parcel("DHL")
    assert "No text fits these filters." in text_of(viewer_client.get(LIST, {"store": "demo/at-web"}))
    assert "No text fits these filters." in text_of(viewer_client.get(LIST, {"q": "ups"}))
    assert "1 carrier text wants" in text_of(viewer_client.get(LIST, {"store": "demo/de-web", "q": "D.H"}))
    assert "Nothing is left to detection on purpose." in text_of(viewer_client.get(LIST, {"show": "ignored"}))


def test_list_costs_the_same_queries_whatever_there_is(shop: Shop, viewer_client: Client) -> None:
    shop.parcel("Text 0")
    cost(viewer_client, LIST)
    few = cost(viewer_client, LIST)
    for number in range(30):
        parcel = shop.parcel(f"Text {number}", store=shop.at if number % 2 else shop.de)
        shop.problem(parcel, ProblemKind.CARRIER_DOUBTFUL, courier="ups")
    many = cost(viewer_client, LIST)
    assert many == few <= 22
    assert "Page 1 of 2" in text_of(viewer_client.get(LIST))
    assert "Page 2 of 2" in text_of(viewer_client.get(LIST, {"page": "2"}))


@pytest.mark.parametrize("query", ["project=nope&store=x&page=999&q=%00", "store=demo&page=-1", "show=ignored&page=x"])
def test_strange_addresses_are_no_fault(shop: Shop, viewer_client: Client, query: str) -> None:
    shop.parcel("DHL")
    assert viewer_client.get(f"{LIST}?{query}").status_code == 200


# ── proposals ────────────────────────────────────────────────────────────────────────────────────────────────────────


def proposed(client: Client, carrier: str, store: str = "de-web") -> list[tuple[str, str]]:
    """(courier, reasons) as the page of one text lists them."""
    page = client.get(MAP, {"project": "demo", "store": store, "carrier": carrier})
    rows = page.context["proposals"].rows
    return [
        (re.sub(r"<[^>]+>", "", str(courier)), re.sub(r"<[^>]+>", "|", str(because)))
        for courier, because, _link in rows
    ]


def test_same_name_and_name_like_it_are_proposed_but_not_every_name(shop: Shop, viewer_client: Client) -> None:
    assert proposed(viewer_client, "Colisimo") == [("colissimo", "|a name like it: Colissimo|")]
    assert proposed(viewer_client, "U.P.S.")[0][0] == "ups"
    assert proposed(viewer_client, "Royal Mail Tracked 24")[0][0] == "royal-mail"
    assert proposed(viewer_client, "Fahrradkurier") == []


def test_mapping_of_another_store_is_a_proposal(shop: Shop, viewer_client: Client) -> None:
    make.make_carrier_mapping(make.make_courier("austrian-post"), carrier="Gelbe", project=shop.project, store=shop.at)
    assert proposed(viewer_client, "GELBE") == [("austrian-post", "|the same text is mapped to it: at-web|")]


def test_couriers_of_the_routes_set_go_first_and_others_say_so(shop: Shop, viewer_client: Client) -> None:
    Route.objects.update(couriers=["austrian-post"])
    shop.parcel("Post Express", "ups")
    found = dict(proposed(viewer_client, "Post Express"))
    assert list(found) == ["austrian-post", "ups"]
    assert "the route does not ship with it" in found["ups"]
    assert "a name like it: Austrian Post" in found["austrian-post"]


def test_what_the_store_mostly_uses_is_a_weak_proposal(shop: Shop, viewer_client: Client) -> None:
    for _ in range(3):
        shop.parcel("UPS", "ups", asked="ups")
    shop.parcel("UPS", "dhl-germany", asked="dhl-germany")
    assert proposed(viewer_client, "Fahrradkurier") == [
        ("ups", "|3 of the store&#x27;s 4 newest parcels moved with it|")
    ]
    assert proposed(viewer_client, "Fahrradkurier", "at-web") == []


# ── mapping one ──────────────────────────────────────────────────────────────────────────────────────────────────────


def address(carrier: str = "Post", **more: str) -> str:
    return f"{MAP}?{urlencode({'project': 'demo', 'store': 'de-web', 'carrier': carrier} | more)}"


def send(client: Client, carrier: str = "Post", **facts: str) -> Any:
    form = {"action": "map", "courier": "austrian-post", "scope": "store", "reason": "asked the shop"} | facts
    return client.post(address(carrier), form, follow=True)


def test_preview_counts_who_is_read_again_moved_or_stays_and_changes_nothing(shop: Shop, agent: Client) -> None:
    shop.parcel("Post", "unrecognized")
    shop.parcel("Post", "austrian-post")
    shop.parcel("post", "dhl-germany")
    shop.parcel("Post", "dhl-germany", status=ParcelStatus.DELIVERED)
    shop.parcel("Post", "dhl-germany", store=shop.at)
    page = agent.get(address(courier="austrian-post"))
    effect = page.context["effect"]
    assert (len(effect.read_again), len(effect.stay), len(effect.move)) == (1, 1, 1)
    assert (effect.found.looked_at, effect.found.decided_otherwise, effect.found.finished) == (5, 4, 1)
    text = text_of(page)
    assert "detection → austrian-post" in text
    assert "Map it to austrian-post" in text
    assert not CarrierMapping.objects.exists()


def test_one_click_maps_with_revision_reason_and_actor_and_reads_waiting_orders_again(
    shop: Shop, agent: Client, kicks: list[bool], django_capture_on_commit_callbacks: Any
) -> None:
    parcel = shop.parcel("Post", "unrecognized")
    shop.problem(parcel, ProblemKind.UNMAPPED_CARRIER)
    with django_capture_on_commit_callbacks(execute=True):
        page = send(agent)
    mapping = CarrierMapping.objects.get()
    assert (mapping.carrier, mapping.courier.slug, mapping.store, mapping.channel) == (
        "Post",
        "austrian-post",
        shop.de,
        None,
    )
    revision = Revision.objects.get()
    assert (revision.source, revision.actor_name, revision.reason) == ("workbench", "viewer", "asked the shop")
    assert StaffAction.objects.get().kind == StaffActionKind.CHANGE_RULES
    assert Job.objects.get(kind=JobKind.COLLECT).subject == str(parcel.order_id)
    assert kicks == [True]
    assert "“Post” is austrian-post now. 1 order is read again." in page.content.decode()


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("store", ("demo", "de-web", None)),
        ("project", ("demo", None, None)),
        ("everywhere", (None, None, None)),
        ("channel", ("demo", None, "wh-1")),
        ("nonsense", ("demo", "de-web", None)),
    ],
)
def test_scope_is_chosen(shop: Shop, agent: Client, scope: str, expected: tuple[Any, ...]) -> None:
    make.make_channel(shop.project, key="wh-1")
    send(agent, scope=scope, channel="wh-1")
    mapping = CarrierMapping.objects.select_related("project", "store", "channel").get()
    assert tuple(one and one.key for one in (mapping.project, mapping.store, mapping.channel)) == expected


def test_mapping_that_is_there_already_is_changed_and_its_extra_fields_go(shop: Shop, agent: Client) -> None:
    known = make.make_carrier_mapping(
        make.make_courier("ups"),
        carrier="POST",
        project=shop.project,
        store=shop.de,
        extra_fields={"tracking_key": "1"},
    )
    assert "POST → ups" in text_of(agent.get(address(courier="austrian-post")))
    send(agent)
    known.refresh_from_db()
    assert (known.courier.slug, known.carrier, known.extra_fields, known.version) == ("austrian-post", "POST", {}, 2)
    assert "Nothing has changed" in send(agent).content.decode()
    assert Revision.objects.count() == 1


def test_narrower_mapping_that_goes_before_is_named(shop: Shop, agent: Client) -> None:
    make.make_carrier_mapping(make.make_courier("ups"), carrier="Post", project=shop.project, store=shop.at)
    assert "Goes before it where it holds: Post → ups." in text_of(
        agent.get(address(courier="austrian-post", scope="everywhere"))
    )
    assert "Goes before it" not in text_of(agent.get(address(courier="austrian-post", scope="store")))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"reason": " \x00 "}, "Give a reason: nothing was changed."),
        ({"courier": "no-such"}, "AfterShip has no courier “no-such”"),
        ({"courier": ""}, "“Post”"),
        ({"scope": "channel", "channel": "nope"}, "Choose the channel that it shall hold for."),
    ],
)
def test_faults_are_told_and_nothing_is_saved(shop: Shop, agent: Client, facts: dict[str, str], words: str) -> None:
    assert words in send(agent, **facts).content.decode()
    assert not CarrierMapping.objects.exists()


def test_who_may_not_map_sees_no_button_and_cannot_press_it(shop: Shop, viewer_client: Client, viewer: User) -> None:
    page = viewer_client.get(address(courier="austrian-post"))
    assert "You may look at carrier mappings, but not make this one." in text_of(page)
    assert 'name="reason"' not in page.content.decode()
    for action in ("map", "leave", "ask"):
        assert send(viewer_client, action=action).status_code == 403
    make.make_carrier_mapping(make.make_courier("ups"), carrier="POST", project=shop.project, store=shop.de)
    viewer.user_permissions.add(Permission.objects.get(codename="add_carriermapping"))
    may_only_add = client_of(User.objects.get(pk=viewer.pk))
    assert send(may_only_add).status_code == 403
    assert CarrierMapping.objects.get().courier.slug == "ups"
    assert not IgnoredCarrier.objects.exists()


def test_post_without_csrf_token_is_refused_and_looking_changes_nothing(shop: Shop, agent: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = agent.cookies
    assert strict.post(address(), {"action": "map", "courier": "ups", "reason": "x"}).status_code == 403
    agent.get(address(courier="ups", reason="x", action="map"))
    assert not CarrierMapping.objects.exists()
    assert agent.put(address()).status_code == 405


@pytest.mark.parametrize(
    "query", ["", "project=nope&carrier=DHL", "project=demo", "project=demo&carrier=...", "carrier=DHL"]
)
def test_address_without_a_text_leads_to_the_list(shop: Shop, agent: Client, query: str) -> None:
    assert agent.get(f"{MAP}?{query}").headers["Location"] == LIST


def test_text_is_left_to_detection_and_asked_about_again(shop: Shop, agent: Client) -> None:
    shop.parcel("Post")
    for _ in range(2):
        send(agent, "P.O.S.T", action="leave", reason="any of three carriers")
    assert (find_texts(), [one.key for one in find_texts(ignored=True)]) == ([], ["post"])
    assert [(one.kind, one.reason) for one in StaffAction.objects.all()] == [("map_carrier", "any of three carriers")]
    assert "Ask about it again" in text_of(agent.get(address()))
    send(agent, action="ask", reason="only one carrier now")
    assert [one.key for one in find_texts()] == ["post"]
    assert StaffAction.objects.count() == 2


def test_order_without_a_store_is_a_row_of_its_own(shop: Shop, agent: Client) -> None:
    shop.parcel("Post", store=None)
    assert "no store" in text_of(agent.get(LIST))
    page = agent.get(MAP, {"project": "demo", "carrier": "Post", "courier": "ups"})
    assert page.context["subject"].scope == "project"
    agent.post(f"{MAP}?project=demo&carrier=Post", {"action": "leave", "reason": "x"})
    agent.post(f"{MAP}?project=demo&carrier=Post", {"action": "leave", "reason": "x"})
    assert IgnoredCarrier.objects.get().store is None
    assert find_texts() == []
