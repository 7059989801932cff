"""A real SMTP server for tests: keeps what it takes, and misbehaves where it is told to."""

from __future__ import annotations

import email
import email.policy
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Inbox:
    """An SMTP server on this machine. ``mails`` are those it has answered 250 to, or swallowed without an answer."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.on_rcpt: Callable[[str], str | None] = lambda address: None
        self.on_data: Callable[[EmailMessage], str | None] = lambda mail: None
        self.on_mail: Callable[[], str | None] = lambda: None

    async def handle_MAIL(  # noqa: N802 aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.on_mail():
            return answer
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if answer := self.on_rcpt(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        mail = email.message_from_bytes(content, policy=email.policy.default)
        answer = self.on_data(mail)
        if answer == HANG_UP:
            self.keep(mail, envelope)
            server.transport.close()
            return "451 gone"
        if answer:
            return answer
        self.keep(mail, envelope)
        return "250 OK"

    def keep(self, mail: EmailMessage, envelope: Envelope) -> None:
        self.mails.append(mail)
        self.recipients += envelope.rcpt_tos

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


HANG_UP = "hang up"  # the mail is taken, and the connection breaks before the answer


@contextmanager
def smtp_server(settings: Any, **options: Any) -> Iterator[Inbox]:
    """Inside, mails go over SMTP to the inbox that is given. ``options`` are aiosmtpd's."""
    inbox = Inbox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5
        yield inbox
    finally:
        controller.stop()
