"""commercetools Subscriptions: where a project's messages go, and whether they get there.

A destination is checked and kept, but nothing is sent to AWS, Google or Azure: the project's push address stands for
whatever broker is behind it. Secrets come back partly masked, whatever they are written as.
"""

from __future__ import annotations

import uuid
from typing import Any

from tracking.sandbox import commercetools_errors as errors
from tracking.sandbox.clock import millis
from tracking.sandbox.commercetools_errors import CommercetoolsError
from tracking.sandbox.wire import copy, words

MOST = 50  # per project
REQUIRED: dict[str, list[str]] = {
    "SQS": words("queueUrl region"),
    "SNS": words("topicArn"),
    "EventBridge": words("accountId region"),
    "GoogleCloudPubSub": words("projectId topic"),
    "AzureServiceBus": words("connectionString"),
    "EventGrid": words("uri accessKey"),
    "ConfluentCloud": words("bootstrapServer apiKey apiSecret acks topic"),
}
SECRETS = frozenset(words("accessKey accessSecret connectionString apiKey apiSecret"))
STATUSES = frozenset(
    words("Healthy TemporaryError ConfigurationError ConfigurationErrorDeliveryStopped ManuallySuspended")
)
HEALTHY = "Healthy"


class SubscriptionStore:
    """The Subscriptions of one project, by id. Documents are replaced, never changed in place."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Any]] = {}

    def find(self, identity: dict[str, str]) -> dict[str, Any]:
        """The Subscription with this ``id`` or ``key``. Raises ResourceNotFound."""
        for document in self.by_id.values():
            if all(document.get(name) == value for name, value in identity.items()):
                return document
        raise errors.not_found(" ".join(f"{name} '{value}'" for name, value in identity.items()))

    def create(self, draft: Any) -> dict[str, Any]:
        """A new Subscription of a SubscriptionDraft, version 1, healthy."""
        if not isinstance(draft, dict) or not (draft.get("messages") or draft.get("changes") or draft.get("events")):
            raise errors.invalid_json("SubscriptionDraft: at least one of messages, changes, events is required")
        if draft.get("key") and any(known.get("key") == draft["key"] for known in self.by_id.values()):
            raise errors.duplicate_field("key", draft["key"])
        if len(self.by_id) >= MOST:
            raise CommercetoolsError(400, "MaxResourceLimitExceeded", f"At most {MOST} subscriptions are allowed.")
        now = millis()
        document = {"id": str(uuid.uuid4()), "version": 1, "createdAt": now, "lastModifiedAt": now}
        document |= {"messages": [], "changes": [], "events": [], "format": {"type": "Platform"}}
        document |= copy(draft) | {"destination": _kept(draft.get("destination")), "status": HEALTHY}
        _check_format(document)
        self.by_id[document["id"]] = document
        return document

    def update(self, document: dict[str, Any], actions: list[dict[str, Any]]) -> dict[str, Any]:
        """The Subscription after all ``actions``; a new destination revives one that was stopped."""
        changed = copy(document)
        for action in actions:
            match action.get("action"):
                case "setMessages":
                    changed["messages"] = copy(action.get("messages") or [])
                case "setChanges":
                    changed["changes"] = copy(action.get("changes") or [])
                case "setKey":
                    changed["key"] = action.get("key")
                case "changeDestination":
                    changed |= {"destination": _kept(action.get("destination")), "status": HEALTHY}
                    _check_format(changed)
                case unknown:
                    raise errors.invalid_input(f"Invalid action '{unknown}' for a Subscription.")
        changed |= {"version": document["version"] + len(actions), "lastModifiedAt": millis()}
        self.by_id[changed["id"]] = changed
        return changed

    def set_status(self, key: str, status: str) -> dict[str, Any]:
        """What a broken destination would lead to. Raises ValueError for a status that there is not."""
        if status not in STATUSES:
            raise ValueError(f"a subscription has no status {status!r}")
        document = {**self.find({"key": key}), "status": status}
        self.by_id[document["id"]] = document
        return document


def health(document: dict[str, Any]) -> int:
    """HTTP status of the health probe: 200, 503 for what may pass, 400 for what will not. No body is documented."""
    return {HEALTHY: 200, "TemporaryError": 503}.get(document["status"], 400)


def test_notification(project_key: str, document: dict[str, Any]) -> dict[str, Any]:
    """What is sent first, so that a destination that cannot be reached is found out."""
    resource = {"typeId": "subscription", "id": document["id"]}
    kind = {"notificationType": "ResourceCreated", "projectKey": project_key, "resource": resource}
    return {**kind, "version": 1, "modifiedAt": document["createdAt"]}


def _kept(destination: Any) -> dict[str, Any]:
    kind = destination.get("type") if isinstance(destination, dict) else None
    if kind not in REQUIRED:
        raise errors.invalid_json(f"destination: {kind!r} is no type of destination")
    for name in REQUIRED[kind]:
        if not destination.get(name):
            raise errors.invalid_json(f"destination.{name}: Missing required value")
    kept = {name: _masked(value) if name in SECRETS else value for name, value in destination.items()}
    if kind == "EventBridge":
        kept["source"] = f"aws.partner/commercetools.com/{uuid.uuid4()}"
    return kept


def _masked(secret: str) -> str:
    return f"{secret[:2]}****{secret[-2:]}" if len(secret) > 6 else "****"


def _check_format(document: dict[str, Any]) -> None:
    if document["destination"]["type"] == "EventGrid" and document["format"].get("type") != "CloudEvents":
        raise errors.invalid_operation("EventGrid takes the CloudEvents format only.")
