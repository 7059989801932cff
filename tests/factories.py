"""Rows with realistic values, one plain function each. Any field can be given by name; what is left out is made up.

Numbers rise with every call, so that no two rows meet a constraint. Links that are left out are made along with it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from config.correlation import new_correlation_id
from stores.models import (
    AfterShipAccount,
    Brand,
    CarrierMapping,
    Channel,
    Courier,
    CustomType,
    Project,
    Revision,
    Route,
    Store,
)
from stores.rule_set import snapshot
from tracking.enums import (
    BlockReason,
    ContactCause,
    JobKind,
    ParcelStatus,
    ProblemKind,
    ReceiptState,
    RemapItemState,
    RemapState,
    RunKind,
    Source,
    StaffActionKind,
)
from tracking.models import (
    Attempt,
    BlockedAddress,
    Checkpoint,
    Contact,
    Erasure,
    Job,
    Message,
    NumberForm,
    Order,
    Parcel,
    Problem,
    Promotion,
    Receipt,
    Remap,
    Run,
    ShopperCount,
    StaffAction,
    Tracking,
    Write,
)
from tracking.services.problems import NEXT_STEP, due_after

_numbers = count(1)
STEPS = [
    ("InfoReceived", "InfoReceived_001", "The shipment data was announced electronically.", "Germany"),
    ("InTransit", "InTransit_002", "The shipment was handed in by the sender.", "Börnicke, BB, Germany"),
    ("InTransit", "InTransit_003", "The shipment was processed in the parcel centre.", "Börnicke, BB, Germany"),
    ("OutForDelivery", "OutForDelivery_001", "The shipment was loaded onto the delivery vehicle.", "Berlin, Germany"),
    ("Delivered", "Delivered_001", "The shipment was delivered.", "Berlin, BE, Germany"),
]


def make_project(**facts: Any) -> Project:
    """A commercetools project that takes messages by bearer token."""
    n = next(_numbers)
    return Project.objects.create(
        **{
            "key": f"shop-{n}",
            "api_url": "https://api.europe-west1.gcp.commercetools.com",
            "auth_url": "https://auth.europe-west1.gcp.commercetools.com",
            "client_id": f"ct-client-{n}",
            "client_secret": f"ct-secret-{n}",
            "inbound_secret": f"ct-inbound-{n}",
        }
        | facts
    )


def make_account(**facts: Any) -> AfterShipAccount:
    """An AfterShip organisation with its key and one webhook secret."""
    n = next(_numbers)
    return AfterShipAccount.objects.create(
        **{"key": f"account-{n}", "api_key": f"asat_{n:032d}", "webhook_secret": f"hook-secret-{n}"} | facts
    )


def make_store(project: Project | None = None, **facts: Any) -> Store:
    """A commercetools Store as imported."""
    n = next(_numbers)
    defaults = {"key": f"store-{n}", "name": {"en": f"Store {n}"}, "languages": ["en"], "countries": ["GB"]}
    return Store.objects.create(project=project or make_project(), **defaults | facts)


def make_channel(project: Project | None = None, **facts: Any) -> Channel:
    n = next(_numbers)
    defaults = {
        "key": f"warehouse-{n}",
        "commercetools_id": str(uuid.uuid4()),
        "name": {"en": f"Warehouse {n}"},
        "roles": ["InventorySupply"],
    }
    return Channel.objects.create(project=project or make_project(), **defaults | facts)


def make_brand(**facts: Any) -> Brand:
    n = next(_numbers)
    return Brand.objects.create(**{"key": f"brand-{n}", "name": f"Brand {n}", "locales": ["en", "de"]} | facts)


def make_promotion(brand: Brand | None = None, **facts: Any) -> Promotion:
    """A promotion that runs since three days, in English."""
    n = next(_numbers)
    today = timezone.localdate()
    defaults = {
        "language": "en",
        "headline": f"New boots {n}",
        "button": "See them",
        "link": "https://shop.example.com/",
    }
    return Promotion.objects.create(
        brand=brand or make_brand(), **defaults | {"starts_on": today - timedelta(days=3)} | facts
    )


def make_shopper_count(**facts: Any) -> ShopperCount:
    """Seven views of orders in transit today."""
    defaults = {"day": timezone.localdate(), "event": "view", "place": "page", "state": "in_transit", "count": 7}
    return ShopperCount.objects.create(**defaults | {"key": f"made|{next(_numbers)}"} | facts)


def make_route(project: Project | None = None, account: AfterShipAccount | None = None, **facts: Any) -> Route:
    """A route for every store of the project, three days promised."""
    return Route.objects.create(
        project=project or make_project(), account=account or make_account(), **{"promise_days": 3} | facts
    )


def make_courier(slug: str = "", **facts: Any) -> Courier:
    """AfterShip's courier of this slug; the one that is there already, if so."""
    slug = slug or f"courier-{next(_numbers)}"
    defaults = {"name": slug.replace("-", " ").title(), "imported_at": timezone.now()} | facts
    return Courier.objects.get_or_create(slug=slug, defaults=defaults)[0]


def make_carrier_mapping(courier: Courier | None = None, **facts: Any) -> CarrierMapping:
    """A mapping that holds everywhere, unless project or store are given."""
    defaults = {"carrier": f"Carrier {next(_numbers)}"}
    return CarrierMapping.objects.create(courier=courier or make_courier(), **defaults | facts)


def make_revision(**facts: Any) -> Revision:
    """A change of rules by file: a route that was made."""
    route = make_route()
    change = {"kind": "route", "id": route.pk, "label": str(route), "before": None, "after": snapshot(route)}
    return Revision.objects.create(**{"source": Revision.Source.FILE, "changes": [change]} | facts)


def make_custom_type(project: Project | None = None, **facts: Any) -> CustomType:
    defaults = {"commercetools_id": str(uuid.uuid4()), "key": "trackbridge-parcel", "has_parcel_fields": True}
    return CustomType.objects.create(project=project or make_project(), **defaults | facts)


def make_order(project: Project | None = None, **facts: Any) -> Order:
    """An order as collected once, at version 5, with a German address."""
    n = next(_numbers)
    defaults = {
        "commercetools_id": str(uuid.uuid4()),
        "order_number": f"CT-{1000 + n}",
        "correlation_id": new_correlation_id(),
        "customer_email": f"shopper{n}@example.com",
        "locale": "de-DE",
        "destination_country": "DE",
        "destination_city": "Berlin",
        "destination_postal_code": "10115",
        "items": {str(uuid.uuid4()): 2},
        "ordered_at": timezone.now() - timedelta(days=2),
        "version": 5,
        "order_state": "Open",
        "shipment_state": "Ready",
        "collected_at": timezone.now(),
    }
    return Order.objects.create(project=project or make_project(), **defaults | facts)


def make_tracking(account: AfterShipAccount | None = None, **facts: Any) -> Tracking:
    """A tracking that AfterShip has taken: in transit with DHL, last seen near Berlin."""
    n = next(_numbers)
    now = timezone.now()
    key = uuid.uuid4().hex
    defaults = {
        "id": key,
        "aftership_id": key,
        "correlation_id": new_correlation_id(),
        "tracking_number": f"00340434{n:012d}",
        "requested_courier": "dhl-germany",
        "courier": "dhl-germany",
        "status": ParcelStatus.IN_TRANSIT,
        "tag": "InTransit",
        "subtag": "InTransit_003",
        "subtag_message": "Arrival scan",
        "eta": (now + timedelta(days=1)).date(),
        "last_message": "The shipment was processed in the parcel centre.",
        "last_location": "Börnicke, BB, Germany",
        "last_checkpoint_at": (now - timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M:%S+01:00"),
        "updated_at": now - timedelta(hours=2),
        "opened_at": now - timedelta(days=1),
    }
    return Tracking.objects.create(account=account or make_account(), **defaults | facts)


def make_parcel(order: Order | None = None, tracking: Tracking | None = None, **facts: Any) -> Parcel:
    """A parcel of its own delivery. Shows the tracking's number where one is given, else it waits without a number."""
    number = tracking.tracking_number if tracking else ""
    defaults = {
        "commercetools_id": str(uuid.uuid4()),
        "delivery_id": str(uuid.uuid4()),
        "key": f"wh1-{next(_numbers)}",
        "carrier": "DHL Paket" if number else "",
        "tracking_number": number,
        "shipped_at": timezone.now() - timedelta(days=1),
    }
    return Parcel.objects.create(order=order or make_order(), tracking=tracking, **defaults | facts)


def make_checkpoint(
    tracking: Tracking | None = None, *, step: int = 2, at: datetime | None = None, **facts: Any
) -> Checkpoint:
    """One scan of STEPS, at ``at`` (now), with an offset of one hour as German couriers give it."""
    tag, subtag, message, location = STEPS[step]
    at = at or timezone.now()
    local = (at + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    defaults = {
        "fingerprint": hashlib.sha1(f"{next(_numbers)}".encode()).hexdigest(),
        "tag": tag,
        "subtag": subtag,
        "subtag_message": subtag,
        "message": message,
        "location": location,
        "country": "DEU",
        "courier": "dhl-germany",
        "source": "carrier",
        "time_text": f"{local}+01:00",
        "happened_at": at,
        "local_time": local,
        "sort_at": at,
        "reported_at": at + timedelta(minutes=20),
    }
    return Checkpoint.objects.create(tracking=tracking or make_tracking(), **defaults | facts)


def make_number_form(form: str, courier: str, count: int) -> NumberForm:
    """So many numbers of this form moved with this courier."""
    return NumberForm.objects.create(form=form, courier=courier, count=count)


def make_receipt(document: Any = None, **facts: Any) -> Receipt:
    """An AfterShip webhook that was applied; ``document`` is its body as JSON."""
    now = timezone.now()
    event_id = str(uuid.uuid4())
    body = {"event": "tracking_update", "event_id": event_id, "msg": {"id": uuid.uuid4().hex, "tag": "InTransit"}}
    code = new_correlation_id()
    defaults = {
        "source": Source.AFTERSHIP,
        "endpoint": "main",
        "event_id": event_id,
        "body": json.dumps(document if document is not None else body).encode(),
        "headers": {"content-type": "application/json", "as-webhook-version": "2026-07"},
        "event": "tracking_update",
        "subject": body["msg"]["id"],
        "state": ReceiptState.DONE,
        "outcome": "pending → in_transit; 1 new checkpoint",
        "next_attempt_at": now,
        "request_id": code,
        "correlation_id": code,
        "received_at": now,
        "processed_at": now,
    }
    return Receipt.objects.create(**defaults | facts)


def make_job(**facts: Any) -> Job:
    """A job that waits: an order to be written."""
    now = timezone.now()
    defaults = {
        "kind": JobKind.WRITE_BACK,
        "subject": str(100_000 + next(_numbers)),
        "upstream": "commercetools:demo",
        "correlation_id": new_correlation_id(),
        "next_attempt_at": now,
        "due_since": now,
    }
    return Job.objects.create(**defaults | facts)


def make_dead_letter(**facts: Any) -> Job:
    """A job that was refused for good."""
    now = timezone.now()
    error = "commercetools: ConcurrentModification: the write was refused"
    return make_job(**{"dead_at": now, "attempts": 3, "last_error_code": "InvalidField", "last_error": error} | facts)


def make_attempt(job: Job | None = None, **facts: Any) -> Attempt:
    """One upstream call that worked."""
    job = job or make_job()
    defaults = {
        "upstream": job.upstream,
        "correlation_id": job.correlation_id,
        "endpoint": "POST /orders/{id}",
        "method": "POST",
        "path": f"/demo/orders/{uuid.uuid4()}",
        "status": 200,
        "outcome": "ok",
        "request_excerpt": '{"version": 5, "actions": [{"action": "setParcelCustomField", "name": "tb_status"}]}',
        "response_excerpt": '{"id": "…", "version": 6}',
        "started_at": timezone.now(),
        "duration_ms": 87,
    }
    return Attempt.objects.create(job=job, **defaults | facts)


def make_write(order: Order | None = None, **facts: Any) -> Write:
    """One write that commercetools took: a parcel is on its way."""
    order = order or make_order()
    change = {"what": "parcel", "parcel_id": "p-1", "name": "tb_status", "before": "pending", "after": "in_transit"}
    defaults = {
        "correlation_id": order.correlation_id,
        "version_before": 5,
        "version_after": 6,
        "changes": [change],
        "written_at": timezone.now(),
    }
    return Write.objects.create(order=order, **defaults | facts)


def make_message(parcel: Parcel | None = None, **facts: Any) -> Message:
    """A message about one parcel that was sent."""
    parcel = parcel or make_parcel()
    now = timezone.now()
    defaults = {
        "order": parcel.order,
        "tracking": parcel.tracking,
        "kind": "in_transit",
        "correlation_id": parcel.order.correlation_id,
        "state": "sent",
        "language": "de",
        "recipient": parcel.order.customer_email,
        "news_at": now,
        "due_at": now,
        "sending_at": now,
        "sent_at": now,
    }
    return Message.objects.create(parcel=parcel, **defaults | facts)


def make_run(**facts: Any) -> Run:
    """A backfill of one project, finished."""
    defaults = {
        "kind": RunKind.BACKFILL,
        "subject": f"shop-{next(_numbers)}",
        "counts": {"orders": 120, "wished": 118},
        "correlation_id": new_correlation_id(),
        "finished_at": timezone.now(),
    }
    return Run.objects.create(**defaults | facts)


def make_problem(**facts: Any) -> Problem:
    """An open problem: a carrier that nobody mapped. About a new parcel, unless a subject is given."""
    if "subject" not in facts:
        parcel = facts.get("parcel") or make_parcel(facts.get("order"))
        facts |= {"subject": f"parcel:{parcel.pk}", "parcel": parcel, "order": parcel.order}
        facts.setdefault("correlation_id", parcel.order.correlation_id)
    defaults = {
        "kind": ProblemKind.UNMAPPED_CARRIER,
        "cause": "Carrier 'DHL_PKG' (not mapped). 4012: AfterShip cannot detect the courier of this number.",
        "next_step": NEXT_STEP[facts.get("kind", ProblemKind.UNMAPPED_CARRIER)],
        "due_at": timezone.now() + due_after(facts.get("kind", ProblemKind.UNMAPPED_CARRIER)),
        "seen_at": timezone.now(),
    }
    return Problem.objects.create(**defaults | facts)


def make_remap(*parcels: Parcel, **facts: Any) -> Remap:
    """A remap to UPS that is done; its parcels were moved."""
    now = timezone.now()
    state = facts.get("state", RemapState.DONE)
    defaults = {
        "state": state,
        "target": {"courier": "ups"},
        "reason": "The carrier text was wrong.",
        "actor_name": "anna",
        "correlation_id": new_correlation_id(),
        "finished_at": now if state == RemapState.DONE else None,
        "undo_until": now + timedelta(hours=24),
    }
    remap = Remap.objects.create(**defaults | facts)
    for parcel in parcels or [make_parcel()]:
        remap.items.create(
            parcel=parcel, state=RemapItemState.MOVED, outcome="main/dhl-germany → main/ups", done_at=now
        )
    return remap


def make_staff_action(**facts: Any) -> StaffAction:
    """Somebody had an order read again."""
    order = facts["order"] if "order" in facts else facts.setdefault("order", make_order())
    defaults = {
        "kind": StaffActionKind.SYNC,
        "actor_name": "anna",
        "summary": f"Read again from commercetools: {order}",
        "correlation_id": order.correlation_id if order else new_correlation_id(),
    }
    return StaffAction.objects.create(**defaults | facts)


def make_contact(order: Order | None = None, **facts: Any) -> Contact:
    """A ticket of yesterday about an order that was late then."""
    order = order or make_order()
    defaults = {
        "source": "zendesk",
        "ticket": f"T-{next(_numbers)}",
        "project": order.project,
        "cause": ContactCause.LATE,
        "status": ParcelStatus.IN_TRANSIT,
        "opened_at": timezone.now() - timedelta(days=1),
    }
    return Contact.objects.create(order=order, **defaults | facts)


def make_blocked_address(**facts: Any) -> BlockedAddress:
    """An address whose mail came back."""
    return BlockedAddress.objects.create(
        **{"address_hash": hashlib.sha256(str(next(_numbers)).encode()).hexdigest(), "reason": BlockReason.BOUNCED}
        | facts
    )


def make_erasure(**facts: Any) -> Erasure:
    """A person who was erased."""
    defaults = {
        "person": hashlib.sha256(str(next(_numbers)).encode()).hexdigest(),
        "reason": "Asked for by mail.",
        "actor_name": "admin",
        "counts": {"orders": 2},
        "correlation_id": new_correlation_id(),
        "finished_at": timezone.now(),
    }
    return Erasure.objects.create(**defaults | facts)
