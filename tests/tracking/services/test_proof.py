"""What speaks for a delivery: the region of the last scan, and what AfterShip gave as proof."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests import factories as make
from tracking.models import Checkpoint
from tracking.services.proof import Region, proof_of, region_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.mark.parametrize(
    ("scan", "expected"),
    [
        ({"country": "DEU", "postal_code": "10115"}, Region.SAME),
        ({"country": "DEU", "postal_code": "101 15", "city": "elsewhere"}, Region.SAME),
        ({"country": "DEU", "postal_code": "80331"}, Region.OTHER_PLACE),
        ({"country": "DEU", "city": "BERLIN"}, Region.SAME),
        ({"country": "DEU", "location": "Berlin Mitte, DE"}, Region.SAME),
        ({"country": "DEU", "city": "Hamburg"}, Region.OTHER_PLACE),
        ({"country": "POL", "city": "Berlin"}, Region.OTHER_COUNTRY),
        ({"country": "", "location": ""}, Region.UNKNOWN),
        ({"country": "XXX", "location": ""}, Region.UNKNOWN),
    ],
)
def test_region_of_the_last_scan(scan: dict[str, str], expected: Region) -> None:
    order = make.make_order()
    assert region_of(order, Checkpoint(**scan)) == expected


def test_no_scan_has_no_region() -> None:
    assert region_of(make.make_order(), None) == Region.UNKNOWN


def body(**message: Any) -> bytes:
    return json.dumps({"event": "tracking_update", "msg": message}).encode()


def test_proof_is_read_from_the_newest_webhook_that_can_be_read() -> None:
    tracking = make.make_tracking(status="delivered", delivered_at="2026-11-04T10:12:00+01:00")
    parcel = make.make_parcel(make.make_order(), tracking)
    last = make.make_checkpoint(tracking, step=4)
    files = [{"type": "signature", "url": "https://pod.example/1.png"}, {"type": "photo", "url": "javascript:x"}, "?"]
    make.make_receipt(subject=tracking.aftership_id, body=body(signed_by="OLD"))
    make.make_receipt(
        subject=tracking.aftership_id,
        body=body(signed_by="E. MUSTER", proof_of_delivery=files, signature_requirement=None, delivery_type=""),
    )
    make.make_receipt(subject=tracking.aftership_id, body=b"{broken")
    found = proof_of(parcel)
    assert found.facts == {"signed_by": "E. MUSTER"}
    assert found.files == (("signature", "https://pod.example/1.png"),)
    assert found.scan == last
    assert (str(found.delivered_on), found.is_raw_kept) == ("2026-11-04", True)


def test_parcel_without_tracking_or_webhooks_proves_nothing() -> None:
    assert proof_of(make.make_parcel()).is_raw_kept is False
    found = proof_of(make.make_parcel(make.make_order(), make.make_tracking()))
    assert (found.facts, found.files, found.is_raw_kept, found.delivered_on) == ({}, (), False, None)
