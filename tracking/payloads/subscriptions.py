"""The Subscription that makes commercetools speak to us: its draft, and what an existing one differs in.

Facts: https://docs.commercetools.com/api/projects/subscriptions. commercetools returns secrets masked, so they are
neither compared nor written back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import CHANGES, CUSTOM_TYPES, RELEVANT_TYPES

KEY = "trackbridge-orders"
HEALTHY = "Healthy"
ESSENTIAL = frozenset({"ParcelAddedToDelivery", "ParcelTrackingDataUpdated"})  # without these no parcel is heard of

# Way in → the destination's type, and its fields: commercetools' name → the inbound option that holds it.
DESTINATIONS: dict[str, tuple[str, dict[str, str]]] = {
    "pubsub": ("GoogleCloudPubSub", {"projectId": "project_id", "topic": "topic"}),
    "sns": ("SNS", {"topicArn": "topic_arn"}),
    "sqs": ("SQS", {"queueUrl": "queue_url", "region": "region"}),
    "eventbridge": ("EventBridge", {"accountId": "account_id", "region": "region"}),
    "eventgrid": ("EventGrid", {"uri": "uri"}),
}
IAM = {"authenticationMode": "IAM"}  # commercetools writes as itself: no key of the merchant's is handed over
EXTRAS: dict[str, dict[str, str]] = {"sns": IAM, "sqs": IAM}
WITH_ACCESS_KEY = frozenset({"eventgrid"})
CLOUD_EVENTS = {"type": "CloudEvents", "cloudEventsVersion": "1.0"}
PLATFORM = {"type": "Platform"}


def message_types() -> list[str]:
    """Every message after which an order may be read; changes are another list of a Subscription."""
    return sorted((RELEVANT_TYPES | CUSTOM_TYPES.keys()) - CHANGES - {""})


def messages() -> list[dict[str, Any]]:
    return [{"resourceTypeId": "order", "types": message_types()}]


def destination(inbound_type: str, options: Mapping[str, Any]) -> dict[str, str]:
    """Where messages go, without secrets. Raises PayloadError naming the inbound option that is missing."""
    kind, fields = DESTINATIONS[inbound_type]
    for option in fields.values():
        if not options.get(option):
            raise PayloadError(f"inbound.{option}", f"is missing: without it no {kind} destination can be named")
    return {"type": kind, **EXTRAS.get(inbound_type, {})} | {
        name: str(options[option]) for name, option in fields.items()
    }


def draft(inbound_type: str, options: Mapping[str, Any], access_key: str) -> dict[str, Any]:
    """The body of ``POST /subscriptions``. Raises PayloadError as ``destination`` does."""
    return {
        "key": KEY,
        "destination": with_secret(inbound_type, destination(inbound_type, options), access_key),
        "messages": messages(),
        "format": CLOUD_EVENTS if inbound_type == "eventgrid" else PLATFORM,
    }


def with_secret(inbound_type: str, destination: dict[str, str], access_key: str) -> dict[str, str]:
    """The destination as it is written. Raises PayloadError where it needs an access key and none is given."""
    if inbound_type not in WITH_ACCESS_KEY:
        return destination
    if not access_key:
        raise PayloadError("--access-key-env", "is missing: Event Grid wants the access key of its topic")
    return destination | {"accessKey": access_key}


def has_other_destination(document: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether what commercetools shows of the destination differs from ``wanted`` (which has no secrets)."""
    shown = document.get("destination") or {}
    return any(shown.get(name) != value for name, value in wanted.items() if name not in IAM)


def has_other_messages(document: Mapping[str, Any]) -> bool:
    """Whether it lacks any message that we need, or sends some that we do not."""
    return sorted(types_of(document) or []) != message_types()


def types_of(document: Mapping[str, Any]) -> set[str] | None:
    """Message types about orders that a Subscription sends; None: all of them."""
    listed = [one for one in document.get("messages") or [] if one.get("resourceTypeId") == "order"]
    if any(not one.get("types") for one in listed):
        return None
    return {kind for one in listed for kind in one["types"]}


def tells_of_parcels(document: Mapping[str, Any]) -> bool:
    """Whether parcels and their numbers are heard of by it: by messages, or by changes of orders."""
    types = types_of(document)
    changes = [one.get("resourceTypeId") for one in document.get("changes") or []]
    return types is None or types >= ESSENTIAL or "order" in changes
