"""What the settings make of an environment: each case starts Python anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from config.env import BASE_DIR

KEYS = {"SECRET_KEY": "x" * 50, "FIELD_ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
SHOW = """
import json, sys
from config import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""


def read(*names: str, **environment: str) -> dict[str, Any]:
    """The values of these settings in this environment."""
    env = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull} | KEYS | environment
    command = [sys.executable, "-c", SHOW, *names]
    done = subprocess.run(command, cwd=BASE_DIR, env=env, capture_output=True, text=True, check=True, timeout=300)
    return dict(json.loads(done.stdout))


def test_https_address_turns_on_redirects_hsts_and_secure_cookies() -> None:
    names = ("SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS")
    secure = read(*names, "CSRF_TRUSTED_ORIGINS", PUBLIC_URL="https://tb.example.com/")
    assert [secure[name] for name in names] == [True, True, True, 31_536_000]
    assert secure["CSRF_TRUSTED_ORIGINS"] == ["https://tb.example.com"]
    assert list(read(*names).values()) == [False, False, False, 0]


def test_forwarded_scheme_is_believed_only_where_the_proxy_is_trusted() -> None:
    assert read("SECURE_PROXY_SSL_HEADER")["SECURE_PROXY_SSL_HEADER"] is None
    trusted = read("SECURE_PROXY_SSL_HEADER", TRUST_PROXY="true")
    assert trusted["SECURE_PROXY_SSL_HEADER"] == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_hosts_follow_the_public_address_unless_given() -> None:
    assert read("ALLOWED_HOSTS", PUBLIC_URL="https://tb.example.com")["ALLOWED_HOSTS"][0] == "tb.example.com"
    assert read("ALLOWED_HOSTS", ALLOWED_HOSTS="a.example, b.example")["ALLOWED_HOSTS"] == ["a.example", "b.example"]


def test_sqlite_is_the_default_and_cannot_lose_a_commit() -> None:
    seen = read("DATABASES", "Q_CLUSTER")
    database = seen["DATABASES"]["default"]
    assert database["NAME"] == str(BASE_DIR / "db.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "synchronous=FULL" in database["OPTIONS"]["init_command"]
    assert seen["Q_CLUSTER"]["poll"] == 0.2


def test_postgresql_keeps_connections_and_has_no_pool() -> None:
    seen = read("DATABASES", "Q_CLUSTER", DATABASE_URL="postgres://tb:p%40ss@db.example:5433/bridge?sslmode=require")
    database = seen["DATABASES"]["default"]
    assert [database[name] for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")] == [
        "db.example",
        5433,
        "tb",
        "p@ss",
        "bridge",
    ]
    assert (database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"]) == (600, True)
    assert database["OPTIONS"]["sslmode"] == "require"
    assert {"statement_timeout=30000", "jit=off", "max_parallel_workers_per_gather=0", "random_page_cost=1.1"} <= set(
        database["OPTIONS"]["options"].split()
    )
    assert "pool" not in database["OPTIONS"]
    assert seen["Q_CLUSTER"]["poll"] == 0.05


def test_queue_is_in_the_database_unless_redis_is_asked_for() -> None:
    assert read("Q_CLUSTER")["Q_CLUSTER"]["orm"] == "default"
    redis = read("Q_CLUSTER", REDIS_URL="redis://localhost:6379/0")["Q_CLUSTER"]
    assert redis["redis"] == "redis://localhost:6379/0"
    assert "orm" not in redis


def test_mail_server_comes_from_one_address() -> None:
    seen = read(
        "EMAIL_BACKEND", "EMAIL_HOST", "EMAIL_PORT", "EMAIL_USE_TLS", EMAIL_URL="smtp+tls://u:p@mail.example:587"
    )
    assert seen == {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": "mail.example",
        "EMAIL_PORT": 587,
        "EMAIL_USE_TLS": True,
    }


@pytest.mark.parametrize(("name", "value"), [("JOB_THREADS", "lots"), ("DEBUG", "perhaps")])
def test_a_wrong_value_names_its_variable(name: str, value: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as raised:
        read("DEBUG", **{name: value})
    assert f"ImproperlyConfigured: {name} must be" in raised.value.stderr
