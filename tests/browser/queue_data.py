"""Queues of a believable day: parcels in trouble, some of them somebody's, a courier that is out, what is usual."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from tests import factories as make
from tracking.enums import Measure, ProblemKind, RunKind
from tracking.models import Order, Outage, Problem, Tracking, Usual
from tracking.services import outages, queues, runs, watch
from tracking.services.troubles import check_troubles

LANES = [("dhl-germany", "", 1_840, 14, 36), ("dhl-germany", "DE", 1_412, 12, 28), ("royal-mail", "", 655, 18, 42)]
TROUBLE = [  # status, subtag, what the carrier says, days since
    ("exception", "Exception_007", "The address is incomplete.", 1),
    ("exception", "Exception_006", "Customs duty is to be paid.", 2),
    ("attempt_failed", "AttemptFail_002", "Nobody was at home; a card was left.", 1),
    ("returning", "Exception_010", "The parcel is on its way back to the sender.", 3),
    ("lost", "Exception_013", "The parcel cannot be found.", 6),
    ("available_for_pickup", "AvailableForPickup_001", "Ready at the parcel shop.", 4),
]


def fill_queues(orders: list[Order]) -> None:
    """After the people are there, of whom two work the queues."""
    learn()
    make_troubled(orders[20:32])
    make_stuck(orders[5:11])
    look()
    be_out(orders[12:16])
    give_away()


def learn() -> None:
    now = timezone.now()
    for courier, country, sample, p50, p95 in LANES:
        for measure in Measure:
            facts = {"measure": measure, "courier": courier, "country": country, "sample": sample}
            Usual.objects.create(**facts, p50_hours=p50, p95_hours=p95, learned_at=now)


def make_troubled(orders: list[Order]) -> None:
    trackings = []
    for number, order in enumerate(orders):
        status, subtag, words, days = TROUBLE[number % len(TROUBLE)]
        since = timezone.now() - timedelta(days=days)
        facts = {"status": status, "subtag": subtag, "last_message": words, "status_changed_at": since}
        facts |= {
            "last_news_at": since,
            "first_scan_at": since - timedelta(days=1),
            "correlation_id": order.correlation_id,
        }
        tracking = make.make_tracking(Tracking.objects.order_by("created_at")[0].account, **facts)
        make.make_parcel(order, tracking)
        trackings.append(tracking)
    check_troubles(trackings)


def make_stuck(orders: list[Order]) -> None:
    for number, order in enumerate(orders):
        old = timezone.now() - timedelta(days=6 + number)
        facts = {"status": "in_transit", "last_news_at": old, "opened_at": old, "correlation_id": order.correlation_id}
        if number % 2:
            facts |= {"status": "info_received", "subtag": "InfoReceived_001", "last_message": ""}
        make.make_parcel(order, make.make_tracking(Tracking.objects.order_by("created_at")[0].account, **facts))


def look() -> None:
    account = Tracking.objects.order_by("created_at")[0].account
    for _ in watch.walk(runs.begin(RunKind.WATCH, str(account.pk), {}, is_kept=False), timezone.now()):
        pass


def be_out(orders: list[Order]) -> None:
    """Royal Mail sends nothing since this morning; some of its parcels would be called silent."""
    for order in orders:
        old = timezone.now() - timedelta(days=5)
        facts = {"courier": "royal-mail", "last_news_at": old, "correlation_id": order.correlation_id}
        make.make_parcel(order, make.make_tracking(Tracking.objects.order_by("created_at")[0].account, **facts))
    now = timezone.now()
    seen = "3 of 212 parcels had news in 3 hours; 96 is usual."
    began = {"started_at": now - timedelta(hours=4), "live": 212, "share": 0.014, "usual_share": 0.45}
    outages.begin("royal-mail", cause=seen, **began)
    look()
    over = {"started_at": now - timedelta(days=12), "ended_at": now - timedelta(days=11, hours=6)}
    Outage.objects.create(courier="ups", cause="0 of 88 parcels had news in 3 hours; 40 is usual.", live=88, **over)


def give_away() -> None:
    """Some are somebody's, some are overdue, some were dealt with."""
    people = list(User.objects.order_by("pk"))
    keys = list(
        Problem.objects.filter(closed_at=None, kind__in=queues.SECTIONS["Parcels"]).values_list("pk", flat=True)
    )
    for number, key in enumerate(keys):
        if number % 3 == 0:
            queues.assign([key], people[number // 3 % len(people)], by=people[0])
        if number % 5 == 0:
            queues.note([key], "Called the carrier: they look for it.", by=people[-1])
    Problem.objects.filter(pk__in=keys[::4]).update(due_at=timezone.now() - timedelta(hours=5))
    closed = Problem.objects.filter(pk__in=keys[-3:])
    for number, problem in enumerate(closed):
        Problem.objects.filter(pk=problem.pk).update(opened_at=timezone.now() - timedelta(hours=3 + 9 * number))
    queues.close(keys[-3:], "Sent anew", by=people[-1])


def queue_pages() -> dict[str, str]:
    """Pages to look at, beside those of the sidebar."""
    from django.urls import reverse

    address = Problem.objects.filter(kind=ProblemKind.ADDRESS, closed_at=None).order_by("due_at")[0]
    page = reverse("admin:tracking_problem_change", args=[address.pk])
    return {
        "queue-silent": reverse("queue", args=["silent"]),
        "queue-all": reverse("queue", args=["all"]),
        "queue-empty": reverse("queue", args=["mail_refused"]),
        "queue-suppressed": reverse("queue", args=["silent"]) + "?suppressed=1",
        "queue-team": reverse("team"),
        "queue-usual": reverse("usual"),
        "problem-in-queue": f"{page}?queue=address",
    }
