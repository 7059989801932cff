"""Events that we send ourselves through our own doors: genuine to the byte and the signature, and about nothing.

The event id alone makes them recognisable. Whoever can forge one holds the endpoint's secret already.
"""

from __future__ import annotations

import json

PREFIX = "trackbridge-self-test:"
EVENT = "self_test"
OUTCOME = "a self-test of our own: changes nothing"


def event_id(code: str) -> str:
    return PREFIX + code


def is_self_test(event_id: str) -> bool:
    return event_id.startswith(PREFIX)


def aftership_body(code: str) -> bytes:
    """A webhook of AfterShip's outer form."""
    return json.dumps({"event": EVENT, "event_id": event_id(code), "msg": {}}).encode()


def commercetools_body(project_key: str, code: str) -> bytes:
    """A Platform message about no order."""
    resource = {"typeId": "subscription", "id": event_id(code)}
    message = {"notificationType": "Message", "id": event_id(code), "projectKey": project_key, "resource": resource}
    return json.dumps(message | {"version": 1, "sequenceNumber": 1, "resourceVersion": 1, "type": EVENT}).encode()
