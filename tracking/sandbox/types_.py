"""commercetools Types: their definitions, and the strict check of every custom field against them.

An object carries at most one Type. A value is refused if its name is not defined there or its kind is not the defined
one; what is accepted is kept in commercetools' own spelling (DateTime in UTC milliseconds, a Set without doubles).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date, time
from typing import Any

from tracking.sandbox import commercetools_errors as errors
from tracking.sandbox.clock import millis, read_moment
from tracking.sandbox.wire import copy, words

TYPE_KEY = re.compile(r"[A-Za-z0-9_-]{2,256}")
FIELD_NAME = re.compile(r"[A-Za-z0-9_-]{2,36}")
RESOURCE_TYPES = frozenset(
    words(
        """address asset associate-role approval-flow business-unit cart-discount category channel customer
        customer-group custom-line-item discount-code discount-group inventory-entry line-item order order-edit
        order-delivery order-parcel order-return-item payment payment-interface-interaction product-price
        product-selection quote recurring-order review shipping shipping-method shopping-list
        shopping-list-text-line-item standalone-price store transaction"""
    )
)
SIMPLE_KINDS = frozenset(words("Boolean Number String LocalizedString Money Date Time DateTime"))


class TypeStore:
    """The Types of one project, by id. Documents are replaced, never changed in place."""

    def __init__(self) -> None:
        self.by_id: dict[str, dict[str, Any]] = {}

    def find(self, identifier: dict[str, Any]) -> dict[str, Any] | None:
        """The Type with this ``id`` or ``key``."""
        if identifier.get("id"):
            return self.by_id.get(identifier["id"])
        return next((found for found in self.by_id.values() if found["key"] == identifier.get("key")), None)

    def create(self, draft: Any) -> dict[str, Any]:
        """A new Type of a TypeDraft, version 1."""
        if (
            not isinstance(draft, dict)
            or not isinstance(draft.get("key"), str)
            or not isinstance(draft.get("name"), dict)
        ):
            raise errors.invalid_json("TypeDraft: key and name are required")
        if not TYPE_KEY.fullmatch(draft["key"]):
            raise errors.invalid_field("key", draft["key"], "The key does not match ^[A-Za-z0-9_-]{2,256}$.")
        resources = draft.get("resourceTypeIds") or []
        if not resources or not set(resources) <= RESOURCE_TYPES:
            raise errors.invalid_json(f"resourceTypeIds: {resources!r} is not a list of resource types")
        if self.find({"key": draft["key"]}):
            raise errors.duplicate_field("key", draft["key"])
        now = millis()
        document: dict[str, Any] = {"id": str(uuid.uuid4()), "version": 1, "createdAt": now, "lastModifiedAt": now}
        document |= {name: copy(draft[name]) for name in ("key", "name", "description") if name in draft}
        document |= {"resourceTypeIds": list(resources), "fieldDefinitions": []}
        for definition in draft.get("fieldDefinitions") or []:
            self._add_definition(document, definition)
        self.by_id[document["id"]] = document
        return document

    def update(self, document: dict[str, Any], actions: list[dict[str, Any]]) -> dict[str, Any]:
        """The Type after all ``actions`` (or none of them, when one is refused)."""
        changed = copy(document)
        for action in actions:
            act = TYPE_ACTIONS.get(action.get("action", ""))
            if act is None:
                raise errors.invalid_input(f"Invalid action '{action.get('action')}' for a Type.")
            act(self, changed, action)
        if changed != document:
            changed |= {"version": document["version"] + len(actions), "lastModifiedAt": millis()}
            self.by_id[changed["id"]] = changed
        return changed

    def custom_of_draft(self, draft: Any, resource: str) -> dict[str, Any]:
        """CustomFields of a CustomFieldsDraft for an object of kind ``resource`` (``order-parcel``)."""
        if not isinstance(draft, dict) or not isinstance(draft.get("type"), dict):
            raise errors.invalid_json("custom: type is required")
        document = self.find(draft["type"])
        if document is None:
            raise errors.reference_not_found("type", draft["type"])
        if resource not in document["resourceTypeIds"]:
            raise errors.invalid_operation(f"The Type '{document['key']}' is not meant for resource type '{resource}'.")
        fields = draft.get("fields") or {}
        if not isinstance(fields, dict):
            raise errors.invalid_json("custom.fields: not an object")
        kept = {name: self.checked(document, name, value) for name, value in fields.items() if value is not None}
        for definition in document["fieldDefinitions"]:
            if definition["required"] and definition["name"] not in kept:
                raise errors.required_field(definition["name"])
        return {"type": {"typeId": "type", "id": document["id"]}, "fields": kept}

    def checked(self, document: dict[str, Any], name: str, value: Any) -> Any:
        """The value as it is kept, or InvalidField."""
        definition = _definition(document, name)
        if definition is None:
            raise errors.invalid_field(
                name, value, f"The field '{name}' is not defined in the Type '{document['key']}'."
            )
        return _checked(name, definition["type"], value)

    def set_field(self, custom: dict[str, Any] | None, action: dict[str, Any]) -> dict[str, Any]:
        """CustomFields after a ``set…CustomField`` action."""
        name, value = action.get("name"), action.get("value")
        if not isinstance(name, str):
            raise errors.invalid_json(f"{action['action']}: name is required")
        document = self.by_id.get(custom["type"]["id"]) if custom else None
        if custom is None or document is None:
            raise errors.invalid_operation(f"The field '{name}' cannot be set: no Type is assigned.")
        fields = dict(custom["fields"])
        if value is not None:
            fields[name] = self.checked(document, name, value)
        elif name in fields:
            del fields[name]
        else:
            raise errors.invalid_operation(f"The field '{name}' cannot be removed: it is not set.")
        return {**custom, "fields": fields}

    def _add_definition(self, document: dict[str, Any], definition: Any) -> None:
        kept = _checked_definition(definition)
        name = kept["name"]
        if _definition(document, name):
            raise errors.duplicate_field("fieldDefinitions", name)
        for other in self.by_id.values():
            found = _definition(other, name)
            shared = set(other["resourceTypeIds"]) & set(document["resourceTypeIds"])
            if found and shared and other["id"] != document["id"] and found["type"]["name"] != kept["type"]["name"]:
                raise errors.invalid_operation(
                    f"The field '{name}' has another field type in the Type '{other['key']}'."
                )
        document["fieldDefinitions"].append(kept)


def _add_field(store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    store._add_definition(document, action.get("fieldDefinition"))


def _remove_field(_store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    document["fieldDefinitions"].remove(_existing(document, action))


def _add_enum_value(_store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    kind = _existing(document, action)["type"]
    kind = kind.get("elementType", kind)
    value = action.get("value")
    if "values" not in kind or not isinstance(value, dict) or "key" not in value:
        raise errors.invalid_operation(f"The field '{action['fieldName']}' takes no enum value.")
    if any(known["key"] == value["key"] for known in kind["values"]):
        raise errors.duplicate_field("value.key", value["key"])
    kind["values"].append(copy(value))


def _change_label(_store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    _existing(document, action)["label"] = copy(action.get("label"))


def _change_input_hint(_store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    _existing(document, action)["inputHint"] = action.get("inputHint")


def _change_name(_store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    document["name"] = copy(action.get("name"))


def _set_description(_store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    document.pop("description", None)
    if action.get("description"):
        document["description"] = copy(action["description"])


def _change_key(store: TypeStore, document: dict[str, Any], action: dict[str, Any]) -> None:
    key = action.get("key")
    if not isinstance(key, str) or not TYPE_KEY.fullmatch(key):
        raise errors.invalid_field("key", key, "The key does not match ^[A-Za-z0-9_-]{2,256}$.")
    if key != document["key"] and store.find({"key": key}):
        raise errors.duplicate_field("key", key)
    document["key"] = key


TYPE_ACTIONS: dict[str, Callable[[TypeStore, dict[str, Any], dict[str, Any]], None]] = {
    "addFieldDefinition": _add_field,
    "removeFieldDefinition": _remove_field,
    "addEnumValue": _add_enum_value,
    "addLocalizedEnumValue": _add_enum_value,
    "changeLabel": _change_label,
    "changeInputHint": _change_input_hint,
    "changeName": _change_name,
    "setDescription": _set_description,
    "changeKey": _change_key,
}


def _definition(document: dict[str, Any], name: str | None) -> dict[str, Any] | None:
    return next((known for known in document["fieldDefinitions"] if known["name"] == name), None)


def _existing(document: dict[str, Any], action: dict[str, Any]) -> dict[str, Any]:
    found = _definition(document, action.get("fieldName"))
    if found is None:
        raise errors.invalid_operation(f"The field '{action.get('fieldName')}' is not defined.")
    return found


def _checked_definition(definition: Any) -> dict[str, Any]:
    if not isinstance(definition, dict) or not isinstance(definition.get("label"), dict):
        raise errors.invalid_json("fieldDefinition: name, label and type are required")
    name = definition.get("name")
    if not isinstance(name, str) or not FIELD_NAME.fullmatch(name):
        raise errors.invalid_field("name", name, "The name of a field has 2 to 36 characters of A-Z a-z 0-9 _ -.")
    _check_field_type(definition.get("type"))
    kept = {"required": False, "inputHint": "SingleLine", **copy(definition)}
    if not isinstance(kept["required"], bool):
        raise errors.invalid_json("fieldDefinition.required: not a boolean")
    return kept


def _check_field_type(kind: Any) -> None:
    name = kind.get("name") if isinstance(kind, dict) else None
    if name == "Set":
        _check_field_type(kind.get("elementType"))
    elif name in ("Enum", "LocalizedEnum"):
        values = kind.get("values")
        if not isinstance(values, list) or not all(isinstance(value, dict) and "key" in value for value in values):
            raise errors.invalid_json("fieldDefinition.type.values: not a list of enum values")
    elif name == "Reference":
        if not isinstance(kind.get("referenceTypeId"), str):
            raise errors.invalid_json("fieldDefinition.type.referenceTypeId is required")
    elif name not in SIMPLE_KINDS:
        raise errors.invalid_json(f"fieldDefinition.type: {name!r} is not a field type")


def _checked(name: str, kind: dict[str, Any], value: Any) -> Any:
    if kind["name"] == "Set":
        if not isinstance(value, list):
            raise errors.invalid_field(name, value, f"The value of '{name}' is not a Set.")
        kept: list[Any] = []
        for item in value:
            item = _checked(name, kind["elementType"], item)
            kept += [] if item in kept else [item]
        return kept
    if kind["name"] in ("Enum", "LocalizedEnum"):
        allowed = [known["key"] for known in kind["values"]]
        if value not in allowed:
            raise errors.invalid_field(name, value, f"The value of '{name}' is not one of its keys.", allowed)
        return value
    kept_value = _KINDS[kind["name"]](value)
    if kept_value is None:
        raise errors.invalid_field(name, value, f"The value of '{name}' is not of type '{kind['name']}'.")
    return kept_value


def _read_date(value: Any) -> str | None:
    try:
        return value if isinstance(value, str) and date.fromisoformat(value) and len(value) == 10 else None
    except ValueError:
        return None


def _read_time(value: Any) -> str | None:
    try:
        return time.fromisoformat(value).isoformat(timespec="milliseconds") if isinstance(value, str) else None
    except ValueError:
        return None


def _read_date_time(value: Any) -> str | None:
    moment = read_moment(value) if isinstance(value, str) else None
    return millis(moment) if moment else None


def _read_map(*names: str) -> Callable[[Any], dict[str, Any] | None]:
    return lambda value: value if isinstance(value, dict) and all(name in value for name in names) else None


_KINDS: dict[str, Callable[[Any], Any]] = {
    "Boolean": lambda value: value if isinstance(value, bool) else None,
    "Number": lambda value: value if isinstance(value, int | float) and not isinstance(value, bool) else None,
    "String": lambda value: value if isinstance(value, str) else None,
    "LocalizedString": _read_map(),
    "Money": _read_map("centAmount", "currencyCode"),
    "Reference": _read_map("typeId", "id"),
    "Date": _read_date,
    "Time": _read_time,
    "DateTime": _read_date_time,
}
