"""The demo as a newcomer sees it: the real programs, each in a process of its own, talking over real HTTP."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from django.conf import settings

from tests.postgres import free_port

DEADLINE_SECONDS = 600


@pytest.fixture
def demo(tmp_path: Path) -> subprocess.Popen[str]:
    """``manage.py demo`` in a copy of the project, so that nobody's var/ is touched; ended as by Ctrl-C."""
    names = ("manage.py", "config", "stores", "tracking", "analytics", "templates")
    for name in names:
        source = Path(settings.BASE_DIR) / name
        shutil.copytree(source, tmp_path / name) if source.is_dir() else shutil.copy(source, tmp_path / name)
    (tmp_path / "var").mkdir()
    inherited = {
        name: os.environ[name] for name in ("PATH", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS") if name in os.environ
    }
    process = subprocess.Popen(
        [
            sys.executable,
            "-u",
            "manage.py",
            "demo",
            "--pace",
            "0.2",
            "--port",
            str(free_port()),
            "--sandbox-port",
            str(free_port()),
            "--history",
            "100",
        ],
        cwd=tmp_path,
        env=inherited | {"DATABASE_URL": "sqlite:///var/demo.sqlite3", "ENV_FILE": os.devnull},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)  # reads on: a full pipe would keep it from ending


def test_the_demo_ships_and_ends_cleanly(demo: subprocess.Popen[str]) -> None:
    lines: list[str] = []
    wanted = ["messages received", "parcel found", "tracking opened", "order written"]
    wanted += ["shopper told", "tb_status=in_transit", "shipmentState="]
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while not all(any(word in line for line in lines) for word in wanted):
        assert time.monotonic() < ends_at, "".join(lines)
        line = demo.stdout.readline()
        assert line, "".join(lines)
        lines.append(line)
    text = "".join(lines)
    assert re.search(r"administrator +admin / \S{10,}", text)
    sandbox_orders = re.search(r"commercetools has them +(\S+)", text)[1]
    console = re.search(r"Console +(\S+)", text)[1]
    with urllib.request.urlopen(sandbox_orders, timeout=120) as answer:
        orders = json.load(answer)["orders"]
    parcels = [
        parcel for one in orders for delivery in one["shippingInfo"]["deliveries"] for parcel in delivery["parcels"]
    ]
    statuses = {(parcel.get("custom") or {}).get("fields", {}).get("tb_status") for parcel in parcels}
    assert statuses - {None, "pending", "info_received"}, "it was written, and may have moved on since"
    assert any(one.get("shipmentState") for one in orders)
    with urllib.request.urlopen(console, timeout=120) as answer:
        assert answer.status == 200
    with urllib.request.urlopen(re.search(r"shopper's page (\S+)", text)[1], timeout=120) as answer:
        assert re.search(r"(DE|EN)Y-\d+", answer.read().decode()), "the page of an order of the year"
    assert "@example.com" not in text, "no shopper's address on the terminal"
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=120)
    assert demo.returncode == 0
    assert subprocess.run(["pgrep", "-g", str(demo.pid)], capture_output=True, check=False).returncode == 1
