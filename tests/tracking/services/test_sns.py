"""What SNS says about the subscription: a worker says yes, to Amazon only; an end is a problem until it begins anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from stores.models import AfterShipAccount, Project
from tests.clients.scripted import Reply, ScriptedServer
from tests.factories import make_account, make_project
from tests.tracking.webhooks.doors import dumped
from tests.tracking.webhooks.senders import TOPIC, sns_control
from tracking.enums import JobKind, ProblemKind, ReceiptState, Source
from tracking.models import Attempt, Job, Problem, Receipt
from tracking.payloads import from_sns
from tracking.services import pump
from tracking.services.receive import store_receipts

pytestmark = pytest.mark.django_db
TOKEN = sns_control()["Token"]


@pytest.fixture
def amazon(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Stands where SNS is, which is a fixed set of hosts."""
    server = ScriptedServer()
    monkeypatch.setattr(from_sns, "HOST", re.compile(re.escape(server.url)))
    yield server
    server.close()


@pytest.fixture
def project() -> Project:
    return make_project(key="demo", inbound_type="sns", inbound_secret="", inbound_options={"topic_arn": TOPIC})


def take_in(message: dict[str, Any]) -> Receipt:
    store_receipts(Source.COMMERCETOOLS, "demo", [dumped(message)], {}, "K7MQ-2XRT")
    pump.drain_receipts()
    return Receipt.objects.latest("pk")


def confirmation(server: ScriptedServer, **query: str) -> dict[str, Any]:
    facts = {"Action": "ConfirmSubscription", "TopicArn": TOPIC, "Token": TOKEN} | query
    address = f"{server.url}/?" + "&".join(f"{name}={value}" for name, value in facts.items())
    return sns_control(SubscribeURL=address)


def test_a_worker_says_yes(project: Project, amazon: ScriptedServer) -> None:
    receipt = take_in(confirmation(amazon))
    assert (receipt.event, receipt.state) == ("SubscriptionConfirmation", ReceiptState.DONE)
    assert receipt.outcome == "the subscription will be confirmed"
    assert amazon.asked == [], "nobody is called while receipts are taken in"
    amazon.will(Reply(body="<ConfirmSubscriptionResponse/>"))
    pump.drain_everything()
    asked = amazon.asked[0]
    assert (asked.method, asked.path) == ("GET", "/")
    assert asked.query == {"Action": ["ConfirmSubscription"], "TopicArn": [TOPIC], "Token": [TOKEN]}
    job = Job.objects.get()
    assert (job.kind, job.upstream, job.want, job.done) == (JobKind.CONFIRM_SUBSCRIPTION, "sns:demo", 1, 1)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.status) == ("ok", 200)
    assert TOKEN not in attempt.path + attempt.response_excerpt


def test_amazon_in_trouble_is_asked_again(project: Project, amazon: ScriptedServer) -> None:
    take_in(confirmation(amazon))
    amazon.will(Reply(503), Reply(body="<ConfirmSubscriptionResponse/>"))
    pump.drain_everything()
    Job.objects.update(next_attempt_at=Job.objects.get().created_at)  # the back-off is over
    pump.drain_everything()
    assert list(Attempt.objects.order_by("pk").values_list("outcome", flat=True)) == ["retry", "ok"]
    assert (len(amazon.asked), Job.objects.get().done) == (2, 1)


def test_a_token_that_is_out_of_date_is_a_dead_letter_with_amazon_s_words(
    project: Project, amazon: ScriptedServer
) -> None:
    take_in(confirmation(amazon))
    amazon.will(Reply(400, body="<Error><Message>Invalid token</Message></Error>"))
    pump.drain_everything()
    problem = Problem.objects.get()
    assert problem.kind == ProblemKind.DEAD_LETTER
    assert "Invalid token" in problem.cause


def test_trouble_at_amazon_pauses_nothing_else(project: Project, amazon: ScriptedServer) -> None:
    make_account(key="demo")
    for number in range(8):
        take_in(confirmation(amazon) | {"MessageId": f"m-{number}"})
    amazon.will(*[Reply(503)] * 8)
    pump.drain_everything()
    assert len(amazon.asked) >= 8
    for model in (Project, AfterShipAccount):
        row = model.objects.get(key="demo")
        assert (row.failures, row.pause_seconds, row.clock_skew_seconds) == (0, 0, None)


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        ({"TopicArn": f"{TOPIC}-other"}, "SubscribeURL: confirms another topic than this project's"),
        ({"Action": "Unsubscribe"}, "SubscribeURL: not an address of Amazon SNS that confirms a subscription"),
        ({"Token": ""}, "SubscribeURL: has no token"),
    ],
)
def test_what_confirms_something_else_is_not_called(
    project: Project, amazon: ScriptedServer, query: dict[str, str], cause: str
) -> None:
    take_in(confirmation(amazon, **query))
    pump.drain_everything()
    assert amazon.asked == []
    assert cause in Problem.objects.get(kind=ProblemKind.DEAD_LETTER).cause


@pytest.mark.parametrize(
    "host",
    [
        "https://evil.example", "http://sns.eu-central-1.amazonaws.com", "https://sns.eu-central-1.amazonaws.com.evil.example",
        "https://evil@sns.eu-central-1.amazonaws.com", "https://sns.eu-central-1.amazonaws.com:444", "https://169.254.169.254",
        "https://s3.eu-central-1.amazonaws.com",
    ],
)  # fmt: skip
def test_nobody_but_amazon_is_called(project: Project, host: str) -> None:
    """Without a network: had it been called, the socket would have said so."""
    message = sns_control()
    message["SubscribeURL"] = message["SubscribeURL"].replace("https://sns.eu-central-1.amazonaws.com", host)
    take_in(message)
    pump.drain_everything()
    assert Problem.objects.get().cause.endswith("not an address of Amazon SNS that confirms a subscription")
    assert not Attempt.objects.exists()


def test_a_confirmation_that_came_by_another_proof_is_not_followed(amazon: ScriptedServer) -> None:
    make_project(key="demo", inbound_type="bearer")
    receipt = take_in(confirmation(amazon))
    assert receipt.state == ReceiptState.QUARANTINED
    assert receipt.outcome == "Type: not expected, the project's messages do not come by SNS"
    assert not Job.objects.exists()


def test_an_end_of_the_subscription_is_a_problem_until_it_is_made_anew(
    project: Project, amazon: ScriptedServer
) -> None:
    receipt = take_in(sns_control("UnsubscribeConfirmation"))
    assert (receipt.state, receipt.outcome) == (ReceiptState.DONE, "the subscription was ended: see the problem")
    problem = Problem.objects.get()
    assert (problem.kind, problem.subject, problem.closed_at) == (ProblemKind.UNSUBSCRIBED, "commercetools:demo", None)
    assert not Job.objects.exists(), "nobody subscribes again by itself"
    take_in(confirmation(amazon))
    amazon.will(Reply(body="<ConfirmSubscriptionResponse/>"))
    pump.drain_everything()
    problem.refresh_from_db()
    assert problem.closed_reason == "It is subscribed again."
