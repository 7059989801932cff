"""One AfterShip account: its key, its webhooks, and the limits of its plan."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Count
from django.utils import timezone

from stores.models import AfterShipAccount, RateBudget
from tracking.clients.aftership import RATES, KeyCheck
from tracking.clients.errors import AccountStopped
from tracking.enums import FINISHED, Area, Source
from tracking.models import Attempt, Tracking
from tracking.services import connections
from tracking.services.doctor import doors
from tracking.services.doctor.clocks import clock
from tracking.services.doctor.findings import Findings, broken, fine, tried, warning

DAY = timedelta(days=1)
QUIET = timedelta(days=2)
LIMIT_CODES = {
    "429": ("calls were too fast for the plan (429)", "Lower the rates of the account, or ask AfterShip for more."),
    "4012": ("numbers had no courier of the account (4012)", "Switch their couriers on at AfterShip, or map them."),
    "403": ("calls were refused (403)", "Check what the plan and the key allow."),
}


def examine_account(account: AfterShipAccount) -> Findings:
    """Everything about one account. Calls AfterShip, and our own door."""
    if not account.is_active:
        yield warning(Area.CONNECTION, "It is switched off.", "Switch it on to go live.")
        return
    yield from tried(Area.CREDENTIALS, lambda: with_key(account))
    yield from tried(Area.LAST_MESSAGE, lambda: last_webhook(account))
    yield from tried(Area.DOOR, lambda: doors.account_door(account))
    yield from tried(Area.CLOCK, lambda: clock(account))


def with_key(account: AfterShipAccount) -> Findings:
    """What AfterShip says of the account's key, and of its limits. Other upstream errors are raised."""
    try:
        found = connections.aftership(account).check_key()
    except AccountStopped as error:
        step = "Enter the API key anew (it starts with asat_); keys for the legacy API do not work here."
        yield broken(Area.CREDENTIALS, f"AfterShip refuses the API key: {error.message}", step)
        return
    if found.couriers:
        yield fine(Area.CREDENTIALS, f"The API key is accepted; {found.couriers:,} couriers are switched on.")
    else:
        step = "Switch on the couriers that you ship with, in AfterShip's settings."
        yield warning(Area.CREDENTIALS, "The API key is accepted, but the account has no courier switched on.", step)
    yield from limits(account, found)


def limits(account: AfterShipAccount, found: KeyCheck) -> Findings:
    """What AfterShip says of its limits, and how often we met them in the last day."""
    budget = RateBudget.objects.filter(account=account, endpoint="GET /couriers").first()
    ours = budget.per_second if budget else RATES["GET /couriers"]
    if found.per_second is not None and found.per_second < ours:
        words = f"AfterShip allows {found.per_second} calls per second, we are set to {ours:g}."
        yield warning(Area.LIMITS, words, "Lower the rates of the account to those of its plan.")
    upstream, since = connections.upstream_key(account), timezone.now() - DAY
    refused = Attempt.objects.filter(upstream=upstream, started_at__gte=since, code__in=LIMIT_CODES)
    met = dict(refused.values_list("code").annotate(n=Count("pk")).order_by("code"))
    for code, number in met.items():
        words, step = LIMIT_CODES[code]
        yield warning(Area.LIMITS, f"In the last day {number:,} {words}.", step)
    if not met:
        yield fine(Area.LIMITS, "No limit of the plan was met in the last day.")


def last_webhook(account: AfterShipAccount) -> Findings:
    """Silence is only strange while parcels are on their way."""
    last_at, now = doors.newest(Source.AFTERSHIP, account.key), timezone.now()
    opened = Tracking.objects.filter(account=account, retired_at=None, opened_at__lt=now - QUIET)
    live = opened.exclude(status__in=FINISHED)
    step = "Check at AfterShip that a webhook leads to the address of this account, and what stands under Turned away."
    if last_at is not None and last_at > now - QUIET:
        yield fine(Area.LAST_MESSAGE, f"The last webhook came {int((now - last_at).total_seconds() // 60):,} min ago.")
    elif live.exists():
        when = f"for {(now - last_at).days} days" if last_at else "ever"
        yield broken(Area.LAST_MESSAGE, f"Parcels are on their way, but no webhook came {when}.", step)
    elif last_at is None:
        yield warning(Area.LAST_MESSAGE, "AfterShip has never sent a webhook.", step)
    else:
        yield fine(Area.LAST_MESSAGE, "No webhook for days, and no parcel is on its way.")
    yield from doors.refusals(Source.AFTERSHIP, account.key, last_at)
