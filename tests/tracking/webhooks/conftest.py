from __future__ import annotations

from collections.abc import Iterator

import pytest

from stores.models import AfterShipAccount, Project
from tests.factories import make_account, make_project
from tests.tracking.webhooks.doors import SECRET, TOKEN
from tracking.webhooks import authentication
from tracking.webhooks.authentication import forget


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of the test before; and within a test all, however long it takes."""
    monkeypatch.setattr(authentication, "REMEMBER_SECONDS", 3600)
    forget()
    yield
    forget()


@pytest.fixture
def account(db: None) -> AfterShipAccount:
    return make_account(key="main", webhook_secret=SECRET)


@pytest.fixture
def project(db: None) -> Project:
    return make_project(key="demo", inbound_secret=TOKEN)
