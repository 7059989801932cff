"""gunicorn with our configuration: it starts, answers, logs in our form and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from config.env import BASE_DIR
from tests.postgres import free_port


def wait_for_answer(port: int, process: subprocess.Popen[str]) -> tuple[int, bytes]:
    end = time.monotonic() + 120
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            connection.request("GET", "/healthz?token=swordfish")
            response = connection.getresponse()
            return response.status, response.read()
        except ConnectionError:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.05)
        finally:
            connection.close()


def test_serves_logs_in_json_and_leaves_no_control_socket(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", "-b", f"127.0.0.1:{port}"]
    env = os.environ | {"HOME": str(tmp_path)}
    process = subprocess.Popen(command, cwd=BASE_DIR, env=env, stderr=subprocess.PIPE, text=True)
    try:
        assert wait_for_answer(port, process) == (200, b'{"status": "alive"}')
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    lines = [json.loads(line) for line in errors.splitlines()]
    assert "gunicorn.error" in {line["logger"] for line in lines}
    assert {line["correlation_id"] for line in lines} == {"-"}
    assert "swordfish" not in errors
    assert list(tmp_path.iterdir()) == []
