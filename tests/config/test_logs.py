"""Log lines: one form for ours and the libraries', a correlation id on each, no secret on any."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
import structlog

from config import correlation, logs


@pytest.fixture
def lines() -> Iterator[Callable[[str], io.StringIO]]:
    """Prints what is logged through our own formatter into a buffer, in the format asked for."""
    root = logging.getLogger()
    added: list[logging.Handler] = []

    def capture(log_format: str) -> io.StringIO:
        description = logs.logging_config(log_format)["formatters"]["line"]
        buffer = io.StringIO()
        handler = logging.StreamHandler(buffer)
        options = {key: value for key, value in description.items() if key != "()"}
        handler.setFormatter(description["()"](**options))
        root.addHandler(handler)
        added.append(handler)
        return buffer

    yield capture
    for handler in added:
        root.removeHandler(handler)


def only_json(buffer: io.StringIO) -> dict[str, Any]:
    (line,) = buffer.getvalue().splitlines()
    return dict(json.loads(line))


def test_json_line_outside_of_any_story_has_a_dash_for_its_correlation_id(lines: Any) -> None:
    buffer = lines("json")
    structlog.get_logger("trackbridge.http").info("call", endpoint="POST /trackings", status=201)
    line = only_json(buffer)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call",
        "endpoint": "POST /trackings",
        "status": 201,
        "level": "info",
        "logger": "trackbridge.http",
        "correlation_id": "-",
    }


def test_library_line_carries_the_bound_correlation_id(lines: Any) -> None:
    buffer = lines("json")
    with correlation.bound("K7MQ-2XRT"):
        logging.getLogger("some.library").warning("slow: %d ms", 812)
    line = only_json(buffer)
    assert (line["event"], line["correlation_id"], line["level"]) == ("slow: 812 ms", "K7MQ-2XRT", "warning")


def test_secrets_and_addresses_are_not_written(lines: Any) -> None:
    buffer = lines("json")
    structlog.get_logger("trackbridge.http").info("call", api_key="asat_swordfish", headers={"as-api-key": "haddock"})
    logging.getLogger("some.library").error("cannot mail mila@example.com")
    for word in ("swordfish", "haddock", "mila@example.com"):
        assert word not in buffer.getvalue()


def test_traceback_is_on_the_line_and_redacted(lines: Any) -> None:
    buffer = lines("json")
    try:
        raise ValueError("no such customer: mila@example.com")
    except ValueError:
        structlog.get_logger("trackbridge.jobs").exception("job failed")
    line = only_json(buffer)
    assert "Traceback" in line["exception"]
    assert "ValueError" in line["exception"]
    assert "mila@example.com" not in line["exception"]


def test_human_story_line_is_time_correlation_and_words(lines: Any) -> None:
    buffer = lines("human")
    with correlation.bound("K7MQ-2XRT"):
        structlog.get_logger(logs.STORY).info("parcel A-1 is out for delivery", store="de-web")
    line = buffer.getvalue()
    assert line[2] == line[5] == ":"
    assert line[8:] == " K7MQ-2XRT parcel A-1 is out for delivery  store=de-web\n"


def test_human_line_of_others_names_its_logger_and_level(lines: Any) -> None:
    buffer = lines("human")
    logging.getLogger("some.library").warning("slow")
    assert buffer.getvalue()[8:] == " -         WARNING [some.library] slow\n"


def test_text_from_outside_cannot_forge_a_second_line(lines: Any) -> None:
    human, machine = lines("human"), lines("json")
    structlog.get_logger(logs.STORY).info("carrier\n12:00:00 forged", carrier="x\r\ny\x1b[31m")
    assert len(human.getvalue().splitlines()) == 1
    assert "\x1b" not in human.getvalue()
    assert only_json(machine)["event"] == "carrier\n12:00:00 forged"


def test_times_and_other_values_that_json_lacks_are_written_as_text(lines: Any) -> None:
    buffer = lines("json")
    structlog.get_logger("trackbridge.jobs").info("due", on=date(2026, 12, 1), thing=object())
    assert (only_json(buffer)["on"], only_json(buffer)["thing"]) == ("2026-12-01", "[unreadable]")


def test_queue_chatter_is_silent_and_the_story_always_heard() -> None:
    loggers = logs.logging_config("json")["loggers"]
    assert loggers["django-q"]["level"] == "WARNING"
    assert loggers["trackbridge.story"]["level"] == "INFO"
    assert not logging.getLogger("django-q").isEnabledFor(logging.INFO)
    assert logging.getLogger("trackbridge.story").isEnabledFor(logging.INFO)
