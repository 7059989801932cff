"""Configuration files for tests: the one of the design, ways to write and apply one, and a picture of all rows."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from django.core import serializers
from django.core.management import call_command
from django.core.management.base import CommandError

from stores.config_file.document import Document, read_document
from stores.config_file.source import ConfigFileError
from stores.models import (
    AfterShipAccount,
    Brand,
    CarrierMapping,
    Channel,
    Courier,
    Project,
    Revision,
    Route,
    StatusRule,
    Store,
)
from tracking.models import Job

SECRETS = {
    "CT_CLIENT_ID": "client-7f3a",
    "CT_CLIENT_SECRET": "swordfish-client",
    "CT_INBOUND_TOKEN": "swordfish-inbound",
    "AFTERSHIP_KEY": "swordfish-key",
    "AFTERSHIP_SECRET": "swordfish-hmac",
}
DESIGN = """\
projects:
  - key: demo                         # commercetools project key, and the key in the webhook address
    api_url: http://127.0.0.1:4010
    auth_url: http://127.0.0.1:4010
    client_id: {env: CT_CLIENT_ID}
    client_secret: {env: CT_CLIENT_SECRET}
    inbound: {type: bearer, secret: {env: CT_INBOUND_TOKEN}}   # or pubsub, sns, eventgrid, eventbridge, sqs, poll …
    shipment_state: forward           # off | forward | full
aftership_accounts:
  - key: main
    api_url: https://api.aftership.com
    api_key: {env: AFTERSHIP_KEY}
    webhook_secrets: [{env: AFTERSHIP_SECRET}]
brands:
  - {key: acme, name: Acme, colour: "#0b5fff", locales: [en, de]}
routes:                               # first match wins
  - {project: demo, store: de-web, account: main, brand: acme, promise_days: 3, notify: platform}
  - {project: demo, account: main, brand: acme}
carrier_mappings:
  - {carrier: "DHL Paket", courier: dhl-germany}
  - {carrier: "Post", courier: austrian-post, project: demo, store: at-web}
"""
NOBODY: Mapping[str, list[str]] = {"projects": [], "aftership_accounts": [], "brands": []}


class ConfigFile:
    """One file in a folder of its own, written anew each time."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "trackbridge.yaml"

    def read(self, text: str, known: Mapping[str, list[str]] = NOBODY) -> Document:
        self.path.write_text(text, encoding="utf-8")
        return self.read_as_it_is(known)

    def read_as_it_is(self, known: Mapping[str, list[str]] = NOBODY) -> Document:
        return read_document(self.path, known)

    def faults(self, text: str, known: Mapping[str, list[str]] = NOBODY) -> list[str]:
        """What is wrong with the file, in the order of its lines."""
        try:
            self.read(text, known)
        except ConfigFileError as error:
            return [str(fault) for fault in error.faults]
        return []

    def apply(self, text: str, *arguments: str) -> str:
        """Run the command as from a terminal; returns what it printed."""
        self.path.write_text(text, encoding="utf-8")
        out, errors = StringIO(), StringIO()
        call_command("apply_config", str(self.path), *arguments, stdout=out, stderr=errors)
        assert errors.getvalue() == ""
        return out.getvalue()

    def refusal(self, text: str, *arguments: str) -> CommandError:
        """Run the command, which must refuse."""
        try:
            printed = self.apply(text, *arguments)
        except CommandError as error:
            return error
        raise AssertionError(f"not refused: {printed}")


def all_rows() -> str:
    """Every row that a configuration can touch, with every column, secrets decrypted."""
    models = (
        Project,
        AfterShipAccount,
        Brand,
        Store,
        Channel,
        Courier,
        Route,
        CarrierMapping,
        StatusRule,
        Revision,
        Job,
    )
    return "\n".join(serializers.serialize("json", model.objects.order_by("pk")) for model in models)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """The text with each first string replaced by the second; every one must be there."""
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text
