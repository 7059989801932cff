"""Django's middleware for people. Webhooks and shoppers pass it by: they bring no session and no log-in.

`viewer` tells code far from the request (a column, a block of a page) who looks at the page that is being made.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

# Webhooks, and the pages of shoppers: those set no cookie and choose their language themselves.
NOBODYS = ("/webhooks/", "/track/", "/go/", "/brand/", "/api/v1/track/")
_request: ContextVar[HttpRequest | None] = ContextVar("request", default=None)


def viewer() -> Any:
    """Who the page is made for that this thread is making; nobody where it makes none."""
    request = _request.get()
    return AnonymousUser() if request is None else request.user


@contextmanager
def looking_as(request: HttpRequest) -> Iterator[None]:
    """For pages that are made after their answer began, or without a request from outside: its user looks."""
    before = _request.get()
    _request.set(request)
    try:
        yield
    finally:
        _request.set(before)


class PeopleOnly(MiddlewareMixin):
    """What comes after it in the order of bases is left out at the addresses in NOBODYS."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(NOBODYS):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(PeopleOnly, SessionMiddleware):
    pass


class Language(PeopleOnly):
    """English, whatever the browser asks for: the console speaks one language, not a mix of two.

    Shoppers' pages and mails choose theirs by themselves (`tracking.words.languages`).
    """

    def process_request(self, request: HttpRequest) -> None:
        translation.activate(settings.LANGUAGE_CODE)  # whatever was spoken before in this thread


class Login(PeopleOnly, AuthenticationMiddleware):
    def process_request(self, request: HttpRequest) -> None:
        super().process_request(request)
        _request.set(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        _request.set(None)
        return response


class Messages(PeopleOnly, MessageMiddleware):
    pass
