"""AfterShip's webhooks and trackings → one snapshot, in our words.

    raw bytes ─ webhook_event_id → the receipt's id
    body ─ loads, parse_webhook → WebhookEvent with a TrackingSnapshot; a polled tracking: parse_tracking
    tag + subtag + checkpoints ─ status_of → ParcelStatus ─ actor_of → who can act

Tables first. What a code means: D:2026-07/enum/delivery-sub-statuses, in reference section 7.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from tracking.enums import Actor, ParcelStatus
from tracking.payloads.errors import PayloadError
from tracking.payloads.event_ids import event_id_or_digest
from tracking.payloads.json_text import loads
from tracking.payloads.reading import Node
from tracking.payloads.times import as_utc, parse_date, parse_times, parse_utc

KNOWN_EVENTS = frozenset({"tracking_update", "edd_revise", "tracking_pending_time"})

# A tag alone, and every subtag of it that the next table does not name: new ones arrive with each API version.
TAG_STATUS: dict[str, ParcelStatus] = {
    "Pending": ParcelStatus.PENDING,
    "InfoReceived": ParcelStatus.INFO_RECEIVED,
    "InTransit": ParcelStatus.IN_TRANSIT,
    "OutForDelivery": ParcelStatus.OUT_FOR_DELIVERY,
    "AttemptFail": ParcelStatus.ATTEMPT_FAILED,
    "AvailableForPickup": ParcelStatus.AVAILABLE_FOR_PICKUP,
    "Delivered": ParcelStatus.DELIVERED,
    "Exception": ParcelStatus.EXCEPTION,
    "Expired": ParcelStatus.EXPIRED,
}

# Subtags that say something else than their tag.
SUBTAG_STATUS: dict[str, ParcelStatus] = {
    "OutForDelivery_002": ParcelStatus.AVAILABLE_FOR_PICKUP,  # retired, today AvailableForPickup_001
    "Exception_004": ParcelStatus.DELAYED,  # customs
    "Exception_005": ParcelStatus.DELAYED,  # outside cause
    "Exception_010": ParcelStatus.RETURNING,
    "Exception_011": ParcelStatus.RETURNED,
    "Exception_013": ParcelStatus.LOST,
    "Exception_016": ParcelStatus.DELAYED,  # the carrier's own processing; this and the next since 2026-07
    "Exception_017": ParcelStatus.DELAYED,  # extreme weather
    "Exception_019": ParcelStatus.DELAYED,  # late flight
    "Exception_020": ParcelStatus.CANCELLED,
    "Exception_021": ParcelStatus.DISPOSED,
}

# What AfterShip documents, and how high the numbering of each tag goes (two are only implied by it).
HIGHEST_SUBTAG: dict[str, int] = {
    "Pending": 6,
    "InfoReceived": 1,
    "InTransit": 13,
    "OutForDelivery": 4,
    "AttemptFail": 3,
    "AvailableForPickup": 1,
    "Delivered": 5,
    "Exception": 21,
    "Expired": 1,
}
KNOWN_SUBTAGS = frozenset(f"{tag}_{n:03d}" for tag, highest in HIGHEST_SUBTAG.items() for n in range(1, highest + 1))

# Who can act on a problem: by subtag, else by status. A status that is in neither table is no problem.
STATUS_ACTOR: dict[ParcelStatus, Actor] = {
    ParcelStatus.ATTEMPT_FAILED: Actor.CARRIER,
    ParcelStatus.DELAYED: Actor.CARRIER,
    ParcelStatus.EXCEPTION: Actor.CARRIER,
    ParcelStatus.RETURNING: Actor.MERCHANT,
    ParcelStatus.RETURNED: Actor.MERCHANT,
    ParcelStatus.LOST: Actor.CARRIER,
    ParcelStatus.DISPOSED: Actor.CARRIER,
    ParcelStatus.CANCELLED: Actor.MERCHANT,
    ParcelStatus.EXPIRED: Actor.MERCHANT,  # number and carrier have to be checked
}
SUBTAG_ACTOR: dict[str, Actor] = {
    "AttemptFail_002": Actor.SHOPPER,  # nobody there
    "AttemptFail_003": Actor.SHOPPER,  # business closed
    "Exception_002": Actor.SHOPPER,  # moved
    "Exception_003": Actor.MERCHANT,  # refused by the recipient
    "Exception_004": Actor.CUSTOMS,
    "Exception_005": Actor.WEATHER,
    "Exception_006": Actor.SHOPPER,  # held for payment
    "Exception_007": Actor.SHOPPER,  # wrong address
    "Exception_008": Actor.SHOPPER,  # not collected in time
    "Exception_009": Actor.MERCHANT,  # rejected by the carrier
    "Exception_012": Actor.MERCHANT,  # damaged: claim and replacement
    "Exception_017": Actor.WEATHER,
    "Exception_018": Actor.MERCHANT,  # documents
}

# Some carriers scan "in transit" and "delivered" on the way back to the sender, too. Between the two stands one of
# these if the parcel was sent out once more (reference section 7; return_to_sender is no help, it never goes off).
WAY_BACK_STARTS = "Exception_010"
FORWARD_TAGS = frozenset({"OutForDelivery", "AvailableForPickup", "AttemptFail"})
FORWARD_SUBTAGS = frozenset({"InTransit_008", "InTransit_009"})  # problem solved, redirected to another address
ON_THE_WAY_BACK: dict[ParcelStatus, ParcelStatus] = {
    ParcelStatus.IN_TRANSIT: ParcelStatus.RETURNING,
    ParcelStatus.DELIVERED: ParcelStatus.RETURNED,
}

# Which of two scans of the same second is the later one: carriers that give days only have many of those.
TAG_ORDER = (
    "Pending",
    "InfoReceived",
    "InTransit",
    "OutForDelivery",
    "AttemptFail",
    "Exception",
    "AvailableForPickup",
    "Delivered",
    "Expired",
)

# (object, name of the day in it), best first: reference section 6, group Promise. A range counts to its end.
ETA_SOURCES = (
    ("latest_estimated_delivery", "datetime"),
    ("courier_estimated_delivery_date", "estimated_delivery_date"),
    ("aftership_estimated_delivery_date", "estimated_delivery_date"),
    ("custom_estimated_delivery_date", "datetime"),
)

HASH = re.compile(r"[\x21-\x7e]{1,64}")  # AfterShip's are 40 hex digits, since API 2026-07
WEB_ADDRESS = re.compile(r"https?://[^\s\x00-\x20\"<>]+", re.IGNORECASE)
URL_LIMIT = 2_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class CheckpointSnapshot:
    """One scan. ``happened_at`` only if an offset was given, ``local_time`` the parts as written; no time: neither."""

    fingerprint: str
    time_text: str = ""
    happened_at: datetime | None = None
    local_time: datetime | None = None
    created_at: datetime | None = None
    tag: str = ""
    subtag: str = ""
    subtag_message: str = ""
    message: str = ""
    location: str = ""
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    courier: str = ""
    raw_tag: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class TrackingSnapshot:
    """A tracking as AfterShip told it at ``updated_at``. ``checkpoints`` are oldest first, each once."""

    aftership_id: str
    tracking_number: str = ""
    courier: str = ""
    tag: str
    subtag: str = ""
    subtag_message: str = ""
    status: ParcelStatus
    updated_at: datetime
    created_at: datetime | None = None
    active: bool | None = None
    return_to_sender: bool = False
    eta: date | None = None
    delivered_at_text: str = ""
    tracking_url: str = ""
    courier_url: str = ""
    pickup_location: str = ""
    pickup_note: str = ""
    order_id: str = ""
    order_number: str = ""
    is_return: bool = False
    checkpoints: tuple[CheckpointSnapshot, ...] = ()


@dataclass(frozen=True, kw_only=True)
class WebhookEvent:
    """``event`` is one of KNOWN_EVENTS or a stranger; ``sent_at`` is the sender's clock, never what orders updates."""

    event_id: str
    event: str
    is_first_tag: bool = False
    sent_at: datetime | None = None
    snapshot: TrackingSnapshot


def webhook_event_id(raw: bytes) -> str:
    """The id under which a repeat of this webhook is recognised: its ``event_id``, else a digest. Never raises."""
    try:
        document = loads(raw)
    except PayloadError:
        document = None
    return event_id_or_digest(document.get("event_id") if isinstance(document, dict) else None, raw)


def event_name(document: object) -> str:
    """Which event a webhook is about, before anything else of it is read. Raises PayloadError where there is none."""
    return Node(document).required_text("event", 100)


def parse_webhook(document: object) -> WebhookEvent:
    """A webhook's envelope and the tracking in it. Raises PayloadError with the path."""
    node = Node(document)
    return WebhookEvent(
        event_id=node.text("event_id", 128),
        event=event_name(document),
        is_first_tag=bool(node.boolean("is_tracking_first_tag")),
        sent_at=unix_time(node, "ts"),
        snapshot=parse_tracking(node.value.get("msg"), "msg"),
    )


def unix_time(node: Node, name: str) -> datetime | None:
    """Whole seconds → UTC; None when absent or not a time of ours: the news in the webhook is true all the same."""
    seconds = node.integer(name)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def parse_tracking(document: object, path: str = "msg") -> TrackingSnapshot:
    """A tracking object. Raises PayloadError on a wrong type and where ``id``, ``tag`` or ``updated_at`` is missing."""
    node = Node(document, path)
    tag, subtag = node.required_text("tag", 64), node.text("subtag", 64)
    checkpoints = parse_checkpoints(node)
    return TrackingSnapshot(
        aftership_id=node.identifier("id", 128),
        tracking_number=node.text("tracking_number", 100),
        courier=node.text("slug", 64),
        tag=tag,
        subtag=subtag,
        subtag_message=node.text("subtag_message", 500),
        status=status_of(tag, subtag, checkpoints),
        updated_at=node.instant("updated_at") or missing(node, "updated_at"),
        created_at=parse_utc(node.text("created_at")),
        active=node.boolean("active"),
        return_to_sender=bool(node.boolean("return_to_sender")),
        eta=parse_eta(node),
        delivered_at_text=node.text("shipment_delivery_date", 64),
        tracking_url=web_address(node, "aftership_tracking_url") or web_address(node, "courier_tracking_link"),
        courier_url=web_address(node, "courier_tracking_link"),
        pickup_location=node.text("pickup_location", 500),
        pickup_note=node.text("pickup_note", 1000),
        order_id=node.text("order_id", 256),
        order_number=node.text("order_number", 256),
        is_return=node.text("shipment_direction") == "return",
        checkpoints=checkpoints,
    )


def missing(node: Node, name: str) -> datetime:
    raise PayloadError(node.at(name), "missing")


def web_address(node: Node, name: str) -> str:
    """Shown as a link, so nothing but http and https; a cut address leads nowhere, so none that is too long."""
    url = node.text(name, URL_LIMIT + 1)
    return url if len(url) <= URL_LIMIT and WEB_ADDRESS.fullmatch(url) else ""


def parse_eta(node: Node) -> date | None:
    """The recipient's calendar day of the best promise there is."""
    found = [
        parse_date(node.child(source).text(name, 64))
        for source, day in ETA_SOURCES
        for name in (day, f"{day}_max", f"{day}_min")
    ]
    return next((eta for eta in found if eta), None)


def parse_checkpoints(node: Node) -> tuple[CheckpointSnapshot, ...]:
    """Oldest first, the same for any order of arrival. AfterShip promises no order, and repeats have been seen."""
    ordered = sorted((parse_checkpoint(child) for child in node.children("checkpoints")), key=sort_key)
    return tuple({checkpoint.fingerprint: checkpoint for checkpoint in reversed(ordered)}.values())[::-1]


def parse_checkpoint(node: Node) -> CheckpointSnapshot:
    """One checkpoint of a tracking. Its fingerprint is AfterShip's hash, else a digest of its facts."""
    time_text = node.text("checkpoint_time", 64)
    times = parse_times(time_text)
    country = node.text("country_region", 64)
    city, state = node.text("city", 200), node.text("state", 200)
    place = ", ".join(part for part in (city, state, node.text("country_region_name", 90) or country) if part)
    facts = {
        "time_text": time_text,
        "message": node.text("message"),
        "tag": node.text("tag", 64),
        "subtag": node.text("subtag", 64),
        "location": node.text("location", 500) or place,
        "city": city,
        "state": state,
        "postal_code": node.text("postal_code", 40),
        "country": country if len(country) <= 3 else "",
        "raw_tag": node.text("raw_tag", 200),
    }
    given = node.text("hash", 65)
    return CheckpointSnapshot(
        fingerprint=given if HASH.fullmatch(given) else digest(facts),
        happened_at=times.instant,
        local_time=times.local,
        created_at=parse_utc(node.text("created_at")),
        subtag_message=node.text("subtag_message", 500),
        courier=node.text("slug", 64),
        source=node.text("source", 20),
        **facts,
    )


def digest(facts: dict[str, str]) -> str:
    """What tells two scans apart. Not the courier: AfterShip corrects it afterwards, and the scan stays the same."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def sort_key(checkpoint: CheckpointSnapshot) -> tuple[datetime, datetime, int, str]:
    """For order only: a local time counts as UTC here and nowhere else; no time: when AfterShip learned of it."""
    happened = checkpoint.happened_at or as_utc(checkpoint.local_time) or checkpoint.created_at or BEGINNING
    rank = TAG_ORDER.index(checkpoint.tag) if checkpoint.tag in TAG_ORDER else -1
    return happened, checkpoint.created_at or BEGINNING, rank, checkpoint.fingerprint


def newest_checkpoint(checkpoints: Iterable[CheckpointSnapshot]) -> CheckpointSnapshot | None:
    """The latest by ``sort_key``; None where there is none, which is normal for a new tracking."""
    return max(checkpoints, key=sort_key, default=None)


def status_of(tag: str, subtag: str, checkpoints: Iterable[CheckpointSnapshot] = ()) -> ParcelStatus:
    """Our status for AfterShip's. ``checkpoints`` in any order; they tell a way back from a way out.

    An unknown subtag, or one of another tag, is read by its tag alone; an unknown tag is UNKNOWN, whatever the subtag.
    """
    tag = tag or subtag.partition("_")[0]
    by_tag = TAG_STATUS.get(tag, ParcelStatus.UNKNOWN)
    status = SUBTAG_STATUS.get(subtag, by_tag) if subtag.startswith(f"{tag}_") else by_tag
    if status in ON_THE_WAY_BACK and not is_forward(tag, subtag) and is_on_the_way_back(checkpoints):
        return ON_THE_WAY_BACK[status]
    return status


def is_on_the_way_back(checkpoints: Iterable[CheckpointSnapshot]) -> bool:
    scans, going_back = list(checkpoints), False
    if all(checkpoint.subtag != WAY_BACK_STARTS for checkpoint in scans):
        return False
    for checkpoint in sorted(scans, key=sort_key):
        if checkpoint.subtag == WAY_BACK_STARTS:
            going_back = True
        elif is_forward(checkpoint.tag, checkpoint.subtag):
            going_back = False
    return going_back


def is_forward(tag: str, subtag: str) -> bool:
    return (tag or subtag.partition("_")[0]) in FORWARD_TAGS or subtag in FORWARD_SUBTAGS


def actor_of(status: ParcelStatus, subtag: str = "") -> Actor | None:
    """Who can act on this problem; None where there is no problem to act on."""
    by_status = STATUS_ACTOR.get(status)
    return SUBTAG_ACTOR.get(subtag, by_status) if by_status else None
