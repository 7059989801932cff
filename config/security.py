"""What a browser may load, by path: strict everywhere, looser only where a page of others needs it.

The console's toolkit evaluates expressions in attributes (Alpine) and sets inline styles; the API docs set one inline
style. Inline scripts are allowed nowhere. The values have the form of Django 6's SECURE_CSP.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "Content-Security-Policy"
STRICT: dict[str, list[str]] = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
INLINE_STYLE = {"style-src": ["'self'", "'unsafe-inline'"]}
CONSOLE = {"script-src": ["'self'", "'unsafe-eval'"]} | INLINE_STYLE
LOOSER: dict[str, dict[str, list[str]]] = {
    "/admin/preview/": CONSOLE | {"frame-src": ["'self'"]},  # mails in frames, each under a policy of its own
    "/admin/": CONSOLE,
    "/api/docs/": INLINE_STYLE,
}
PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"


def policy_for(path: str) -> str:
    """The header's value for a path."""
    looser = next((changes for prefix, changes in LOOSER.items() if path.startswith(prefix)), {})
    return "; ".join(f"{directive} {' '.join(sources)}" for directive, sources in (STRICT | looser).items())


class ContentSecurityPolicyMiddleware:
    """Adds the policy to every answer that has none of its own; Django's own error page of DEBUG is left alone."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response.headers.setdefault(HEADER, policy_for(request.path_info))
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
