"""What names, numbers, addresses and brand fields bring along reaches no header, no second inbox and no link."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from stores.models import Brand
from tests import factories as make
from tests.smtp import Inbox, smtp_server
from tests.tracking.pages.orders import make_branded, make_shopped, path_of, ship
from tests.tracking.services.test_notify import box
from tracking.enums import ParcelStatus
from tracking.models import Message
from tracking.services.notify import notify_order

pytestmark = pytest.mark.django_db
EVIL = "evil@example.com"
HEADERS = {
    *("Subject", "From", "To", "Reply-To", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("X-Correlation-ID", "List-Unsubscribe", "List-Unsubscribe-Post", "MIME-Version", "Content-Type"),
}


@pytest.fixture
def inbox(settings: Any) -> Iterator[Inbox]:
    with smtp_server(settings) as inbox:
        yield inbox


@pytest.mark.parametrize(
    "address",
    [
        f"anna@example.com,{EVIL}",
        f"anna@example.com, {EVIL}",
        f"anna@example.com;{EVIL}",
        f"anna@example.com\r\nBcc: {EVIL}",
        f"anna@example.com>\r\nRCPT TO:<{EVIL}",
        f"anna@example.com {EVIL}",
        f"Anna <anna@example.com>, Evil <{EVIL}>",
        f'"anna@example.com" <{EVIL}>',
        "anna@example.com\x00",
        "@",
        "anna",
    ],
)
def test_an_address_that_is_not_one_persons_gets_nothing_and_says_so(inbox: Inbox, address: str) -> None:
    brand = make.make_brand(key="acme", name="Acme", mails_per_minute=100_000)
    order = make.make_order(customer_email=address.replace("\x00", "\x01"))
    route = make.make_route(order.project, brand=brand, notify="platform")
    notify_order(box(route, order).order_id)
    row = Message.objects.get()
    assert (row.state, row.reason) == ("skipped", "the order's e-mail address is none that a mail can go to")
    assert inbox.recipients == []


def test_nothing_brings_a_header_of_its_own(inbox: Inbox) -> None:
    evil = f"N-1\r\nBcc: {EVIL}\r\n\r\n<script>alert(1)</script>"
    brand = make.make_brand(key="acme", mails_per_minute=100_000, offers_unsubscribe=True)
    fields = {"name": evil, "sender_name": evil, "reply_to": f"help@example.com\r\nBcc: {EVIL}", "support_phone": evil}
    Brand.objects.update(**fields, legal={"en": evil}, locales=["en"])
    brand.refresh_from_db()
    route = make.make_route(brand=brand, notify="platform")
    words = {"boot": {"sku": evil, "name": {"en": evil}}}
    order = make.make_order(route.project, items={"boot": 1}, item_words=words, order_number=evil)
    parcel = box(
        route, order, status="available_for_pickup", last_message=evil, last_location=evil, pickup_location=evil
    )
    notify_order(parcel.order_id)
    (mail,) = inbox.mails
    assert inbox.recipients == [order.customer_email]
    assert set(mail.keys()) <= HEADERS
    html, text = (mail.get_body([kind]).get_content() for kind in ("html", "plain"))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<script>alert(1)</script>" in text, "plain text is plain"


@pytest.mark.parametrize("field", ["support_url", "storefront_url", "order_url"])
@pytest.mark.parametrize("url", ["javascript:alert(1)", " https://x.example", "data:text/html,x", "//x.example"])
def test_the_database_takes_no_address_of_a_brand_that_leads_elsewhere_than_the_web(field: str, url: str) -> None:
    make.make_brand(key="acme")
    with pytest.raises(IntegrityError, match="brand_addresses_lead_to_the_web"), transaction.atomic():
        Brand.objects.update(**{field: url})
    Brand.objects.update(**{field: "https://x.example/orders/{number}"})


def test_a_carriers_address_that_leads_elsewhere_than_the_web_is_no_link_on_the_page(client: Client) -> None:
    order = make_shopped(make_branded()[1])
    ship(order, ParcelStatus.IN_TRANSIT, courier_url="javascript:alert(1)")
    page = client.get(path_of(order)).content.decode()
    assert "javascript:" not in page
    assert "Follow it at the carrier" not in page
