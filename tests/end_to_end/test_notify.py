"""A parcel's life as its shopper reads it: over HTTP and SMTP, each message once, whatever is repeated or killed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from stores.models import Brand, Route
from tests.end_to_end.test_seed_case import envelope
from tests.end_to_end.world import SECRET, World, parcel
from tests.smtp import HANG_UP, Inbox, smtp_server
from tracking.enums import MessageState
from tracking.models import Job, Message, Order
from tracking.services import notify, pump
from tracking.services.notify import wake_planned

NUMBER, OTHER = "00340434161094000001", "00340434161094000002"
LIFE = ("InfoReceived", "InTransit", "OutForDelivery", "Delivered")
KINDS = ["shipped", "in_transit", "out_for_delivery", "delivered"]


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with smtp_server(settings) as inbox:
        yield inbox


@pytest.fixture
def shop(world: World) -> World:
    """Trackbridge writes to the shoppers: of the German store as Acme, of the English one as Birch."""
    acme = Brand.objects.create(key="acme", name="Acme", locales=["en", "de"], mails_per_minute=100_000)
    birch = Brand.objects.create(key="birch", name="Birch", locales=["en"], mails_per_minute=100_000)
    Route.objects.update(notify=Route.Notify.PLATFORM, brand=acme, position=20)
    store = world.project.stores.get(key="en-web")
    facts = {"store": store, "brand": birch, "notify": "platform", "position": 10}
    Route.objects.create(project=world.project, account=world.account, **facts)
    return world


def ledger(order: Order | None = None) -> list[tuple[str, str]]:
    rows = Message.objects.filter(order=order) if order else Message.objects.all()
    return [(row.kind, row.state) for row in rows.order_by("pk")]


def test_a_whole_life_is_told_step_by_step(shop: World, inbox: Inbox) -> None:
    shop.order(parcel(NUMBER))
    shop.work()
    for tag in LIFE:
        shop.scan(shop.tracking(NUMBER), tag)
        shop.work()
    assert ledger() == [(kind, MessageState.SENT) for kind in KINDS]
    assert inbox.recipients == ["anna.muster@example.com"] * 4
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 4
    assert {mail["Auto-Submitted"] for mail in inbox.mails} == {"auto-generated"}


# ── repeats, shuffles, crashes ───────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """As a kill of the process: nothing catches it."""


class Killer:
    """Kills the worker once per order, at the step that is meant for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.meant: dict[int, str] = {}
        self.order_id = 0
        work = notify.notify_order

        def notify_order(order_id: int) -> None:
            self.order_id = order_id
            work(order_id)

        monkeypatch.setattr(pump, "notify_order", notify_order)
        for step in ("plan_messages", "facts_for", "take_slot", "claim", "sent"):
            monkeypatch.setattr(notify, step, self.guarded(step, getattr(notify, step)))
        send = notify.CHANNELS["email"]
        monkeypatch.setattr(notify, "CHANNELS", {"email": lambda letter: self.guarded("hand_over", send(letter))})

    def guarded(self, step: str, work: Any) -> Any:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.meant.get(self.order_id) == step:
                del self.meant[self.order_id]
                raise Killed
            return work(*args, **kwargs)

        return guarded


def work_through(shop: World) -> None:
    """Work on, however often the worker is killed; leases run out in no time."""
    for _ in range(30):
        try:
            shop.work()
        except Killed:
            continue_after_a_kill()
            continue
        if not wake_planned():
            return
    raise AssertionError("messages never came to an end")


def continue_after_a_kill() -> None:
    Job.objects.filter(attempts__gt=0).update(next_attempt_at=timezone.now())
    Message.objects.filter(state="sending").update(sending_at=timezone.now() - timedelta(minutes=2))


def bodies_of(shop: World, number: str, start: datetime) -> list[dict[str, Any]]:
    """The webhooks of a whole life, newer than what AfterShip said when it was opened; not yet sent."""
    tracking, bodies = shop.tracking(number), []
    for minute, tag in enumerate(LIFE):
        at = (start + timedelta(minutes=10 * minute)).isoformat(timespec="seconds")
        scan = {"checkpoint_time": at, "updated_at": at, "webhook": False}
        bodies.append(envelope(shop.scan(tracking, tag, **scan)["tracking"]))
    return bodies


def test_lives_with_repeats_shuffles_and_a_crash_at_each_step(
    shop: World, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ["", "plan_messages", "facts_for", "take_slot", "claim", "hand_over", "sent"]
    killer, dice = Killer(monkeypatch), random.Random(7)
    start = datetime.now(UTC) + timedelta(minutes=1)
    lives: list[tuple[str, Order, list[dict[str, Any]]]] = []
    for n, step in enumerate(steps):
        store = "de-web" if n % 2 else "en-web"
        facts = {"store": {"typeId": "store", "key": store}, "customerEmail": f"shopper-{n}@example.com"}
        number = f"0034043416109400000{n}"
        order = shop.order(parcel(number), number=f"O-{n}", **facts)
        shop.work()
        lives.append((step, shop.our_order(order), bodies_of(shop, number, start)))
    for stage in range(len(LIFE)):
        for step, order, _bodies in lives:
            if step and stage == 1:
                killer.meant[order.pk] = step
        arriving = [body for _, _, bodies in lives for body in bodies[: stage + 1]]  # what was, is sent again
        arriving += [bodies[stage] for _, _, bodies in lives]
        dice.shuffle(arriving)
        for body in arriving:
            shop.sandbox.send("main", body, secret=SECRET)
        work_through(shop)
    assert killer.meant == {}, "each step was really killed"
    for n, (step, order, _) in enumerate(lives):
        lost = {"hand_over", "sent"} & {step}
        states = ["sent", "unsure" if lost else "sent", "sent", "sent"]
        assert ledger(order) == list(zip(KINDS, states, strict=True)), step
        mails = [mail for mail in inbox.mails if mail["To"] == f"shopper-{n}@example.com"]
        assert len(mails) == (3 if step == "hand_over" else 4), step
        assert {str(mail["From"]).partition(" <")[0] for mail in mails} == {"Acme" if n % 2 else "Birch"}
        html = [mail.get_body(("html",)).get_content() for mail in mails]
        assert all(f'lang="{"de" if n % 2 else "en"}"' in text for text in html)
    assert max(Counter(str(mail["Message-ID"]) for mail in inbox.mails).values()) == 1


def test_a_burst_is_told_as_its_newest_status_only(shop: World, inbox: Inbox) -> None:
    shop.order(parcel(NUMBER))
    shop.work()
    for body in bodies_of(shop, NUMBER, datetime.now(UTC) + timedelta(minutes=1)):
        shop.sandbox.send("main", body, secret=SECRET)
    shop.work()
    assert (ledger(), len(inbox.mails)) == ([("delivered", "sent")], 1)


def test_a_split_order_is_shipped_in_one_mail_and_arrives_as_a_whole(shop: World, inbox: Inbox) -> None:
    shop.order(parcel(NUMBER), parcel(OTHER))
    shop.work()
    for number in (NUMBER, OTHER):
        for tag in LIFE:
            shop.scan(shop.tracking(number), tag)
            shop.work()
    kinds = Counter(kind for kind, state in ledger() if state == "sent")
    assert kinds == {"shipped": 2, "in_transit": 2, "out_for_delivery": 2, "delivered": 2, "all_arrived": 1}
    assert len(inbox.mails) == 1 + 2 + 2 + 1 + 1, "shipped as one; the last delivery is told by all-arrived"


def test_an_order_cancelled_after_the_label_is_told_nothing_more(shop: World, inbox: Inbox) -> None:
    order = shop.order(parcel(NUMBER))
    shop.work()
    shop.scan(shop.tracking(NUMBER), "InfoReceived")
    shop.work()
    tracking = shop.tracking(NUMBER)
    Order.objects.update(messages_held_at=timezone.now())
    shop.scan(tracking, "InTransit")
    shop.work()
    Order.objects.update(messages_held_at=None)
    shop.change(order, {"action": "changeOrderState", "orderState": "Cancelled"})
    shop.work()
    assert ledger() == [("shipped", "sent"), ("in_transit", "skipped")]
    assert Message.objects.get(kind="in_transit").reason == "the order was cancelled"
    assert len(inbox.mails) == 1


def test_a_server_that_breaks_off_leaves_one_mail_and_an_open_question(shop: World, inbox: Inbox) -> None:
    shop.order(parcel(NUMBER))
    shop.work()
    inbox.on_data = lambda mail: HANG_UP
    shop.scan(shop.tracking(NUMBER), "InfoReceived")
    shop.work()
    inbox.on_data = lambda mail: None
    for _ in range(2):
        wake_planned()
        shop.work()
    assert (ledger(), len(inbox.mails)) == ([("shipped", "unsure")], 1)
