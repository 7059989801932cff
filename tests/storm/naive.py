"""The control: the bridge that comes to mind first. For each webhook in order of arrival, GET the order and POST what
the webhook says; when an answer is lost, do it again. It remembers nothing and compares nothing.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import RemoteDisconnected
from typing import Any

from tests.storm import oracle
from tests.storm.generator import Scan

TYPE = {"typeId": "type", "key": "trackbridge-parcel"}
FIELDS = ("tb_status", "tb_tag", "tb_subtag", "tb_message", "tb_checkpoint_at", "tb_courier", "tb_updated_at")


class NaiveBridge:
    """Speaks to one project of the sandbox."""

    def __init__(self, url: str, project: str) -> None:
        self.url, self.project = url, project
        basic = {"Authorization": "Basic aWQ6c2VjcmV0"}
        form = f"grant_type=client_credentials&scope=manage_project:{project}".encode()
        token = self.call("/oauth/token", form, basic | {"Content-Type": "application/x-www-form-urlencoded"})
        self.headers = {"Authorization": f"Bearer {token['access_token']}", "Content-Type": "application/json"}
        kinds = {name: "DateTime" if name == "tb_updated_at" else "String" for name in FIELDS}
        definitions = [
            {"name": name, "label": {"en": name}, "required": False, "type": {"name": kind}}
            for name, kind in kinds.items()
        ]
        draft = {"key": TYPE["key"], "name": {"en": "Parcel"}, "resourceTypeIds": ["order-parcel"]}
        self.post("/types", draft | {"fieldDefinitions": definitions})

    def take(self, order_id: str, parcel_id: str, scan: Scan, document: dict[str, Any]) -> None:
        fields = {
            "tb_status": oracle.status([scan]),
            "tb_tag": document["tag"],
            "tb_subtag": document["subtag"],
            "tb_message": document["checkpoints"][-1]["message"],
            "tb_checkpoint_at": document["checkpoints"][-1]["checkpoint_time"],
            "tb_courier": document["slug"],
            "tb_updated_at": document["updated_at"].replace("+00:00", ".000Z"),
        }
        action = {"action": "setParcelCustomType", "parcelId": parcel_id, "type": TYPE, "fields": fields}
        while True:
            try:
                order = self.call(f"/{self.project}/orders/{order_id}", None, self.headers)
                self.post(f"/orders/{order_id}", {"version": order["version"], "actions": [action]})
            except (RemoteDisconnected, urllib.error.URLError):
                continue
            return

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.call(f"/{self.project}{path}", json.dumps(body).encode(), self.headers)

    def call(self, path: str, body: bytes | None, headers: dict[str, str]) -> Any:
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=10) as answer:
            return json.load(answer)
