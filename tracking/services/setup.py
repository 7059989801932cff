"""Make a commercetools project ready: scopes, our Types, the Subscription, its stores and channels; and take it back.

    set_up    scopes ─> Types ─> Subscription ─> stores and channels ─> writes that waited for a Type
    take_back Subscription ─> our fields in the merchant's Types ─> our Types

Safe to repeat: what is there is left as it is, what is missing is added. With ``is_plan`` every step says what it would
do, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stores.models import CustomType, Project
from tracking.clients.commercetools import CommercetoolsClient
from tracking.clients.errors import Conflict, NotFound, Refused
from tracking.models import Order, Parcel
from tracking.payloads import subscriptions, to_commercetools
from tracking.payloads.to_commercetools import ORDER_FIELDS, ORDER_TYPE_KEY, PARCEL_FIELDS, PARCEL_TYPE_KEY
from tracking.services import connections, registry, scopes
from tracking.services.write_back import remember_type, retry_after_setup

MOST_TRIES = 3
FIELDS_OF_RESOURCE = {"order-parcel": PARCEL_FIELDS, "order": ORDER_FIELDS}
OUR_TYPES = (PARCEL_TYPE_KEY, ORDER_TYPE_KEY)
NO_SUBSCRIPTION = {
    Project.Inbound.BEARER: "whatever posts the messages here has its own",
    Project.Inbound.CONNECT: "the Connect application makes its own when it is deployed",
    Project.Inbound.POLL: "nothing is sent, we ask",
}


class ScopesMissing(Exception):  # noqa: N818  a verdict on the API client
    """The project's API client may not do what setting up needs. Nothing was written."""


def set_up(
    project: Project, *, extend: tuple[str, ...] = (), access_key: str = "", is_plan: bool = False
) -> Iterator[str]:
    """Set the project up, our fields in the merchant's own Types named in ``extend`` included.

    ``access_key`` is what an Event Grid topic wants. Yields a line of words per step. Raises ScopesMissing,
    UpstreamError, NotFound for a Type of ``extend`` that is not there, and PayloadError where a Type has one of our
    names with another field type or an inbound option is missing.
    """
    client = connections.commercetools(project)
    yield check_scopes(project, client)
    for key in OUR_TYPES:
        yield ensure_type(project, client, key, is_plan=is_plan)
    for key in extend:
        yield extend_type(project, client, key, is_plan=is_plan)
    yield ensure_subscription(project, client, access_key, is_plan=is_plan)
    if is_plan:
        yield "stores and channels: would be read"
        return
    yield from registry.in_words(registry.import_registry(project.pk))
    if waiting := retry_after_setup(project):
        yield f"{waiting} orders waited for a Type and are written now"


def check_scopes(project: Project, client: CommercetoolsClient) -> str:
    """With a new token, so that the secret is tried as well."""
    missing = scopes.lacking(project, client.check_credentials().scopes)
    if missing:
        raise ScopesMissing(
            f"The API client lacks {scopes.in_words(missing)}. Scopes of a client cannot be changed: make a new one."
        )
    return "Scopes: all there"


# ── Types ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ensure_type(project: Project, client: CommercetoolsClient, key: str, *, is_plan: bool = False) -> str:
    """Our Type of this key, made or extended; says what was done."""
    try:
        client.get_type_by_key(key)
    except NotFound:
        if is_plan:
            return f"Type {key}: would be made"
        try:
            remember_type(project, client.create_type(to_commercetools.type_draft(key)))
        except Refused as error:
            if error.code != "DuplicateField":  # somebody else made it in this moment: then it is only extended
                raise
        else:
            return f"Type {key}: made"
    return extend_type(project, client, key, is_plan=is_plan)


def extend_type(project: Project, client: CommercetoolsClient, key: str, *, is_plan: bool = False) -> str:
    """Add what the Type lacks of our fields for the resources that it is for; says what was added."""
    for _ in range(MOST_TRIES):
        document = client.get_type_by_key(key)
        actions = lacking(document)
        added = ", ".join(action["fieldDefinition"]["name"] for action in actions)
        if is_plan:
            return f"Type {key}: {f'would get {added}' if added else 'has all our fields'}"
        if actions:
            try:
                document = client.update_type(document["id"], document["version"], actions)
            except Conflict:
                continue
        remember_type(project, document)
        return f"Type {key}: {f'added {added}' if added else 'has all our fields'}"
    raise Conflict("commercetools", "ConcurrentModification", f"Type {key} kept being changed by somebody else.")


def lacking(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The actions that add our missing fields, each once, for every resource of the Type that we write to."""
    return to_commercetools.missing_field_actions(document, wanted_fields(document))


def wanted_fields(document: dict[str, Any]) -> dict[str, str]:
    """Our fields for the resources that the Type is for, with their field types."""
    resources = [one for one in document["resourceTypeIds"] if one in FIELDS_OF_RESOURCE]
    return {name: kind for one in resources for name, kind in FIELDS_OF_RESOURCE[one].items()}


# ── the Subscription ─────────────────────────────────────────────────────────────────────────────────────────────────


def ensure_subscription(project: Project, client: CommercetoolsClient, access_key: str, *, is_plan: bool) -> str:
    """Our Subscription, made or brought in line; one whose delivery was stopped is revived. Says what was done."""
    kind, options = project.inbound_type, project.inbound_options
    if kind not in subscriptions.DESTINATIONS:
        return f"Subscription: none is made, {NO_SUBSCRIPTION[Project.Inbound(kind)]}"
    wanted = subscriptions.destination(kind, options)
    document = our_subscription(client)
    if document is None:
        if not is_plan:
            made = client.create_subscription(subscriptions.draft(kind, options, access_key))
            return f"Subscription {subscriptions.KEY}: made, to {named(made['destination'])}"
        return f"Subscription {subscriptions.KEY}: would be made, to {named(wanted)}"
    actions: list[dict[str, Any]] = []
    changes: list[str] = []
    if subscriptions.has_other_messages(document):
        actions.append({"action": "setMessages", "messages": subscriptions.messages()})
        changes.append("its list of messages")
    is_stopped = document.get("status") == "ConfigurationErrorDeliveryStopped"
    if is_stopped or subscriptions.has_other_destination(document, wanted):
        full = wanted if is_plan else subscriptions.with_secret(kind, wanted, access_key)
        actions.append({"action": "changeDestination", "destination": full})
        changes.append("its destination, which revives it" if is_stopped else f"its destination, to {named(wanted)}")
    if not actions:
        return f"Subscription {subscriptions.KEY}: is as it should be ({document.get('status', 'no status')})"
    if is_plan:
        return f"Subscription {subscriptions.KEY}: would change {' and '.join(changes)}"
    client.update_subscription(document["id"], document["version"], actions)
    return f"Subscription {subscriptions.KEY}: changed {' and '.join(changes)}"


def our_subscription(client: CommercetoolsClient) -> dict[str, Any] | None:
    return next((one for one in client.list_subscriptions() if one.get("key") == subscriptions.KEY), None)


def named(destination: dict[str, Any]) -> str:
    """The destination without its secrets: ``SNS arn:aws:sns:…``. EventBridge's source is needed to bind the bus."""
    told = ("projectId", "topic", "topicArn", "queueUrl", "accountId", "region", "source")
    address = destination.get("uri", "").partition("?")[0]
    return " ".join(filter(None, [destination["type"], address, *(str(destination.get(name, "")) for name in told)]))


# ── taking it back ───────────────────────────────────────────────────────────────────────────────────────────────────


def take_back(project: Project, *, is_plan: bool = False) -> Iterator[str]:
    """Remove our Subscription, and our fields and Types where nothing uses them. Yields a line of words per step.

    Orders, parcels and whatever the merchant made stay as they are. Raises UpstreamError.
    """
    client = connections.commercetools(project)
    yield remove_subscription(client, is_plan=is_plan)
    extended = CustomType.objects.filter(project=project).exclude(key__in=OUR_TYPES)
    for row in extended.order_by("key"):
        if line := remove_fields(project, client, row, is_plan=is_plan):
            yield line
    for key in OUR_TYPES:
        yield remove_type(project, client, key, is_plan=is_plan)


def remove_subscription(client: CommercetoolsClient, *, is_plan: bool) -> str:
    document = our_subscription(client)
    if document is None:
        return f"Subscription {subscriptions.KEY}: is not there"
    if is_plan:
        return f"Subscription {subscriptions.KEY}: would be removed"
    client.delete_subscription(document["id"], document["version"])
    return f"Subscription {subscriptions.KEY}: removed"


def remove_fields(project: Project, client: CommercetoolsClient, row: CustomType, *, is_plan: bool) -> str:
    """Take our fields out of a merchant's Type, unless an order or parcel carries one; "" where it has none."""
    try:
        document = client.get_type(row.commercetools_id)
    except NotFound:
        return f"Type {row.key}: is not there"
    names = [one["name"] for one in document["fieldDefinitions"] if one["name"] in wanted_fields(document)]
    if not names:
        return ""
    if users := users_of(project, row.commercetools_id):
        return f"Type {row.key}: left as it is, our fields are on {users}"
    if is_plan:
        return f"Type {row.key}: would lose {', '.join(names)}"
    actions = [{"action": "removeFieldDefinition", "fieldName": name} for name in names]
    remember_type(project, client.update_type(document["id"], document["version"], actions))
    return f"Type {row.key}: removed {', '.join(names)}"


def remove_type(project: Project, client: CommercetoolsClient, key: str, *, is_plan: bool) -> str:
    """Delete our Type; commercetools refuses that while anything carries it, and that is said."""
    try:
        document = client.get_type_by_key(key)
    except NotFound:
        return f"Type {key}: is not there"
    if users := users_of(project, document["id"]):
        return f"Type {key}: left as it is, it is on {users}"
    if is_plan:
        return f"Type {key}: would be removed, if nothing carries it"
    try:
        client.delete_type(document["id"], document["version"])
    except Refused as error:
        return f"Type {key}: left as it is, {error.message}"
    CustomType.objects.filter(project=project, commercetools_id=document["id"]).delete()
    return f"Type {key}: removed"


def users_of(project: Project, type_id: str) -> str:
    """How many orders and parcels that we know carry this Type with our fields: ``2 orders and 1 parcel``, "" for none.

    Nobody but us writes these fields, so our own rows know.
    """
    orders = Order.objects.filter(project=project, type_id=type_id, deleted_at=None)
    parcels = Parcel.objects.filter(order__project=project, type_id=type_id, removed_at=None)
    counts = ((rows.exclude(carried={}).count(), what) for rows, what in ((orders, "order"), (parcels, "parcel")))
    return " and ".join(f"{number:,} {what}{'' if number == 1 else 's'}" for number, what in counts if number)
