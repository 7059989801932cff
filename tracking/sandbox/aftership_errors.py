"""AfterShip's refusals: ``meta`` with code, type and message, and empty ``data``."""

from __future__ import annotations

from typing import Any

TYPES = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 429: "TooManyRequests"}


class AfterShipError(Exception):
    """A refusal by its meta.code."""

    def __init__(self, code: int, message: str, *, status: int | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.status = status or (code if code < 1000 else 400)
        self.kind = kind or TYPES.get(self.status, "InternalError")

    def body(self) -> dict[str, Any]:
        """The documented error document."""
        return {"meta": {"code": self.code, "type": self.kind, "message": self.message, "errors": []}, "data": {}}


def not_json() -> AfterShipError:
    """4001."""
    return AfterShipError(4001, "Invalid JSON data.")


def already_exists() -> AfterShipError:
    """4003; gives no pointer to the tracking that is there."""
    return AfterShipError(4003, "Tracking already exists.")


def no_such_tracking() -> AfterShipError:
    """4004: HTTP 404, but of type BadRequest."""
    return AfterShipError(4004, "Tracking does not exist.", status=404, kind="BadRequest")


def invalid(name: str, cause: str) -> AfterShipError:
    """4008: a named field is invalid."""
    return AfterShipError(4008, f"The value of `{name}` is invalid: {cause}.")


def required(name: str) -> AfterShipError:
    """4009: a named field is required."""
    return AfterShipError(4009, f"`{name}` is required.")
