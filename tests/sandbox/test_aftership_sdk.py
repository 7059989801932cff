"""A client we did not write must be content: AfterShip's own SDK, against the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tracking.sandbox.client import SandboxClient
from tracking.sandbox.server import Sandbox

SCRIPT = Path(__file__).with_name("aftership_sdk.py")


def scan_through(control: SandboxClient) -> None:
    """Every tag there is, with place and promise."""
    place = {"city": "Leipzig", "country_region": "DEU", "coordinate": {"latitude": 51.4, "longitude": 12.4}}
    tags = ["InfoReceived", "InTransit", "OutForDelivery", "AttemptFail", "AvailableForPickup", "Exception", "Expired"]
    for tag in [*tags, "Delivered"]:
        control.scan("main", "own-1", tag, location=place, eta="2026-12-01", message=tag)


def test_the_official_sdk_is_content(sandbox: Sandbox, control: SandboxClient, tmp_path: Path) -> None:
    control.set_dials(aftership={"rate_limit": False})
    command = [sys.executable, "-I", str(SCRIPT), sandbox.url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, text=True, **pipes) as process:
        ends_at = time.monotonic() + 120
        while not control.trackings("main") and process.poll() is None and time.monotonic() < ends_at:
            time.sleep(0.02)
        if process.poll() is None:
            scan_through(control)
        output, errors = process.communicate("\n", timeout=120)
    assert process.returncode == 0, errors
    found = json.loads(output)
    assert found["required"]["postnl"] == ["destination_postal_code"]
    del found["required"]
    assert found == {
        "created": "own-1",
        "duplicate": ["BadRequestError", "TRACKING_ALREADY_EXIST", 4003],
        "got": ["Delivered", "Carrier EDD", 8],
        "version": ["2026-07"],
        "listed": [["own-1"], 1, False],
        "updated": "by hand",
        "completed": ["Exception_013", "user"],
        "retracked": True,
        "deleted": "own-1",
        "gone": ["BadRequestError", "TRACKING_DOES_NOT_EXIST", 404],
        "detected": ["ups"],
    }
