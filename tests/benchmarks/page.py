"""The shopper's page on a poor phone: weight, requests and time to first paint, beside a bare page.

Chromium is slowed down as Lighthouse's mobile form does: processor four times slower, 150 ms there and back,
1.6 Mbit/s down. Left out where there is no Chromium.
"""

from __future__ import annotations

import os
import time
import urllib.request
from statistics import median
from typing import Any

from tests.benchmarks.processes import gunicorn
from tests.benchmarks.progress import heading, note
from tests.chromium import find_chromium

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
NETWORK = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
SLOWER = 4
PAINT = """() => {
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return paint ? paint.startTime : -1;
}"""


def run(*, rounds: int) -> list[str]:
    """Measure; the lines of the summary. Raises RuntimeError where the page is too heavy or asks elsewhere."""
    heading("The shopper's page: a slow phone on a slow network")
    chromium = find_chromium()
    if chromium is None:
        return ["shopper's page             not measured: no Chromium found"]
    path = seed()
    with gunicorn("config.wsgi:application") as ours, gunicorn("tests.benchmarks.bare:page") as bare:
        seen = look(chromium, f"{ours}{path}", rounds)
        floor = look(chromium, bare, rounds)
        milliseconds = answer_ms(f"{ours}{path}", 20 * rounds)
    judge(seen, ours)
    ratio = seen["paint"] / floor["paint"]
    return [
        f"shopper's page             first paint {seen['paint']:.0f} ms, {ratio:.2f}x a bare page",
        f"  weight                   {seen['bytes'] / 1000:.1f} kB on the wire, {seen['requests']} requests",
        f"  answered in              {milliseconds:.0f} ms (3 parcels, 13 scans each)",
    ]


def seed() -> str:
    """An order of three parcels that were scanned often; the path of its page."""
    from tests import factories as make
    from tests.tracking.pages.orders import make_shopped, path_of, ship

    order = make_shopped()
    for items in ({"boot": 1}, {"sock": 1}, {"sock": 1}):
        parcel = ship(order, steps=5, items=items)
        for _ in range(8):
            make.make_checkpoint(parcel.tracking, step=2)
    return path_of(order)


def look(chromium: str, url: str, rounds: int) -> dict[str, Any]:
    """Open the page with an empty cache, so often; medians of first paint (ms) and bytes, and what was asked for."""
    from playwright.sync_api import sync_playwright

    paints, sizes, asked = [], [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-GB")
            page, asked, total = context.new_page(), [], [0.0]
            cdp = context.new_cdp_session(page)
            cdp.send("Network.enable")
            cdp.send("Network.emulateNetworkConditions", NETWORK)
            cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            cdp.on("Network.loadingFinished", lambda one, total=total: add(total, one["encodedDataLength"]))
            page.on("request", lambda one, asked=asked: asked.append(one.url))
            page.goto(url, wait_until="load")
            page.wait_for_function(f"({PAINT})() > 0")
            paints.append(page.evaluate(PAINT))
            sizes.append(total[0])
            context.close()
        browser.close()
    note(f"{url.split('/')[2]}: first paint {median(paints):.0f} ms")
    return {"paint": median(paints), "bytes": median(sizes), "requests": len(asked), "asked": asked}


def add(total: list[float], number: float) -> None:
    total[0] += number


def answer_ms(url: str, times: int) -> float:
    """Median time of an answer, in milliseconds, over one connection after the other."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        with urllib.request.urlopen(url) as answer:
            answer.read()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


def judge(seen: dict[str, Any], address: str) -> None:
    elsewhere = [url for url in seen["asked"] if not url.startswith((address, "data:"))]
    if elsewhere or seen["bytes"] > 50_000:
        raise RuntimeError(f"the page weighs {seen['bytes']:.0f} bytes and asks {elsewhere or 'nobody else'}")


os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs a loop in this thread
