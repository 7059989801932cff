"""Rules in the console: mistakes are named at their field, what a rule would do is shown first, then it is saved."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from stores.models import CarrierMapping, Origin, Revision, Route
from stores.rule_set import snapshot
from tests import factories as make
from tests.tracking.admin.conftest import client_of
from tracking import tasks
from tracking.enums import JobKind, ProblemKind, StaffActionKind
from tracking.models import Job, Remap, StaffAction

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
PREVIEW = "/admin/rules/preview/"


@pytest.fixture(autouse=True)
def kicks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Wake-ups of workers."""
    found: list[bool] = []
    monkeypatch.setattr(tasks, "kick", lambda: found.append(True))
    return found


@pytest.fixture
def agent(viewer: User) -> Client:
    """A support agent: looks at everything, works on routes and mappings."""
    names = [f"{verb}_{model}" for verb in ("add", "change", "delete") for model in ("route", "carriermapping")]
    viewer.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return client_of(viewer)


def address(model: type, row: Any = None) -> str:
    page, args = ("change", [row.pk]) if row else ("add", [])
    return reverse(f"admin:stores_{model.__name__.lower()}_{page}", args=args)


def posted(client: Client, model: type, row: Any = None, **form: Any) -> Any:
    """The answer to the form of a row, or of a new one."""
    return client.post(address(model, row), {name: value for name, value in form.items() if value is not None})


def errors_of(response: Any) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


def confirmed(client: Client, preview: Any, reason: str = "because", **more: Any) -> Any:
    """Press "Confirm" on a preview."""
    form = {"proposal": preview.context["signed"], "confirm": "1", "reason": reason} | more
    return client.post(PREVIEW, form, follow=True)


def text_of(response: Any) -> str:
    """A page as it is read."""
    main = response.content.decode().partition('id="content-main"')[2]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


def route_form(**changes: Any) -> dict[str, Any]:
    return {"position": 10, "notify": "off", "direction": "all", "is_active": "on"} | changes


def form_of(route: Route, **changes: Any) -> dict[str, Any]:
    """The route's form as the page would post it."""
    form = route_form(
        project=route.project_id, account=route.account_id, position=route.position, version_seen=route.version
    )
    return form | {"promise_days": route.promise_days} | changes


# ── mistakes ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_second_rule_with_the_same_conditions_names_the_first(agent: Client) -> None:
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    store = make.make_store(project, key="de-web")
    first = make.make_route(project, account, store=store, countries=["AT", "DE"])
    form = route_form(project=project.pk, store=store.pk, account=account.pk, countries="de, at")
    assert errors_of(posted(agent, Route, **form)) == {
        "__all__": [f"A rule with these conditions is there already: #{first.pk} demo/de-web → main."]
    }
    assert Route.objects.count() == 1


def test_second_default_names_the_first(agent: Client) -> None:
    first = make.make_route(make.make_project(key="demo"), make.make_account(key="main"), is_default=True)
    form = route_form(project=first.project_id, account=first.account_id, is_default="on")
    words = f"The project has a default already: #{first.pk} demo/* → main."
    assert errors_of(posted(agent, Route, **form)) == {"is_default": [words]}


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"countries": "DE, XX, Austria"}, "countries", "XX, AUSTRIA: no such country"),
        ({"carriers": "DHL, ---"}, "carriers", "no letter or digit"),
        ({"couriers": "dhl-germny"}, "couriers", "no courier dhl-germny. Did you mean dhl-germany?"),
        ({"couriers": "zzz"}, "couriers", "AfterShip has no courier zzz."),
        ({"promise_days_by_country": "AT"}, "promise_days_by_country", "such as AT 4"),
        ({"promise_days_by_country": "QQ 4"}, "promise_days_by_country", "QQ: no such country"),
        ({"field_values": "yes"}, "field_name", "Which field"),
        ({"account": None}, "account", "Choose an account"),
        ({"is_default": "on", "countries": "DE", "direction": "returns"}, "is_default", "Countries, Direction"),
        ({"project": None}, "project", "required"),
    ],
)
def test_mistake_in_a_route_is_named_at_its_field(
    agent: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    make.make_courier("dhl-germany")
    form = route_form(project=make.make_project().pk, account=make.make_account().pk) | changes
    errors = errors_of(posted(agent, Route, **form))
    assert list(errors) == [field]
    assert words in errors[field][0]
    assert not Route.objects.exists()


def test_store_or_channel_of_another_project_is_refused(agent: Client) -> None:
    other = make.make_project(key="other")
    store, channel = make.make_store(other), make.make_channel(other)
    form = route_form(project=make.make_project().pk, store=store.pk, channel=channel.pk)
    assert errors_of(posted(agent, Route, **form, account=make.make_account().pk)) == {
        "store": ["This store belongs to project other."],
        "channel": ["This channel belongs to project other."],
    }


def test_same_carrier_in_other_spelling_names_the_mapping_that_is_there(agent: Client) -> None:
    make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL Paket")
    response = posted(agent, CarrierMapping, carrier=" dhl_PAKET ", courier=make.make_courier().pk, extra_fields="{}")
    assert errors_of(response) == {
        "carrier": ["There is a mapping for this text already (everywhere): DHL Paket → dhl-germany."]
    }
    assert CarrierMapping.objects.count() == 1


def test_same_carrier_may_mean_something_else_in_one_store_or_channel(agent: Client) -> None:
    make.make_carrier_mapping(carrier="Post")
    store, channel = make.make_store(), make.make_channel()
    for scope in ({"store": store}, {"channel": channel}):
        form = {"carrier": "Post", "courier": make.make_courier().pk} | {name: row.pk for name, row in scope.items()}
        assert confirmed(agent, posted(agent, CarrierMapping, **form)).status_code == 200
        mapping = CarrierMapping.objects.get(**scope)
        assert (mapping.project, mapping.carrier_key) == (next(iter(scope.values())).project, "post")
        assert list(errors_of(posted(agent, CarrierMapping, **form))) == ["carrier"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("carrier", "---", "no letter or digit"),
        ("carrier", "", "required"),
        ("courier", "", "required"),
        ("extra_fields", "[1]", "Names and texts such as"),
        ("extra_fields", '{"tracking_key": 5}', "Names and texts such as"),
        ("extra_fields", "{", "valid JSON"),
    ],
)
def test_mistake_in_a_mapping_is_named_at_its_field(agent: Client, field: str, value: str, words: str) -> None:
    form = {"carrier": "DHL", "courier": make.make_courier().pk, "extra_fields": "{}"} | {field: value}
    errors = errors_of(posted(agent, CarrierMapping, **form))
    assert list(errors) == [field]
    assert words in errors[field][0]


def test_slug_is_chosen_by_typing_a_part_of_it(agent: Client) -> None:
    make.make_courier("dhl-germany")
    make.make_courier("ups")
    question = {"app_label": "stores", "model_name": "carriermapping", "field_name": "courier", "term": "germ"}
    found = agent.get(reverse("admin:autocomplete"), question).json()["results"]
    assert [one["text"] for one in found] == ["dhl-germany"]


# ── preview, then saved ──────────────────────────────────────────────────────────────────────────────────────────────


def test_form_shows_what_it_would_change_and_saves_nothing(agent: Client) -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    parcel = make.make_parcel(make.make_order(route.project), make.make_tracking(route.account))
    other = make.make_account(key="other")
    preview = posted(agent, Route, route, **form_of(route, account=other.pk, countries="de"))
    text = text_of(preview)
    assert "account main other" in text
    assert "countries – DE" in text
    assert "Account main other 1 " in text, "who would move"
    assert parcel.tracking_number in text
    assert "only if moved" in text
    route.refresh_from_db()
    assert (route.account.key, route.countries, Revision.objects.count()) == ("main", [], 0)
    assert not StaffAction.objects.exists()


def test_confirmed_with_a_reason_it_is_saved_with_its_revision(
    agent: Client, viewer: User, kicks: list[bool], django_capture_on_commit_callbacks: Any
) -> None:
    route = make.make_route()
    make.make_problem(order=make.make_order(route.project), kind=ProblemKind.UNROUTED)
    make.make_problem(order=make.make_order(), kind=ProblemKind.UNROUTED)
    preview = posted(agent, Route, route, **form_of(route, promise_days=5, name="Everything"))
    with django_capture_on_commit_callbacks(execute=True):
        response = confirmed(agent, preview, "slower in winter")
    route.refresh_from_db()
    assert (route.promise_days, route.name, route.origin, route.version) == (5, "Everything", Origin.CONSOLE, 2)
    revision = Revision.objects.get()
    assert (revision.actor, revision.reason, revision.source) == (viewer, "slower in winter", "console")
    assert (StaffAction.objects.get().kind, len(kicks)) == (StaffActionKind.CHANGE_RULES, 1)
    assert [(job.kind, job.subject) for job in Job.objects.all()] == [
        (JobKind.COLLECT, str(route.project.orders.get().pk))
    ]
    messages = [str(message) for message in response.context["messages"]]
    assert f"revision #{revision.pk}" in messages[0]
    assert messages[1] == "1 order that waits for a rule is read again."
    assert "slower in winter" in agent.get(reverse("admin:stores_route_history", args=[route.pk])).content.decode()


def test_new_mapping_is_previewed_and_saved(agent: Client) -> None:
    route = make.make_route()
    make.make_parcel(make.make_order(route.project), tracking_number="N1", carrier="DHL_PKG")
    waiting = make.make_problem(order=make.make_order(), kind=ProblemKind.UNMAPPED_CARRIER).order
    courier = make.make_courier("dhl-germany")
    preview = posted(agent, CarrierMapping, carrier="DHL_PKG", courier=courier.pk, extra_fields="{}")
    assert "Courier left to detection dhl-germany 1" in text_of(preview)
    assert not CarrierMapping.objects.exists()
    confirmed(agent, preview)
    assert CarrierMapping.objects.get().courier == courier
    assert [job.subject for job in Job.objects.all()] == [str(waiting.pk)]


def test_without_a_reason_nothing_is_saved(agent: Client) -> None:
    route = make.make_route()
    preview = posted(agent, Route, route, **form_of(route, promise_days=5))
    response = confirmed(agent, preview, "  \x00 ")
    assert "Give a reason: nothing was saved." in text_of(response)
    assert not Revision.objects.exists()
    assert confirmed(agent, response).redirect_chain


def test_back_leads_to_the_form_with_what_was_typed(agent: Client) -> None:
    route = make.make_route()
    store = make.make_store(route.project)
    typed = {"countries": "DE, AT", "store": store.pk, "promise_days_by_country": "AT 4", "name": "Mine"}
    for row, form in ((route, form_of(route, **typed)), (None, form_of(route, **typed))):
        preview = posted(agent, Route, row, **form)
        back = agent.post(preview.context["proposal"].back, {"proposal": preview.context["signed"], "_back": "1"})
        page = back.content.decode()
        assert 'name="countries" value="DE, AT"' in page
        assert 'name="promise_days_by_country" value="AT 4"' in page
        assert 'name="name" value="Mine"' in page
        assert f'<option value="{store.pk}" selected>' in page
        assert not errors_of(back)
    assert Route.objects.get().name == ""


def test_rule_that_somebody_changed_meanwhile_is_shown_again_before_it_is_replaced(agent: Client) -> None:
    route = make.make_route()
    preview = posted(agent, Route, route, **form_of(route, promise_days=5))
    lena = client_of(User.objects.create_superuser("lena"))
    confirmed(lena, posted(lena, Route, route, **form_of(route, promise_days=9)), "peak")
    again = confirmed(agent, preview)
    assert "lena changed this meanwhile (revision #" in text_of(again)
    assert "promise days 9 5" in text_of(again)
    route.refresh_from_db()
    assert (route.promise_days, route.version) == (9, 2)
    confirmed(agent, again)
    route.refresh_from_db()
    assert (route.promise_days, route.version) == (5, 3)


def test_form_opened_before_somebody_elses_change_says_so(agent: Client) -> None:
    route = make.make_route()
    stale = form_of(route, promise_days=5)
    Route.objects.get().save()
    assert "This rule was changed meanwhile" in text_of(posted(agent, Route, route, **stale))


def test_rule_that_was_made_meanwhile_is_not_made_twice(agent: Client) -> None:
    form = route_form(project=make.make_project().pk, account=make.make_account().pk)
    preview, also = posted(agent, Route, **form), posted(agent, Route, **form)
    confirmed(agent, preview)
    assert "somebody else made a rule with the same conditions" in text_of(confirmed(agent, also))
    assert (Route.objects.count(), Revision.objects.count()) == (1, 1)


def test_removal_shows_who_would_lose_a_route_first(agent: Client) -> None:
    route = make.make_route()
    make.make_parcel(make.make_order(route.project), tracking_number="N1")
    preview = agent.get(reverse("admin:stores_route_delete", args=[route.pk]))
    assert "1 would lose their route" in text_of(preview)
    assert "1 recent parcel of" in text_of(preview), "a gap"
    assert Route.objects.exists()
    confirmed(agent, preview)
    assert not Route.objects.exists()
    assert Revision.objects.get().changes[0]["after"] is None


def test_selected_rules_are_removed_together(agent: Client) -> None:
    mappings = [make.make_carrier_mapping() for _ in range(3)]
    press = {"action": "remove_rules", "_selected_action": [one.pk for one in mappings[:2]]}
    confirmed(agent, agent.post(reverse("admin:stores_carriermapping_changelist"), press))
    assert CarrierMapping.objects.get() == mappings[2]
    assert len(Revision.objects.get().changes) == 2


def test_extra_fields_are_named_never_shown(agent: Client) -> None:
    mapping = make.make_carrier_mapping(extra_fields={"tracking_key": "hunter2"})
    form = {"carrier": mapping.carrier, "courier": mapping.courier_id, "version_seen": mapping.version}
    preview = posted(agent, CarrierMapping, mapping, **form, extra_fields=json.dumps({"tracking_key": "hunter3"}))
    text = text_of(preview)
    assert "tracking_key: new values" in text
    assert "hunter" not in preview.content.decode()


def test_other_number_of_parcels_can_be_tried(agent: Client) -> None:
    route = make.make_route()
    preview = posted(agent, Route, route, **form_of(route, promise_days=5))
    again = agent.post(PREVIEW, {"proposal": preview.context["signed"], "limit": "100000", "again": "1"})
    assert '<input type="radio" name="limit" value="100000" checked>' in again.content.decode()
    assert agent.post(PREVIEW, {"proposal": preview.context["signed"], "limit": "7"}).context["limit"] == 10_000


# ── who may ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_proposal_of_another_person_or_tampered_with_is_refused(agent: Client, admin_client: Client) -> None:
    route = make.make_route()
    preview = posted(agent, Route, route, **form_of(route, promise_days=5))
    for client, signed in ((admin_client, preview.context["signed"]), (agent, preview.context["signed"] + "x")):
        response = client.post(PREVIEW, {"proposal": signed, "confirm": "1", "reason": "because"}, follow=True)
        assert "This page was too old" in response.content.decode()
    assert not Revision.objects.exists()


def test_viewer_sees_rules_and_changes_none(viewer: User) -> None:
    client = client_of(viewer)
    route = make.make_route()
    assert "tb-step" not in client.get(reverse("admin:stores_route_changelist")).content.decode().partition("<main")[2]
    assert posted(client, Route, route, **form_of(route)).status_code == 403
    assert client.get(reverse("admin:stores_route_delete", args=[route.pk])).status_code == 403
    assert client.post(reverse("route-move", args=[route.pk]), {"direction": "up"}).status_code == 403


def test_who_lost_the_permission_since_the_preview_cannot_confirm(agent: Client, viewer: User) -> None:
    route = make.make_route()
    preview = posted(agent, Route, route, **form_of(route, promise_days=5))
    viewer.user_permissions.remove(Permission.objects.get(codename="change_route"))
    assert confirmed(agent, preview).status_code == 403
    assert not Revision.objects.exists()


def test_moving_parcels_needs_its_own_permission(agent: Client) -> None:
    route = make.make_route()
    make.make_parcel(make.make_order(route.project), make.make_tracking(route.account))
    preview = posted(agent, Route, route, **form_of(route, account=make.make_account().pk))
    assert "you may not move parcels" in text_of(preview)
    assert confirmed(agent, preview, move="1").status_code == 403
    assert not Revision.objects.exists()


def test_parcels_are_moved_where_the_person_wants_it(agent: Client, viewer: User) -> None:
    viewer.user_permissions.add(Permission.objects.get(codename="remap_parcel"))
    route = make.make_route()
    parcel = make.make_parcel(
        make.make_order(route.project), make.make_tracking(route.account, requested_courier=""), route=route
    )
    preview = posted(agent, Route, route, **form_of(route, account=make.make_account().pk))
    assert "Also move the 1 parcel that is on its way" in text_of(preview)
    response = confirmed(agent, preview, "contract ended", move="1")
    remap = Remap.objects.get()
    assert [item.parcel for item in remap.items.all()] == [parcel]
    assert f"remap #{remap.pk}</a>; it can be undone for 24 hours." in response.content.decode()


@pytest.mark.parametrize("path", [PREVIEW, "/admin/rules/routes/1/move/"])
def test_nothing_is_done_by_get(agent: Client, path: str) -> None:
    assert agent.get(path).status_code == 405


# ── the list and its order ───────────────────────────────────────────────────────────────────────────────────────────


def test_list_tells_rules_in_words_in_the_order_of_trial(agent: Client) -> None:
    project, account = make.make_project(key="demo"), make.make_account(key="main")
    make.make_route(project, account, is_default=True, position=1)
    store = make.make_store(project, key="de-web")
    route = make.make_route(
        project, account, store=store, countries=["DE", "AT"], carriers=["DHL"], field_name="vip",
        field_values=["yes"], direction="returns", couriers=["dpd"], promise_days_by_country={"AT": 5}, position=20,
    )  # fmt: skip
    make.make_parcel(route=route)
    response = agent.get(reverse("admin:stores_route_changelist"))
    assert next(row.pk for row in response.context["cl"].result_list) == route.pk
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))
    for words in (
        "store de-web", "returns only", "to DE or AT", "carrier DHL", "field vip is yes", "account main",
        "ships with dpd", "promises 3, AT 5 days", "last: the default", "everything that no other rule takes",
    ):  # fmt: skip
        assert words in text


def test_list_costs_the_same_queries_with_one_rule_and_with_ten(agent: Client) -> None:
    url = reverse("admin:stores_route_changelist")

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            agent.get(url)
        return len(caught)

    project = make.make_project()
    make.make_route(project, position=1)
    agent.get(url)
    few = queries()
    for number in range(9):
        make.make_route(project, store=make.make_store(project), position=number + 2)
    assert queries() == few


def test_moving_a_rule_that_concerns_no_parcel_is_saved_at_once(agent: Client) -> None:
    project = make.make_project()
    first, second = (make.make_route(project, countries=[c], position=1000) for c in ("DE", "AT"))
    agent.post(reverse("route-move", args=[second.pk]), {"direction": "up"})
    order = list(Route.objects.order_by("position").values_list("pk", "position"))
    assert order == [(second.pk, 10), (first.pk, 20)], "equal positions are spread"
    agent.post(reverse("route-move", args=[second.pk]), {"direction": "down"})
    assert list(Route.objects.order_by("position").values_list("pk", flat=True)) == [first.pk, second.pk]
    assert Revision.objects.count() == 2
    agent.post(reverse("route-move", args=[second.pk]), {"direction": "down"})
    assert Revision.objects.count() == 2, "it is the last already"


def test_moving_a_rule_that_moves_parcels_is_previewed(agent: Client) -> None:
    project = make.make_project()
    make.make_route(project, position=1)
    narrow = make.make_route(project, countries=["DE"], position=2)
    make.make_parcel(make.make_order(project), tracking_number="N1")
    preview = agent.post(reverse("route-move", args=[narrow.pk]), {"direction": "up"})
    assert "1 decided otherwise" in text_of(preview)
    assert not Revision.objects.exists()
    confirmed(agent, preview)
    narrow.refresh_from_db()
    assert narrow.position == 1


def test_link_can_prefill_the_form_by_keys(agent: Client) -> None:
    project = make.make_project(key="demo")
    make.make_store(make.make_project(key="other"), key="de-web")
    store = make.make_store(project, key="de-web")
    page = agent.get(address(Route) + "?project=demo&store=de-web&countries=DE,AT&direction=returns").content.decode()
    assert f'<option value="{project.pk}" selected>' in page
    assert f'<option value="{store.pk}" selected>' in page
    assert 'name="countries" value="DE,AT"' in page
    assert '<option value="returns" selected>' in page


# ── checks ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_doubts_are_shown_in_the_preview_and_on_the_page_of_all_rules(agent: Client) -> None:
    project = make.make_project(key="demo")
    narrow = make.make_route(project, countries=["DE"], position=50)
    paused = make.make_account(key="off", is_active=False)
    preview = posted(
        agent, Route, **route_form(project=project.pk, account=paused.pk, notify="platform", promise_days=0)
    )
    text = text_of(preview)
    assert f"#{narrow.pk} (demo: to DE) : It never matches: the new rule (demo: every parcel) is tried before" in text
    assert "Account off is switched off" in text
    assert "has no brand to write as" in text
    assert "promises delivery in 0 days" in text
    confirmed(agent, preview)
    make.make_parcel(make.make_order(make.make_project(key="bare")), tracking_number="N1")
    check = text_of(agent.get("/admin/check-rules/"))
    for words in (
        "It never matches", "1 recent parcel of bare matches no rule. The project has no default route.",
        "Project bare has no active rule at all.", "Looked at 1 parcel with a number.",
    ):  # fmt: skip
        assert words.lower() in check.lower()


def test_unchanged_rule_says_that_nothing_differs(agent: Client) -> None:
    route = make.make_route()
    preview = posted(agent, Route, route, **form_of(route))
    assert "Nothing differs from what is saved." in text_of(preview)
    response = confirmed(agent, preview)
    assert "Nothing was changed: the rules say so already." in response.content.decode()


# ── versions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rolling_back_is_previewed_and_brings_all_rules_back(agent: Client) -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    make.make_parcel(make.make_order(route.project), make.make_tracking(route.account))
    confirmed(agent, posted(agent, Route, route, **form_of(route, name="First")), "one")
    first = Revision.objects.get()
    route.refresh_from_db()
    other = make.make_account(key="other")
    confirmed(agent, posted(agent, Route, route, **form_of(route, name="First", account=other.pk)), "two")
    make.make_courier("gls")
    mapping = {"carrier": "GLS", "courier": make.make_courier("gls").pk, "extra_fields": "{}"}
    confirmed(agent, posted(agent, CarrierMapping, **mapping), "three")

    preview = press_roll_back(agent, first)
    text = text_of(preview)
    assert "account other main" in text
    assert "GLS → gls (everywhere) removed" in text
    assert "1 decided otherwise" in text
    confirmed(agent, preview, "it was wrong")
    route.refresh_from_db()
    assert (route.account.key, CarrierMapping.objects.count()) == ("main", 0)
    newest = Revision.objects.first()
    assert newest is not None
    assert (newest.source, newest.restores, newest.reason) == ("rollback", first, "it was wrong")
    assert "there is nothing to roll back" in press_roll_back(agent, newest).content.decode()


def press_roll_back(client: Client, revision: Revision) -> Any:
    press = {"action": "roll_back", "_selected_action": [revision.pk]}
    return client.post(reverse("admin:stores_revision_changelist"), press, follow=True)


def test_revision_is_told_in_words(agent: Client) -> None:
    route = make.make_route(make.make_project(key="demo"), make.make_account(key="main"))
    confirmed(agent, posted(agent, Route, route, **form_of(route, countries="AT", promise_days=9)), "peak")
    revision = Revision.objects.get()
    page = text_of(agent.get(reverse("admin:stores_revision_change", args=[revision.pk])))
    for words in ("changed demo/* → main", "peak", "viewer", "countries – AT", "promise days 3 9", "Roll back to this"):
        assert words in page
    listed = agent.get(reverse("admin:stores_revision_changelist")).content.decode()
    assert "changed demo/* → main" in listed


def test_only_who_may_change_rules_may_roll_back(agent: Client, viewer: User) -> None:
    route = make.make_route()
    confirmed(agent, posted(agent, Route, route, **form_of(route, promise_days=9)))
    viewer.user_permissions.remove(Permission.objects.get(codename="change_carriermapping"))
    page = agent.get(reverse("admin:stores_revision_change", args=[Revision.objects.get().pk])).content.decode()
    assert "Roll back to this" not in page
    assert not press_roll_back(agent, Revision.objects.get()).context.get("proposal")


def test_draft_equals_what_is_saved(agent: Client) -> None:
    """Every field of the form reaches the row: else a preview would promise something else than is saved."""
    project = make.make_project()
    channel, store = make.make_channel(project), make.make_store(project)
    form = route_form(
        project=project.pk, account=make.make_account().pk, brand=make.make_brand().pk, channel=channel.pk,
        channel_role="supply", store=store.pk, countries="DE", carriers="DHL, UPS", field_name="vip",
        field_values="a, b", direction="outbound", couriers="ups", promise_days=2,
        promise_days_by_country="AT 4", notify="platform", name="All of it", position=7,
    )  # fmt: skip
    preview = posted(agent, Route, **form)
    words = preview.context["proposal"].drafts[0].words
    confirmed(agent, preview)
    assert snapshot(Route.objects.get()) == words
    assert (words["countries"], words["promise_days_by_country"], words["channel"]) == (
        ["DE"],
        {"AT": 4},
        channel.key,
    )
