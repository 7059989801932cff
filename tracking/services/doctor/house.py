"""The installation itself: address, database, queue and mail."""

from __future__ import annotations

from datetime import timedelta
from smtplib import SMTPException
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import get_connection
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from stores.models import AfterShipAccount, Project, Route
from tracking.enums import Area
from tracking.models import Heartbeat
from tracking.services import backlog
from tracking.services.connections import closed_upstreams
from tracking.services.doctor.findings import Findings, broken, fine, tried, warning

STALE_HEARTBEAT = timedelta(minutes=3)  # the sweep runs each minute
LATE_WORK = timedelta(minutes=5)
MOST_SKEW_SECONDS = 2.0
NO_MAIL = ("console", "locmem", "dummy", "filebased")
START_WORKER = "Start one, and keep it running: manage.py worker"


def examine_house() -> Findings:
    yield from tried(Area.CONNECTION, connected)
    yield from tried(Area.ADDRESS, address)
    yield from tried(Area.DATABASE, database)
    yield from tried(Area.QUEUE, queue)
    yield from tried(Area.MAIL, mail)


def connected() -> Findings:
    """Nothing to say where both sides are there: each has findings of its own."""
    for model, name in ((Project, "commercetools project"), (AfterShipAccount, "AfterShip account")):
        if not model.objects.filter(is_active=True).exists():
            step = "Connect one in the console under Connections, or with: manage.py apply_config FILE"
            yield broken(Area.CONNECTION, f"No active {name} is connected.", step)


def address() -> Findings:
    if urlsplit(settings.PUBLIC_URL).scheme == "https":
        yield fine(Area.ADDRESS, f"{settings.PUBLIC_URL} is encrypted.")
    else:
        step = "Put TLS in front, and set PUBLIC_URL to its https address: brokers and AfterShip send to no other."
        yield warning(Area.ADDRESS, f"{settings.PUBLIC_URL} is not encrypted.", step)


def database() -> Findings:
    """Migrations, settings that keep what was promised, and its clock."""
    loader = MigrationLoader(connection)
    missing = sorted(set(loader.disk_migrations) - set(loader.applied_migrations))
    if missing:
        words = f"{len(missing)} migrations are not applied, the first is {'.'.join(missing[0])}."
        yield broken(Area.DATABASE, words, "Run: manage.py migrate")
    yield from (postgresql() if connection.vendor == "postgresql" else sqlite())
    skew = backlog.clock_skew_seconds()
    if abs(skew) > MOST_SKEW_SECONDS:
        words = f"Its clock is {abs(skew):.0f} seconds {'ahead of' if skew > 0 else 'behind'} ours: leases overlap."
        yield broken(Area.DATABASE, words, "Set both machines by NTP.")


def postgresql() -> Findings:
    """A promise is a commit: it has to be on disk before we answer 200."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name IN ('synchronous_commit', 'fsync', 'full_page_writes')"
        )
        found = dict(cursor.fetchall())
    off = sorted(name for name, setting in found.items() if setting == "off")
    if off:
        named = ", ".join(f"{name} = off" for name in off)
        words = f"PostgreSQL runs with {named}: a power cut loses what was answered 200."
        yield broken(Area.DATABASE, words, f"Set {named.replace('off', 'on')} in postgresql.conf.")
    else:
        yield fine(Area.DATABASE, "PostgreSQL answers, and has on disk what it committed.")


def sqlite() -> Findings:
    since = timezone.now() - STALE_HEARTBEAT
    clusters = Heartbeat.objects.filter(name__contains=" of ", at__gte=since).count()
    if clusters > 1:
        words = f"{clusters} clusters of workers share one SQLite file."
        yield broken(Area.DATABASE, words, "Run one only, or move to PostgreSQL (DATABASE_URL).")
    else:
        step = "Good for a trial. Before several machines or much traffic, move to PostgreSQL (DATABASE_URL)."
        yield warning(Area.DATABASE, "SQLite: one machine, and one cluster of workers.", step)


def queue() -> Findings:
    """Whether somebody works, and whether the work is done in time."""
    now = timezone.now()
    beat = Heartbeat.objects.exclude(at=None).order_by("-at").values_list("at", flat=True).first()
    if beat is None:
        yield broken(Area.QUEUE, "No worker has ever shown life: nothing is worked on.", START_WORKER)
    elif beat < now - STALE_HEARTBEAT:
        yield broken(Area.QUEUE, f"The last worker showed life {minutes(now - beat)} min ago.", START_WORKER)
    else:
        yield fine(Area.QUEUE, "A worker shows life.")
    receipts, jobs = backlog.receipts(), backlog.jobs(closed_upstreams())
    for what, oldest_at in (("receipt", receipts.oldest_at), ("job", jobs.oldest_at)):
        if oldest_at and oldest_at < now - LATE_WORK:
            words = f"The oldest {what} has been due for {minutes(now - oldest_at)} min."
            yield warning(Area.QUEUE, words, "Look at Workers and Jobs: too few workers, or one that hangs.")
    dead = backlog.dead_letters()
    if dead.number:
        words = f"{dead.number:,} jobs gave up and wait for a person."
        yield warning(Area.QUEUE, words, "Mend their causes under Dead letters, then requeue them.")


def minutes(span: timedelta) -> str:
    return f"{int(span.total_seconds() // 60):,}"


def senders() -> Findings:
    """Routes by which AfterShip and Trackbridge would both write to the shopper. One query."""
    routes = Route.objects.filter(is_active=True).exclude(notify_by_status={}).select_related("project", "store")
    for route in routes:
        if route.is_sender(Route.Notify.AFTERSHIP) and route.is_sender(Route.Notify.PLATFORM):
            words = f"Route {route.title} lets AfterShip and Trackbridge write to the shopper."
            yield warning(Area.MAIL, words, "Switch AfterShip's flows off for what Trackbridge tells.")


def mail() -> Findings:
    """Whether the mail server lets us in; nothing is sent."""
    yield from senders()
    if any(f".{name}." in f".{settings.EMAIL_BACKEND}." for name in NO_MAIL):
        yield warning(Area.MAIL, "Mails do not leave this machine.", "Set EMAIL_URL to your mail server.")
        return
    if settings.EMAIL_BACKEND.startswith("anymail."):
        provider = settings.EMAIL_BACKEND.split(".")[-2]
        yield fine(Area.MAIL, f"Mails go to {provider}; whether it takes them shows with the first one.")
        return
    mailer = get_connection()
    try:
        mailer.open()
    except (OSError, SMTPException) as error:
        server = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        words = f"The mail server {server} does not let us in ({type(error).__name__})."
        yield broken(Area.MAIL, words, "Check EMAIL_URL: host, port, TLS, user and password.")
    else:
        yield fine(Area.MAIL, f"The mail server {settings.EMAIL_HOST} lets us in.")
    finally:
        mailer.close()
