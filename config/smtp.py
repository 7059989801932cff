"""Django's mail over SMTP, but for one thing: it tells whether the server may have taken a mail all the same.

A connection that breaks once the body is under way leaves open whether the mail went out. That is `AfterDataError`;
everything before it is safe to try again.
"""

from __future__ import annotations

import smtplib
from typing import Any

from django.core.mail.backends.smtp import EmailBackend as DjangoBackend


class AfterDataError(smtplib.SMTPServerDisconnected):
    """The server was given the body, and its answer never came."""


class _CountsReplies:
    replies = 0

    def getreply(self) -> tuple[int, bytes]:
        reply = super().getreply()  # type: ignore[misc]
        self.replies += 1
        return reply

    def data(self, msg: Any) -> tuple[int, bytes]:
        """Two replies: 354, "go ahead", and the one to the body. Without the second one, nobody knows."""
        self.replies = 0
        try:
            return super().data(msg)  # type: ignore[misc]
        except (smtplib.SMTPServerDisconnected, OSError) as error:
            if self.replies:
                raise AfterDataError(f"no answer to the body ({type(error).__name__})") from error
            raise


class _Smtp(_CountsReplies, smtplib.SMTP):
    pass


class _SmtpSsl(_CountsReplies, smtplib.SMTP_SSL):
    pass


class EmailBackend(DjangoBackend):
    """`django.core.mail.backends.smtp`, with connections that raise AfterDataError."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _SmtpSsl if self.use_ssl else _Smtp
