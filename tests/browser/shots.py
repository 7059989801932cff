"""Every page of the console as a picture: wide and narrow, light and dark, on a believable day, into var/shots/.

    python -m tests.browser.shots [PAGE...]     all pages, or those whose names contain one of the words

A scratch SQLite database is filled by ``tests.browser.data`` and served; nothing else has to run. A page whose script
fails, that loads something from elsewhere, or that is wider than the screen ends the run with status 1.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import django

from tests.benchmarks.progress import quiet
from tests.chromium import find_chromium
from tests.environment import ENVIRONMENT
from tests.postgres import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SHOTS = ROOT / "var" / "shots"
WIDTHS = (1400, 390)
SCHEMES = ("light", "dark")
START_SECONDS = 30
YEARS_PARCELS = 3_000  # of the year that the figures are of
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
FORMS = (
    "stores_project",
    "stores_aftershipaccount",
    "stores_route",
    "stores_carriermapping",
    "stores_brand",
    "auth_user",
)


def pages() -> dict[str, str]:
    """Name to path: home, API docs, each page and list of the sidebar, and the newest row of each list."""
    from django.apps import apps
    from django.urls import reverse

    from analytics.pages import PAGES
    from config.navigation import SIDEBAR

    found = {"home": "/admin/", "docs": "/api/docs/"}
    found["status-rule"] = reverse("status-rule") + "?kind=raw&code=EX-17&courier=&status=delayed"
    found |= {f"figures-{slug}": reverse("figures", args=[slug]) + "?compare=previous" for slug in PAGES}
    found["figures-parcels"] = reverse("figure-parcels", args=["created", "numerator"])
    for item in (item for group in SIDEBAR for item in group["items"]):
        _, *parts = str(item["link"]).strip("/").split("/")
        if parts:
            found[parts[-1]] = str(item["link"])
        if len(parts) < 2 or parts[0] not in apps.app_configs:
            continue
        app, model = parts
        row = apps.get_model(app, model)._default_manager.order_by("-pk").first()
        if row is not None:
            found[f"{model}-row"] = reverse(f"admin:{app}_{model}_change", args=[row.pk])
    return found


def administrators_session() -> str | None:
    """A session key of the first administrator; None where there is none yet."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
    from django.contrib.sessions.backends.db import SessionStore

    user = get_user_model().objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if user is None:
        return None
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    return session.session_key


def answers(port: int) -> bool:
    """Whether the server takes requests yet."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (ConnectionError, TimeoutError):
        return False
    finally:
        connection.close()


@contextmanager
def server() -> Iterator[str]:
    """gunicorn on a free port, for as long as the block runs; gives its address."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the web server did not start")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def more_pages() -> dict[str, str]:
    """Pages beside the lists and their newest rows: forms, and the states of a list."""
    from django.urls import reverse

    from stores.models import CarrierMapping, Route
    from tests.browser.act_data import act_pages
    from tests.browser.queue_data import queue_pages
    from tests.browser.shopper_data import shopper_pages
    from tests.tracking.pages.orders import path_of
    from tests.tracking.stories import CODE
    from tracking.models import Order, Parcel, Problem, Remap, Run

    order = Order.objects.order_by("pk")[3]
    decided, imported = Parcel.objects.get(order__order_number="AT-7001"), Run.objects.get(kind="registry")
    mismatch = Problem.objects.get(kind="carrier_mismatch")
    mapping = CarrierMapping.objects.order_by("pk")[0]
    shopped = max(Order.objects.filter(order_state="Open"), key=lambda one: one.parcels.count())
    return {
        "shopper-order": f"{path_of(shopped)}?lang=en",
        "shopper-order-de": f"{path_of(shopped)}?lang=de",
        "shopper-find": "/track/find/acme/",
        **queue_pages(),
        **act_pages(),
        **shopper_pages(),
        **{f"{name}-add": reverse(f"admin:{name}_add") for name in FORMS},
        "order-with-problem": reverse("admin:tracking_order_change", args=[order.pk]),
        "parcel-proof": reverse("parcel-proof", args=[Parcel.objects.exclude(tracking=None).order_by("pk")[0].pk]),
        "order-timeline": reverse("admin:tracking_order_change", args=[order.pk]) + "?show=all&language=fr",
        "orders-late": reverse("admin:tracking_order_changelist") + "?late=yes",
        "console-search": reverse("console-search"),
        "search-several": f"{reverse('console-search')}#text=-2042",
        "search-too-short": f"{reverse('console-search')}#text=-20",
        "order-none-found": reverse("admin:tracking_order_changelist") + "?q=no-such-order",
        "problem-closed": reverse("admin:tracking_problem_changelist") + "?state=closed",
        "job-dead": reverse("admin:tracking_job_changelist") + "?state=dead",
        "story-of-parcel": f"{reverse('story')}?code={CODE}",
        "story-of-dead-letter": f"{reverse('story')}?code={Order.objects.order_by('pk')[10].correlation_id}",
        "carriermapping-import": reverse("admin:stores_carriermapping_import_csv"),
        "carriers-map": f"{reverse('carriers-map')}?project=demo&store=de-web&carrier=DHL+Packet&courier=dhl-germany",
        "carriers-ignored": f"{reverse('carriers')}?show=ignored",
        "problem-with-proposal": reverse("admin:tracking_problem_change", args=[mismatch.pk]),
        "parcel-decided": reverse("admin:tracking_parcel_change", args=[decided.pk]),
        "parcel-why": reverse("admin:tracking_parcel_why", args=[decided.pk]),
        "order-decided": reverse("admin:tracking_order_change", args=[decided.order_id]),
        "run-registry": reverse("admin:tracking_run_change", args=[imported.pk]),
        "remap-choose": f"{reverse('remap')}?parcel={Parcel.objects.exclude(tracking=None).order_by('pk')[0].pk}",
        "remap-stopped": reverse("admin:tracking_remap_change", args=[Remap.objects.get(state="stopped").pk]),
        "dead-letters-requeue": f"{reverse('dead-letters-requeue')}?all=1",
        "preview-exception": f"{reverse('preview')}?kind=exception&language=de&parcels=several",
        "preview-page": f"{reverse('preview')}?kind=page&language=pl&parcels=several",
        "rule-preview-removal": reverse("admin:stores_route_delete", args=[Route.objects.order_by("pk")[0].pk]),
        "rule-preview-mapping": reverse("admin:stores_carriermapping_delete", args=[mapping.pk]),
    }


def is_fault(message: Any) -> bool:
    """Whether a line of the console tells of one: a shopper's page that is meant to say no is none."""
    is_meant = urlsplit(message.location["url"]).path.startswith(("/track/", "/unsubscribe/"))
    return message.type == "error" and not (is_meant and re.search(r"status of 4(04|10|29) ", message.text))


def faults_of(page: Any, address: str) -> list[str]:
    """Starts to note what goes wrong on a page; the list grows while the page is used."""
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
    page.on(
        "request", lambda one: None if one.url.startswith((address, "data:")) else faults.append(f"loads {one.url}")
    )
    return faults


def visit(page: Any, address: str, path: str) -> Any:
    """Go there, type what stands after ``#`` into the page's form, and send it; the last answer."""
    path, _, typed = path.partition("#")
    answer = page.goto(address + path, wait_until="load")
    if not typed:
        return answer
    for name, text in parse_qsl(typed):
        page.fill(f"[name={name}]", text)
    with page.expect_navigation() as sent:
        page.click(f"form:has([name={name}]) button")
    return sent.value


def contexts(browser: Any, address: str, session: str) -> Iterator[tuple[str, int, Any]]:
    """A logged-in window per width and colour scheme, with its name."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
            context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
            yield f"{width}-{scheme}", width, context
            context.close()


def shoot(address: str, session: str, chromium: str, found: dict[str, str]) -> list[str]:
    """One picture per page, width and colour scheme; returns what went wrong, by picture."""
    from playwright.sync_api import sync_playwright

    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for window, width, context in contexts(browser, address, session):
            for name, path in found.items():
                page = context.new_page()
                noted = faults_of(page, address)
                visit(page, address, path)
                needed = page.evaluate("document.documentElement.scrollWidth")
                if needed > width:
                    noted.append(f"{needed} pixels wide")
                page.screenshot(path=SHOTS / f"{name}-{window}.png", full_page=True)
                page.close()
                faults += [f"{name}-{window}: {fault}" for fault in noted]
        browser.close()
    return faults


def main(wanted: Iterable[str]) -> int:
    """Takes the pictures; 1 with the reasons where there is no browser or a page is at fault."""
    chromium = find_chromium()
    if chromium is None:
        print("No Chromium found: install chromium, or set CHROMIUM to its path.")
        return 1
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tbshots") as directory:
        os.environ |= ENVIRONMENT | {"DATABASE_URL": f"sqlite:///{directory}/shots.sqlite3"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        django.setup()
        quiet()
        faults, number = take(chromium, list(wanted))
    for fault in faults:
        print(fault)
    print(f"{number} pages in {SHOTS}, {len(faults)} faults")
    return 1 if faults else 0


def take(chromium: str, wanted: list[str]) -> tuple[list[str], int]:
    """Pictures of the fresh install's first page, then of every page on a believable day."""
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from tests.browser.data import fill

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("newcomer")
    session = str(administrators_session())
    with server() as address:
        faults = [] if wanted else shoot(address, session, chromium, {"home-fresh": "/admin/"})
        fill()
        found = pages() | more_pages()
        found = {name: path for name, path in found.items() if not wanted or any(word in name for word in wanted)}
        figures = {name: path for name, path in found.items() if name.startswith("figures")}
        faults += shoot(address, session, chromium, {name: path for name, path in found.items() if name not in figures})
        if figures:
            fill_year()
            faults += shoot(address, session, chromium, figures)
        return faults, len(found)


def fill_year() -> None:
    """What figures are of. Their year is made up beside projects of this machine alone."""
    from django.core.management import call_command

    from stores.models import Project

    Project.objects.update(api_url="http://127.0.0.1:1", auth_url="http://127.0.0.1:1")
    call_command("demo_history", parcels=YEARS_PARCELS, stderr=io.StringIO(), stdout=io.StringIO())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
