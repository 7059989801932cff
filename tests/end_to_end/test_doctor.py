"""The doctor against both upstreams and our own doors: well, then broken in many ways, each with its cause."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from stores.models import Project, RateBudget
from tests.clients.scripted import Reply, ScriptedServer
from tests.end_to_end.world import SECRET, World, parcel
from tests.postgres import free_port
from tracking.enums import JobKind, ReceiptState, RunKind
from tracking.models import Attempt, Heartbeat, Job, Order, Receipt, Run
from tracking.payloads import self_test
from tracking.services import connections
from tracking.services.doctor import doors
from tracking.services.doctor.examine import found_in, want
from tracking.services.setup import set_up
from tracking.webhooks import authentication
from tracking.webhooks.authentication import forget

DEMO, MAIN, HOUSE = "commercetools:demo", "aftership:main", "trackbridge"
Found = dict[str, list[dict[str, str]]]


DURABLE = ("fsync", "full_page_writes", "synchronous_commit")


@pytest.fixture
def _durable(transactional_db: None) -> Iterator[None]:
    """The test database keeps what it commits, as a production one does."""
    turn(*(f"ALTER SYSTEM SET {name} = on" for name in DURABLE), until="on")
    yield
    turn("SET synchronous_commit = DEFAULT", *(f"ALTER SYSTEM RESET {name}" for name in DURABLE), until="off")


def turn(*statements: str, until: str) -> None:
    """Run them, reload, and wait until the settings have arrived in this session."""
    with connection.cursor() as cursor:
        for statement in (*statements, "SELECT pg_reload_conf()"):
            cursor.execute(statement)
        for _ in range(6000):
            cursor.execute("SELECT DISTINCT setting FROM pg_settings WHERE name = ANY(%s)", [list(DURABLE)])
            if cursor.fetchall() == [(until,)]:
                return
            time.sleep(0.01)
    raise TimeoutError(f"the settings are not {until}")


@pytest.fixture
def well(world: World, settings: Any, _durable: None) -> World:
    """Everything works: a Subscription, a worker, messages of both sides, and a mail server."""
    settings.PUBLIC_URL = world.own_url
    connections._clock_noted_at.clear()
    Project.objects.filter(pk=world.project.pk).update(
        inbound_options={"topic_arn": "arn:aws:sns:eu-central-1:123456789012:orders"}, inbound_type=Project.Inbound.SNS
    )
    world.project.refresh_from_db()
    list(set_up(world.project))
    Project.objects.filter(pk=world.project.pk).update(inbound_type=Project.Inbound.BEARER)
    world.project.refresh_from_db()
    forget()
    Heartbeat.objects.update_or_create(name="pump", defaults={"at": timezone.now()})
    world.order(parcel("00340434161094042557"))
    world.work()
    world.scan(world.tracking("00340434161094042557"), "InTransit", "InTransit_003")
    world.work()
    world.project.refresh_from_db()
    return world


def examined(*arguments: str) -> tuple[bool, Found]:
    """What ``manage.py doctor --json`` says, and that its status fits."""
    out, status = StringIO(), 0
    try:
        call_command("doctor", *arguments, "--json", stdout=out)
    except SystemExit as error:
        status = int(str(error.code))
    told = json.loads(out.getvalue())
    assert status == (0 if told["go"] else 1)
    return told["go"], told["findings"]


def lines(found: Found, part: str, *states: str) -> list[tuple[str, str]]:
    """(area, words) of the findings of a part in one of these states."""
    return [(one["area"], one["words"]) for one in found[part] if one["state"] in states]


def test_a_good_connection_is_a_go_with_nothing_broken(well: World) -> None:
    orders, jobs, heard = Order.objects.count(), Job.objects.count(), well.project.heard_at
    go, found = examined()
    assert go
    assert list(found) == [HOUSE, DEMO, MAIN]
    assert lines(found, DEMO, "warning", "broken") == []
    assert lines(found, MAIN, "warning", "broken") == []
    assert [area for area, _ in lines(found, HOUSE, "warning")] == ["address", "mail"]
    assert [one["area"] for one in found[DEMO]] == [
        "credentials", "token", "scopes", "types", "types", "subscription", "last_message", "signature", "door",
        "carriers", "clock",
    ]  # fmt: skip
    assert [one["area"] for one in found[MAIN]] == [
        "credentials", "limits", "last_message", "signature", "door", "clock"
    ]  # fmt: skip
    tests = Receipt.objects.filter(event_id__startswith=self_test.PREFIX)
    assert {(one.source, one.state, one.outcome) for one in tests} == {
        ("commercetools", ReceiptState.IGNORED, self_test.OUTCOME),
        ("aftership", ReceiptState.IGNORED, self_test.OUTCOME),
    }
    well.work()
    well.project.refresh_from_db()
    assert (Order.objects.count(), Job.objects.count(), well.project.heard_at) == (orders, jobs, heard)


def test_lines_end_with_the_verdict(well: World) -> None:
    out = StringIO()
    call_command("doctor", "demo", stdout=out)
    told = out.getvalue().splitlines()
    assert told[-1] == "GO: nothing is broken."
    assert "  fine     subscription: trackbridge-orders delivers." in told


Break = Callable[[World, Any], object]


def wrong_secret(world: World, settings: Any) -> None:
    world.project.client_secret = "wrong"
    world.project.save()


def no_answer(world: World, settings: Any) -> None:
    world.sandbox.set_dials(commercetools={"down": True})


def scope_missing(world: World, settings: Any) -> None:
    world.sandbox.project("demo", scope="view_orders:demo view_types:demo view_stores:demo view_channels:demo")


def type_missing(world: World, settings: Any) -> None:
    client = connections.commercetools(world.project)
    document = client.get_type_by_key("trackbridge-parcel")
    client.update_type(document["id"], document["version"], [{"action": "changeKey", "key": "something-else"}])


def field_of_other_type(world: World, settings: Any) -> None:
    client = connections.commercetools(world.project)
    document = client.get_type_by_key("trackbridge-order")
    definition = {"name": "tb_parcels", "label": {"en": "Parcels"}, "required": False, "type": {"name": "String"}}
    actions = [
        {"action": "removeFieldDefinition", "fieldName": "tb_parcels"},
        {"action": "addFieldDefinition", "fieldDefinition": definition},
        {"action": "removeFieldDefinition", "fieldName": "tb_eta"},
    ]
    client.update_type(document["id"], document["version"], actions)


def subscription_stopped(world: World, settings: Any) -> None:
    world.sandbox.set_subscription_status("demo", "trackbridge-orders", "ConfigurationErrorDeliveryStopped")


def silence(world: World, settings: Any) -> None:
    Receipt.objects.update(received_at=timezone.now() - timedelta(days=9))
    Project.objects.update(heard_at=timezone.now() - timedelta(days=9))


def other_key(world: World, settings: Any) -> None:
    world.account.api_key = "asat_other"
    world.account.save()


def other_webhook_secret(world: World, settings: Any) -> None:
    """AfterShip signs with another secret than ours; what came before is long ago."""
    Receipt.objects.filter(source="aftership").update(received_at=timezone.now() - timedelta(days=9))
    assert world.sandbox.send("main", {"event": "tracking_update"}, secret=SECRET + "x") == [401]


def inbound_token_not_the_doors(world: World, settings: Any) -> None:
    """The web process still has an older secret than the database: another installation answers."""
    examined()  # the door remembers
    world.project.inbound_secret = "rotated"
    world.project.save()


def nobody_there(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"


def somebody_else_there(world: World, settings: Any) -> None:
    settings.PUBLIC_URL = world.sandbox.url


def clock_off(world: World, settings: Any) -> None:
    world.sandbox.set_dials(commercetools={"clock_ahead_seconds": 600})


def dead_queue(world: World, settings: Any) -> None:
    Heartbeat.objects.update(at=timezone.now() - timedelta(minutes=20))


def nothing_is_on_disk(world: World, settings: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")


def no_mail_server(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_PORT = free_port()


def account_switched_off(world: World, settings: Any) -> None:
    world.account.is_active = False
    world.account.save()


@pytest.mark.parametrize(
    ("cause", "part", "area", "words"),
    [
        (wrong_secret, DEMO, "credentials", "The auth host refuses id and secret: Please provide valid client"),
        (no_answer, DEMO, "credentials", "No usable answer: commercetools 503"),
        (scope_missing, DEMO, "scopes", "Missing: manage_orders:demo (reads orders and writes on parcels)."),
        (type_missing, DEMO, "types", "The Type trackbridge-parcel is missing: no status can be written."),
        (field_of_other_type, DEMO, "types", "In the Type trackbridge-order, tb_parcels is String, has to be Number."),
        (subscription_stopped, DEMO, "subscription", "trackbridge-orders was stopped (ConfigurationErrorDelivery"),
        (silence, DEMO, "last_message", "Last heard of 9 days ago."),
        (silence, MAIN, "last_message", "Parcels are on their way, but no webhook came for 9 days."),
        (other_key, MAIN, "credentials", "AfterShip refuses the API key: "),
        (other_webhook_secret, MAIN, "signature", "Turned away since yesterday: 1 × signature_wrong. Nothing else"),
        (inbound_token_not_the_doors, DEMO, "door", "answers 401: the proof made with the stored secret is not taken"),
        (nobody_there, DEMO, "door", "No usable answer: trackbridge unreachable"),
        (nobody_there, MAIN, "door", "No usable answer: trackbridge unreachable"),
        (somebody_else_there, MAIN, "door", "answers 401"),
        (clock_off, DEMO, "clock", "Its clock is 600 seconds ahead of ours"),
        (account_switched_off, HOUSE, "connection", "No active AfterShip account is connected."),
        (dead_queue, HOUSE, "queue", "The last worker showed life 20 min ago."),
        (nothing_is_on_disk, HOUSE, "database", "PostgreSQL runs with synchronous_commit = off"),
        (no_mail_server, HOUSE, "mail", "does not let us in (ConnectionRefusedError)."),
    ],
)
def test_what_is_broken_is_named_with_its_next_step(
    well: World, settings: Any, monkeypatch: pytest.MonkeyPatch, cause: Break, part: str, area: str, words: str
) -> None:
    monkeypatch.setattr(authentication, "REMEMBER_SECONDS", 3600)  # longer than an examination takes
    if cause is silence:
        well.tracking("00340434161094042557").__class__.objects.update(opened_at=timezone.now() - timedelta(days=10))
    cause(well, settings)
    connections._clock_noted_at.clear()
    go, found = examined()
    assert not go
    (line,) = [one for one in found[part] if one["area"] == area and one["state"] == "broken"]
    assert words in line["words"]
    assert line["next_step"]


def warned(world: World, part: str, area: str) -> dict[str, str]:
    """The one warning of this area; nothing else is broken."""
    go, found = examined()
    assert go
    (line,) = [one for one in found[part] if one["area"] == area and one["state"] == "warning"]
    return line


def test_carriers_that_nothing_maps_are_named_with_their_number(well: World) -> None:
    well.order(parcel("RR123456785DE", "Pigeon Express"), parcel("RR123456786DE", "pigeon_express"), number="DE-1002")
    well.work()
    line = warned(well, DEMO, "carriers")
    assert line["words"] == (
        "2 of 3 parcels of the newest orders name a carrier that nothing maps: Pigeon Express (1), pigeon_express (1)."
    )


def test_a_client_for_daily_work_only_is_fine_and_the_subscription_unseen(well: World) -> None:
    daily = "manage_orders:demo view_types:demo view_stores:demo view_products:demo"
    well.sandbox.project("demo", scope=daily)
    assert "It cannot be looked at" in warned(well, DEMO, "subscription")["words"]
    _, found = examined()
    words = "All of the daily work. Only setting up would need manage_types:demo (makes and extends Types)."
    assert ("scopes", words) in lines(found, DEMO, "fine")


def test_a_short_lived_token_is_told(well: World) -> None:
    well.sandbox.project("demo", token_seconds=600)
    assert warned(well, DEMO, "token")["words"] == "A token lives only 10 minutes."


def test_limits_that_were_met_lately_are_told(well: World) -> None:
    well.sandbox.set_dials(aftership={"fail": [{"status": 429, "match": "GET /tracking", "count": 1}]})
    _, found = examined()
    assert [area for area, _ in lines(found, MAIN, "broken")] == ["credentials"]
    RateBudget.objects.update(next_free_at=0)
    assert warned(well, MAIN, "limits")["words"] == "In the last day 1 calls were too fast for the plan (429)."


def test_a_door_whose_proof_only_the_broker_can_make_has_to_turn_us_away(well: World) -> None:
    Project.objects.update(inbound_type="sns")
    forget()
    _, found = examined()
    ((_, words),) = [line for line in lines(found, DEMO, "fine") if line[0] == "door"]
    assert "answers, and takes nothing unsigned. Only AWS SNS over HTTPS itself can sign" in words
    Project.objects.update(inbound_options={})
    _, found = examined()
    words = "It is not set what proves who sends: every message is turned away."
    assert ("door", words) in lines(found, DEMO, "broken")


def test_where_nothing_is_sent_there_is_no_door_and_no_subscription(well: World) -> None:
    Project.objects.update(inbound_type="poll", poll="orders")
    _, found = examined()
    fine = lines(found, DEMO, "fine")
    assert ("door", "Nothing is sent here: messages are fetched.") in fine
    assert ("subscription", "None is needed: we ask.") in fine


def test_a_door_that_answers_200_for_somebody_else_is_broken(well: World, settings: Any) -> None:
    with closing(ScriptedServer()) as elsewhere:
        settings.PUBLIC_URL = elsewhere.url
        elsewhere.will(Reply(), Reply())
        _, found = examined()
    for part in (DEMO, MAIN):
        ((area, words),) = lines(found, part, "broken")
        assert area == "door"
        assert words.endswith("answers 200, but the test event did not arrive here.")


def test_a_test_event_that_a_worker_takes_in_is_no_sign_of_life(well: World) -> None:
    long_ago = timezone.now() - timedelta(days=2)
    Project.objects.update(heard_at=long_ago)
    code = "a-worker-was-quicker"
    body = self_test.commercetools_body("demo", code)
    path = reverse("commercetools-messages", args=["demo"])
    assert doors.post(path, body, doors.proof_of(well.project, body)) == 200
    assert Receipt.objects.get(event_id=self_test.event_id(code)).state == ReceiptState.PENDING
    well.work()
    receipt = Receipt.objects.get(event_id=self_test.event_id(code))
    assert (receipt.state, receipt.outcome) == (ReceiptState.IGNORED, self_test.OUTCOME)
    assert Project.objects.get(pk=well.project.pk).heard_at == long_ago


def test_a_worker_examines_what_the_console_asked_for(well: World) -> None:
    want()
    well.work()
    run = Run.objects.get(kind=RunKind.DOCTOR)
    assert run.finished_at is not None
    assert list(found_in(run)) == [HOUSE, DEMO, MAIN]
    assert run.counts["fine"] > 15
    assert "broken" not in run.counts
    job = Job.objects.get(kind=JobKind.DOCTOR)
    assert (job.want, job.done, job.dead_at) == (1, 1, None)
    upstreams = set(Attempt.objects.filter(correlation_id=run.correlation_id).values_list("upstream", flat=True))
    assert upstreams == {DEMO, MAIN}


def test_no_secret_is_told_nor_kept(well: World) -> None:
    other_webhook_secret(well, None)
    wrong_secret(well, None)
    examined()
    secrets = ("inbound-token-of-demo", SECRET, "asat_main")
    kept = [
        *Run.objects.values_list("findings", flat=True),
        *Attempt.objects.values_list("request_excerpt", "response_excerpt", "path", "message"),
    ]
    assert [secret for secret in secrets if secret in str(kept)] == []
