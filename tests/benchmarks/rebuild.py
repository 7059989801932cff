"""How long a rebuild of all figures takes from rows as they are, and how much memory, which must not grow with them."""

from __future__ import annotations

import json
import subprocess
import sys

from analytics.models import DayBucket, DayCount, FigureState, ParcelFact
from stores.models import AfterShipAccount, Project
from tests.benchmarks.bulk import bare_tables, insert, settle
from tests.benchmarks.progress import heading, note
from tests.benchmarks.seed import clear
from tracking.models import Order, Parcel, Tracking

A_DAY = 13_700  # as many as five millions a year
READY = f"(date_trunc('day', now()) - (n / {A_DAY} + 14) * interval '1 day')"


def run(*, sizes: tuple[int, int]) -> list[str]:
    """Rebuild a small and a large heap of parcels; the lines of the summary."""
    answers = []
    for parcels in sizes:
        heading(f"Rebuild of figures: {parcels:,} parcels")
        seed(parcels)
        command = [sys.executable, "-m", "tests.benchmarks.rebuild_worker"]
        answers.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        if answers[-1]["parcels"] != parcels or ParcelFact.objects.count() != parcels:
            raise RuntimeError(f"{answers[-1]['parcels']} of {parcels} parcels")
        note(f"{parcels / answers[-1]['seconds']:,.0f} parcels/s, {answers[-1]['peak_mb']:.0f} MB at the most")
    small, large = answers
    return [
        f"rebuild of figures         {large['parcels'] / large['seconds']:,.0f} parcels/s; at the most "
        f"{large['peak_mb']:.0f} MB for {large['parcels']:,}, {small['peak_mb']:.0f} MB for {small['parcels']:,}"
    ]


def seed(parcels: int) -> None:
    """So many orders of one delivered parcel each, as the road leaves them; no figures yet."""
    clear()
    for model in (DayBucket, DayCount, ParcelFact, FigureState):
        model.objects.all().delete()
    project, _ = Project.objects.get_or_create(key="figures", defaults={"client_id": "none", "client_secret": "none"})
    account, _ = AfterShipAccount.objects.get_or_create(key="bench", defaults={"api_key": "none"})
    courier = "(array['dhl-germany', 'dpd', 'gls', 'ups'])[1 + n % 4]"
    with bare_tables(Order, Tracking, Parcel):
        insert(Order, parcels, {
            "id": "n", "project_id": str(project.pk), "commercetools_id": "md5('o' || n)", "correlation_id": "'BENCH'",
            "destination_country": "(array['DE', 'AT', 'CH'])[1 + n % 3]", "order_state": "'Open'",
            "ordered_at": READY, "shopper_key": "md5('s' || n / 2)",
        })  # fmt: skip
        insert(Tracking, parcels, {
            "id": "md5('t' || n)", "account_id": str(account.pk), "aftership_id": "md5('t' || n)", "courier": courier,
            "requested_courier": courier, "tracking_number": "'N' || n", "correlation_id": "'BENCH'",
            "status": "'delivered'", "opened_at": "now()", "received_at": "now()", "clocks": clocks(),
            "tallies": """'{"scans": 5, "attempts": 1, "longest_gap_hours": 20.5, "troubles": []}'""",
            "estimates": f"jsonb_build_array(jsonb_build_array({iso(10)}, to_char({READY}, 'YYYY-MM-DD')))",
        })  # fmt: skip
        insert(Parcel, parcels, {
            "id": "n", "order_id": "n", "commercetools_id": "md5('p' || n)", "delivery_id": "'d' || n",
            "tracking_number": "'N' || n", "tracking_id": "md5('t' || n)", "shipped_at": READY, "written_at": "now()",
            "decision": """'{"facts": {"supply_channels": ["hub"]}, "promise_days": 3}'""",
        })  # fmt: skip
    settle()


def iso(hours: float, form: str = 'YYYY-MM-DD"T"HH24:MI:SS') -> str:
    """SQL for a time so many hours after hand-over, and up to two days more, with UTC's offset."""
    return f"to_char({READY} + ({hours} + n % 48) * interval '1 hour', '{form}') || '+00:00'"


def clocks() -> str:
    hours = {"announced": 1, "first_scan": 9, "first_attempt": 30, "delivered": 30, "last_news": 30}
    pairs = [
        f"'{name}', jsonb_build_object('at', {iso(after)}, 'local', '', 'is_offset_known', true)"
        for name, after in hours.items()
    ]
    return f"jsonb_build_object({', '.join(pairs)})"
