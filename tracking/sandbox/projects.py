"""The projects of the sandbox's commercetools: what they hold, how an order changes, which Messages that emits.

A project keeps its orders as documents that are replaced, never changed in place. A write holds the project's lock
from the version check to the emitted Messages, which are queued to the project's push address.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from tracking.sandbox import commercetools_errors as errors
from tracking.sandbox import orders
from tracking.sandbox.clock import millis
from tracking.sandbox.dials import Dials
from tracking.sandbox.order_actions import Edit, apply_actions
from tracking.sandbox.subscriptions import SubscriptionStore
from tracking.sandbox.types_ import TypeStore
from tracking.sandbox.webhooks import Sender, message_retry
from tracking.sandbox.wire import copy, dump

MAX_ACTIONS = 500
MESSAGE_BYTES = 256 * 1024


@dataclass
class Project:
    """One project and all it holds."""

    key: str
    client_id: str = ""
    client_secret: str = ""
    scope: str = ""
    push: dict[str, Any] | None = None
    token_seconds: float = 172_800
    languages: list[str] = field(default_factory=lambda: ["en", "de"])
    messages_enabled: bool = True
    version: int = 1
    types: TypeStore = field(default_factory=TypeStore)
    subscriptions: SubscriptionStore = field(default_factory=SubscriptionStore)
    stores: dict[str, dict[str, Any]] = field(default_factory=dict)
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    order_numbers: dict[str, str] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    sequence_numbers: dict[str, int] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def document(self) -> dict[str, Any]:
        """The project as GET /{projectKey} shows it."""
        messages = {"enabled": self.messages_enabled, "deleteDaysAfterCreation": 15}
        named = {"key": self.key, "name": self.key, "version": self.version, "languages": self.languages}
        return {**named, "countries": ["DE", "AT", "GB"], "currencies": ["EUR", "GBP"], "messages": messages}

    def order(self, identity: dict[str, str], store: str | None = None) -> dict[str, Any]:
        """An order by ``order_id`` or ``number``, in a Store if one is given. Raises ResourceNotFound."""
        order = self.orders.get(identity.get("order_id") or self.order_numbers.get(identity.get("number", ""), ""))
        if order is None or (store is not None and order.get("store", {}).get("key") != store):
            raise errors.not_found(" ".join(f"{name} '{value}'" for name, value in identity.items()))
        return order

    def keep(self, order: dict[str, Any]) -> None:
        """Store a new state of an order."""
        self.orders[order["id"]] = order
        if order.get("orderNumber"):
            self.order_numbers[order["orderNumber"]] = order["id"]

    def forget(self, order: dict[str, Any]) -> None:
        """Remove an order."""
        del self.orders[order["id"]]
        self.order_numbers.pop(order.get("orderNumber", ""), None)


class Projects:
    """All projects by key, and every way their orders change."""

    def __init__(self, sender: Sender, dials: Dials) -> None:
        self._sender, self._dials = sender, dials
        self.by_key: dict[str, Project] = {}

    def configure(self, settings: dict[str, Any]) -> Project:
        """Create a project, or change what ``settings`` names; stores and channels are added or merged by key."""
        project = self.by_key.setdefault(settings["key"], Project(settings["key"]))
        for name in ("client_id", "client_secret", "scope", "push", "token_seconds", "languages"):
            if name in settings:
                setattr(project, name, settings[name])
        project.scope = project.scope or f"manage_project:{project.key}"
        for store in settings.get("stores") or []:
            defaults = {"name": {"en": store["key"]}, "languages": [], "countries": [], "productSelections": []}
            _register(project.stores, store, defaults | {"distributionChannels": [], "supplyChannels": []})
        for channel in settings.get("channels") or []:
            _register(project.channels, channel, {"roles": ["InventorySupply"], "name": {"en": channel["key"]}})
        return project

    def project(self, key: str) -> Project:
        """A project by key. Raises KeyError."""
        return self.by_key[key]

    def create_order(self, project: Project, partial: dict[str, Any]) -> dict[str, Any]:
        """The short way to an order; emits OrderCreated and what its deliveries and parcels would have emitted."""
        return self.add_order(project, partial, "OrderCreated", "sandbox")

    def foreign_update(self, project: Project, order_id: str, actions: list[Any]) -> dict[str, Any]:
        """A rival writer: no version needed."""
        return self.change_order(project, {"identity": {"order_id": order_id}}, None, actions, "rival")[1]

    def delete_order(self, project: Project, order_id: str) -> dict[str, Any]:
        """Remove an order; emits OrderDeleted. Raises ResourceNotFound."""
        with project.lock:
            order = project.order({"order_id": order_id})
            project.forget(order)
            self._emit(project, order, [("OrderDeleted", {"order": order})])
        return order

    def add_order(self, project: Project, partial: dict[str, Any], message_type: str, client_id: str) -> dict[str, Any]:
        """Keep a new order and emit ``message_type``; OrderCreated is followed by its deliveries' and parcels'."""
        order = orders.complete_order(project.types, partial)
        order["lastModifiedBy"] = order["createdBy"] = {"clientId": client_id, "isPlatformClient": False}
        messages: list[tuple[str, dict[str, Any]]] = [(message_type, {"order": order})]
        if message_type == "OrderCreated":
            for shipping_key, _, delivery in orders.deliveries(order):
                where = {"shippingKey": shipping_key} if shipping_key else {}
                messages += [("DeliveryAdded", {"delivery": {**delivery, "parcels": []}, **where})]
                for parcel in delivery["parcels"]:
                    messages += [("ParcelAddedToDelivery", {"delivery": delivery, "parcel": parcel, **where})]
        with project.lock:
            if order["id"] in project.orders:
                raise errors.duplicate_field("id", order["id"])
            if order.get("orderNumber") in project.order_numbers:
                raise errors.duplicate_field("orderNumber", order["orderNumber"])
            project.keep(order)
            self._emit(project, order, messages)
        return order

    def change_order(
        self, project: Project, which: dict[str, Any], version: int | None, actions: list[Any], client_id: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The order before and after; the very same object when nothing changed. ``version`` None skips the check.

        ``which`` are the arguments of Project.order. Raises CommercetoolsError, and then nothing is changed.
        """
        if len(actions) > MAX_ACTIONS:
            raise errors.invalid_input(f"At most {MAX_ACTIONS} update actions are allowed.")
        with project.lock:
            before = project.order(**which)
            if version is not None and version != before["version"]:
                raise errors.concurrent_modification(before["id"], version, before["version"])
            after, now = copy(before), millis()
            stores = frozenset(project.stores)
            edit = Edit(after, project.types, now, stores, project.order_numbers.__contains__)
            changed = apply_actions(edit, actions)
            if not changed:
                return before, before
            after |= {"version": before["version"] + changed, "lastModifiedAt": now}
            after["lastModifiedBy"] = {"clientId": client_id, "isPlatformClient": False}
            project.keep(after)
            self._emit(project, after, edit.messages)
        return before, after

    def rival_write(self, project: Project, order: dict[str, Any]) -> None:
        """Somebody else's write that touches nothing of ours: the version grows."""
        with project.lock:
            current = project.orders[order["id"]]
            project.keep({**current, "version": current["version"] + 1, "lastModifiedAt": millis()})

    def _emit(self, project: Project, order: dict[str, Any], messages: list[tuple[str, dict[str, Any]]]) -> None:
        numbers = {"orderNumber": order["orderNumber"]} if order.get("orderNumber") else {}
        for message_type, fields in messages:
            sequence_number = project.sequence_numbers.get(order["id"], 0) + 1
            project.sequence_numbers[order["id"]] = sequence_number
            now = order["lastModifiedAt"] if message_type != "OrderDeleted" else millis()
            message = {"notificationType": "Message", "projectKey": project.key, "id": str(uuid.uuid4()), "version": 1}
            message |= {"sequenceNumber": sequence_number, "resource": {"typeId": "order", "id": order["id"]}}
            message |= {"resourceVersion": order["version"], "resourceUserProvidedIdentifiers": numbers}
            message |= {"type": message_type, "createdAt": now, "lastModifiedAt": now}
            message |= {"createdBy": order["lastModifiedBy"], "lastModifiedBy": order["lastModifiedBy"], **fields}
            project.messages.append(message)
            self._push(project, message)

    def _push(self, project: Project, message: dict[str, Any]) -> None:
        push = project.push
        if not push or (push.get("types") and message["type"] not in push["types"]):
            return
        self.send(project, message)

    def send(self, project: Project, message: dict[str, Any]) -> None:
        """Hand a notification of any kind to the project's push address, if it has one."""
        push = project.push
        if not push:
            return
        body = dump(message)
        if len(body) > MESSAGE_BYTES:
            names = ("notificationType", "projectKey", "id", "version", "sequenceNumber", "resource", "resourceVersion")
            left_out = {"reason": "Payload too large.", "payloadType": message["type"]}
            kept = {name: message[name] for name in (*names, "resourceUserProvidedIdentifiers", "createdAt")}
            body = dump({**kept, "payloadNotIncluded": left_out})
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {push['token']}"}
        retry = message_retry(self._dials.value("messages", "retry_base_seconds"))
        for delay in self._dials.sending_delays("messages"):
            delay += push.get("delay_seconds", 0)
            self._sender.post(push["url"], headers, body, retry=retry, delay_seconds=delay)


def _register(known: dict[str, dict[str, Any]], given: dict[str, Any], defaults: dict[str, Any]) -> None:
    now = millis()
    fresh = {"id": str(uuid.uuid4()), "version": 1, "createdAt": now, "lastModifiedAt": now, **defaults}
    known[given["key"]] = {**known.get(given["key"], fresh), **given}
