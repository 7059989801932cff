"""One id follows a parcel's story: made when something comes in, held in a context variable, sent with every call.

request → CorrelationMiddleware makes an id → receipt and jobs store it → a worker binds it again with ``bound`` →
every log line, upstream call (``X-Correlation-ID``) and row of the story carries it. Support staff read it out loud,
so it has no look-alikes and cannot spell a word.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog
from django.http import HttpRequest, HttpResponse

HEADER = "X-Correlation-ID"
ALPHABET = "23456789BCDFGHJKMNPQRSTVWXZ"
LENGTH = 8

_SENDER_ID = re.compile(r"^[A-Za-z0-9._:/-]{1,64}\Z")
_current: ContextVar[str] = ContextVar("correlation_id", default="")


def new_correlation_id() -> str:
    """Eight random characters of ALPHABET (38 bits), shown as ``K7MQ-2XRT``."""
    number, letters = secrets.randbelow(len(ALPHABET) ** LENGTH), ""
    for _ in range(LENGTH):
        number, position = divmod(number, len(ALPHABET))
        letters += ALPHABET[position]
    return f"{letters[:4]}-{letters[4:]}"


def current() -> str:
    """The id of the story being worked on, "" outside of any."""
    return _current.get()


@contextmanager
def bound(correlation_id: str) -> Iterator[None]:
    """Inside, ``current()`` and every log line carry this id; afterwards whatever was bound before."""
    reset = _current.set(correlation_id)
    try:
        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id):
            yield
    finally:
        _current.reset(reset)


def normalise(text: str) -> str:
    """As typed or heard → as stored (``k7mq 2xrt`` → ``K7MQ-2XRT``); any other text comes back trimmed."""
    letters = re.sub(r"[\s-]", "", text).upper()
    if len(letters) == LENGTH and all(letter in ALPHABET for letter in letters):
        return f"{letters[:4]}-{letters[4:]}"
    return text.strip()


class CorrelationMiddleware:
    """Gives each request its own id and answers with it.

    Never takes the sender's id as ours (it may repeat or be chosen to mislead), but keeps a well-formed one beside it
    as ``request.sender_correlation_id`` ("" otherwise). Sets ``request.correlation_id``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        correlation_id = new_correlation_id()
        sender_id = request.META.get("HTTP_X_CORRELATION_ID", "")
        request.correlation_id = correlation_id
        request.sender_correlation_id = sender_id if _SENDER_ID.match(sender_id) else ""
        with bound(correlation_id):
            response = self.get_response(request)
        response[HEADER] = correlation_id
        return response
