"""What can be wrong with the settings, found when Django starts: each with an id and a hint.

Errors stop the start; warnings are printed. `stores.apps` registers them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host

from config.env import NEW_FERNET_KEY


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except ValueError:
        return False
    return True


@register
def encryption_keys(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Every key must be a Fernet key; says which one is not, never the key."""
    places = [str(place) for place, key in enumerate(settings.FIELD_ENCRYPTION_KEYS, 1) if not _is_fernet_key(key)]
    if not places and settings.FIELD_ENCRYPTION_KEYS:
        return []
    words = f"FIELD_ENCRYPTION_KEYS: not a Fernet key: number {', '.join(places)}." if places else "No key is given."
    return [Error(words, hint=f"Make one with: {NEW_FERNET_KEY}", id="config.E001")]


@register
def public_url(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """PUBLIC_URL must be a scheme and a host, and one of the hosts that we answer for."""
    address = urlsplit(settings.PUBLIC_URL)
    if address.scheme not in ("http", "https") or not address.hostname or address.path or address.query:
        words = f"PUBLIC_URL is not an address of the form https://host: {settings.PUBLIC_URL!r}."
        return [Error(words, hint="Scheme, host and port if need be; no path.", id="config.E002")]
    if not validate_host(address.hostname, settings.ALLOWED_HOSTS):
        words = f"ALLOWED_HOSTS does not contain {address.hostname!r}, the host of PUBLIC_URL."
        return [Error(words, hint="Add it, or leave ALLOWED_HOSTS unset: it follows PUBLIC_URL.", id="config.E003")]
    return []


@register
def debug(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """DEBUG shows settings and data to anybody who finds an error page."""
    if settings.DEBUG and settings.PUBLIC_URL.startswith("https:"):
        return [Error("DEBUG is on at a public address.", hint="Unset DEBUG.", id="config.E004")]
    return []


@register
def log_format(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """LOG_FORMAT knows two words."""
    if settings.LOG_FORMAT in ("json", "human"):
        return []
    return [Error(f"LOG_FORMAT is {settings.LOG_FORMAT!r}.", hint="Use json or human.", id="config.E005")]


@register
def database(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """What makes the database lose speed or work: measured, docs/decisions/database.md."""
    found: list[CheckMessage] = []
    default = settings.DATABASES["default"]
    if "sqlite" not in default["ENGINE"] and "postgresql" not in default["ENGINE"]:
        hint = "Use postgres://user:password@host/name or sqlite:///file."
        found.append(Error("DATABASE_URL names a database that is not supported.", hint=hint, id="config.E006"))
    if default.get("OPTIONS", {}).get("pool"):
        words = "DATABASE_URL asks for a connection pool, which breaks the queue's processes."
        found.append(Error(words, hint="Take ?pool out; connections are kept anyway.", id="config.E007"))
    if default.get("CONN_MAX_AGE", 0) == 0:
        hint = "Take ?conn_max_age out of DATABASE_URL: reconnecting each time makes the queue ten times slower."
        found.append(Warning("CONN_MAX_AGE is 0.", hint=hint, id="config.W001"))
    if "sqlite" in default["ENGINE"] and settings.PUBLIC_URL.startswith("https:"):
        hint = "SQLite is for trying out and for one small host. Set DATABASE_URL to a PostgreSQL server."
        found.append(Warning("SQLite at a public address.", hint=hint, id="config.W002"))
    return found


@register
def queue(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """The queue must neither run a task twice at once nor stop one that keeps to its times."""
    found: list[CheckMessage] = []
    timeout, retry = settings.Q_CLUSTER["timeout"], settings.Q_CLUSTER["retry"]
    if retry <= timeout:
        words = f"Q_CLUSTER: retry ({retry} s) is not above timeout ({timeout} s)."
        found.append(Error(words, hint="Otherwise a task starts again while it runs.", id="config.E008"))
    if timeout <= settings.PUMP_SECONDS + settings.JOB_DEADLINE_SECONDS:
        words = f"PUMP_SECONDS + JOB_DEADLINE_SECONDS is not below the queue's timeout ({timeout} s)."
        found.append(Error(words, hint="A pump would be stopped in the middle of its last job.", id="config.E009"))
    if settings.REDIS_URL and find_spec("redis") is None:
        words = "REDIS_URL is set, but the package redis is not installed."
        found.append(Error(words, hint="pip install redis, or unset REDIS_URL: none is needed.", id="config.E010"))
    return found


@register
def jobs(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """A lease must outlive its job, and every limit must leave room for work."""
    found: list[CheckMessage] = []
    if settings.JOB_LEASE_SECONDS <= settings.JOB_DEADLINE_SECONDS:
        hint = "Otherwise two workers run the same job at once."
        found.append(Error("JOB_LEASE_SECONDS is not above JOB_DEADLINE_SECONDS.", hint=hint, id="config.E011"))
    names: Sequence[str] = (
        "JOB_THREADS",
        "JOB_MAX_ATTEMPTS",
        "JOB_DEADLINE_SECONDS",
        "JOB_BACKOFF_BASE_SECONDS",
        "JOB_BACKOFF_CAP_SECONDS",
        "PUMP_SECONDS",
        "WEBHOOK_MAX_BYTES",
    )
    zero = [name for name in names if getattr(settings, name) <= 0]
    if zero:
        found.append(Error(f"Must be above zero: {', '.join(zero)}.", hint="Unset them.", id="config.E012"))
    return found


@register
def mail(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Mail that goes nowhere should not go unnoticed."""
    if settings.PUBLIC_URL.startswith("https:") and settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        hint = "Set EMAIL_URL, for example smtp+tls://user:password@host:587."
        return [Warning("Mail is printed to the console, not sent.", hint=hint, id="config.W003")]
    return []
