"""One mail to the mail server, whatever backend is set: accepted, or an error with a verdict (``errors.py``).

    before the server had it, or it said "not now" (4xx) ─> RetryLater
    it refuses us altogether (log-in, sender)            ─> AccountStopped
    it refuses this mail or its recipient (5xx)          ─> Refused
    it had the body, and no answer came                  ─> RetryLater with maybe_applied: nobody knows

SMTP servers and the HTTP interfaces of mail providers (django-anymail) are told apart by their exceptions alone.
"""

from __future__ import annotations

import smtplib
from contextlib import suppress

from anymail.exceptions import (
    AnymailAPIError,
    AnymailConfigurationError,
    AnymailError,
    AnymailRecipientsRefused,
    AnymailRequestsAPIError,
)
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection

from config.redaction import redact_text
from config.smtp import AfterDataError
from tracking.clients.errors import AccountStopped, Refused, RetryLater, UpstreamError
from tracking.clients.http import was_never_sent

MAIL = "mail"
BACKENDS = {"django.core.mail.backends.smtp.EmailBackend": "config.smtp.EmailBackend"}  # the one that tells more
LOGIN_FAILED = (530, 534, 535, 538)
# Whatever they say of the first mail, they would say of the next.
OF_US = (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused, smtplib.SMTPHeloError, smtplib.SMTPConnectError)
# What a provider answers when it has not taken the mail; 502, 504 and a success that nobody can read leave it open.
NOT_ACCEPTED = (429, 500, 503)
MESSAGE_LENGTH = 300


def hand_over(email: EmailMessage) -> str:
    """Give one mail, to one recipient, to the mail server; returns the provider's own id of it, "" where it has none.

    Raises UpstreamError, and RuntimeError inside a database transaction.
    """
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise RuntimeError("mail inside a database transaction")
    backend = get_connection(BACKENDS.get(settings.EMAIL_BACKEND, settings.EMAIL_BACKEND))
    try:
        backend.open()
    except Exception as error:  # noqa: BLE001 whatever kept us from the server: nothing was sent
        raise verdict_of(error, was_open=False) from None
    try:
        taken = backend.send_messages([email])
    except Exception as error:  # noqa: BLE001 each is given its verdict
        raise verdict_of(error, was_open=True) from None
    finally:
        with suppress(Exception):  # the mail is out, or not: how the server says good-bye changes nothing
            backend.close()
    if not taken:
        raise Refused(MAIL, "not_taken", "The mail backend sent nothing and did not say why.")
    status = getattr(email, "anymail_status", None)
    provider_id = str(getattr(status, "message_id", None) or "")
    if status is not None and not provider_id and status.status == {"unknown"}:
        raise RetryLater(MAIL, "no_verdict", "The provider did not say whether it took the mail.", maybe_applied=True)
    return provider_id[:256]


def verdict_of(error: Exception, *, was_open: bool) -> UpstreamError:
    """The class of errors.py that fits; words of the server without anybody's address."""
    if isinstance(error, AnymailError):
        return provider_verdict(error)
    if isinstance(error, AfterDataError):
        return RetryLater(MAIL, "no_answer", words(error), maybe_applied=True)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
        return by_code(code, reply)
    if isinstance(error, smtplib.SMTPResponseException):
        is_ours = not was_open or isinstance(error, OF_US)
        return by_code(error.smtp_code, error.smtp_error, is_ours=is_ours, was_open=was_open)
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
        # before there was a mail: TLS, or a way to log in, that the server does not have
        return (Refused if was_open else AccountStopped)(MAIL, "unsupported", words(error))
    if isinstance(error, OSError):
        return RetryLater(MAIL, "timeout" if isinstance(error, TimeoutError) else "unreachable", words(error))
    # The backend's own doing, after it had the mail: it may have gone out.
    return RetryLater(MAIL, "internal", words(error), maybe_applied=was_open)


def by_code(code: int, reply: bytes | str, *, is_ours: bool = False, was_open: bool = True) -> UpstreamError:
    """An SMTP reply's verdict. ``is_ours``: it is about us, our log-in or sender, so nothing else will work either."""
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
    said = redact_text(f"{code} {text}")[:MESSAGE_LENGTH]
    if code < 500:
        return RetryLater(MAIL, "unreachable" if code == 421 or not was_open else str(code), said)
    if is_ours or code in LOGIN_FAILED:
        return AccountStopped(MAIL, str(code), said)
    return Refused(MAIL, str(code), said)


def provider_verdict(error: AnymailError) -> UpstreamError:
    """The same for a provider's HTTP interface."""
    said = words(error)
    status = getattr(error, "status_code", None)
    if isinstance(error, AnymailRecipientsRefused):
        return Refused(MAIL, "recipient_refused", said)
    if isinstance(error, AnymailConfigurationError) or status in (401, 403):
        return AccountStopped(MAIL, str(status or "configuration"), said, status=status)
    if isinstance(error, AnymailRequestsAPIError) and status is None:
        is_before = was_never_sent(error.__cause__)
        return RetryLater(MAIL, "unreachable" if is_before else "no_answer", said, maybe_applied=not is_before)
    if (
        isinstance(error, AnymailAPIError)
        and status is not None
        and (status in (*range(200, 300), 429) or status >= 500)
    ):
        return RetryLater(MAIL, str(status), said, status=status, maybe_applied=status not in NOT_ACCEPTED)
    return Refused(MAIL, str(status or "refused"), said, status=status)


def words(error: Exception) -> str:
    first_line = str(error).strip().partition("\n")[0] or type(error).__name__
    return redact_text(first_line)[:MESSAGE_LENGTH]
