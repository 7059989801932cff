"""Public keys of those who sign what comes in: fetched once, remembered, and looked for again where one is new.

    a proof ─ key(address, key id) ─> remembered? ─────────────────────────────────> RSA public key
                                        └ no: fetch, one at a time, seldom per address ─┴─> UnknownKey, KeysUnavailable

The address is pinned by the caller: nothing that a sender writes leads anywhere else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from config import correlation
from tracking.clients.errors import Refused, RetryLater, UpstreamError
from tracking.clients.http import Answer, Http, observed, retry_after_seconds

FETCH_SECONDS = 4.0  # somebody waits for our answer
KEPT_SECONDS = 6 * 3600.0  # a key that was withdrawn is noticed after that long
AGAIN_SECONDS = 300.0  # an unknown key is looked for once in so long, whatever is made up
FAILED_SECONDS = 10.0
MOST_ADDRESSES = 100  # senders of forgeries make up addresses of certificates: the least useful are forgotten

Keys = Mapping[str, RSAPublicKey]
CERTIFICATE = ""  # the key id of a certificate, which holds one key


class KeysUnavailable(Exception):  # noqa: N818 named for what is the case
    """The keys cannot be fetched now: a passing fault, so nothing is said about who signed."""


class UnknownKey(Exception):  # noqa: N818
    """There is no such key at this address."""


@dataclass(frozen=True)
class Held:
    """What is remembered of one address, in monotonic seconds. ``keys`` None: it was never reached."""

    keys: Keys | None = None
    fetched_at: float = 0.0
    next_try_at: float = 0.0


@dataclass
class KeySource:
    """Keys by address and key id. ``fetch`` raises UpstreamError; safe to share between threads."""

    fetch: Callable[[str], Keys]
    _held: dict[str, Held] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, address: str, key_id: str = CERTIFICATE) -> RSAPublicKey:
        """Raises UnknownKey, or KeysUnavailable where nobody can tell. Keys that are old serve until there are new."""
        held = self._held.get(address, Held())
        is_old = time.monotonic() - held.fetched_at > KEPT_SECONDS
        if is_old or held.keys is None or key_id not in held.keys:
            held = self._look_again(address)
        if held.keys is None:
            raise KeysUnavailable(address)
        if key_id not in held.keys:
            raise UnknownKey(key_id)
        return held.keys[key_id]

    def forget(self) -> None:
        self._held.clear()

    def _look_again(self, address: str) -> Held:
        """Fetch, unless somebody just has, or is at it for too long."""
        if not self._lock.acquire(timeout=FETCH_SECONDS):
            return self._held.get(address, Held())
        try:
            held = self._held.get(address, Held())
            if time.monotonic() < held.next_try_at:
                return held
            held = self._fetched(address, held)
            self._remember(address, held)
            return held
        finally:
            self._lock.release()

    def _fetched(self, address: str, before: Held) -> Held:
        try:
            with observed(lambda call: None, correlation.current(), FETCH_SECONDS):
                keys = self.fetch(address)
        except Refused:
            keys = before.keys or {}  # whoever is asked knows of none
        except UpstreamError:
            return Held(before.keys, before.fetched_at, time.monotonic() + FAILED_SECONDS)
        return Held(keys, time.monotonic(), time.monotonic() + AGAIN_SECONDS)

    def _remember(self, address: str, held: Held) -> None:
        if address not in self._held and len(self._held) >= MOST_ADDRESSES:
            del self._held[min(self._held, key=lambda one: (bool(self._held[one].keys), self._held[one].fetched_at))]
        self._held[address] = held


def fetch_key_set(address: str) -> Keys:
    """The RSA keys of a JSON Web Key Set (RFC 7517). Keys of other kinds are left out."""
    body = _get(address, speaks_json=True).body
    given = body.get("keys")
    keys = {}
    for one in given if isinstance(given, list) else []:
        try:
            key = jwt.PyJWK(one, algorithm="RS256")
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
            continue
        if isinstance(key.key, RSAPublicKey) and key.key_id:
            keys[str(key.key_id)] = key.key
    return keys


def fetch_certificate(address: str) -> Keys:
    """The key of the X.509 certificate (PEM) there; none where it is no RSA certificate, or one out of date."""
    text = _get(address, speaks_json=False).text
    try:
        certificate = x509.load_pem_x509_certificate(text.encode())
        key = certificate.public_key()
    except ValueError:
        return {}
    is_current = certificate.not_valid_before_utc <= datetime.now(UTC) <= certificate.not_valid_after_utc
    return {CERTIFICATE: key} if is_current and isinstance(key, RSAPublicKey) else {}


def _get(address: str, *, speaks_json: bool) -> Answer:
    parts = urlsplit(address)
    host = Http("keys", f"{parts.scheme}://{parts.netloc}", _by_status, speaks_json=speaks_json)
    return host.call("GET", parts.path, endpoint="GET keys", headers={"Accept": "*/*"})


def _by_status(answer: Answer) -> UpstreamError | None:
    if answer.status < 300:
        return None
    words = f"Keys were answered with {answer.status}."
    if answer.status == 429 or answer.status >= 500:
        wish = retry_after_seconds(answer.headers)
        return RetryLater("keys", str(answer.status), words, answer.status, retry_after_seconds=wish)
    return Refused("keys", str(answer.status), words, answer.status)


key_sets = KeySource(fetch_key_set)
certificates = KeySource(fetch_certificate)
