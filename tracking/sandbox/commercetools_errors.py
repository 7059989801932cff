"""commercetools' refusals, in its envelope: statusCode, message, errors[{code, message, …}]."""

from __future__ import annotations

from typing import Any


class CommercetoolsError(Exception):
    """A refusal with its HTTP status and one error object; ``extra`` are the keys that belong to the code."""

    def __init__(self, status: int, code: str, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.extra = status, code, message, extra

    def body(self) -> dict[str, Any]:
        """The documented error document."""
        error = {"code": self.code, "message": self.message, **self.extra}
        body = {"statusCode": self.status, "message": self.message, "errors": [error]}
        if self.code in ("invalid_token", "invalid_client", "invalid_scope", "unsupported_grant_type"):
            body["error"] = self.code
            if self.code != "invalid_token":
                body["error_description"] = self.message
        return body


def invalid_token() -> CommercetoolsError:
    """Missing, unknown or expired token."""
    return CommercetoolsError(401, "invalid_token", "invalid_token")


def invalid_json(detail: str) -> CommercetoolsError:
    """The body is no JSON, or lacks a required value, or has one of the wrong kind."""
    words = "Request body does not contain valid JSON."
    return CommercetoolsError(400, "InvalidJsonInput", words, detailedErrorMessage=detail)


def invalid_input(message: str) -> CommercetoolsError:
    """Well-formed, but nothing the API knows."""
    return CommercetoolsError(400, "InvalidInput", message)


def invalid_operation(message: str) -> CommercetoolsError:
    """Not possible in the present state."""
    return CommercetoolsError(400, "InvalidOperation", message)


def invalid_field(field: str, value: Any, message: str, allowed: list[Any] | None = None) -> CommercetoolsError:
    """A field has a value it cannot have."""
    extra = {"allowedValues": allowed} if allowed else {}
    return CommercetoolsError(400, "InvalidField", message, field=field, invalidValue=value, **extra)


def required_field(field: str) -> CommercetoolsError:
    """A required field is absent."""
    return CommercetoolsError(400, "RequiredField", f"Required field '{field}' is missing.", field=field)


def duplicate_field(field: str, value: Any) -> CommercetoolsError:
    """The value has to be unique and is taken."""
    message = f"A duplicate value '\"{value}\"' exists for field '{field}'."
    return CommercetoolsError(400, "DuplicateField", message, field=field, duplicateValue=value)


def not_found(what: str) -> CommercetoolsError:
    """404 for a resource."""
    return CommercetoolsError(404, "ResourceNotFound", f"The Resource with {what} was not found.")


def reference_not_found(type_id: str, identifier: dict[str, Any]) -> CommercetoolsError:
    """A reference in the request points at nothing."""
    named = {name: identifier[name] for name in ("id", "key") if identifier.get(name)}
    words = " and ".join(f"{name} '{value}'" for name, value in named.items()) or "no identifier"
    message = f"The referenced object of type '{type_id}' with {words} was not found."
    return CommercetoolsError(400, "ReferencedResourceNotFound", message, typeId=type_id, **named)


def concurrent_modification(resource_id: str, expected: int, actual: int) -> CommercetoolsError:
    """The version sent is not the newest."""
    message = f"Object {resource_id} has a different version than expected. Expected: {expected} - Actual: {actual}."
    return CommercetoolsError(409, "ConcurrentModification", message, currentVersion=actual)
