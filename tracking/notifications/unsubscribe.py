"""``/unsubscribe/<token>/``: one click of a mail program (RFC 8058), or a person's, ends a brand's mails to an address.

The token is sealed and holds no address. Opening it changes nothing: mail scanners open every link. Only a POST does,
and it needs no cookie and no CSRF token: whoever holds the link may use it, and all it can do is this.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from stores.models import Brand
from tracking.enums import BlockReason, MessageChannel
from tracking.models import BlockedAddress
from tracking.notifications.mail import read_unsubscribe
from tracking.pages.answers import page
from tracking.pages.language import language_for


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponseBase:
    """Ask, or do it, in the brand's dress and the browser's language; a token that we did not make leads nowhere."""
    content = read_unsubscribe(token)
    brand = Brand.objects.filter(pk=content[0]).first() if content else None
    language = language_for(request, brand)
    if content is None or brand is None:
        return page(request, "shopper/unsubscribe.html", language, status=404, state="unknown")
    if request.method == "POST":
        BlockedAddress.objects.get_or_create(
            channel=MessageChannel.EMAIL,
            address_hash=content[1],
            brand=brand,
            defaults={"reason": BlockReason.UNSUBSCRIBED},
        )
    state = "done" if request.method == "POST" else "ask"
    return page(request, "shopper/unsubscribe.html", language, brand=brand, state=state)
