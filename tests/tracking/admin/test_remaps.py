"""Remaps in the console: choose, look, give a reason; stop, go on, undo; and of two agents one is told."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking import tasks
from tracking.enums import RemapItemState, RemapState
from tracking.models import Parcel, Remap, RemapItem, StaffAction
from tracking.services.link import wanted_for
from tracking.services.remap import run_remap

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PAGE, LIST = "/admin/remap/", "/admin/tracking/remap/"


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Wake-ups of workers."""
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


@pytest.fixture
def parcels() -> list[Parcel]:
    """Three of one store, on their way with DHL; UPS is known."""
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    route, store = make.make_route(project, account), make.make_store(project)
    make.make_courier("ups")
    found = []
    for _ in range(3):
        order = make.make_order(project, store=store)
        parcel = make.make_parcel(order, make.make_tracking(account), route=route)
        parcel.linked_for = wanted_for(parcel)
        parcel.save()
        found.append(parcel)
    return found


def agent_of(name: str) -> Client:
    """A support agent: may look at everything, and remap."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    user.user_permissions.add(Permission.objects.get(codename="remap_parcel"))
    return client_of(user)


@pytest.fixture
def agent() -> Client:
    return agent_of("anna")


def ids_of(parcels: list[Parcel]) -> str:
    return ",".join(str(parcel.pk) for parcel in parcels)


def text_of(response: Any) -> str:
    """A page as it is read."""
    main = response.content.decode().partition('id="content-main"')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def words_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def preview(client: Client, parcels: list[Parcel], **target: str) -> Any:
    return client.post(PAGE, {"parcels": ids_of(parcels), "how": "chosen"} | target)


def hidden(response: Any) -> dict[str, str]:
    """What the preview's form sends along."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', response.content.decode())
    return {name: value for name, value in found if name != "csrfmiddlewaretoken"}


def start(client: Client, seen: Any, reason: str = "wrong carrier text") -> Any:
    return client.post(PAGE, hidden(seen) | {"start": "1", "reason": reason}, follow=True)


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_stranger_is_led_to_the_log_in_and_who_may_only_look_is_refused(
    parcels: list[Parcel], client: Client, viewer_client: Client
) -> None:
    assert client.get(PAGE).headers["Location"].startswith("/admin/login/")
    assert viewer_client.get(PAGE, {"parcel": ids_of(parcels)}).status_code == 403
    data = {"parcels": ids_of(parcels), "courier": "ups", "start": "1", "reason": "x"}
    assert viewer_client.post(PAGE, data).status_code == 403
    page = viewer_client.get(reverse("admin:tracking_parcel_change", args=[parcels[0].pk])).content.decode()
    assert 'value="remap"' not in page
    assert not Remap.objects.exists()


def test_post_without_csrf_token_is_refused(parcels: list[Parcel], agent: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = agent.cookies
    data = {"parcels": ids_of(parcels), "courier": "ups", "start": "1", "reason": "x"}
    assert strict.post(PAGE, data).status_code == 403
    assert not Remap.objects.exists()


# ── choose and look ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_parcel_page_and_selection_and_problem_lead_to_the_choice(parcels: list[Parcel], agent: Client) -> None:
    one = {"action": "remap", "_selected_action": [str(parcels[0].pk)], "index": "0"}
    page = agent.post(reverse("admin:tracking_parcel_changelist"), one | {"_from_page": "1"})
    assert 'name="number"' in page.content.decode()
    some = one | {"_selected_action": [str(parcel.pk) for parcel in parcels]}
    page = agent.post(reverse("admin:tracking_parcel_changelist"), some)
    assert "3 parcels" in text_of(page)
    assert 'name="number"' not in page.content.decode()
    assert hidden(page)["parcels"] == ids_of(parcels)


def test_from_a_problem_all_alike_are_chosen_and_no_others(parcels: list[Parcel], agent: Client) -> None:
    first, second, third = parcels
    Parcel.objects.filter(pk=third.pk).update(carrier="Hermes")
    elsewhere = make.make_parcel(make.make_order(first.order.project), make.make_tracking())
    problem = make.make_problem(parcel=first)
    for parcel in (third, elsewhere):
        make.make_problem(parcel=parcel)
    tracking = second.tracking
    assert tracking is not None
    make.make_problem(subject=f"tracking:{tracking.pk}", tracking=tracking, order=None)
    data = {"action": "remap_alike", "_selected_action": [str(problem.pk)], "index": "0", "_from_page": "1"}
    page = agent.post(reverse("admin:tracking_problem_changelist"), data)
    assert hidden(page)["parcels"] == ids_of([first, second])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Choose what the parcels move to."),
        ({"number": "ÄÖ"}, "This number cannot be used"),
    ],
)
def test_without_a_usable_target_it_is_asked_again(
    parcels: list[Parcel], agent: Client, given: dict[str, str], words: str
) -> None:
    assert words in text_of(preview(agent, parcels[:1], **given))


def test_preview_says_what_would_change_and_changes_nothing(parcels: list[Parcel], agent: Client) -> None:
    Parcel.objects.filter(pk=parcels[2].pk).update(tracking_number="")
    page = preview(agent, parcels, courier="ups")
    text = text_of(page)
    assert "2 parcels would move to courier ups." in text
    assert "2 × a new tracking is opened" in text
    assert "2 × the old one is retired now, and deleted when undoing is over" in text
    assert "It has no tracking number." in text
    assert "main · dhl-germany" in text
    assert not Remap.objects.exists()
    assert not RemapItem.objects.exists()


def test_preview_of_many_costs_the_queries_of_a_few(parcels: list[Parcel], agent: Client) -> None:
    def cost(some: list[Parcel]) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert preview(agent, some, courier="ups").status_code == 200
        return len(queries)

    assert cost(parcels[:2]) == cost(parcels) <= 28


def test_long_preview_says_how_many_are_not_listed(
    parcels: list[Parcel], agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracking.admin.remap_pages.MOST_SHOWN", 1)
    assert "2 more are not listed." in text_of(preview(agent, parcels, courier="ups"))


# ── start ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("reason", ["", "  ", "\x00"])
def test_without_a_reason_nothing_moves(parcels: list[Parcel], agent: Client, reason: str) -> None:
    page = start(agent, preview(agent, parcels, courier="ups"), reason)
    assert "Give a reason: nothing was done." in text_of(page)
    assert not Remap.objects.exists()


def test_start_leads_to_the_progress_which_refreshes_itself_until_it_is_done(
    parcels: list[Parcel], agent: Client, kicks: list[bool]
) -> None:
    page = start(agent, preview(agent, parcels, courier="ups"))
    remap = Remap.objects.get()
    address = reverse("admin:tracking_remap_change", args=[remap.pk])
    assert page.redirect_chain[-1][0] == address
    assert page.headers["Refresh"] == "3"
    assert "0 of 3" in text_of(page)
    assert (remap.actor_name, remap.reason, remap.target, kicks) == (
        "anna", "wrong carrier text", {"courier": "ups"}, [True],
    )  # fmt: skip
    run_remap(remap.pk)
    page = agent.get(address)
    assert "Refresh" not in page.headers
    assert "3 changed" in text_of(page)


def test_of_two_agents_the_second_is_told_who_was_faster(parcels: list[Parcel], agent: Client) -> None:
    ben = agent_of("ben")
    seen_by_anna, seen_by_ben = preview(agent, parcels, courier="ups"), preview(ben, parcels[:2], detect="1")
    start(agent, seen_by_anna)
    page = start(ben, seen_by_ben)
    (words,) = words_of(page)
    assert "Nothing was done: 2 of these parcels wait in another remap." in words
    assert f"It waits in remap #{Remap.objects.get().pk} of anna." in words
    assert "It waits in remap" in text_of(page)
    assert Remap.objects.count() == 1


def test_what_changed_after_the_preview_is_not_moved_unseen(parcels: list[Parcel], agent: Client) -> None:
    seen = preview(agent, parcels[:1], courier="ups")
    Parcel.objects.filter(pk=parcels[0].pk).update(carrier="Hermes")
    assert words_of(start(agent, seen)) == ["Nothing was done. It changed since it was looked at."]
    assert not Remap.objects.exists()


# ── stop, go on, undo ────────────────────────────────────────────────────────────────────────────────────────────────


def press(client: Client, remap: Remap, action: str) -> Any:
    data = {"action": action, "_selected_action": [str(remap.pk)], "index": "0", "_from_page": "1"}
    return client.post(reverse("admin:tracking_remap_changelist"), data, follow=True)


def test_buttons_stop_go_on_and_undo(parcels: list[Parcel], agent: Client) -> None:
    start(agent, preview(agent, parcels, courier="ups"))
    remap = Remap.objects.get()
    assert words_of(press(agent, remap, "stop")) == ["1 remap was stopped."]
    run_remap(remap.pk)
    assert remap.items.filter(state=RemapItemState.WAITING).count() == 3
    page = press(agent, remap, "go_on")
    assert words_of(page) == ["1 remap goes on."]
    assert 'value="stop"' in page.content.decode()
    run_remap(remap.pk)
    assert words_of(press(agent, remap, "undo")) == ["1 remap is being undone."]
    run_remap(remap.pk)
    remap.refresh_from_db()
    assert remap.state == RemapState.UNDONE
    assert [parcel.override for parcel in Parcel.objects.all()] == [{}] * 3
    assert list(StaffAction.objects.order_by("pk").values_list("kind", "actor_name")) == [
        ("remap", "anna"),
        ("undo_remap", "anna"),
    ]
    assert "It cannot be undone" in words_of(press(agent, remap, "undo"))[0]


# ── its place in the stories ─────────────────────────────────────────────────────────────────────────────────────────


def test_story_of_each_order_tells_of_the_remap_on_the_page_and_over_the_api(
    parcels: list[Parcel], agent: Client
) -> None:
    start(agent, preview(agent, parcels, courier="ups"), "asked by anna.muster@example.com")
    run_remap(Remap.objects.get().pk)
    code = parcels[1].order.correlation_id
    text = text_of(agent.get("/admin/story/", {"code": code, "kind": "staff"}))
    assert "Remapped" in text
    assert "main/dhl-germany → main/ups" in text
    (entry,) = [one for one in agent.get(f"/api/v1/stories/{code}/").json()["entries"] if one["kind"] == "staff"]
    assert (entry["action"], entry["actor"]) == ("remap", "anna")
    assert entry["parcel"] == f"…{parcels[1].tracking_number[-4:]}"
    assert entry["outcome"] == "main/dhl-germany → main/ups"
    assert "anna.muster" not in entry["reason"]
