"""What shoppers see and were told, in every state, for looking at."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from stores.models import Brand, Route
from stores.statuses import MessageKind
from tests import factories as make
from tests.tracking.pages.orders import path_of, ship
from tracking.enums import BlockReason, MessageState, ParcelStatus
from tracking.models import Message, Order
from tracking.notifications.mail import unsubscribe_url
from tracking.services import lookup

S = ParcelStatus
ITEMS = {"boot": 1, "sock": 2, "lace": 1}
WORDS = {
    "boot": {
        "sku": "BOOT-42",
        "name": {"de": "Wanderschuh Alpin, wasserdicht", "en": "Alpine hiking boot, waterproof"},
    },
    "sock": {"sku": "SOCK-1", "name": {"de": "Socken aus Merinowolle", "en": "Merino socks"}},
    "lace": {"sku": "LACE-9", "name": {"de": "Schnürsenkel, gewachst", "en": "Waxed laces"}},
}
FULL = {
    "name": "Nordlicht Outdoor", "colour": "#f2b705", "locales": ["en", "de", "pl"],
    "support_email": "help@nordlicht.example",
    "support_url": "https://nordlicht.example/help", "support_phone": "+49 30 1234567",
    "legal": {"en": "Nordlicht Ltd, Berlin, HRB 12345"},
}  # fmt: skip
# Name to the orders' parcels: status and facts of each.
ORDERS: dict[str, list[tuple[ParcelStatus, dict[str, Any]]]] = {
    "announced": [(S.INFO_RECEIVED, {"steps": 1, "items": ITEMS})],
    "moving": [(S.IN_TRANSIT, {"items": ITEMS, "courier_url": "https://carrier.example/1"})],
    "out": [(S.OUT_FOR_DELIVERY, {"steps": 4, "items": ITEMS})],
    "failed": [(S.ATTEMPT_FAILED, {"steps": 4, "items": ITEMS, "subtag": "AttemptFail_002"})],
    "delivered": [(S.DELIVERED, {"steps": 5, "items": ITEMS})],
    "delayed": [(S.DELAYED, {"items": ITEMS, "subtag": "Exception_017"})],
    "exception": [(S.EXCEPTION, {"items": ITEMS, "subtag": "Exception_007"})],
    "lost": [(S.LOST, {"items": ITEMS, "subtag": "Exception_013"})],
    "going-back": [(S.RETURNING, {"items": ITEMS, "subtag": "Exception_010"})],
    "return": [(S.DELIVERED, {"steps": 5, "items": ITEMS}), (S.IN_TRANSIT, {"is_return": True, "items": {"boot": 1}})],
    "split": [
        (S.DELIVERED, {"steps": 5, "items": {"boot": 1}}),
        (S.AVAILABLE_FOR_PICKUP, {"items": {"sock": 1}, "pickup_location": "Kiosk Meyer, Marktstraße 12, Berlin"}),
    ],
    "not-shipped": [],
}


def fill_shoppers() -> None:
    """A brand with everything, an order in each state, and messages of each state with blocked addresses."""
    brand = make.make_brand(key="nordlicht", **FULL)
    project = make.make_project(key="shop")
    store = make.make_store(project, key="nordlicht-web", name={"en": "Nordlicht"})
    route = make.make_route(project, store=store, brand=brand, notify="platform", notify_by_status={"delayed": "off"})
    make.make_promotion(brand, headline="Laces that hold", text="Waxed, in nine colours, for boots of any size.")
    for name, parcels in ORDERS.items():
        order = make.make_order(
            project, order_number=f"NO-{name}", store=store, locale="en-GB", items=ITEMS, item_words=WORDS
        )
        for status, facts in parcels:
            eta = {"eta": timezone.localdate() + timedelta(days=2)} if status in (S.IN_TRANSIT, S.DELAYED) else {}
            ship(order, status, **eta, **facts)
    fill_messages(brand, route)


def fill_messages(brand: Brand, route: Route) -> None:
    order = shopper_order("split")
    parcel = order.parcels.order_by("pk")[0]
    now = timezone.now()
    told = [
        (MessageKind.SHIPPED, MessageState.SENT, "", 50),
        (MessageKind.IN_TRANSIT, MessageState.SKIPPED, "overtaken: the parcel is out for delivery now", 40),
        (MessageKind.OUT_FOR_DELIVERY, MessageState.UNSURE, "its sender never came back", 30),
        (MessageKind.ATTEMPT_FAILED, MessageState.BOUNCED, "552 5.2.2 mailbox full", 20),
        (MessageKind.DELIVERED, MessageState.PLANNED, "waits for the end of the shopper's quiet hours", 0),
    ]
    for kind, state, reason, hours in told:
        at = now - timedelta(hours=hours)
        sent = (
            {"sending_at": at, "sent_at": at} if state == MessageState.SENT else {"sending_at": None, "sent_at": None}
        )
        if state in (MessageState.UNSURE, MessageState.BOUNCED):
            sent["sending_at"] = at
        due = now + timedelta(hours=9) if state == MessageState.PLANNED else at
        facts = {"kind": kind, "state": state, "reason": reason, "due_at": due, "brand": brand, "language": "en"}
        make.make_message(parcel, **facts, **sent)
    row = Message.objects.filter(state=MessageState.BOUNCED).latest("pk")
    make.make_blocked_address(words=row.reason, message=row)
    make.make_blocked_address(reason=BlockReason.UNSUBSCRIBED, brand=brand)
    make.make_blocked_address(reason=BlockReason.COMPLAINED)


def shopper_order(name: str) -> Order:
    return Order.objects.get(order_number=f"NO-{name}")


def shopper_pages() -> dict[str, str]:
    """Name to path; what stands after ``#`` is typed into the page's form and sent."""
    ended = shopper_order("lost")
    link = path_of(ended)
    Order.objects.filter(pk=ended.pk).update(link_version=ended.link_version + 1)
    find, brand = "/track/find/nordlicht/", Brand.objects.get(key="nordlicht")
    for number in range(10):  # more tries than one number may have
        try:
            lookup.find_order(lookup.Asked("NO-TOO-OFTEN", "1", f"192.0.2.{number}"))
        except lookup.TooManyTriesError:
            break
    unsubscribe = unsubscribe_url(brand, "ab" * 32)
    found = {f"shopper-{name}": f"{path_of(shopper_order(name))}?lang=en" for name in ORDERS}
    found["shopper-split-pl"] = f"{path_of(shopper_order('split'))}?lang=pl"
    return found | {
        "shopper-ended": link,
        "shopper-unknown": "/track/nonsense/",
        "shopper-not-found": f"{find}#number=NO-1&proof=12345",
        "shopper-throttled": f"{find}#number=NO-TOO-OFTEN&proof=12345",
        "shopper-unsubscribe": unsubscribe[unsubscribe.index("/unsubscribe/") :],
        "shopper-unsubscribe-unknown": "/unsubscribe/nonsense/",
        **message_pages(),
        **mails(),
    }


def message_pages() -> dict[str, str]:
    """The console's side of it."""
    order = shopper_order("split")
    found = {f"message-{key}": reverse("message-act", args=[order.pk, key]) for key in ("hold", "resend", "readdress")}
    return found | {
        "message-block": reverse("message-act", args=[order.pk, "block"]),
        "order-told": reverse("admin:tracking_order_change", args=[order.pk]),
    }


def mails() -> dict[str, str]:
    """Mails as documents, on light and on dark screens."""
    chosen = [
        ("shipped", "several"),
        ("available_for_pickup", "one"),
        ("reminder", "one"),
        ("exception", "one"),
        ("all_arrived", "several"),
    ]
    return {
        f"mail-{kind.replace('_', '-')}-{scheme}": reverse("preview-mail")
        + "?"
        + urlencode({"brand": "nordlicht", "kind": kind, "language": "en", "parcels": parcels, "scheme": scheme})
        for kind, parcels in chosen
        for scheme in ("light", "dark")
    }
