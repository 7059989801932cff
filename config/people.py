"""Django's middleware for people. Webhooks pass it by: they bring no session, no language and no log-in."""

from __future__ import annotations

from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

WEBHOOKS = "/webhooks/"


class PeopleOnly(MiddlewareMixin):
    """What comes after it in the order of bases is left out for webhooks."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(WEBHOOKS):
            return self.get_response(request)
        return super().__call__(request)


class Sessions(PeopleOnly, SessionMiddleware):
    pass


class Language(PeopleOnly, LocaleMiddleware):
    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        translation.deactivate()  # the one before in this thread may have been a person with a language
        return super().__call__(request)


class Login(PeopleOnly, AuthenticationMiddleware):
    pass


class Messages(PeopleOnly, MessageMiddleware):
    pass
