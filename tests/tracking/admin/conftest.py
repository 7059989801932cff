"""People who use the console, and a browser-less client logged in as each."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def admin_user(db: None) -> User:
    return User.objects.create_superuser("engineer")


@pytest.fixture
def admin_client(admin_user: User) -> Client:
    return client_of(admin_user)


@pytest.fixture
def viewer(db: None) -> User:
    """May look at everything and change nothing."""
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return user


@pytest.fixture
def viewer_client(viewer: User) -> Client:
    return client_of(viewer)
