"""What is left when the envelopes are off: the very bytes of the message, whatever it came in."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.payloads.documents import raw
from tracking.payloads.envelopes import unwrap
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import message_event_id
from tracking.payloads.json_text import member

MESSAGE = raw("commercetools/message__parcel_added")
TEXT = MESSAGE.decode().strip()


def cloud_event(inside: str = TEXT) -> str:
    return f'{{"specversion": "1.0", "id": "ce", "source": "/demo/orders", "data" : {inside} , "sequence": "5"}}'


def event_bridge(inside: str = TEXT) -> str:
    return f'{{"version":"0","detail-type":"x","source":"aws.partner/commercetools.com/demo","detail":\n{inside}\n}}'


def pubsub(inside: str = TEXT) -> str:
    return json.dumps({"message": {"data": base64.b64encode(inside.encode()).decode()}, "subscription": "s"})


def sns(inside: str = TEXT) -> str:
    return json.dumps({"Type": "Notification", "MessageId": "1", "TopicArn": "t", "Message": inside})


ENVELOPES = {"CloudEvents": cloud_event, "EventBridge": event_bridge, "Pub/Sub": pubsub, "SNS": sns}


@pytest.mark.parametrize("envelope", ENVELOPES)
def test_the_bytes_inside_come_out_as_they_are(envelope: str) -> None:
    assert unwrap(ENVELOPES[envelope]().encode()) == [TEXT.encode()]


@pytest.mark.parametrize("outer", ENVELOPES)
@pytest.mark.parametrize("inner", ENVELOPES)
def test_an_envelope_in_another_is_opened_too(outer: str, inner: str) -> None:
    assert unwrap(ENVELOPES[outer](ENVELOPES[inner]()).encode()) == [TEXT.encode()]


def test_one_message_has_one_id_whatever_it_came_in() -> None:
    bodies = [MESSAGE, *[ENVELOPES[name]().encode() for name in ENVELOPES]]
    assert {message_event_id(one) for body in bodies for one in unwrap(body)} == {json.loads(MESSAGE)["id"]}


def test_a_list_may_mix_them() -> None:
    text = f"[{', '.join([TEXT, cloud_event(), sns(), '7'])}]"
    assert unwrap(text.encode()) == [TEXT.encode()] * 3 + [b"7"]


def test_numbers_and_escapes_stay_as_they_were_written() -> None:
    inside = r'{"id":"a","n":1.50,"big":12345678901234567890,"t":"\u00fc\/"}'
    assert unwrap(cloud_event(inside).encode()) == [inside.encode()]


@pytest.mark.parametrize(
    "body",
    [
        '{"specversion": "1.0", "id": "ce"}',
        '{"specversion": "1.0", "data": "text"}',
        '{"specversion": "1.0", "data": null}',
        '{"detail-type": "x", "detail": []}',
        '{"detail": {"id": "not EventBridge\'s"}}',
        '{"Type": "Notification", "Message": {"id": "x"}}',
        '{"Type": "Notification", "Message": ""}',
        r'{"Type": "Notification", "Message": "\ud83d"}',
        '{"Type": "SubscriptionConfirmation", "Message": "You have chosen", "SubscribeURL": "https://x"}',
    ],
)
def test_what_is_no_envelope_or_holds_nothing_is_kept_whole(body: str) -> None:
    assert unwrap(body.encode()) == [body.encode()]


def test_what_an_envelope_holds_is_kept_also_where_it_is_no_json() -> None:
    assert unwrap(sns("no JSON").encode()) == [b"no JSON"]


def test_envelopes_without_end_come_to_an_end() -> None:
    body = TEXT
    for _ in range(10):
        body = cloud_event(body)
    assert len(unwrap(body.encode())) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a":1,"b":{"c" : [1, 2 ]},"d":"}"}', '{"c" : [1, 2 ]}'),
        ('\n{ "x" : "b" , "b" : {"b":1} }', '{"b":1}'),
        ('{"b": 1, "b": "last"}', '"last"'),
        ('{"b":-1.50e3}', "-1.50e3"),
        (r'{"\u0062": "escaped"}', '"escaped"'),
    ],
)
def test_member_is_an_exact_slice(text: str, expected: str) -> None:
    assert member(text.encode(), "b") == expected.encode()


@pytest.mark.parametrize("text", ["{}", '{"a": {"b": 1}}', "[]", "b", '"b"'])
def test_no_member_is_an_error(text: Any) -> None:
    with pytest.raises(PayloadError):
        member(text.encode(), "b")
