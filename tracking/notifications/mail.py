"""A rendered message as a mail: who it is from, and the headers that machines look at.

The Message-ID follows from the ledger's row, so that a mail server shows at once if one was ever given twice.
"""

from __future__ import annotations

import hashlib
import hmac
from email.errors import MessageError
from email.headerregistry import Address
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from stores.models import Brand
from tracking.models import Message
from tracking.notifications.content import one_line
from tracking.notifications.render import Rendered
from tracking.services.seals import seal, unseal

UNSUBSCRIBE = "unsubscribe"


def compose(row: Message, rendered: Rendered, brand: Brand, recipient: str) -> EmailMultiAlternatives:
    """The mail for one row of the ledger. Headers are one line each: nothing is injected."""
    email = EmailMultiAlternatives(
        subject=one_line(rendered.subject),
        body=rendered.text,
        from_email=one_line(brand.sender),
        to=[one_line(recipient)],
        reply_to=[one_line(brand.reply_to)] if brand.reply_to else [],
        headers=headers_of(row, brand),
    )
    if rendered.html:
        email.attach_alternative(rendered.html, "text/html")
    email.metadata = {"message": str(row.pk)}  # what a provider's webhook says back (django-anymail)
    email.track_opens = email.track_clicks = False
    return email


def headers_of(row: Message, brand: Brand) -> dict[str, str]:
    headers = {
        "Message-ID": message_id(row),
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
        "X-Correlation-ID": row.correlation_id,
    }
    if brand.offers_unsubscribe:
        headers["List-Unsubscribe"] = f"<{unsubscribe_url(brand, row.recipient_hash)}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def message_id(row: Message) -> str:
    """``<12.4f…@shop.example>``: the same for the same row; strangers cannot guess the next one."""
    proof = hmac.new(settings.SECRET_KEY.encode(), f"message-id:{row.pk}".encode(), hashlib.sha256).hexdigest()
    return f"<{row.pk}.{proof[:20]}@{urlsplit(settings.PUBLIC_URL).hostname or 'localhost'}>"


def unsubscribe_url(brand: Brand, recipient_hash: str) -> str:
    """Says nothing of the person: the sealed hash of the address, and which brand."""
    token = seal(UNSUBSCRIBE, brand.pk.to_bytes(8, "big") + bytes.fromhex(recipient_hash))
    return f"{settings.PUBLIC_URL}{reverse('unsubscribe', args=[token])}"


def read_unsubscribe(token: str) -> tuple[int, str] | None:
    """(brand's key, address hash) of a link that we made; None for any other."""
    content = unseal(UNSUBSCRIBE, token)
    if content is None or len(content) != 40:
        return None
    return int.from_bytes(content[:8], "big"), content[8:].hex()


def is_address(text: str) -> bool:
    """Whether this can be the address of one person: as the mail server will read it."""
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        return False
    return bool(address.username and "." in address.domain) and one_line(text) == text and text.count("@") == 1
