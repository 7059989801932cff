"""``make demo``: everything on one machine, live. Sandbox, web and worker are the real programs, each a process.

sandbox (both upstreams) <── HTTP ──> web (gunicorn) + worker (django-q2 under its watchdog), one SQLite file
    ^── a merchant's day: orders, parcels, scans          └── their log lines ──> the story on this terminal
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.urls import reverse

from stores.models import Project, Store
from tracking.models import Order, StoreLimit
from tracking.sandbox.client import SandboxClient
from tracking.sandbox.life import Life, Storefront
from tracking.services.links import link_token
from tracking.services.setup import set_up

PROJECT = "demo"
FRONTS = [
    Storefront("de-web", "berlin", "DE", "de-DE", "10115", (
        ("DHL Paket", "003404341610########"), ("Hermes", "H10012########"), ("DPD", "0150##########"),
    )),
    Storefront("en-web", "london", "GB", "en-GB", "SW1A 1AA", (
        ("Royal Mail", "RM#########GB"), ("Evri", "T00###############"), ("UPS", "1Z999AA1##########"),
        ("By hand, ask Joe", "BH-####"),
    )),
]  # fmt: skip
MAPPINGS = {
    "DHL Paket": "dhl-germany",
    "Hermes": "hermes-de",
    "DPD": "dpd-de",
    "Royal Mail": "royal-mail",
    "Evri": "myhermes-uk",
    "UPS": "ups",
}
# Log-ins beside the administrator's: name, role, the only store whose orders it sees, and what it is called.
PEOPLE = [
    ("agent", "agent", "", "support agent"),
    ("agent-de", "agent", "de-web", "agent, German store"),
    ("manager", "lead", "", "manager"),
    ("operator", "operations", "", "operations"),
    ("guest", "viewer", "", "sees no personal data"),
]
BRANDS: list[dict[str, Any]] = [
    {
        "key": "nordwind", "name": "Nordwind", "colour": "#0b5fff", "locales": ["de", "en-GB"],
        "sender": {"name": "Nordwind", "address": "post@nordwind.example", "reply_to": "hilfe@nordwind.example"},
        "support": {"url": "https://nordwind.example/hilfe", "email": "hilfe@nordwind.example"},
        "legal": {"de": "Nordwind GmbH, Hafenstraße 1, Hamburg", "en": "Nordwind GmbH, Hafenstrasse 1, Hamburg"},
    },
    {
        "key": "southsea", "name": "Southsea", "colour": "#0a7a4b", "locales": ["en-GB"],
        "font": "humanist", "radius": 14,
        "sender": {"name": "Southsea", "address": "post@southsea.example", "reply_to": "help@southsea.example"},
        "support": {"url": "https://southsea.example/help", "email": "help@southsea.example"},
        "legal": {"en": "Southsea Ltd, 1 Pier Road, Portsmouth"},
    },
]  # fmt: skip
STORY = "trackbridge.story"
COLOURS = {
    "tracking opened": 36,
    "order written": 32,
    "shopper told": 35,
    "problem opened": 31,
    "will be tried again": 33,
    "gave up": 31,
}


class Command(BaseCommand):
    help = "Set everything up in var/ and run it live against the sandbox: two storefronts ship. Ctrl-C ends it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Of the web server; the next free one is taken.")
        parser.add_argument("--sandbox-port", type=int, default=4010)
        parser.add_argument("--seconds", type=float, help="End by itself after so long.")
        parser.add_argument("--pace", type=float, default=0.7, help="Seconds between two things that happen.")
        parser.add_argument("--seed", type=int, default=7, help="Another seed, another day.")
        parser.add_argument(
            "--history", type=int, default=2_000, help="About so many parcels of a year before; 0: none."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Start it all, ship until Ctrl-C or ``--seconds``, and end whatever was started."""
        signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        logging.getLogger("trackbridge").setLevel(logging.ERROR)  # of this process; the programs' logs go to the file
        self.var = Path(settings.BASE_DIR) / "var"
        self.children: list[subprocess.Popen[str]] = []
        self.log = (self.var / "demo.log").open("w", encoding="utf-8")
        sandbox_url = f"http://127.0.0.1:{free_port(options['sandbox_port'])}"
        self.url = f"http://127.0.0.1:{free_port(options['port'])}"
        try:
            self.prepare_database()
            self.start("sandbox", "-m", "tracking.sandbox", "--port", sandbox_url.rpartition(":")[2])
            sandbox = SandboxClient(wait_for(sandbox_url, "/_sandbox/idle"))
            self.connect(sandbox, sandbox_url)
            self.remember(options["history"], options["seed"])
            self.start("web", "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", self.url.removeprefix("http://"))
            self.start("worker", "manage.py", "worker")
            wait_for(self.url, "/healthz")
            self.introduce(sandbox_url)
            self.live(Life(sandbox, PROJECT, FRONTS, options["seed"]), options["pace"], options["seconds"])
        except KeyboardInterrupt:
            self.stdout.write("\nEnding …")
        finally:
            self.end()

    def prepare_database(self) -> None:
        """A fresh database with a log-in per role: the sandbox forgets too, so nothing may be left of last time."""
        if not settings.IS_SQLITE:
            raise CommandError("The demo begins with an empty database: it runs on the SQLite file in var/ only.")
        connections.close_all()
        name = Path(settings.DATABASES["default"]["NAME"])
        for suffix in ("", "-wal", "-shm"):
            name.with_name(name.name + suffix).unlink(missing_ok=True)
        call_command("migrate", verbosity=0)
        users = get_user_model().objects
        self.passwords = {name: secrets.token_urlsafe(9) for name in ("admin", *(one[0] for one in PEOPLE))}
        users.create_superuser("admin", password=self.passwords["admin"])
        for name, role, _store, _words in PEOPLE:
            user = users.create_user(name, password=self.passwords[name], is_staff=True)
            user.groups.add(Group.objects.get(name=role))

    def connect(self, sandbox: SandboxClient, sandbox_url: str) -> None:
        """Make both upstreams know each other and us: in the sandbox, and in our configuration file."""
        own = {name: secrets.token_urlsafe(24) for name in ("CT_CLIENT_SECRET", "CT_INBOUND_TOKEN")}
        for front in FRONTS:
            own |= {f"{front.account}_{kind}".upper(): secrets.token_urlsafe(24) for kind in ("key", "secret")}
        os.environ.update(own)
        push = {"url": f"{self.url}/webhooks/commercetools/{PROJECT}/", "token": own["CT_INBOUND_TOKEN"]}
        stores = [{"key": front.store, "languages": [front.locale]} for front in FRONTS]
        sandbox.project(PROJECT, client_id="demo", client_secret=own["CT_CLIENT_SECRET"], push=push, stores=stores)
        for front in FRONTS:
            secret = own[f"{front.account.upper()}_SECRET"]
            webhook = {"url": f"{self.url}/webhooks/aftership/{front.account}/", "secret": secret}
            sandbox.account(front.account, api_key=own[f"{front.account.upper()}_KEY"], webhook=webhook)
        path = self.var / "demo.yaml"
        path.write_text(yaml.safe_dump(configuration(sandbox_url), sort_keys=False), encoding="utf-8")
        call_command("apply_config", str(path), stdout=self.log)
        for line in set_up(Project.objects.get(key=PROJECT)):
            self.log.write(line + "\n")
        sandbox.set_dials(webhooks={"duplicate_rate": 0.15, "shuffle_seconds": 2}, commercetools={"fail_rate": 0.02})

    def remember(self, parcels: int, seed: int) -> None:
        """A small year with its figures, so that there is something to see at once; who sees which store of it."""
        if parcels:
            self.stdout.write(f"Making up a year of about {parcels:,} parcels, and its figures …")
            call_command("demo_history", parcels=parcels, seed=seed, stdout=self.log, stderr=self.log)
        for name, _role, key, _words in PEOPLE:
            for store in Store.objects.filter(key=key):
                StoreLimit.objects.create(user=get_user_model().objects.get(username=name), store=store)

    def start(self, name: str, *arguments: str) -> None:
        """Start one program; its log goes to var/demo.log, the story of it to the terminal."""
        environment = os.environ | {"PUBLIC_URL": self.url, "LOG_FORMAT": "json", "PYTHONUNBUFFERED": "1"}
        child = subprocess.Popen(  # noqa: S603
            [sys.executable, *arguments],
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.children.append(child)
        threading.Thread(target=self.follow, args=(name, child), daemon=True).start()

    def follow(self, name: str, child: subprocess.Popen[str]) -> None:
        for line in child.stdout or ():
            self.log.write(f"{name}: {line}")
            if told := story_line(line):
                self.stdout.write(told)

    def introduce(self, sandbox_url: str) -> None:
        """Say where everything is and who may log in: the passwords are made anew by each run."""
        people = "\n".join(f"    {words:<22} {name} / {self.passwords[name]}" for name, _, _, words in PEOPLE)
        self.stdout.write(f"""
Trackbridge is live, with two storefronts (German and English) shipping.

  Console           {self.url}/admin/
    administrator          admin / {self.passwords["admin"]}
{people}
  Delivery figures  {self.url}/analytics/
  A shopper's way   {self.url}/track/{self.parcel_page()}
  Orders as commercetools has them   {sandbox_url}/_sandbox/commercetools/{PROJECT}/orders
  Trackings as AfterShip has them    {sandbox_url}/_sandbox/aftership/{FRONTS[0].account}/trackings
  API               {self.url}/api/docs/
  All logs          var/demo.log, with every mail to a shopper

One line per step of each parcel's story follows; the code joins the steps of one order. Ctrl-C ends it all.
""")

    def parcel_page(self) -> str:
        """A line with one order's page as its shopper opens it; nothing where there is no year."""
        order = Order.objects.filter(parcels__isnull=False).order_by("-ordered_at", "-pk").first()
        return f"\n  One shopper's page {self.url}{reverse('track', args=[link_token(order)])}" if order else ""

    def live(self, life: Life, pace: float, seconds: float | None) -> None:
        ends_at = time.monotonic() + seconds if seconds else None
        while ends_at is None or time.monotonic() < ends_at:
            for child in self.children:
                if child.poll() is not None:
                    raise CommandError(f"{' '.join(child.args[1:])} ended by itself; see var/demo.log.")  # type: ignore
            life.step()
            time.sleep(pace)

    def end(self) -> None:
        """End every program and whatever it started, the ones that call before the ones that are called."""
        for child in reversed(self.children):
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
        self.log.flush()


def configuration(sandbox_url: str) -> dict[str, Any]:
    """The demo's configuration file: what a merchant would write."""
    project = {
        "key": PROJECT,
        "api_url": sandbox_url,
        "auth_url": sandbox_url,
        "client_id": "demo",
        "client_secret": {"env": "CT_CLIENT_SECRET"},
        "inbound": {"type": "bearer", "secret": {"env": "CT_INBOUND_TOKEN"}},
        "shipment_state": "forward",
    }
    accounts = [
        {
            "key": front.account,
            "api_url": sandbox_url,
            "api_key": {"env": f"{front.account.upper()}_KEY"},
            "webhook_secrets": [{"env": f"{front.account.upper()}_SECRET"}],
        }
        for front in FRONTS
    ]
    routes = [
        {"project": PROJECT, "store": front.store, "account": front.account, "brand": brand["key"], "promise_days": 3}
        | {"notify": "platform"}
        for front, brand in zip(FRONTS, BRANDS, strict=True)
    ]
    mappings = [{"carrier": carrier, "courier": courier} for carrier, courier in MAPPINGS.items()]
    return {
        "projects": [project],
        "aftership_accounts": accounts,
        "brands": BRANDS,
        "routes": routes,
        "carrier_mappings": mappings,
    }


def story_line(line: str) -> str | None:
    """A JSON log line of the story, as a person reads it; None for any other line."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("logger") != STORY:
        return None
    hidden = ("event", "correlation_id", "level", "logger", "timestamp", "id", "process", "thread")
    facts = "  ".join(f"{name} {fact}" for name, fact in entry.items() if name not in hidden)
    step = f"{entry['event']:<22}"
    if sys.stdout.isatty():
        step = f"\033[{COLOURS.get(entry['event'], 0)}m{step}\033[0m"
    return f"{entry['timestamp'][11:19]}  {entry.get('correlation_id', '-'):<9}  {step} {facts}"


def free_port(wanted: int) -> int:
    """The wanted port, or the next one that nobody listens on."""
    for port in range(wanted, wanted + 100):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CommandError(f"No port is free from {wanted} to {wanted + 99}.")


def wait_for(url: str, path: str, seconds: float = 30) -> str:
    """Wait until the program behind ``url`` answers; gives the url. Raises CommandError after ``seconds``."""
    ends_at = time.monotonic() + seconds
    while time.monotonic() < ends_at:
        try:
            with urllib.request.urlopen(url + path, timeout=2):  # noqa: S310
                return url
        except OSError:
            time.sleep(0.1)
    raise CommandError(f"{url} does not answer; see var/demo.log.")
