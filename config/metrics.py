"""`/metrics` for Prometheus: figures from the database at the moment of the scrape, so any web process may be asked.

Who may read: with METRICS_TOKEN set, whoever sends it (``Authorization: Bearer …``). Without it, only callers whose own
address is loopback or private, and that came directly: a proxy's address says nothing about who stands behind it.
"""

from __future__ import annotations

import hmac
import ipaddress

from django.conf import settings
from django.db import Error
from django.http import HttpRequest, HttpResponse
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

PROXY_HEADERS = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Real-IP", "Forwarded", "Via")


def may_scrape(request: HttpRequest) -> bool:
    """Whether this caller may read the figures."""
    if settings.METRICS_TOKEN:
        proof = f"Bearer {settings.METRICS_TOKEN}".encode()
        return hmac.compare_digest(request.headers.get("Authorization", "").encode(), proof)
    return is_near(request.META.get("REMOTE_ADDR", "")) and not any(name in request.headers for name in PROXY_HEADERS)


def is_near(address: str) -> bool:
    """Loopback or private. "" is a Unix socket's peer: a proxy, as a rule."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_private  # every ::ffff:… counts as private in older Pythons


def scraped(request: HttpRequest) -> HttpResponse:
    """200 in the text format or as OpenMetrics, as asked for; 403 for strangers; 503 while the database is away."""
    from tracking.services.metrics import TrackbridgeCollector

    if not may_scrape(request):
        return HttpResponse("Not allowed.\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    try:
        registry.register(TrackbridgeCollector())
        return HttpResponse(encode(registry), content_type=content_type)
    except Error:
        return HttpResponse("The database is away.\n", status=503, content_type="text/plain")
