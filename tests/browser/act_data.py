"""What staff's acts leave behind, and the pages of acts, for looking at."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from stores.models import Store
from tests import factories as make
from tracking.enums import Area, JobKind, RunKind
from tracking.models import Erasure, Order, Parcel
from tracking.services.doctor.examine import store_subject
from tracking.services.doctor.findings import broken, fine, warning


def fill_acts() -> None:
    """A mark that can be undone, a person who was erased, a store that is not ready, an order that is being read."""
    parcel = movable()
    make.make_remap(parcel, target={"mark": "delivered", "at": "2026-11-20T10:00:00+00:00"}, reason="She has it")
    counts = {"orders": 2, "parcels": 3, "checkpoints": 14, "receipts": 21, "calls": 17, "messages": 4}
    now = timezone.now()
    facts = {"person": "0" * 64, "reason": "Request of today", "actor_name": "nina", "counts": counts}
    erasure = Erasure.objects.create(**facts, correlation_id="E7A5-ED01", finished_at=now)
    make.make_order(customer_email="", order_number="DE-19001", erasure=erasure)
    store = Store.objects.get(project__key="demo", key="de-web")
    found = {
        "trackbridge": [fine(Area.DATABASE, "PostgreSQL answers, and has on disk what it committed.")],
        store_subject(store): [
            fine(Area.STORE, "commercetools lists it: de, en; DE."),
            broken(
                Area.ROUTES, "No route takes 12 of 840 parcels: parcel to CH (12).", "Make a route that takes them."
            ),
            warning(
                Area.CARRIERS, "9 of 828 parcels name a carrier that nothing maps: DHL_PKG (9).", "Map these texts."
            ),
        ],
    }
    kept = {part: [one.document() for one in findings] for part, findings in found.items()}
    parameters, counts = {"parts": list(kept)}, {"fine": 2, "warning": 1, "broken": 1}
    run = {"kind": RunKind.DOCTOR, "subject": store_subject(store), "parameters": parameters, "findings": kept}
    make.make_run(**run, counts=counts)
    make.make_job(kind=JobKind.REFRESH, subject=parcel.tracking_id, upstream="aftership:main", done=1)


def movable() -> Parcel:
    moving = Parcel.objects.filter(tracking__status="in_transit", tracking__retired_at=None, removed_at=None)
    return moving.select_related("order").order_by("pk")[0]


def act_pages() -> dict[str, str]:
    """Name to path."""
    parcel = movable()
    store = Store.objects.get(project__key="demo", key="de-web")
    found = {
        f"act-{key}": f"{reverse('act', args=[key])}?{urlencode({'parcel': parcel.pk})}"
        for key in ("number", "place", "delivered", "stop", "retrack")
    }
    order = Order.objects.exclude(customer_email="").order_by("pk")[0]
    return found | {
        "erase": f"{reverse('erase')}?{urlencode({'order': order.pk})}",
        "erase-address": reverse("erase"),
        "erasure": reverse("admin:tracking_erasure_change", args=[Erasure.objects.get(correlation_id="E7A5-ED01").pk]),
        "go-live": reverse("go-live", args=[store.pk]),
        "sync": reverse("sync", args=[parcel.order_id]),
        "parcel-acts": reverse("admin:tracking_parcel_change", args=[parcel.pk]),
    }
