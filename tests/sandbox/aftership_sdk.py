"""Run by test_aftership_sdk.py in a process of its own: AfterShip's SDK is a package named ``tracking``, like ours.

Argument: the sandbox's address. Prints one JSON object of what came back.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tracking.exceptions import ApiException

import tracking

NUMBER = "1Z999AA10123456784"


def main(url: str) -> dict[str, Any]:
    """Each call once; the SDK's models refuse what does not have the documented shape."""
    client = tracking.Client(tracking.Configuration(domain=url, api_key="asat_1", max_retry=0))
    calls, found = client.tracking, {}
    fields = {"id": "own-1", "tracking_number": NUMBER, "order_id": "o-1", "custom_fields": {"store": "de-web"}}
    fields |= {"customers": [{"name": "Ada"}], "order_promised_delivery_date": {"promised_delivery_date": "2026-12-01"}}
    found["created"] = calls.create_tracking(create_tracking_request=fields).data.id
    try:
        calls.create_tracking(create_tracking_request={"tracking_number": NUMBER})
    except ApiException as error:
        found["duplicate"] = [type(error).__name__, error.code.value, error.meta_code]
    input()  # the test scans meanwhile
    got = calls.get_tracking_by_id(id="own-1")
    found["got"] = [got.data.tag.value, got.data.latest_estimated_delivery.source.value, len(got.data.checkpoints)]
    found["version"] = got.response_header["as-api-version"]
    listed = calls.get_trackings(limit=1, updated_at_min="2026-01-01T00:00:00+00:00").data
    found["listed"] = [[item.id for item in listed.trackings], listed.pagination.total, listed.pagination.has_next_page]
    changes = {"note": "by hand", "shipment_direction": "forward"}
    found["updated"] = calls.update_tracking_by_id(id="own-1", update_tracking_by_id_request=changes).data.note
    reason = {"reason": "LOST"}
    done = calls.mark_tracking_completed_by_id(id="own-1", mark_tracking_completed_by_id_request=reason).data
    found["completed"] = [done.subtag, done.checkpoints[-1].source.value]
    found["retracked"] = calls.retrack_tracking_by_id(id="own-1").data.active
    found["deleted"] = calls.delete_tracking_by_id(id="own-1").data.id
    try:
        calls.get_tracking_by_id(id="own-1")
    except ApiException as error:
        found["gone"] = [type(error).__name__, error.code.value, error.status_code]
    couriers = client.courier.get_couriers().data.couriers
    found["required"] = {c.slug: [field.value for field in c.required_fields] for c in couriers if c.required_fields}
    detected = client.courier.detect_courier(detect_courier_request={"tracking_number": NUMBER}).data
    found["detected"] = [courier.slug for courier in detected.couriers]
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
