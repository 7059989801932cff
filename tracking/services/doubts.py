"""Trackings without any news: is it the carrier that is slow, or the courier that is wrong?

    pending for long ─> forms that moved with others, AfterShip's detection ─> CARRIER_DOUBTFUL, evidence and proposal
                                                            news, remap or retirement close it by themselves

Each is looked into once a day at most. A job of its own behind live work: back-off, pauses and rate budgets come with
that, and what was examined before an interruption is not examined again.
"""

from __future__ import annotations

import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount
from tracking.clients.aftership import AfterShipClient
from tracking.clients.errors import Refused
from tracking.enums import JobKind, ParcelStatus, ProblemKind
from tracking.models import Tracking
from tracking.services import connections, jobs
from tracking.services.carrier_case import case_of, corrected, detected_instead, is_convincing
from tracking.services.number_forms import UNRECOGNIZED, best_courier
from tracking.services.problems import close_problems, open_problem

RUN_SECONDS = 15.0  # well within the lease of a job
MOST_AT_ONCE = 200
AGAIN_AFTER = timedelta(days=1)


def examine_all() -> int:
    """Wish to look into the silent trackings of every active account; returns how many accounts. Safe to repeat."""
    accounts = list(AfterShipAccount.objects.filter(is_active=True))
    jobs.want(wish(account) for account in accounts)
    return len(accounts)


def wish(account: AfterShipAccount) -> jobs.Wish:
    upstream = connections.upstream_key(account)
    return jobs.Wish(JobKind.EXAMINE, str(account.pk), upstream, new_correlation_id(), jobs.BACKFILL)


def examine_account(account_id: int) -> int:
    """Examine the account's silent trackings, longest waiting first; returns how many. What is left is wished again.

    Raises UpstreamError; what was examined until then is kept.
    """
    account = AfterShipAccount.objects.get(pk=account_id)
    client, ends_at, number = connections.aftership(account), time.monotonic() + RUN_SECONDS, 0
    for tracking in silent(account).order_by("opened_at", "pk")[:MOST_AT_ONCE]:
        if time.monotonic() > ends_at:
            break
        examine(tracking, client)
        number += 1
    if number and silent(account).exists():
        jobs.want([wish(account)])
    return number


def silent(account: AfterShipAccount) -> QuerySet[Tracking]:
    """Trackings that AfterShip has had for long without any news, and that nobody looked into today.

    One without a courier has its own problem already.
    """
    now = timezone.now()
    return (
        Tracking.objects.filter(account=account, status=ParcelStatus.PENDING, retired_at=None, forgotten_at=None)
        .filter(opened_at__lt=now - timedelta(hours=settings.CARRIER_DOUBT_HOURS), is_fenced=False)
        .filter(Q(examined_at=None) | Q(examined_at__lt=now - AGAIN_AFTER))
        .exclude(courier=UNRECOGNIZED)
    )


def examine(tracking: Tracking, client: AfterShipClient) -> None:
    """Ask AfterShip's detection where we chose the courier, and open or close the doubt. Raises UpstreamError."""
    detected = detect(tracking, client) if tracking.requested_courier else []
    with transaction.atomic():
        row = Tracking.objects.select_for_update().get(pk=tracking.pk)
        row.detected, row.examined_at = detected, timezone.now()
        row.save(update_fields=["detected", "examined_at"])
        if row.status != ParcelStatus.PENDING or row.retired_at or corrected(row):
            return
        if is_doubtful(row):
            open_doubt(row)
        else:
            close_problems([ProblemKind.CARRIER_DOUBTFUL], row, "Nothing speaks for another courier any more.")


def detect(tracking: Tracking, client: AfterShipClient) -> list[str]:
    """Slugs of the couriers whose numbers look like this one; none where AfterShip will not say."""
    try:
        return [one["slug"] for one in client.detect_couriers({"tracking_number": tracking.tracking_number})]
    except Refused:
        return []


def is_doubtful(tracking: Tracking) -> bool:
    """Whether the number's form, or AfterShip's detection, speaks for another courier."""
    history = best_courier(tracking.tracking_number)
    return bool(history and is_convincing(history, tracking)) or bool(detected_instead(tracking))


def open_doubt(tracking: Tracking) -> None:
    """Open the problem "is this the carrier?" with the case for and against; at most one stays open per tracking."""
    hours = int((timezone.now() - (tracking.opened_at or timezone.now())).total_seconds() // 3600)
    case = case_of(tracking)
    instead = f" It looks like a number of {case.courier}." if case.courier else ""
    cause = f"No news from {tracking.courier or 'the carrier'} for {hours} hours.{instead}"
    open_problem(
        ProblemKind.CARRIER_DOUBTFUL,
        tracking,
        cause,
        correlation_id=tracking.correlation_id,
        evidence=case.evidence,
        proposal=case.proposal,
    )
