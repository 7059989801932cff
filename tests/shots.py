"""`make shots`: a screenshot of every page of the console, wide and narrow, from the rows that `make demo` left.

Serves the demo's database on a free port, comes in as its first administrator, visits every list of the sidebar and the
newest row of each, and writes var/shots/<page>-<width>.png. For looking at, not for comparing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import django

from tests.chromium import find_chromium
from tests.postgres import free_port

ROOT = Path(__file__).resolve().parent.parent
SHOTS = ROOT / "var" / "shots"
WIDTHS = (1400, 390)
START_SECONDS = 30


def pages() -> dict[str, str]:
    """Name to path: home, API docs, each page and list of the sidebar, and the newest row of each list."""
    from django.apps import apps
    from django.urls import reverse

    from config.navigation import SIDEBAR

    found = {"home": "/admin/", "docs": "/api/docs/"}
    for item in (item for group in SIDEBAR for item in group["items"]):
        _, *parts = str(item["link"]).strip("/").split("/")
        found[parts[-1]] = str(item["link"])
        if len(parts) < 2:
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


def shoot(address: str, session: str, chromium: str, found: dict[str, str]) -> None:
    """Writes one picture per page and width, and prints what each page complained about."""
    from playwright.sync_api import sync_playwright

    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for width in WIDTHS:
            context = browser.new_context(viewport={"width": width, "height": 900})
            page = context.new_page()
            page.on("console", lambda message: print(f"  {message.type}: {message.text}"))
            page.on("pageerror", lambda error: print(f"  {error}"))
            page.goto(f"{address}/admin/")
            page.screenshot(path=SHOTS / f"log-in-{width}.png", full_page=True)
            context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
            for name, path in found.items():
                print(f"{name}-{width}")
                page.goto(address + path, wait_until="networkidle")
                page.screenshot(path=SHOTS / f"{name}-{width}.png", full_page=True)
        browser.close()


def main() -> int:
    """Takes the pictures; 1 with a reason where there is no browser, or no demo to look at."""
    chromium = find_chromium()
    if chromium is None:
        print("No Chromium found: install chromium, or set CHROMIUM to its path.")
        return 1
    if not (ROOT / "var" / "demo.env").is_file():
        print("Nothing to look at yet: run make demo first.")
        return 1
    os.environ |= {"ENV_FILE": "var/demo.env", "DJANGO_SETTINGS_MODULE": "config.settings"}
    django.setup()
    session, found = administrators_session(), pages()
    if session is None:
        print("The demo has no administrator yet: run make demo first.")
        return 1
    with server() as address:
        shoot(address, session, chromium, found)
    print(f"{len(found) * len(WIDTHS)} pictures in {SHOTS.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
