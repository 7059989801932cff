"""Each check of the settings: what sets it off, and that good settings are silent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.checks import CheckMessage
from django.core.checks.registry import registry

from config import checks


def ids(messages: list[CheckMessage]) -> list[str | None]:
    assert all(message.hint for message in messages), "every finding says what to do"
    return [message.id for message in messages]


@pytest.fixture
def with_database(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes what the settings say of the database, not the connection."""

    def change(**changes: Any) -> None:
        default = {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": 600, "OPTIONS": {}} | changes
        monkeypatch.setitem(django_settings.DATABASES, "default", default)

    return change


def test_the_tests_own_settings_are_in_order() -> None:
    ours = (
        *(checks.encryption_keys, checks.public_url, checks.debug, checks.log_format),
        *(checks.database, checks.queue, checks.jobs, checks.mail),
    )
    assert [check() for check in ours] == [[]] * 8
    assert set(ours) <= set(registry.get_checks())


def test_e001_names_the_place_of_a_wrong_encryption_key_and_not_the_key(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = [*settings.FIELD_ENCRYPTION_KEYS, "swordfish"]
    messages = checks.encryption_keys()
    assert ids(messages) == ["config.E001"]
    assert "number 2" in messages[0].msg
    assert "swordfish" not in messages[0].msg


def test_e001_an_empty_list_of_keys(settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = []
    assert ids(checks.encryption_keys()) == ["config.E001"]


@pytest.mark.parametrize(
    "url", ["trackbridge.example.com", "ftp://localhost", "https://", "http://localhost/bridge", "http://localhost?a=1"]
)
def test_e002_an_address_that_is_none(settings: Any, url: str) -> None:
    settings.PUBLIC_URL = url
    assert ids(checks.public_url()) == ["config.E002"]


def test_e003_hosts_without_our_own(settings: Any) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://tb.example.com", ["other.example.com"]
    assert ids(checks.public_url()) == ["config.E003"]


@pytest.mark.parametrize("hosts", [["tb.example.com"], [".example.com"], ["*"]])
def test_hosts_that_contain_our_own_are_fine(settings: Any, hosts: list[str]) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://tb.example.com:8443", hosts
    assert checks.public_url() == []


def test_e004_debug_at_a_public_address(settings: Any) -> None:
    settings.PUBLIC_URL, settings.DEBUG = "https://tb.example.com", True
    assert ids(checks.debug()) == ["config.E004"]


def test_debug_on_this_machine_is_fine(settings: Any) -> None:
    settings.DEBUG = True
    assert checks.debug() == []


def test_e005_an_unknown_log_format(settings: Any) -> None:
    settings.LOG_FORMAT = "xml"
    assert ids(checks.log_format()) == ["config.E005"]


def test_e006_another_database(with_database: Callable[..., None]) -> None:
    with_database(ENGINE="django.db.backends.mysql")
    assert ids(checks.database()) == ["config.E006"]


def test_e007_a_connection_pool(with_database: Callable[..., None]) -> None:
    with_database(OPTIONS={"pool": True})
    assert ids(checks.database()) == ["config.E007"]


def test_w001_connections_that_are_not_kept(with_database: Callable[..., None]) -> None:
    with_database(CONN_MAX_AGE=0)
    assert ids(checks.database()) == ["config.W001"]


def test_w002_sqlite_at_a_public_address(settings: Any, with_database: Callable[..., None]) -> None:
    settings.PUBLIC_URL = "https://tb.example.com"
    with_database(ENGINE="django.db.backends.sqlite3", CONN_MAX_AGE=None)
    assert ids(checks.database()) == ["config.W002"]


def test_e008_a_queue_that_would_run_a_task_twice_at_once(settings: Any) -> None:
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"retry": 60}
    assert ids(checks.queue()) == ["config.E008"]


def test_e009_a_pump_that_the_queue_would_stop(settings: Any) -> None:
    settings.PUMP_SECONDS = 25
    assert ids(checks.queue()) == ["config.E009"]


def test_e010_redis_without_its_package(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://localhost:6379/0"
    monkeypatch.setattr(checks, "find_spec", lambda name: None)
    assert ids(checks.queue()) == ["config.E010"]


def test_e011_a_lease_shorter_than_its_job(settings: Any) -> None:
    settings.JOB_LEASE_SECONDS = settings.JOB_DEADLINE_SECONDS
    assert ids(checks.jobs()) == ["config.E011"]


def test_e012_limits_that_leave_no_room_are_named(settings: Any) -> None:
    settings.JOB_THREADS, settings.WEBHOOK_MAX_BYTES = 0, 0
    messages = checks.jobs()
    assert ids(messages) == ["config.E012"]
    assert "JOB_THREADS, WEBHOOK_MAX_BYTES" in messages[0].msg


def test_w003_mail_that_goes_nowhere(settings: Any) -> None:
    settings.PUBLIC_URL = "https://tb.example.com"
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    assert ids(checks.mail()) == ["config.W003"]
