"""``python -m tracking.sandbox --port 4010``: serve both upstreams until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from tracking.sandbox.server import Sandbox


def main() -> None:
    """Print the address, then serve. Port 0 takes a free one."""
    parser = argparse.ArgumentParser(prog="tracking.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=4010, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    options = parser.parse_args()
    stopped = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stopped.set())
    with Sandbox(options.port, options.host) as sandbox:
        sys.stdout.write(f"sandbox on {sandbox.url}\n")
        sys.stdout.flush()
        stopped.wait()


if __name__ == "__main__":
    main()
