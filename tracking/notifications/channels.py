"""The ways to a shopper. To add one (SMS, a push service): a MessageChannel, and a function here that hands it over.

The ledger, quiet hours, blocks, holds and budgets are the same for all of them: a channel only renders and sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stores.models import Brand
from tracking.clients.mail import hand_over
from tracking.enums import MessageChannel
from tracking.models import Message
from tracking.notifications.content import MailFacts
from tracking.notifications.mail import compose
from tracking.notifications.render import render


@dataclass(frozen=True)
class Letter:
    """What is sent once: the ledger's row that stands for it, to whom, in which dress and language, about what."""

    row: Message
    recipient: str
    brand: Brand
    language: str
    facts: MailFacts


def send_email(letter: Letter) -> Callable[[], str]:
    """Render the mail; the returned function hands it over and gives the provider's id. It raises UpstreamError."""
    rendered = render(letter.row.kind, letter.facts, letter.brand, letter.language)
    email = compose(letter.row, rendered, letter.brand, letter.recipient)
    return lambda: hand_over(email)


CHANNELS: dict[str, Callable[[Letter], Callable[[], str]]] = {MessageChannel.EMAIL: send_email}
