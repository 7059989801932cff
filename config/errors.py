"""What a failed request is answered with: JSON where machines ask, a page where people do, never a detail of ours."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views import defaults

from config import correlation

MACHINES = ("/webhooks/", "/api/")
STAFF = ("/admin/", "/analytics/")


def is_machine(request: HttpRequest) -> bool:
    """Whether the address is one that programs call."""
    return request.path_info.startswith(MACHINES)


def is_staffs(request: HttpRequest) -> bool:
    """Whether the address is one of the console: its people can tell engineers a code."""
    return request.path_info.startswith(STAFF)


def _page(status: int, title: str, words: str) -> HttpResponse:
    shown = {"title": title, "words": words, "code": correlation.current()}
    return HttpResponse(render_to_string("console/error.html", shown), status=status)


def _answer(status: int, words: str) -> JsonResponse:
    return JsonResponse({"detail": words, "correlation_id": correlation.current()}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: malformed, or a host that is not ours."""
    if is_machine(request):
        return _answer(400, "The request is malformed.")
    if is_staffs(request):
        return _page(400, _("This cannot be read"), _("The address or the form is malformed. Go back and try again."))
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if is_machine(request):
        return _answer(403, "Not allowed.")
    if is_staffs(request):
        words = _("Your role, or the stores that you are limited to, do not allow it. Ask a lead or an administrator.")
        return _page(403, _("You may not do this"), words)
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if is_machine(request):
        return _answer(404, "There is nothing at this address.")
    if is_staffs(request):
        words = _("It may be gone, be written otherwise, or belong to a store that you do not see.")
        return _page(404, _("There is nothing here"), words)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500. The correlation id in the answer finds the log line with the cause."""
    if is_machine(request):
        return _answer(500, "Something failed on our side. Try again later.")
    if is_staffs(request):
        words = _("Look whether it was done before you try again. Engineers find the cause by this code.")
        return _page(500, _("Something failed on our side"), words)
    return defaults.server_error(request)
