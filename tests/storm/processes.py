"""The real programs of one site: PostgreSQL or a SQLite file, gunicorn, worker clusters, the sandbox; each a process.

A program that ends is started again, as a supervisor would. ``children`` looks into the process tree, for killing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from config.env import BASE_DIR
from tests.postgres import Postgres, free_port
from tests.storm.generator import CARRIERS, World
from tracking.sandbox.client import SandboxClient

TOKEN, SECRET = "storm-inbound-token-0123456789", "storm-webhook-secret-0123456789"
START_SECONDS = 180
MANAGE = "manage.py"


class Program:
    """One supervised process in a group of its own; its output goes to a file."""

    def __init__(self, name: str, arguments: list[str], environment: dict[str, str], logs: Path) -> None:
        self.name, self.arguments, self.environment = name, arguments, environment
        self.log = logs / f"{name}.log"
        self.restarts = -1
        self.start()

    def start(self) -> None:
        self.restarts += 1
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, *self.arguments],
                cwd=BASE_DIR,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def supervise(self) -> bool:
        """Start it again if it ended; says whether it had."""
        if self.process.poll() is None:
            return False
        self.start()
        return True

    def end(self) -> None:
        """Ask it to end, and make sure of it and of everything it started."""
        tree = family(self.process.pid)
        if self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(25)
        kill(*tree, self.process.pid)
        self.process.wait()


class Inside:
    """A process of ours that looks into the site's database: ``ask("status")``. Starts again after a lost database."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self.environment, self.log = environment, logs / "inside.log"
        self.process: subprocess.Popen[str] | None = None

    def ask(self, *question: Any) -> Any:
        """The answer of ``inside.py``; raises RuntimeError where it has none, with the place of its log."""
        if self.process is None or self.process.poll() is not None:
            with self.log.open("ab") as errors:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "tests.storm.inside"],
                    cwd=BASE_DIR,
                    env=self.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"the helper inside failed at {question[0]}; see {self.log}")
        return json.loads(line)

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait()


class Site:
    """Everything up and connected, as a context manager. ``quick`` shortens leases and pauses, so that minutes do."""

    def __init__(
        self, world: World, logs: Path, *, clusters: int, sqlite: bool, quick: bool, database: tuple[str, ...] = ()
    ) -> None:
        self.world, self.logs, self.quick = world, logs, quick
        self.postgres = None if sqlite else Postgres(tcp=True, durable=True, settings=database)
        self.database_url = f"sqlite:///{logs}/db.sqlite3" if self.postgres is None else self.postgres.url
        self.clusters = clusters
        self.programs: list[Program] = []

    def __enter__(self) -> Site:
        try:
            self.start()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def start(self) -> None:
        if self.postgres:
            self.postgres.start()
        port, web_port = free_port(), free_port()
        self.sandbox_url, self.web_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{web_port}"
        environment = self.environment()
        self.inside = Inside(environment, self.logs)
        self.sandbox_program = Program(
            "sandbox", ["-m", "tracking.sandbox", "--port", str(port)], environment, self.logs
        )
        wait_for(f"{self.sandbox_url}/_sandbox/idle")
        self.sandbox = SandboxClient(self.sandbox_url)
        self.connect()
        bind = environment | {"BIND": f"127.0.0.1:{web_port}"}
        self.web = Program("web", ["-m", "gunicorn", "-c", "config/gunicorn.py"], bind, self.logs)
        stale = ["--stale-seconds", "12"] if self.quick else []
        self.workers = [
            Program(f"worker-{n}", [MANAGE, "worker", *stale], environment, self.logs) for n in range(self.clusters)
        ]
        self.programs = [self.web, *self.workers]
        wait_for(f"{self.web_url}/healthz")

    def environment(self) -> dict[str, str]:
        """Of every program: nobody's own settings, this site's database."""
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
        quick = {"JOB_LEASE_SECONDS": "12", "JOB_DEADLINE_SECONDS": "9", "JOB_BACKOFF_CAP_SECONDS": "10"}
        return inherited | {
            "ENV_FILE": os.devnull,
            "SECRET_KEY": "only-for-the-storm-0123456789-abcdefghijklmnop",
            "FIELD_ENCRYPTION_KEYS": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "PUBLIC_URL": self.web_url,
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": self.database_url,
            "LOG_FORMAT": "json",
            "EMAIL_URL": "memorymail://",
            "PYTHONUNBUFFERED": "1",
            "STORM_CLIENT_SECRET": "secret",
            "STORM_TOKEN": TOKEN,
            "STORM_SECRET": SECRET,
            **{env_name(account): f"asat_{account}" for account in self.world.accounts.values()},
            **(quick if self.quick else {}),
        }

    def connect(self) -> None:
        """Make the sandbox know the site, and the site the sandbox."""
        for project in self.world.accounts:
            push = {"url": f"{self.web_url}/webhooks/commercetools/{project}/", "token": TOKEN}
            self.sandbox.project(project, client_id="id", client_secret="secret", push=push)
        for account in set(self.world.accounts.values()):
            self.sandbox.account(account, api_key=f"asat_{account}")
        path = self.logs / "storm.yaml"
        path.write_text(yaml.safe_dump(configuration(self.world, self.sandbox_url)))
        self.inside.ask("set_up", str(path))

    def supervise(self) -> int:
        """Start again what ended; how many had."""
        return sum(program.supervise() for program in self.programs)

    def end(self) -> None:
        for program in reversed(self.programs):
            program.end()
        if hasattr(self, "sandbox_program"):
            self.sandbox_program.end()
        if hasattr(self, "inside"):
            self.inside.end()
        if self.postgres:
            self.postgres.stop()


def configuration(world: World, url: str) -> dict[str, Any]:
    projects = [
        {
            "key": project,
            "api_url": url,
            "auth_url": url,
            "client_id": "id",
            "client_secret": {"env": "STORM_CLIENT_SECRET"},
            "inbound": {"type": "bearer", "secret": {"env": "STORM_TOKEN"}},
            "shipment_state": "forward",
        }
        for project in world.accounts
    ]
    accounts = [
        {"key": key, "api_url": url, "api_key": {"env": env_name(key)}, "webhook_secrets": [{"env": "STORM_SECRET"}]}
        for key in sorted(set(world.accounts.values()))
    ]
    return {
        "projects": projects,
        "aftership_accounts": accounts,
        "brands": [{"key": "storm", "name": "Storm"}],
        "routes": [{"project": one, "account": key, "brand": "storm"} for one, key in world.accounts.items()],
        "carrier_mappings": [{"carrier": carrier, "courier": slug} for carrier, slug in CARRIERS.items()],
    }


def env_name(account: str) -> str:
    return f"STORM_KEY_{account.replace('-', '_').upper()}"


def wait_for(url: str) -> None:
    ends_at = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError as error:
            if time.monotonic() > ends_at:
                raise RuntimeError(f"{url} does not answer") from error
            time.sleep(0.1)


def children(pid: int) -> list[int]:
    """The direct children of a process, oldest first; [] if it is gone."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def family(pid: int) -> list[int]:
    """All descendants of a process."""
    found: list[int] = []
    for child in children(pid):
        found += [child, *family(child)]
    return found


def kill(*pids: int) -> None:
    """SIGKILL; those that are gone already are fine."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
