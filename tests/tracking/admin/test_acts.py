"""Acts on parcels in the console: who may, what is asked, what is shown before, and what is kept after."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from stores.models import AfterShipAccount, Store
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tests.tracking.admin.test_remaps import hidden, text_of
from tracking import tasks
from tracking.admin import act_pages
from tracking.admin.acts import ACTS
from tracking.enums import JobKind, ParcelStatus, RemapState, StaffActionKind
from tracking.models import Job, Parcel, Remap, StaffAction, StoreLimit
from tracking.services.link import wanted_for
from tracking.services.remap import run_remap

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
RIGHTS = ["remap_parcel", "mark_parcel", "retrack_parcel", "stop_parcel", "change_order"]
NEEDS: dict[str, dict[str, str]] = {
    "courier": {"courier": "ups"},
    "number": {"number": "00340434161094000777"},
    "place": {"postal_code": "10117"},
    "delivered": {"at": "2026-11-20T10:00"},
    "lost": {},
    "returned": {},
    "retrack": {},
    "stop": {},
}


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


@pytest.fixture
def parcels() -> list[Parcel]:
    """Two of one store, silent for so long that AfterShip stopped asking; UPS is known."""
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    route, store = make.make_route(project, account), make.make_store(project)
    make.make_courier("ups")
    found = []
    for _ in range(2):
        tracking = make.make_tracking(account, status=ParcelStatus.EXPIRED, is_moving=False)
        parcel = make.make_parcel(make.make_order(project, store=store), tracking, route=route)
        parcel.linked_for = wanted_for(parcel)
        parcel.save()
        found.append(parcel)
    return found


def person(name: str, *rights: str) -> User:
    user = User.objects.create_user(name, is_staff=True)
    looks = Permission.objects.filter(codename__startswith="view_")
    user.user_permissions.set(looks | Permission.objects.filter(codename__in=rights))
    return user


@pytest.fixture
def agent() -> Client:
    return client_of(person("anna", *RIGHTS))


def address(key: str) -> str:
    return reverse("act", args=[key])


def look(client: Client, key: str, parcel: Parcel) -> Any:
    """The page just before it is done."""
    page = client.get(address(key), {"parcel": parcel.pk})
    return client.post(address(key), hidden(page) | NEEDS[key]) if NEEDS[key] or key in ("lost", "returned") else page


def do(client: Client, key: str, parcel: Parcel, reason: str = "the shopper called") -> Any:
    seen = look(client, key, parcel)
    return client.post(address(key), hidden(seen) | {"start": "1", "reason": reason}, follow=True)


def test_every_act_needs_its_own_permission(parcels: list[Parcel]) -> None:
    for key, act in ACTS.items():
        rights = set(RIGHTS) - {act.permission.partition(".")[2]}
        client = client_of(person(f"not-{key}", *rights))
        assert client.get(address(key), {"parcel": parcels[0].pk}).status_code == 403, key
        data = {"parcels": parcels[0].pk, "start": "1", "reason": "x"} | NEEDS[key]
        assert client.post(address(key), data).status_code == 403, key
    assert not Remap.objects.exists()


def test_parcels_of_other_stores_are_not_found(parcels: list[Parcel]) -> None:
    user = person("german", *RIGHTS)
    StoreLimit.objects.create(user=user, store=make.make_store())
    client = client_of(user)
    for key in ACTS:
        data = {"parcels": parcels[0].pk, "start": "1", "reason": "x"} | NEEDS[key]
        assert client.post(address(key), data).status_code == 302, key
        assert parcels[0].tracking_number not in client.get(address(key), {"parcel": parcels[0].pk}).content.decode()
    assert client.post(reverse("sync", args=[parcels[0].order_id])).status_code == 404
    assert (Remap.objects.count(), Job.objects.count()) == (0, 0)


def test_more_than_a_few_need_the_right_to_many(
    parcels: list[Parcel], agent: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(act_pages, "MOST_ALONE", 1)
    ids = ",".join(str(parcel.pk) for parcel in parcels)
    assert agent.get(address("stop"), {"parcel": ids}).status_code == 403


@pytest.mark.parametrize("key", ACTS)
def test_looking_changes_nothing_and_a_reason_is_needed(parcels: list[Parcel], agent: Client, key: str) -> None:
    seen = look(agent, key, parcels[0])
    assert "Reason" in text_of(seen), text_of(seen)[:500]
    again = agent.post(address(key), hidden(seen) | {"start": "1", "reason": "  "})
    assert "Give a reason: nothing was done." in text_of(again)
    assert (Remap.objects.count(), StaffAction.objects.count()) == (0, 0)


@pytest.mark.parametrize(
    ("key", "kind", "target"),
    [
        ("courier", StaffActionKind.REMAP, {"courier": "ups"}),
        ("number", StaffActionKind.CORRECT, {"number": "00340434161094000777"}),
        ("place", StaffActionKind.CORRECT, {"fields": {"destination_postal_code": "10117"}}),
        ("retrack", StaffActionKind.RETRACK, {"retrack": True}),
        ("delivered", StaffActionKind.MARK, {"mark": "delivered", "at": "2026-11-20T10:00:00+00:00"}),
        ("stop", StaffActionKind.STOP, {"stop": True}),
    ],
)
def test_it_is_started_with_name_and_reason_and_done(
    parcels: list[Parcel], agent: Client, kicks: list[bool], key: str, kind: str, target: dict[str, Any]
) -> None:
    page = do(agent, key, parcels[0])
    remap = Remap.objects.get()
    assert page.redirect_chain[-1][0] == reverse("admin:tracking_remap_change", args=[remap.pk])
    assert (remap.target, remap.reason, remap.actor_name) == (target, "the shopper called", "anna")
    action = StaffAction.objects.get()
    assert (action.kind, action.parcel, action.after) == (kind, parcels[0], target)
    assert parcels[0].tracking_number not in action.summary
    run_remap(remap.pk)
    remap.refresh_from_db()
    assert (remap.state, kicks) == (RemapState.DONE, [True])
    shown = text_of(agent.get(reverse("admin:tracking_remap_change", args=[remap.pk])))
    assert "1 changed" in shown


@pytest.mark.parametrize(
    ("key", "given", "words"),
    [
        ("courier", {"courier": "nosuch"}, "Courier: AfterShip has no courier nosuch."),
        ("number", {"number": "12"}, "Tracking number: This number cannot be used: 2 characters long"),
        ("place", {}, "Give at least one of these."),
        ("place", {"country": "XX"}, "Country: There is no country XX."),
        ("place", {"postal_code": "12/34"}, "Postcode: AfterShip takes up to 10 letters"),
        ("delivered", {"at": "2999-01-01T10:00"}, "When it happened: It cannot have happened in the future."),
        ("delivered", {"at": "yesterday"}, "When it happened: Enter a valid date/time."),
    ],
)
def test_what_cannot_be_is_said_with_the_name_of_the_field(
    parcels: list[Parcel], agent: Client, key: str, given: dict[str, str], words: str
) -> None:
    data = {"parcels": str(parcels[0].pk), "start": "1", "reason": "x"} | given
    assert words in text_of(agent.post(address(key), data)).replace("&#x27;", "'")
    assert not Remap.objects.exists()


def test_number_in_commercetools_is_offered_to_those_who_may(parcels: list[Parcel], agent: Client) -> None:
    offer = "In commercetools, too"
    assert offer not in text_of(agent.get(address("number"), {"parcel": parcels[0].pk}))
    seen = hidden(look(agent, "number", parcels[0]))
    agent.post(address("number"), seen | {"upstream": "on", "start": "1", "reason": "x"})
    assert "upstream" not in Remap.objects.get().target
    lead = client_of(person("lea", *RIGHTS, "correct_in_commercetools"))
    assert offer in text_of(lead.get(address("number"), {"parcel": parcels[1].pk}))


def test_what_changed_since_the_preview_is_left(parcels: list[Parcel], agent: Client) -> None:
    seen = look(agent, "delivered", parcels[0])
    parcels[0].tracking.status = ParcelStatus.DELIVERED
    parcels[0].tracking.save()
    page = agent.post(address("delivered"), hidden(seen) | {"start": "1", "reason": "x"})
    assert "It is that already." in text_of(page)
    assert not Remap.objects.exists()


def test_parcel_page_offers_what_makes_sense_and_lists_lead_to_it(parcels: list[Parcel], agent: Client) -> None:
    page = agent.get(reverse("admin:tracking_parcel_change", args=[parcels[0].pk])).content.decode()
    keys = re.findall(r'data-tb-act="(\w+)-\d+"', page)
    assert keys == ["remap", "courier", "number", "place", "retrack", "delivered", "lost", "returned", "stop"]
    parcels[0].tracking.status, parcels[0].tracking.is_moving = ParcelStatus.DELIVERED, True
    parcels[0].tracking.save()
    page = agent.get(reverse("admin:tracking_parcel_change", args=[parcels[0].pk])).content.decode()
    assert "delivered" not in re.findall(r'data-tb-act="(\w+)-\d+"', page)
    chosen = {"action": "stop", "_selected_action": [str(parcels[1].pk)], "index": "0"}
    assert "Stop tracking" in text_of(agent.post(reverse("admin:tracking_parcel_changelist"), chosen))


def test_sync_reads_both_sides_by_one_click_and_shows_how_far_it_is(parcels: list[Parcel], agent: Client) -> None:
    order = parcels[0].order
    page = reverse("sync", args=[order.pk])
    assert agent.get(page).status_code == 200
    assert not Job.objects.exists()
    shown = agent.post(page, follow=True)
    assert {job.kind for job in Job.objects.all()} == {JobKind.COLLECT, JobKind.REFRESH, JobKind.WRITE_BACK}
    assert shown.headers["Refresh"] == "2"
    assert "being read from commercetools and AfterShip" in text_of(shown)
    Job.objects.update(done=1)
    over = agent.get(page)
    assert "Refresh" not in over.headers
    assert "everything is read and written" in text_of(over)
    assert StaffAction.objects.get().kind == StaffActionKind.SYNC


def test_page_of_an_act_says_where_it_waits_while_an_upstream_is_down(parcels: list[Parcel], agent: Client) -> None:
    do(agent, "lost", parcels[0])
    run_remap(Remap.objects.get().pk)
    page = reverse("admin:tracking_remap_change", args=[Remap.objects.get().pk])
    words = "AfterShip main does not answer or refuses us: its news is late, and what is done by hand waits there."
    assert "Not everywhere yet" not in text_of(agent.get(page))
    AfterShipAccount.objects.update(pause_seconds=2)
    assert words in text_of(agent.get(page))


def test_order_page_offers_to_remap_each_parcel_to_those_who_may(parcels: list[Parcel]) -> None:
    page = reverse("admin:tracking_order_change", args=[parcels[0].order_id])
    button = f"{reverse('remap')}?parcel={parcels[0].pk}"
    assert button in client_of(person("anna", "remap_parcel")).get(page).content.decode()
    assert button not in client_of(person("vera")).get(page).content.decode()


def test_when_it_happened_is_read_by_the_clock_of_the_parcels_store(parcels: list[Parcel], agent: Client) -> None:
    """The order's page shows its times by that clock, so that is what people copy."""
    Store.objects.update(time_zone="Australia/Sydney")
    page = agent.get(address("lost"), {"parcel": parcels[0].pk})
    assert "By the clock of Australia/Sydney." in text_of(page)
    seen = agent.post(address("lost"), hidden(page) | {"at": "2026-11-20T10:00"})
    agent.post(address("lost"), hidden(seen) | {"start": "1", "reason": "the courier told us"})
    assert Remap.objects.get().target == {"mark": "lost", "at": "2026-11-20T10:00:00+11:00"}


def test_what_happened_a_moment_ago_east_of_us_is_not_in_the_future(parcels: list[Parcel], agent: Client) -> None:
    Store.objects.update(time_zone="Asia/Tokyo")
    just_now = timezone.now().astimezone(ZoneInfo("Asia/Tokyo")) - timedelta(minutes=2)
    page = agent.get(address("delivered"), {"parcel": parcels[0].pk})
    answer = agent.post(address("delivered"), hidden(page) | {"at": just_now.strftime("%Y-%m-%dT%H:%M")})
    assert "It cannot have happened in the future." not in text_of(answer)
    assert "Reason" in text_of(answer)
