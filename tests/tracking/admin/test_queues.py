"""Queues: what is in them and in which order, what people do with problems, and who may do and see what."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from stores.models import Project
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking.enums import ProblemKind, StaffActionKind
from tracking.models import Outage, Problem, StaffAction, StoreLimit, Usual
from tracking.services import outages, queues

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
RIGHTS = ["assign_problem", "note_problem", "close_problem"]


@pytest.fixture
def anna() -> User:
    """A support agent."""
    user = User.objects.create_user("anna", is_staff=True)
    rights = Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(codename__in=RIGHTS)
    user.user_permissions.set(rights)
    return user


@pytest.fixture
def annas(anna: User) -> Client:
    return client_of(anna)


@pytest.fixture
def ben() -> User:
    user = User.objects.create_user("ben", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


def silent(due_in_hours: float = 10, **facts: Any) -> Problem:
    """A parcel without news."""
    tracking = facts.pop("tracking", None) or make.make_tracking(courier=facts.pop("courier", "dhl"))
    order = facts.pop("order", None) or make.make_order()
    make.make_parcel(order, tracking)
    facts = {"kind": ProblemKind.SILENT, "subject": f"tracking:{tracking.pk}", "tracking": tracking} | facts
    due_at = timezone.now() + timedelta(hours=due_in_hours)
    code = order.correlation_id
    return make.make_problem(
        order=order, due_at=due_at, cause="No news for 4 working days.", correlation_id=code, **facts
    )


def shown(client: Client, kind: str = "silent", **asked: Any) -> list[int]:
    """Keys of the problems of a queue, in its order."""
    response = client.get(reverse("queue", args=[kind]), asked)
    assert response.status_code == 200
    ticks = [str(row[0]) for row in response.context["table"].rows]
    return [int(tick.split('value="')[1].split('"')[0]) for tick in ticks]


def handle(client: Client, act: str, *problems: Problem, **more: Any) -> Any:
    facts = {"act": act, "problem": [problem.pk for problem in problems]} | more
    return client.post(reverse("queue-handle"), facts)


def words_of(response: Any) -> list[str]:
    return [str(message) for message in response.wsgi_request._messages]


def test_every_kind_is_in_one_queue() -> None:
    listed = [kind for kinds in queues.SECTIONS.values() for kind in kinds]
    assert sorted(listed) == sorted(ProblemKind)


def test_all_queues_at_a_glance(anna: User, annas: Client) -> None:
    silent(-1, assignee=anna)
    silent(5)
    silent(5, closed_at=timezone.now())
    response = annas.get(reverse("queues"))
    table = response.context["tables"][0]
    row = next(row for row in table.rows if "Silent in transit" in str(row[0]))
    figures = [str(cell).split(">")[1].split("<")[0] if "<" in str(cell) else str(cell) for cell in row[1:5]]
    assert figures == ["2", "1", "1", "1"]
    assert (response.context["number"], response.context["mine"]) == (2, 1)


def test_the_most_urgent_first(annas: Client) -> None:
    soon, over, later = silent(2), silent(-3), silent(30)
    assert shown(annas) == [over.pk, soon.pk, later.pk]
    make.make_problem()
    assert shown(annas) == [over.pk, soon.pk, later.pk]
    assert len(shown(annas, "all")) == 4


def test_filters(anna: User, ben: User, annas: Client) -> None:
    store = make.make_store()
    mine, bens = silent(1, assignee=anna), silent(2, assignee=ben)
    other = silent(3, courier="ups", order=make.make_order(store.project, store=store))
    Problem.objects.filter(pk=bens.pk).update(opened_at=timezone.now() - timedelta(hours=5))
    assert shown(annas, owner="me") == [mine.pk]
    assert shown(annas, owner="nobody") == [other.pk]
    assert shown(annas, owner=ben.pk) == [bens.pk]
    assert shown(annas, courier="UPS") == [other.pk]
    assert shown(annas, store=store.pk) == [other.pk]
    assert shown(annas, age="4") == [bens.pk]
    assert shown(annas, age="4", owner="me") == []
    for nonsense in ({"owner": "x'"}, {"store": "9" * 30}, {"age": "-1"}, {"courier": "\x00"}, {"page": "x"}):
        assert len(shown(annas, **nonsense)) == 3


def test_an_unknown_queue_is_not_found(annas: Client) -> None:
    assert annas.get(reverse("queue", args=["nonsense"])).status_code == 404


def test_what_an_outage_explains_is_shown_only_when_asked_for(annas: Client) -> None:
    stuck, other = silent(), silent(courier="ups")
    outages.begin("dhl", cause="No news of anybody")
    assert shown(annas) == [other.pk]
    assert shown(annas, suppressed="1") == [stuck.pk]
    page = annas.get(reverse("queue", args=["silent"])).content.decode()
    assert "Courier outage: dhl" in page
    assert "1 more is explained by a courier outage." in page


# ── assign, note, close ──────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_happens_before_the_preview_is_confirmed(annas: Client) -> None:
    one, other = silent(), silent()
    response = handle(annas, "take", one, other)
    assert response.status_code == 200
    assert response.context["number"] == 2
    assert not Problem.objects.exclude(assignee=None).exists()
    assert not StaffAction.objects.exists()


def test_several_become_mine(anna: User, annas: Client) -> None:
    one, other, third = silent(), silent(), silent(assignee=anna)
    response = handle(annas, "take", one, other, third, confirm=1, back=reverse("queue", args=["silent"]))
    assert response.url == reverse("queue", args=["silent"])
    assert set(Problem.objects.values_list("assignee", flat=True)) == {anna.pk}
    acts = StaffAction.objects.values_list("kind", "actor_name", "summary", "before", "after")
    for act in acts:
        assert act[:3] == (StaffActionKind.ASSIGN, "anna", "Assigned to anna: Silent in transit")
    assert sorted(act[4]["problem"] for act in acts) == [one.pk, other.pk]


def test_a_colleague_is_chosen_by_name(ben: User, annas: Client) -> None:
    problem = silent()
    refused = handle(annas, "assign", problem, confirm=1)
    assert (refused.status_code, refused.context["fault"]) == (422, "Colleague: choose one. Nothing was changed.")
    assert handle(annas, "assign", problem, confirm=1, person=ben.pk).status_code == 302
    problem.refresh_from_db()
    assert problem.assignee == ben
    assert StaffAction.objects.get().before == {"assignee": ""}


def test_nobody_gets_what_they_may_not_see(ben: User, annas: Client) -> None:
    store = make.make_store()
    StoreLimit.objects.create(user=ben, store=store)
    theirs, foreign = silent(order=make.make_order(store.project, store=store)), silent()
    handle(annas, "assign", theirs, foreign, confirm=1, person=ben.pk)
    assert list(Problem.objects.filter(assignee=ben)) == [theirs]


@pytest.mark.parametrize("person", ["", "x", "999999", "gone", "customer"])
def test_only_people_of_the_console_are_colleagues(person: str, annas: Client) -> None:
    User.objects.create_user("gone", is_staff=True, is_active=False)
    User.objects.create_user("customer")
    key = User.objects.filter(username=person).values_list("pk", flat=True).first() or person
    problem = silent()
    assert handle(annas, "assign", problem, confirm=1, person=key).status_code == 422
    assert not Problem.objects.exclude(assignee=None).exists()


def test_a_note_is_shown_and_all_are_kept(annas: Client) -> None:
    problem = silent()
    for words in ("Called DHL", "They look for it"):
        handle(annas, "note", problem, confirm=1, words=words)
    problem.refresh_from_db()
    assert problem.note == "They look for it"
    assert list(StaffAction.objects.order_by("pk").values_list("reason", flat=True)) == [
        "Called DHL",
        "They look for it",
    ]
    page = annas.get(reverse("admin:tracking_problem_change", args=[problem.pk])).content.decode()
    assert "Called DHL" in page
    refused = handle(annas, "note", problem, confirm=1, words=" \x00 ")
    assert refused.context["fault"] == "Note: write something. Nothing was changed."


def test_closing_by_hand_says_who_and_what(anna: User, annas: Client) -> None:
    problem = silent()
    handle(annas, "close", problem, confirm=1, words="Sent anew")
    problem.refresh_from_db()
    assert (problem.closed_by, problem.closed_reason) == (anna, "anna: Sent anew")
    assert problem.closed_at
    again = handle(annas, "close", problem, confirm=1, words="Once more")
    assert again.status_code == 302
    assert StaffAction.objects.count() == 1


def test_after_dealing_with_one_comes_the_next(annas: Client, ben: User) -> None:
    first, bens, third = silent(1), silent(2, assignee=ben), silent(3)
    response = handle(annas, "close", first, confirm=1, words="Sent anew", queue="silent")
    assert response.url.startswith(reverse("admin:tracking_problem_change", args=[third.pk]))
    assert "queue=silent" in response.url
    response = handle(annas, "close", third, confirm=1, words="Sent anew", queue="silent")
    assert response.url == reverse("queue", args=["silent"])
    assert not bens.closed_at


def test_the_page_of_a_problem_offers_what_one_may(annas: Client, ben: User) -> None:
    problem, following = silent(1), silent(2)
    address = reverse("admin:tracking_problem_change", args=[problem.pk])
    page = annas.get(address, {"queue": "silent"})
    part = page.context["page"].blocks[0]
    assert [form["act"] for form in part.facts["forms"]] == ["take", "assign", "note", "close"]
    assert page.context["page"].acts[0].url.startswith(reverse("admin:tracking_problem_change", args=[following.pk]))
    bens = client_of(ben).get(address).content.decode()
    assert "Deal with it" not in bens


@pytest.mark.parametrize("act", ["take", "assign", "drop", "note", "close", "remap", "nonsense", ""])
def test_whoever_may_only_look_changes_nothing(act: str, ben: User) -> None:
    problem = silent()
    before = Problem.objects.values().get()
    response = handle(client_of(ben), act, problem, confirm=1, words="x", person=ben.pk)
    assert response.status_code == 403
    assert Problem.objects.values().get() == before
    assert not StaffAction.objects.exists()


def test_nothing_changes_by_opening_an_address(annas: Client) -> None:
    assert annas.get(reverse("queue-handle"), {"act": "take", "problem": silent().pk, "confirm": 1}).status_code == 405


def test_it_leads_nowhere_else(annas: Client) -> None:
    for back in ("https://evil.example/admin/", "//evil.example", "javascript:alert(1)", "/accounts/"):
        assert handle(annas, "drop", silent(), confirm=1, back=back).url == reverse("queues")


def test_people_of_a_store_see_and_change_only_its_problems(anna: User, annas: Client) -> None:
    store = make.make_store()
    StoreLimit.objects.create(user=anna, store=store)
    theirs = silent(order=make.make_order(store.project, store=store))
    foreign = silent()
    assert shown(annas) == [theirs.pk]
    assert annas.get(reverse("queues")).context["number"] == 1
    handle(annas, "close", theirs, foreign, confirm=1, words="Done")
    foreign.refresh_from_db()
    assert foreign.closed_at is None
    assert annas.get(reverse("admin:tracking_problem_change", args=[foreign.pk])).status_code == 404


@pytest.mark.parametrize("name", ["queues", "outages", "usual", "team"])
def test_pages_are_for_who_may_see_problems(name: str) -> None:
    stranger = User.objects.create_user("new", is_staff=True)
    assert client_of(stranger).get(reverse(name)).status_code == 403


def test_as_many_queries_for_many_problems_as_for_few(annas: Client) -> None:
    counts = []
    for number in (1, 30):
        for _ in range(number):
            silent()
        found = []
        for address in (
            reverse("queues"),
            reverse("queue", args=["silent"]),
            reverse("queue", args=["all"]),
            reverse("team"),
        ):
            annas.get(address)
            with CaptureQueriesContext(connection) as queries:
                annas.get(address)
            found.append(len(queries))
        counts.append(found)
    assert counts[0] == counts[1]


# ── outages, team, usual ─────────────────────────────────────────────────────────────────────────────────────────────


def may_declare(user: User) -> Client:
    user.user_permissions.add(Permission.objects.get(codename="declare_outage"))
    return client_of(User.objects.get(pk=user.pk))


def test_a_person_declares_an_outage_and_ends_it(anna: User) -> None:
    make.make_courier("dhl")
    stuck, client = silent(), may_declare(anna)
    client.post(reverse("outages"), {"courier": "dhl", "country": "", "reason": "Strike"})
    outage = Outage.objects.get()
    stuck.refresh_from_db()
    assert (outage.declared_by, outage.cause, stuck.suppressed_by) == (anna, "Strike", outage)
    client.post(reverse("outages"), {"end": outage.pk, "reason": ""})
    outage.refresh_from_db()
    assert outage.ended_at is None
    client.post(reverse("outages"), {"end": outage.pk, "reason": "They work again"})
    outage.refresh_from_db()
    assert (outage.ended_by, outage.is_ended_by_hand) == (anna, True)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"courier": "nobody", "reason": "x"}, "Courier: AfterShip has none with the slug “nobody”."),
        ({"courier": "dhl", "country": "XX", "reason": "x"}, "Country: “XX” is no country code of two letters."),
        ({"courier": "dhl"}, "Reason: say what is known, for colleagues and for the record."),
    ],
)
def test_a_wrong_declaration_is_told_by_field(given: dict[str, str], fault: str, anna: User) -> None:
    make.make_courier("dhl")
    response = may_declare(anna).post(reverse("outages"), given)
    assert (response.status_code, response.context["fault"]) == (422, fault)
    assert not Outage.objects.exists()


def test_whoever_may_not_declare_sees_no_form(annas: Client) -> None:
    assert "Declare one" not in annas.get(reverse("outages")).content.decode()
    assert annas.post(reverse("outages"), {"courier": "dhl", "reason": "x"}).status_code == 403


def test_the_lead_sees_who_works_what(anna: User, annas: Client) -> None:
    now = timezone.now()
    silent(-1, assignee=anna)
    for hours in (2, 3, 30):
        opened_at = now - timedelta(hours=hours)
        done = silent(assignee=anna, closed_at=now, closed_by=anna)
        Problem.objects.filter(pk=done.pk).update(opened_at=opened_at)
    old = silent(closed_at=now - timedelta(days=8))
    Problem.objects.filter(pk=old.pk).update(opened_at=now - timedelta(days=9))
    people, by_queue, causes = annas.get(reverse("team")).context["tables"]
    [row] = people.rows
    assert "anna" in str(row[0])
    assert (row[1], row[4], row[5], row[6]) == ("1", "3", "3", "4\N{NO-BREAK SPACE}h")
    assert by_queue.rows[0][1] == "1"
    assert causes.rows[0][1:] == ["4", "1", "+3"]


def test_team_is_for_who_may_assign(ben: User) -> None:
    assert client_of(ben).get(reverse("team")).status_code == 403


def test_what_is_usual_is_shown(annas: Client) -> None:
    assert "Nothing is learned yet" in annas.get(reverse("usual")).content.decode()
    facts = {"measure": "longest_gap", "courier": "dhl", "country": "AT", "p50_hours": 12, "p95_hours": 36}
    Usual.objects.create(**facts, sample=812, learned_at=timezone.now())
    [row] = annas.get(reverse("usual")).context["table"].rows
    assert [str(cell) for cell in row][3:] == ["12\N{NO-BREAK SPACE}h", "36\N{NO-BREAK SPACE}h", "812"]


def test_stores_of_one_key_are_told_apart_in_filters(admin_client: Client) -> None:
    for project, key in (("demo", "de-web"), ("old", "de-web"), ("demo", "fr-web")):
        found = Project.objects.filter(key=project).first() or make.make_project(key=project)
        make.make_order(found, store=make.make_store(found, key=key))
    for path in (reverse("queue", args=["all"]), reverse("admin:tracking_order_changelist")):
        page = admin_client.get(path).content.decode()
        names = re.findall(r"<option[^>]*>\s*([^<]*-web)\s*</option>", page)
        assert names == ["demo / de-web", "old / de-web", "fr-web"], path
