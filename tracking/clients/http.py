"""One HTTP call to an upstream, made safe: the only importer of requests.

call → refuse inside a database transaction → time left? → send (pooled, timeouts, correlation header) → classify the
answer or the failure into one class of ``errors.py`` → one log line and one redacted ``Call`` for the observer → answer
or error. Nothing here knows what the call is about, and nothing here sleeps.
"""

from __future__ import annotations

import json as json_module
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import quote

import requests
import structlog
from django.db import connection
from urllib3.exceptions import HTTPError, NewConnectionError, ReadTimeoutError

from config import correlation
from config.redaction import redact_json, redact_text, redact_value
from tracking.clients.errors import AccountStopped, Conflict, NotFound, Refused, RetryLater, UpstreamError

CONNECT_TIMEOUT_SECONDS = 3.05
READ_TIMEOUT_SECONDS = 15.0
WHOLE_CALL_SECONDS = 60.0  # commercetools' own maximum for a request: nothing worth waiting for comes later
MESSAGE_LENGTH = 1000
SLOW_FOR_A_CLOCK_MS = 2000
LONGEST_WISH_SECONDS = 86_400.0  # a longer Retry-After is not believed
NO_CONNECTION = (requests.ConnectTimeout, requests.exceptions.SSLError, requests.exceptions.ProxyError)

logger = structlog.get_logger("trackbridge.http")

Params = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """What came back: headers by name in any case, ``body`` the parsed JSON (else None), ``text`` its start."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


@dataclass(frozen=True)
class Call:
    """One upstream call as it happened, redacted: safe to store and show as it is.

    ``endpoint`` is the name used for budgets and figures (``POST /trackings``); ``path`` has the query but no host.
    ``outcome`` is ``ok``, ``retry``, ``conflict``, ``stopped`` or ``refused``; ``code`` and ``message`` are "" when ok.
    ``clock_skew_seconds`` is how far the upstream's clock is ahead of ours, to about a second; None: it cannot be told.
    """

    upstream: str
    endpoint: str
    method: str
    path: str
    status: int | None
    outcome: str
    code: str
    message: str
    started_at: datetime
    duration_ms: int
    request_excerpt: str
    response_excerpt: str
    clock_skew_seconds: float | None = None


@dataclass(frozen=True)
class _Observation:
    on_call: Callable[[Call], None]
    correlation_id: str
    ends_at: float


_observation: ContextVar[_Observation | None] = ContextVar("http_observation", default=None)
_local = threading.local()


@contextmanager
def observed(on_call: Callable[[Call], None], correlation_id: str, deadline_seconds: float) -> Iterator[None]:
    """Inside, each finished call, good or bad, is handed to ``on_call`` and carries ``correlation_id``.

    No call runs past the deadline; with no time left it is not sent and raises ``RetryLater(code="deadline")``.
    """
    reset = _observation.set(_Observation(on_call, correlation_id, time.monotonic() + deadline_seconds))
    try:
        yield
    finally:
        _observation.reset(reset)


class Http:
    """The way to one host of one upstream. Holds no state of its own: safe to share between threads."""

    def __init__(
        self,
        upstream: str,
        base_url: str,
        classify: Callable[[Answer], UpstreamError | None],
        *,
        speaks_json: bool = True,
    ) -> None:
        """``classify`` turns an answer into the error it means, or None when it is good (status 2xx, a JSON object).

        Of an upstream that does not speak JSON, any text is good; it stands in ``Answer.text``.
        """
        self.upstream = upstream
        self.base_url = base_url.rstrip("/")
        self.classify = classify
        self.speaks_json = speaks_json

    def call(
        self,
        method: str,
        path: str,
        *,
        endpoint: str,
        params: Params | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        is_safe: bool | None = None,
    ) -> Answer:
        """Send and return the good answer; raises subclasses of UpstreamError only.

        ``path`` is percent-encoded by the caller (``segment``); ``content`` is a body to be sent as it is. ``is_safe``
        says that the call changes nothing upstream (default: a GET does not): then it never counts as maybe applied,
        and where the pooled connection turns out to be dead it is repeated once on a fresh one. RuntimeError inside a
        database transaction: a bug of the caller.
        """
        _refuse_inside_transaction()
        safe = method == "GET" if is_safe is None else is_safe
        sending = _Sending(self, method, path, endpoint, params or {}, json, form, content, headers or {}, auth)
        try:
            return sending.run(safe)
        except RetryLater as error:
            if not (safe and error.code == "dropped"):
                raise
        _forget_session(self.base_url)
        return sending.run(safe)


@dataclass(frozen=True)
class _Sending:
    """One prepared call; ``run`` sends it once, reports it once, and returns or raises."""

    http: Http
    method: str
    path: str
    endpoint: str
    params: Params
    json: Any
    form: Mapping[str, str] | None
    content: bytes | None
    headers: Mapping[str, str]
    auth: tuple[str, str] | None

    def run(self, safe: bool) -> Answer:
        """Make the call once and report it, whatever comes. Raises UpstreamError where the answer is not a good one.

        ``safe``: a repeat does no harm, so nothing is said of whether it was applied.
        """
        observation = _observation.get()
        left = self._seconds_left(observation)
        correlation_id = observation.correlation_id if observation else correlation.current()
        started_at, started = datetime.now(UTC), time.monotonic()
        answer: Answer | None = None
        error: UpstreamError | None
        try:
            answer = self._send(left, correlation_id)
            error = self._verdict(answer)
        except UpstreamError as failure:
            error = failure
        if error:
            error.message = redact_text(error.message)[:MESSAGE_LENGTH]
            error.maybe_applied = error.maybe_applied and not safe
        duration_ms = round((time.monotonic() - started) * 1000)
        self._report(observation, correlation_id, answer, error, started_at, duration_ms)
        if error:
            raise error
        assert answer is not None  # noqa: S101 no error means an answer
        return answer

    def _seconds_left(self, observation: _Observation | None) -> float:
        left = observation.ends_at - time.monotonic() if observation else WHOLE_CALL_SECONDS
        if left <= 0:
            raise RetryLater(self.http.upstream, "deadline", "Not sent: no time is left for this piece of work.")
        return min(left, WHOLE_CALL_SECONDS)

    def _send(self, left: float, correlation_id: str) -> Answer:
        ends_at = time.monotonic() + left
        with _translated(self.http.upstream):
            response = _session(self.http.base_url).request(
                self.method,
                self.http.base_url + self.path,
                params=self.params,
                json=self.json,
                data=self.form if self.content is None else self.content,
                headers={**self.headers, **({correlation.HEADER: correlation_id} if correlation_id else {})},
                auth=self.auth or _without_netrc,
                timeout=(min(CONNECT_TIMEOUT_SECONDS, left), min(READ_TIMEOUT_SECONDS, left)),
                allow_redirects=False,
                stream=True,
            )
            content = _read(response, ends_at)
        return _answer(response.status_code, response.headers, content)

    def _verdict(self, answer: Answer) -> UpstreamError | None:
        upstream = self.http.upstream
        if answer.status < 200 or 300 <= answer.status < 400:
            return Refused(upstream, "redirect", "The address redirects: the host is not the right one.", answer.status)
        if answer.status < 300 and self.http.speaks_json and not isinstance(answer.body, dict):
            return unreadable(upstream, "The answer is no JSON object.", answer.status)
        return self.http.classify(answer)

    def _report(
        self,
        observation: _Observation | None,
        correlation_id: str,
        answer: Answer | None,
        error: UpstreamError | None,
        started_at: datetime,
        duration_ms: int,
    ) -> None:
        sent = self.json if self.json is not None else self.form
        call = Call(
            upstream=self.http.upstream,
            endpoint=self.endpoint,
            method=self.method,
            path=_shown_path(self.path, self.params),
            status=answer.status if answer else None,
            outcome=outcome_of(error),
            code=error.code if error else "",
            message=error.message if error else "",
            started_at=started_at,
            duration_ms=duration_ms,
            request_excerpt="" if sent is None else redact_json(sent),
            response_excerpt=_response_excerpt(answer),
            clock_skew_seconds=_clock_skew_seconds(answer, started_at, duration_ms),
        )
        facts = ("upstream", "endpoint", "method", "path", "status", "outcome", "code", "duration_ms")
        log = logger.warning if error else logger.info
        log("upstream_call", correlation_id=correlation_id, **{name: getattr(call, name) for name in facts})
        if observation:
            observation.on_call(call)


def outcome_of(error: UpstreamError | None) -> str:
    """The one word an attempt is listed under: ``ok``, ``conflict``, ``stopped``, ``refused`` or ``retry``."""
    words = ((Conflict, "conflict"), (AccountStopped, "stopped"), (Refused, "refused"))
    return "ok" if error is None else next((word for kind, word in words if isinstance(error, kind)), "retry")


def unreadable(upstream: str, message: str, status: int | None = None) -> RetryLater:
    """For a success that does not hold what it must: something stands in between, and it may have applied."""
    return RetryLater(upstream, "unreadable_answer", message, status, maybe_applied=True)


def segment(upstream: str, value: str) -> str:
    """An id as one path segment, percent-encoded. Empty or dots would name another resource: NotFound, unsent."""
    if value in ("", ".", ".."):
        raise NotFound(upstream, "invalid_id", f"{value!r} is no id.")
    return quote(value, safe="")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The upstream's wish: ``Retry-After`` (seconds or date), else ``X-RateLimit-Reset`` (Unix seconds); None without.

    Moments are measured against the answer's own ``Date``, so that a wrong clock on either side does no harm.
    """
    wish = headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", wish):
        return min(float(wish), LONGEST_WISH_SECONDS)
    reset = headers.get("X-RateLimit-Reset", "").strip()
    moment = _unix_seconds(wish) or (float(reset) if re.fullmatch(r"\d{1,12}", reset) else None)
    if moment is None:
        return None
    now = _unix_seconds(headers.get("Date", "")) or time.time()
    return min(max(moment - now, 0.0), LONGEST_WISH_SECONDS)


def _clock_skew_seconds(answer: Answer | None, started_at: datetime, duration_ms: int) -> float | None:
    """From the answer's ``Date``: whole seconds, written at some time during the call."""
    date = _unix_seconds(answer.headers.get("Date", "")) if answer else None
    if date is None or duration_ms > SLOW_FOR_A_CLOCK_MS:
        return None
    return date + 0.5 - (started_at.timestamp() + duration_ms / 2000)


def _unix_seconds(http_date: str) -> float | None:
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (ValueError, OverflowError):
        return None


def _refuse_inside_transaction() -> None:
    """A slow upstream must never hold row locks. The blocks of Django's own TestCase are no transactions of ours."""
    if any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
        raise RuntimeError("HTTP inside a database transaction")


def _session(base_url: str) -> requests.Session:
    """One per thread and host (a Session is not thread-safe), and never one inherited through a fork."""
    sessions: dict[tuple[int, str], requests.Session] = _local.__dict__.setdefault("sessions", {})
    key = (os.getpid(), base_url)
    if key not in sessions:
        session = requests.Session()
        session.headers.update({"User-Agent": "trackbridge", "Accept": "application/json"})
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # accounts share a host, not its cookies
        sessions[key] = session
    return sessions[key]


def _forget_session(base_url: str) -> None:
    _session(base_url).close()
    del _local.sessions[(os.getpid(), base_url)]


def _without_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stands in for "no auth": without one, requests puts a ~/.netrc entry over our own Authorization header."""
    return request


@contextmanager
def _translated(upstream: str) -> Iterator[None]:
    """Failures without an answer become UpstreamErrors: ``maybe_applied`` unless surely nothing was sent."""
    try:
        yield
    except requests.exceptions.InvalidJSONError as error:
        raise Refused(upstream, "invalid_request", "The body has a value JSON does not know.") from error
    except ValueError as error:  # bad addresses and headers, also UnicodeError
        words = f"An address or a credential is unusable ({type(error).__name__})."
        raise AccountStopped(upstream, "invalid_settings", words) from None  # its own words may show the credential
    except NO_CONNECTION as error:
        raise RetryLater(upstream, "unreachable", f"No connection ({type(error).__name__}).") from error
    except (requests.Timeout, ReadTimeoutError, TimeoutError) as error:
        raise RetryLater(upstream, "timeout", "No answer in time.", maybe_applied=True) from error
    except (requests.ConnectionError, HTTPError, OSError) as error:
        if was_never_sent(error):
            raise RetryLater(upstream, "unreachable", "No connection (refused, or no such host).") from error
        raise RetryLater(upstream, "dropped", "The connection broke before an answer.", maybe_applied=True) from error


def was_never_sent(error: BaseException | None) -> bool:
    """Whether a failure of requests' came before anything was sent: then trying again repeats nothing."""
    reason = getattr(error.args[0], "reason", None) if error and error.args else None
    return isinstance(error, NO_CONNECTION) or isinstance(reason, NewConnectionError)  # so is NameResolutionError


def _read(response: requests.Response, ends_at: float) -> bytes:
    """The whole body; TimeoutError at ``ends_at``, also where a sender drips (no single read is too slow then)."""
    chunks = []
    try:
        while chunk := response.raw.read1(65_536, decode_content=True):
            chunks.append(chunk)
            if time.monotonic() > ends_at:
                raise TimeoutError
    except BaseException:
        response.close()
        raise
    response.raw.release_conn()
    return b"".join(chunks)


def _answer(status: int, headers: Mapping[str, str], content: bytes) -> Answer:
    try:
        body = json_module.loads(content)
    except (ValueError, RecursionError):
        body = None
    return Answer(status, headers, body, content[:8000].decode("utf-8", "replace"))


def _shown_path(path: str, params: Params) -> str:
    pairs = [
        f"{name}={value}"
        for name, values in redact_value(params).items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return redact_text(path) + ("?" + "&".join(pairs) if pairs else "")


def _response_excerpt(answer: Answer | None) -> str:
    if answer is None:
        return ""
    return redact_json(answer.text if answer.body is None else answer.body)
