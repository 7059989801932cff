"""Our own doors, from outside: a test event, genuine to the signature, sent through PUBLIC_URL.

It has to be answered 200 and to stand among our receipts. It is recognisable, kept as ignored, and changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from stores.inbound import KEY_HEADER, PULLED, can_prove
from stores.models import AfterShipAccount, Project
from tracking.clients.http import observed
from tracking.clients.own_door import OwnDoor
from tracking.enums import Area, ReceiptState, Source
from tracking.models import Receipt, Refusal
from tracking.payloads import self_test, signature
from tracking.services.doctor.findings import Finding, Findings, broken, fine, warning

SECONDS = 10.0
JSON = {"Content-Type": "application/json"}
MEND_ADDRESS = "Check PUBLIC_URL, DNS, certificate and proxy: senders have to reach this address from outside."


def project_door(project: Project) -> Findings:
    """The commercetools door. Where only the broker can sign, that it answers and takes nothing unsigned."""
    if project.inbound_type in PULLED:
        yield fine(Area.DOOR, "Nothing is sent here: messages are fetched.")
        return
    if not can_prove(project.inbound_type, project.inbound_options, project.inbound_secret):
        words = "It is not set what proves who sends: every message is turned away."
        yield broken(Area.DOOR, words, "Set the inbound secret, or the options of the type (docs/connecting.md).")
        return
    code, path = uuid.uuid4().hex, reverse("commercetools-messages", args=[project.key])
    body = self_test.commercetools_body(project.key, code)
    proof = proof_of(project, body)
    status = post(path, body, proof)
    if proof:
        yield judged(path, status, Source.COMMERCETOOLS, project.key, code)
    elif status in (401, 403):
        words = f"{path} answers, and takes nothing unsigned. Only {project.get_inbound_type_display()} itself can sign"
        yield fine(Area.DOOR, f"{words}: the last message tells whether that works.")
    elif 200 <= status < 300:
        words = f"{settings.PUBLIC_URL}{path} takes a message without any proof ({status})."
        yield broken(Area.DOOR, words, "Make sure that PUBLIC_URL leads here, and to nothing that answers for us.")
    else:
        yield failed(path, status)


def account_door(account: AfterShipAccount) -> Findings:
    """The AfterShip door, with the signature that AfterShip would make."""
    if not account.webhook_secret:
        words = "No webhook secret is set: everything that AfterShip sends is turned away."
        yield broken(Area.DOOR, words, "Copy the secret from AfterShip's webhook settings to the account.")
        return
    code, path = uuid.uuid4().hex, reverse("aftership-webhook", args=[account.key])
    body = self_test.aftership_body(code)
    status = post(path, body, {signature.HEADER: signature.sign(account.webhook_secret, body)})
    yield judged(path, status, Source.AFTERSHIP, account.key, code)


def proof_of(project: Project, body: bytes) -> dict[str, str]:
    """The headers that prove a message of this project; none where only the sender itself can make them."""
    kinds, secret, header = Project.Inbound, project.inbound_secret, project.inbound_options.get("header")
    if project.inbound_type == kinds.EVENTBRIDGE:
        return {header or KEY_HEADER: secret}
    if project.inbound_type not in (kinds.BEARER, kinds.CONNECT) or "audience" in project.inbound_options:
        return {}
    if project.inbound_type == kinds.CONNECT and header:
        return {header: signature.sign(secret, body)}
    return {"Authorization": f"Bearer {secret}"}


def post(path: str, body: bytes, proof: Mapping[str, str]) -> int:
    """The status that PUBLIC_URL answers. It is no call to an upstream, so it is kept in the log alone."""
    with observed(lambda call: None, "", SECONDS):
        return OwnDoor(settings.PUBLIC_URL).post(path, body, {**JSON, **proof})


def judged(path: str, status: int, source: Source, key: str, code: str) -> Finding:
    """The finding of a test event that was answered ``status``; its receipt is ended."""
    if status != 200:
        return failed(path, status)
    receipts = Receipt.objects.filter(source=source, endpoint=key, event_id=self_test.event_id(code))
    if not receipts.exists():
        words = f"{settings.PUBLIC_URL}{path} answers 200, but the test event did not arrive here."
        return broken(Area.DOOR, words, "PUBLIC_URL leads to another installation, or to one with another database.")
    receipts.filter(state=ReceiptState.PENDING).update(
        state=ReceiptState.IGNORED,
        event=self_test.EVENT,
        outcome=self_test.OUTCOME,
        processed_at=timezone.now(),
    )
    return fine(Area.DOOR, f"A signed test event through {settings.PUBLIC_URL}{path} was taken in.")


def failed(path: str, status: int) -> Finding:
    words = f"{settings.PUBLIC_URL}{path} answers {status}"
    if status in (401, 403):
        step = "Give every web process the same database, and let the proxy pass all headers on."
        return broken(Area.DOOR, f"{words}: the proof made with the stored secret is not taken there.", step)
    if 300 <= status < 400:
        return broken(Area.DOOR, f"{words}: it redirects, and senders do not follow.", MEND_ADDRESS)
    return broken(Area.DOOR, f"{words} to a signed test event.", MEND_ADDRESS)


# ── what really came ─────────────────────────────────────────────────────────────────────────────────────────────────


def newest(source: Source, key: str) -> datetime | None:
    """When the newest genuine message of this endpoint came in."""
    real = Receipt.objects.filter(source=source, endpoint=key).exclude(event_id__startswith=self_test.PREFIX)
    return real.order_by("-received_at").values_list("received_at", flat=True).first()


def refusals(source: Source, key: str, last_at: datetime | None) -> Iterable[Finding]:
    """Messages that were turned away since yesterday because their proof was wrong: as a rule, another secret."""
    yesterday = timezone.now().date() - timedelta(days=1)
    turned_away = Refusal.objects.filter(source=source, endpoint=key, day__gte=yesterday)
    tried = turned_away.exclude(reason__endswith="_missing")  # who shows no proof at all is a passer-by
    wrong = tried.values("reason").annotate(n=Sum("count")).order_by("reason")
    if not wrong:
        return [fine(Area.SIGNATURE, "Nothing was turned away since yesterday.")]
    counted = ", ".join(f"{row['n']:,} × {row['reason']}" for row in wrong)
    step = "As a rule the sender has another secret. Each reason: docs/connecting.md, When nothing comes."
    if last_at is None or last_at.date() < yesterday:
        return [broken(Area.SIGNATURE, f"Turned away since yesterday: {counted}. Nothing else came in.", step)]
    return [warning(Area.SIGNATURE, f"Turned away since yesterday: {counted}. Others were taken in.", step)]
