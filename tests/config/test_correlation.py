"""The id of a story: readable out loud, ours alone, bound while the story is worked on."""

from __future__ import annotations

import re
import threading

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from config.correlation import CorrelationMiddleware, bound, current, new_correlation_id, normalise


def answer(sender_id: str | None = None) -> tuple[HttpRequest, HttpResponse, list[str]]:
    """What a view behind the middleware sees: the request, the answer, the id current meanwhile."""
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(current())
        return HttpResponse("ok")

    headers = {} if sender_id is None else {"X-Correlation-ID": sender_id}
    request = RequestFactory().get("/", headers=headers)
    return request, CorrelationMiddleware(view)(request), seen


def test_id_has_no_look_alikes_and_spells_no_word() -> None:
    ids = {new_correlation_id() for _ in range(500)}
    assert len(ids) == 500
    assert all(re.fullmatch(r"[2-9B-DF-HJKMNP-TV-XZ]{4}-[2-9B-DF-HJKMNP-TV-XZ]{4}", one) for one in ids)


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("k7mq2xrt", "K7MQ-2XRT"),
        (" K7MQ-2XRT\n", "K7MQ-2XRT"),
        ("k7mq 2xrt", "K7MQ-2XRT"),
        ("K7-MQ-2X-RT", "K7MQ-2XRT"),
        (" CT-1001 ", "CT-1001"),
        ("abcdefgh", "abcdefgh"),
        ("", ""),
    ],
)
def test_searched_text_becomes_the_stored_form(text: str, stored: str) -> None:
    assert normalise(text) == stored


def test_bound_id_is_current_and_on_log_lines_until_the_end() -> None:
    with bound("2222-3333"):
        with bound("4444-5555"):
            assert current() == "4444-5555"
            assert structlog.contextvars.get_contextvars() == {"correlation_id": "4444-5555"}
        assert current() == "2222-3333"
        assert structlog.contextvars.get_contextvars() == {"correlation_id": "2222-3333"}
    assert current() == ""
    assert structlog.contextvars.get_contextvars() == {}


def test_bound_id_ends_with_an_error_too() -> None:
    with pytest.raises(ValueError, match="boom"), bound("2222-3333"):
        raise ValueError("boom")
    assert current() == ""


def test_another_thread_has_its_own_story() -> None:
    seen: list[str] = []
    with bound("2222-3333"):
        thread = threading.Thread(target=lambda: seen.append(current()))
        thread.start()
        thread.join()
    assert seen == [""]


def test_request_gets_its_own_id_and_the_answer_tells_it() -> None:
    request, response, seen = answer()
    assert seen == [request.correlation_id] == [response["X-Correlation-ID"]]
    assert normalise(seen[0]) == seen[0]
    assert current() == ""


def test_senders_id_is_kept_beside_ours() -> None:
    request, response, _ = answer("commercetools/projects:demo.1_a-B")
    assert request.sender_correlation_id == "commercetools/projects:demo.1_a-B"
    assert response["X-Correlation-ID"] == request.correlation_id != request.sender_correlation_id


@pytest.mark.parametrize("sender_id", [None, "", "a b", "x" * 65, "ü", "<script>", "ok\n"])
def test_unusable_senders_id_is_dropped(sender_id: str | None) -> None:
    request, _, _ = answer(sender_id)
    assert request.sender_correlation_id == ""


def test_sixty_four_characters_are_still_usable() -> None:
    request, _, _ = answer("x" * 64)
    assert request.sender_correlation_id == "x" * 64
