"""``/unsubscribe/<token>/``: one click of a mail program (RFC 8058), or a person's, ends a brand's mails to an address.

The token is sealed and holds no address. Opening it changes nothing: mail scanners open every link. Only a POST does,
and it needs no cookie and no CSRF token: whoever holds the link may use it, and all it can do is this.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stores.models import Brand
from tracking.enums import BlockReason, MessageChannel
from tracking.models import BlockedAddress
from tracking.notifications.mail import read_unsubscribe


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask, or do it; a token that we did not make leads nowhere."""
    content = read_unsubscribe(token)
    brand = Brand.objects.filter(pk=content[0]).first() if content else None
    if content is None or brand is None:
        return render(request, "shopper/unsubscribe.html", {"state": "unknown"}, status=404)
    if request.method == "POST":
        BlockedAddress.objects.get_or_create(
            channel=MessageChannel.EMAIL,
            address_hash=content[1],
            brand=brand,
            defaults={"reason": BlockReason.UNSUBSCRIBED},
        )
        return render(request, "shopper/unsubscribe.html", {"state": "done", "brand": brand})
    return render(request, "shopper/unsubscribe.html", {"state": "ask", "brand": brand})
