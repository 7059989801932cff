"""Every page of console and shoppers: axe finds nothing, it fits the screen, breaks no script, loads nothing from afar.

The pages are those that `tests.browser.shots` takes pictures of, and list and first row of each model of the admin; a
page that is added has to be added there. Each page is opened in a narrow window, light or dark by turns,
and a part of them in wide ones; ``PAGES_FORM=long``, as ``make axe`` sets it, opens all in all four.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.urls import reverse

from config.security import policy_for
from tests.browser.axe import faults_of
from tests.browser.conftest import PATIENCE_MS
from tests.browser.data import fill
from tests.browser.shots import administrators_session, more_pages, pages, visit
from tests.browser.shots import faults_of as broken_on

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

IS_LONG = os.environ.get("PAGES_FORM") == "long"
# Width, colour scheme, and which pages the short form opens there: of so many one, from the n-th on.
WINDOWS = [(390, "light", 2, 0), (390, "dark", 2, 1), (1400, "light", 10, 0), (1400, "dark", 10, 5)]


OURS = ("/admin/", "/track/", "/unsubscribe/")
FRAMED = "/admin/preview/mail/"  # nothing can run in it, axe neither: test_mails.py


def all_pages() -> list[str]:
    """Paths of console and shoppers, each once, in an order that stays."""
    paths = [path for path in (pages() | more_pages()).values() if path.startswith(OURS) and FRAMED not in path]
    for model in admin.site._registry:
        names = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        row = model._default_manager.order_by("pk").first()
        paths.append(reverse(f"{names}_changelist"))
        paths += [reverse(f"{names}_change", args=[row.pk])] if row else []
    return list(dict.fromkeys(paths))


def faults_on(page: Any, address: str, path: str) -> Iterator[str]:
    """What is wrong with one page, as lines."""
    answer = visit(page, address, path)
    policy = answer.headers["content-security-policy"]
    if policy != policy_for(path):
        yield f"sent with {policy}"
    wide, shown = page.evaluate("(e => [e.scrollWidth, e.clientWidth])(document.documentElement)")
    if wide > shown:
        yield f"{wide} pixels wide"
    yield from faults_of(page)


def test_every_page_pleases_axe_fits_and_breaks_nothing(chromium: Any, live_server: Any, admin_user: Any) -> None:
    fill()
    found, faults, opened = all_pages(), [], 0
    session = {"name": "sessionid", "value": str(administrators_session()), "url": live_server.url}
    for width, scheme, step, first in WINDOWS:
        context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([session])
        page = context.new_page()
        broken = broken_on(page, live_server.url)
        for path in found if IS_LONG else found[first::step]:
            wrong = [*faults_on(page, live_server.url, path), *broken]
            faults += [f"{width} {scheme} {path}: {fault}" for fault in wrong]
            broken.clear()
            opened += 1
        context.close()
    assert not faults, "\n".join(faults)
    assert opened >= len(found) > 100
