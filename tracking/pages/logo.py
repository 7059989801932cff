"""A brand's logo from our own host, for mails and pages. Its address changes with the picture, so it may be kept."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from stores.brands import BrandLogo
from stores.pictures import EXTENSIONS

# Whatever the bytes were taken for: nothing in them runs, loads or is framed.
POLICY = "default-src 'none'; style-src 'none'; sandbox; frame-ancestors 'none'"


@require_safe
def brand_logo(request: HttpRequest, key: str, digest: str, extension: str) -> HttpResponse:
    """``GET /brand/<key>/logo-<digest>.png``. An outdated digest is not found: nothing else is ever kept under it."""
    kind = next((kind for kind, ending in EXTENSIONS.items() if ending == extension), None)
    row = BrandLogo.objects.filter(brand__key=key, brand__logo_digest=digest, brand__logo_type=kind).first()
    if kind is None or row is None:
        raise Http404
    response = HttpResponse(bytes(row.content), content_type=kind)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # mail programs and storefronts show it
    return response
