"""What all tests share: closed sockets, and no memory of the test before."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest

_connect = socket.socket.connect
_connect_ex = socket.socket.connect_ex


class SocketClosedError(RuntimeError):
    """A test tried to reach another machine."""


def _is_here(sock: socket.socket, address: Any) -> bool:
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return True
    host = str(address[0])
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(sock: socket.socket, address: Any) -> None:
    if not _is_here(sock, address):
        raise SocketClosedError(f"tests reach no other machine: {address[0]}")


def _guarded_connect(sock: socket.socket, address: Any) -> None:
    _check(sock, address)
    _connect(sock, address)


def _guarded_connect_ex(sock: socket.socket, address: Any) -> int:
    _check(sock, address)
    return _connect_ex(sock, address)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The database of the run; after tests that commit, PostgreSQL is emptied the quick way."""
    from django.db import connection
    from django.test import TransactionTestCase

    from tests import emptying

    with django_db_blocker.unblock(), pytest.MonkeyPatch.context() as patch:
        if connection.vendor == "postgresql":
            quick = emptying.quick_teardown(TransactionTestCase._fixture_teardown, emptying.mark_of_kept())
            patch.setattr(TransactionTestCase, "_fixture_teardown", quick)
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Django's own hashing takes 0.4 s of processor for each person who is made up with a password."""
    from django.test import override_settings

    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(autouse=True)
def _no_memory_of_kicks() -> None:
    """What was queued in the test before is gone."""
    from tracking import tasks

    tasks.memory.forget()


@pytest.fixture(autouse=True, scope="session")
def _closed_sockets() -> Iterator[None]:
    """Connections to other machines raise SocketClosedError, for the whole run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded_connect)
        patch.setattr(socket.socket, "connect_ex", _guarded_connect_ex)
        yield
