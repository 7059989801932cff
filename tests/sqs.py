"""A small SQS over real HTTP: JSON protocol, one queue, visibility, deletion; it can refuse and fail."""

from __future__ import annotations

import json
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class FakeSqs:
    """``messages``: handle → body. What was received is hidden until ``show_again``."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.hidden: set[str] = set()
        self.refusal: tuple[int, str] | None = None
        self.waits: list[int] = []
        sqs = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, body = sqs.answer(self.headers["X-Amz-Target"].partition(".")[2], asked)
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def options(self) -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server.server_port}"
        return {"queue_url": f"{url}/1/q", "region": "eu-central-1", "access_key_id": "AKIATEST", "endpoint_url": url}

    def send(self, body: str) -> None:
        self.messages[uuid.uuid4().hex] = body

    def show_again(self) -> None:
        """The visibility timeout of all is over."""
        self.hidden.clear()

    def answer(self, action: str, asked: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.refusal:
            return self.refusal[0], {"__type": f"com.amazonaws.sqs#{self.refusal[1]}", "message": "No."}
        if action == "ReceiveMessage":
            self.waits.append(asked["WaitTimeSeconds"])
            seen = [handle for handle in self.messages if handle not in self.hidden][: asked["MaxNumberOfMessages"]]
            self.hidden.update(seen)
            return 200, {"Messages": [{"Body": self.messages[one], "ReceiptHandle": one} for one in seen]}
        for entry in asked["Entries"]:
            self.messages.pop(entry["ReceiptHandle"], None)
        return 200, {"Successful": [{"Id": entry["Id"]} for entry in asked["Entries"]], "Failed": []}

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
