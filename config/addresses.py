"""Where a request comes from, as far as that can be believed: for limits, never for logs."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def network_of(request: HttpRequest) -> str:
    """The client's IPv4 address, or the /64 of its IPv6 address, which is one customer's. "" where it is not known.

    Behind our own proxy (`TRUST_PROXY`) it is what that proxy added last; what stands before it anybody can write.
    """
    address = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY:
        address = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or address
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(found) if found.version == 4 else str(ipaddress.ip_network(f"{found}/64", strict=False))


def web_address(url: str) -> str:
    """The address if it leads to the web, "" for any other: nothing else becomes a link."""
    return url if url.startswith(("https://", "http://")) else ""
