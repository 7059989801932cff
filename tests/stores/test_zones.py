"""Whose clock a store lives by."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError

from stores.zones import ZONES, is_zone, zone, zone_name
from tests.factories import make_store


@pytest.mark.parametrize(
    ("own", "countries", "expected"),
    [
        ("Asia/Tokyo", ["DE"], "Asia/Tokyo"),
        ("", ["DE", "GB"], "Europe/Berlin"),
        ("", ["XX", "AT"], "Europe/Vienna"),
        ("", ["XX"], "UTC"),
        ("", [], "UTC"),
    ],
)
def test_its_own_zone_else_its_first_known_country_s(own: str, countries: list[str], expected: str) -> None:
    assert zone(zone_name(own, countries)) == ZoneInfo(expected)


def test_every_country_s_zone_is_there() -> None:
    assert [name for name in ZONES.values() if not is_zone(name)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Berlin", "Europe/Berlin ", "../etc/passwd", "CET+2"])
def test_what_is_no_zone_is_refused_by_name(name: str) -> None:
    store = make_store()
    store.time_zone = name
    with pytest.raises(ValidationError) as refused:
        store.clean_fields()
    assert refused.value.message_dict == {"time_zone": ["A time zone such as Europe/Berlin."]}
