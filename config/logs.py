"""One form for every log line, ours and the libraries': structlog renders what the standard library collects.

    structlog or logging call -> level, name, time, correlation id, traceback -> redact_event -> JSON or human line

The logger "trackbridge.story" tells a parcel's story in words a person reads aloud. Redaction comes last before the
rendering, so that it also sees tracebacks.
"""

from __future__ import annotations

import logging.config
from datetime import datetime
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

from config import correlation
from config.redaction import redact_event

STORY = "trackbridge.story"
NO_CORRELATION = "-"


def add_correlation(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Puts the current correlation id on the line; one that was given by the caller stays."""
    event["correlation_id"] = event.get("correlation_id") or correlation.current() or NO_CORRELATION
    return event


def _one_line(value: Any) -> str:
    """As given if it is one plain word or sentence, else with control characters escaped: one event, one line."""
    text = str(value)
    return text if text.isprintable() else repr(text)[1:-1]


def human_line(_logger: Any, _method: str, event: EventDict) -> str:
    """``12:01:05 K7Q29F  words  name=value``; level and logger only where they say more than "our info line"."""
    moment = datetime.fromisoformat(event.pop("timestamp")).astimezone()
    level, name = event.pop("level"), event.pop("logger", "")
    correlation_id, traceback = event.pop("correlation_id"), event.pop("exception", "")
    words = _one_line(event.pop("event", ""))
    if name != STORY:
        words = f"[{name}] {words}"
    if level != "info":
        words = f"{level.upper()} {words}"
    facts = "".join(f"  {key}={_one_line(value)}" for key, value in event.items())
    return f"{moment:%H:%M:%S} {correlation_id:<9} {words}{facts}" + (f"\n{traceback}" if traceback else "")


def shared_processors() -> list[Processor]:
    """What every line goes through, whoever wrote it."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_correlation,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
    ]


def configure_structlog() -> None:
    """Hands structlog's events to the standard library's loggers. Safe to call again."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def logging_config(log_format: str) -> dict[str, Any]:
    """The dictConfig for LOG_FORMAT ``human``, or JSON for anything else: all to stderr, one line per event."""
    renderer = human_line if log_format == "human" else structlog.processors.JSONRenderer(default=str)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": shared_processors(),
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            # Their own handlers would print a line twice and past the redaction.
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.server": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "django-q": {"level": "WARNING", "propagate": True},  # INFO is a line per enqueue
            STORY: {"level": "INFO", "propagate": True},
        },
    }


def use(log_format: str) -> None:
    """Sets up this process, where Django has not done so: gunicorn's first process."""
    configure_structlog()
    logging.config.dictConfig(logging_config(log_format))
