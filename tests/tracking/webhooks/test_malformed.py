"""Authentic but broken: hundreds of bodies are answered 200, kept byte by byte, end somewhere, and can be replayed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stores.models import AfterShipAccount, Project
from tests.factories import make_order, make_parcel, make_tracking
from tests.payloads.documents import document, raw
from tests.tracking.webhooks.doors import bearing, signed
from tracking.enums import ReceiptState, Source
from tracking.models import Job, Receipt, Tracking
from tracking.services import pump
from tracking.services.receive import replay

WEBHOOK = document("aftership/webhooks/tracking_update__delivered")
MESSAGE = document("commercetools/message__parcel_added")
CHANGE = document("commercetools/change__resource_updated")

# Raw JSON texts that take the place of one value each.
STRANGE_VALUES = {
    "null": "null",
    "true": "true",
    "number": "7",
    "fraction": "-0.5",
    "huge number": "9" * 400,
    "number past Python's digits": "9" * 5000,
    "infinity": "1e999",
    "NaN": "NaN",
    "empty text": '""',
    "NUL": r'"a\u0000b"',
    "lone surrogate": r'"\ud83d"',
    "reversed surrogates": r'"\udc00\ud800"',
    "long text": '"' + "ä" * 3000 + '"',
    "date that is none": '"2026-02-30T25:61:61Z"',
    "year 9999": '"9999-12-31T23:59:59+00:00"',
    "year 0": '"0000-00-00T00:00:00Z"',
    "list": "[1, {}]",
    "object": '{"a": []}',
    "deep": "[" * 400 + "]" * 400,
}
BROKEN_BODIES = {
    "nothing": b"",
    "white space": b" \r\n\t ",
    "no JSON": b"<xml/>",
    "half of one": raw("aftership/webhooks/tracking_update__delivered")[:700],
    "two of them": b"{}{}",
    "null": b"null",
    "text": b'"tracking_update"',
    "number": b"1795430401",
    "list": b"[]",
    "list of lists": b"[[[]]]",
    "empty object": b"{}",
    "Latin-1": '{"event": "tracking_update", "msg": {"message": "Grüße"}}'.encode("latin-1"),
    "UTF-16": '{"event": "tracking_update"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"event": "tracking_update"}',
    "overlong UTF-8": b'{"event": "\xc0\xaf"}',
    "encoded surrogate": b'{"event": "\xed\xa0\x80"}',
    "NUL bytes": b"\0" * 100,
    "NUL in JSON": b'{"event": "tracking\0_update"}',
    "all bytes": bytes(range(256)),
    "very deep list": b"[" * 100_000 + b"]" * 100_000,
    "very deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "very deep message": b'{"event": "tracking_update", "msg": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "event id with a line break": b'{"event_id": "a\\nb", "event": "tracking_update"}',
    "event id of 129 characters": b'{"event_id": "' + b"a" * 129 + b'", "event": "tracking_update"}',
    "event id with NUL": b'{"event_id": "a\\u0000b", "event": "tracking_update"}',
    "event id that is a number": b'{"event_id": 7, "event": "tracking_update"}',
    "event name of 1000 characters": b'{"event_id": "n", "event": "' + b"e" * 1000 + b'"}',
    "event name with NUL": b'{"event_id": "n-0", "event": "a\\u0000b"}',
    "unknown event": b'{"event_id": "u", "event": "tracking_teleported", "msg": {}}',
    "gzip": b"\x1f\x8b\x08\x00" + bytes(40),
    "envelope that cannot be opened": b'{"message": {"data": "%%%"}}',
    "envelope of nothing": b'{"message": {"data": "AAAA"}}',
    "envelope of an envelope": b'{"message": {"data": "eyJtZXNzYWdlIjogeyJkYXRhIjogImUzMD0ifX0="}}',
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to every value of a document; of a list the first element stands for all."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from places(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def with_strange(document: Any, path: tuple[Any, ...], text: str) -> bytes:
    """The document with the raw JSON ``text`` at ``path``."""
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = "@@here@@"
    return json.dumps(changed).replace('"@@here@@"', text).encode()


def without(document: Any, path: tuple[Any, ...]) -> bytes:
    changed = copy.deepcopy(document)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    del holder[path[-1]]
    return json.dumps(changed).encode()


def family(document: Any, id_name: str) -> list[bytes]:
    """Every place of the document, once with a strange value (taken in turn) and once without; ids are their own."""
    bodies = []
    texts = list(STRANGE_VALUES.values())
    for number, path in enumerate(places(document)):
        one = document if path == (id_name,) else document | {id_name: f"m-{number}"}
        other = document if path == (id_name,) else document | {id_name: f"n-{number}"}
        bodies += [with_strange(one, path, texts[number % len(texts)]), without(other, path)]
    return list(dict.fromkeys(bodies))


def important(document: Any, id_name: str, *paths: tuple[Any, ...]) -> list[bytes]:
    """The named places with all strange values."""
    return [
        with_strange(document | ({} if path == (id_name,) else {id_name: f"i-{place}-{number}"}), path, text)
        for place, path in enumerate(paths)
        for number, text in enumerate(STRANGE_VALUES.values())
    ]


def end_well(bodies: list[bytes], knock: Callable[..., Any], drain: Callable[[], int]) -> None:
    """The promise, checked for all of them together."""
    assert [knock(body).status_code for body in bodies] == [200] * len(bodies)
    kept = dict(Receipt.objects.values_list("pk", "body"))
    assert {bytes(body) for body in kept.values()} == set(bodies)
    for _ in range(2):
        while drain():
            pass
        states = set(Receipt.objects.values_list("state", flat=True))
        assert states <= {ReceiptState.DONE, ReceiptState.IGNORED, ReceiptState.QUARANTINED}
        assert not Receipt.objects.filter(outcome="").exists()
        assert not Receipt.objects.filter(attempts__gt=0).exists(), "none of them failed for a reason of our own"
        assert {pk: bytes(body) for pk, body in Receipt.objects.values_list("pk", "body")} == {
            pk: bytes(body) for pk, body in kept.items()
        }
        assert replay(list(kept)) == len(kept)


@pytest.fixture
def parcel_on_the_way(account: AfterShipAccount, project: Project) -> Tracking:
    """Somebody whom the broken webhooks are about."""
    tracking = make_tracking(account, id=WEBHOOK["msg"]["id"], aftership_id=WEBHOOK["msg"]["id"], updated_at=None)
    make_parcel(make_order(project), tracking)
    return tracking


def test_broken_bodies_at_aftership_s_door(parcel_on_the_way: Tracking) -> None:
    end_well(list(BROKEN_BODIES.values()), signed, pump.drain_receipts)
    parcel_on_the_way.refresh_from_db()
    assert (parcel_on_the_way.tag, parcel_on_the_way.updated_at) == ("InTransit", None)


def test_broken_bodies_at_commercetools_door(project: Project) -> None:
    bodies = [body for name, body in BROKEN_BODIES.items() if "list" not in name and not name.startswith("envelope of")]
    end_well(bodies, bearing, pump.drain_receipts)
    assert not Job.objects.exists()


def test_a_webhook_with_one_strange_value_anywhere(parcel_on_the_way: Tracking) -> None:
    bodies = family(WEBHOOK, "event_id")
    assert len(bodies) > 200
    end_well(bodies, signed, pump.drain_receipts)


def test_a_webhook_with_every_strange_value_where_it_matters(parcel_on_the_way: Tracking) -> None:
    msg = [("msg", name) for name in ("id", "updated_at", "tag", "subtag", "slug", "checkpoints", "tracking_number")]
    scan = [("msg", "checkpoints", 0, name) for name in ("checkpoint_time", "message", "hash", "created_at", "raw_tag")]
    bodies = important(WEBHOOK, "event_id", ("event_id",), ("event",), ("msg",), ("ts",), *msg, *scan)
    assert len(bodies) > 290
    end_well(bodies, signed, pump.drain_receipts)


def test_a_message_with_one_strange_value_anywhere(project: Project) -> None:
    bodies = family(MESSAGE, "id")
    assert len(bodies) > 70
    end_well(bodies, bearing, pump.drain_receipts)


def test_a_message_with_every_strange_value_where_it_matters(project: Project) -> None:
    paths = [("id",), ("type",), ("resource",), ("resource", "typeId"), ("resource", "id"), ("resourceVersion",)]
    paths += [("projectKey",), ("notificationType",), ("resourceUserProvidedIdentifiers", "orderNumber")]
    end_well(important(MESSAGE, "id", *paths), bearing, pump.drain_receipts)


def test_a_change_notification_with_strange_values(project: Project) -> None:
    paths = [("resource",), ("resource", "id"), ("version",), ("notificationType",), ("projectKey",), ("oldVersion",)]
    bodies = list(dict.fromkeys(with_strange(CHANGE, path, text) for path in paths for text in STRANGE_VALUES.values()))
    assert [bearing(body).status_code for body in bodies] == [200] * len(bodies)
    assert pump.drain_receipts() > 0
    assert not Receipt.objects.filter(state=ReceiptState.PENDING).exists()


def test_what_is_wrong_is_said_with_its_path(account: AfterShipAccount) -> None:
    wrong = [
        (b"{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b'{"event_id": "1"}', "event: missing"),
        (with_strange(WEBHOOK | {"event_id": "2"}, ("msg", "updated_at"), '"soon"'), "msg.updated_at: not a date-time"),
        (without(WEBHOOK | {"event_id": "3"}, ("msg", "id")), "msg.id: missing"),
        (
            with_strange(WEBHOOK | {"event_id": "4"}, ("msg", "checkpoints", 0), "7"),
            "msg.checkpoints[0]: not an object",
        ),
        (b"[" * 100_000, "nested too deeply"),
    ]
    for body, _ in wrong:
        signed(body)
    pump.drain_receipts()
    outcomes = list(Receipt.objects.order_by("pk").values_list("state", "outcome"))
    assert outcomes == [(ReceiptState.QUARANTINED, words) for _, words in wrong]


def test_an_unknown_event_is_ignored_by_name(account: AfterShipAccount) -> None:
    signed(BROKEN_BODIES["unknown event"])
    pump.drain_receipts()
    receipt = Receipt.objects.get(source=Source.AFTERSHIP)
    assert (receipt.state, receipt.outcome) == (ReceiptState.IGNORED, "unknown event 'tracking_teleported'")
