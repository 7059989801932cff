"""What a failed request is answered with: JSON where machines ask, a page where people do, never a detail of ours."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from config import correlation

MACHINES = ("/webhooks/", "/api/")


def is_machine(request: HttpRequest) -> bool:
    """Whether the address is one that programs call."""
    return request.path_info.startswith(MACHINES)


def _answer(status: int, words: str) -> JsonResponse:
    return JsonResponse({"detail": words, "correlation_id": correlation.current()}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: malformed, or a host that is not ours."""
    if is_machine(request):
        return _answer(400, "The request is malformed.")
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if is_machine(request):
        return _answer(403, "Not allowed.")
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if is_machine(request):
        return _answer(404, "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500. The correlation id in the answer finds the log line with the cause."""
    if is_machine(request):
        return _answer(500, "Something failed on our side. Try again later.")
    return defaults.server_error(request)
