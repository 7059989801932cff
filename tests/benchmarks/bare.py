"""The least a web server can do with a webhook: read it, say 200. What ours is measured against."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

HEADERS = [("Content-Type", "application/json"), ("Content-Length", "2")]


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A WSGI application."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", HEADERS)
    return [b"{}"]


PAGE = b"<!doctype html><html lang=en><title>Bare</title><p>Delivered"
PAGE_HEADERS = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(PAGE)))]


def page(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """A page of one word: what ours is measured against in a browser."""
    start_response("200 OK", PAGE_HEADERS)
    return [PAGE]
