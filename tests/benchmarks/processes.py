"""The processes of a benchmark: servers that are up while a part runs, and crews that start at the same moment."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from config.env import BASE_DIR
from tests.postgres import free_port

START_SECONDS = 30


@contextmanager
def gunicorn(application: str) -> Iterator[str]:
    """gunicorn with the settings of production; gives its address. Its log is shown where it does not start."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "-c", "config/gunicorn.py", application]
    with tempfile.TemporaryFile() as log:
        environment = os.environ | {"BIND": f"127.0.0.1:{port}"}
        server = subprocess.Popen(command, cwd=BASE_DIR, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            wait_for_port(port, server)
            yield f"http://127.0.0.1:{port}"
        except RuntimeError:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            end(server)


def wait_for_port(port: int, server: subprocess.Popen[bytes]) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if server.poll() is not None or time.monotonic() > ends_at:
            raise RuntimeError("the web server did not start")
        time.sleep(0.05)


@contextmanager
def sandbox() -> Iterator[str]:
    """Both upstreams in a process of their own; gives their address."""
    command = [sys.executable, "-m", "tracking.sandbox", "--port", str(free_port())]
    server = subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[-1]
    finally:
        end(server)


def end(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def measured(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module in a process of its own; the JSON line that it prints."""
    done = subprocess.run(command_of(module, arguments), cwd=BASE_DIR, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def crew(size: int, module: str, *arguments: object) -> float:
    """Run a module ``size`` times at once: all wait until the last is ready. The seconds until the last is done."""
    pipe = subprocess.PIPE
    hands = [
        subprocess.Popen(command_of(module, arguments), cwd=BASE_DIR, stdin=pipe, stdout=pipe, text=True)
        for _ in range(size)
    ]
    for hand in hands:
        assert hand.stdout is not None
        if hand.stdout.readline() != "ready\n":
            raise RuntimeError(f"{module} did not start")
    started_at = time.perf_counter()
    for hand in hands:
        assert hand.stdin is not None
        hand.stdin.write("go\n")
        hand.stdin.flush()
    for hand in hands:
        assert hand.stdout is not None
        hand.stdout.readline()
    seconds = time.perf_counter() - started_at
    for hand in hands:
        hand.communicate()
        if hand.returncode:
            raise RuntimeError(f"{module} failed")
    return seconds


def command_of(module: str, arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]
