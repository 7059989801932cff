"""Mails: each kind, in each language, in each brand's dress; whole, short, readable, and nobody's but the brand's."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stores.models import Brand
from stores.statuses import MessageKind, ParcelStatus
from tracking.notifications.content import MailFacts, Promotion, content_of
from tracking.notifications.render import MOST_BYTES, Rendered, render
from tracking.notifications.samples import sample, sample_parcel
from tracking.words.facts import Item, OrderFacts, ParcelFacts
from tracking.words.languages import LANGUAGES

TODAY = date(2026, 12, 1)
PLAIN = Brand(key="plain", name="Plain", locales=["en"])
FULL = Brand(
    key="acme",
    name="Acme & Söhne",
    colour="#c6f221",
    locales=["de", "en"],
    font="serif",
    radius=0,
    logo_type="image/png",
    logo_digest="0123456789abcdef",
    support_url="https://acme.example/help",
    support_email="help@acme.example",
    support_phone="+49 30 123456",
    storefront_url="https://acme.example/",
    legal={"de": "Acme GmbH\nBerlin", "en": "Acme GmbH\nBerlin, Germany"},
)
PROMOTION = Promotion(text="20 % off <tents>", label="To the tents", url="https://acme.example/go/x")
VOID = {"meta", "img", "br", "hr"}
ENGLISH = {"the", "your", "parcel", "carrier", "please", "delivery", "advertisement", "questions", "follow"}


class Page(HTMLParser):
    """What a mail's HTML holds: its texts, links, pictures, tags that were left open, and what may not be there."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self.pictures: list[str] = []
        self.open: list[str] = []
        self.faults: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.links += [found["href"] or ""] if "href" in found else []
        self.pictures += [found["src"] or ""] if "src" in found else []
        if tag in ("script", "iframe", "object", "link", "form", "base", "svg"):
            self.faults.append(tag)
        self.faults += [name for name in found if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.texts).split())


def is_sound(mail: Rendered, language: str) -> Page:
    """A mail as it may be sent; gives its page for a closer look."""
    page = Page(mail.html)
    assert (page.faults, page.open) == ([], [])
    assert len(mail.html.encode()) < MOST_BYTES
    assert f'lang="{language}"' in mail.html
    assert "\n" not in mail.subject
    assert 15 < len(mail.subject) <= 64, "what a list of mails shows of it"
    for text in (mail.subject, mail.text, page.words):
        assert not re.search(r"%\(|\{\{|\{%|None|\bFalse\b|Lines\(", text), text
    assert "<" not in mail.text.replace("<tents>", "")
    assert "\n\n\n" not in mail.text
    assert all(re.fullmatch(r"(https?://|mailto:)[^\s\"<>]+", link) for link in page.links)
    if language != "en":
        words = {word.strip(".,:;()?!").lower() for word in (mail.subject + " " + mail.text).split()}
        assert not words & ENGLISH, mail.text
    return page


KINDS = [*((kind, False) for kind in MessageKind), (MessageKind.AVAILABLE_FOR_PICKUP, True)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("kind", "is_reminder"), KINDS)
def test_every_kind_renders_in_every_language_and_brand(kind: MessageKind, is_reminder: bool, language: str) -> None:
    for brand in (PLAIN, FULL):
        for several in (False, True):
            facts = replace(sample(kind, TODAY, several=several), is_reminder=is_reminder)
            page = is_sound(render(kind, facts, brand, language), language)
            assert brand.name in page.words or brand.logo_digest
            assert "N-10102" in page.words


def test_an_order_in_one_parcel_word_for_word() -> None:
    mail = render(MessageKind.OUT_FOR_DELIVERY, sample(MessageKind.OUT_FOR_DELIVERY, TODAY), FULL, "en")
    assert mail.subject == "Your order N-10102 is out for delivery"
    assert mail.text == (
        "Acme & Söhne\n\nOut for delivery\n\nThe parcel is on the delivery vehicle.\n\n"
        "What happens next: Please make sure that someone can take it in.\n\n"
        "Order number: N-10102\nFollow your order: https://shop.example.com/track/sample\n\n"
        "Expected delivery: Thursday, December 3, later than planned (Tuesday, December 1). We are sorry.\n"
        "Latest scan: Börnicke, DE, Tuesday, December 1.\n"
        "  1 x Hiking boot, size 42\n  2 x Wool socks\n"
        "DHL Germany, tracking number: JD014600006281953022\n"
        "https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode=JD014600006281953022\n"
        "In the carrier's words: Die Sendung wurde im Paketzentrum bearbeitet.\n\n"
        "-- \nQuestions? We are happy to help:\nhttps://acme.example/help\nhelp@acme.example\n+49 30 123456\n"
        "You are receiving this message because you ordered from Acme & Söhne.\n"
        "No more messages about deliveries: https://shop.example.com/unsubscribe/sample\nAcme GmbH\nBerlin, Germany\n"
    )


def test_one_mail_shows_what_is_in_which_parcel() -> None:
    mail = render(MessageKind.SHIPPED, sample(MessageKind.SHIPPED, TODAY, several=True), PLAIN, "en")
    assert mail.subject == "Your order N-10102 is coming in several parcels"
    headings = [
        "Parcel 1 of 3 – Registered with the carrier",
        "Parcel 2 of 3 – On its way",
        "Parcel 3 of 3 – Delivered",
    ]
    first, second, third, rest = (mail.text.index(words) for words in [*headings, "Not shipped yet:"])
    assert "1 x Hiking boot, size 42" in mail.text[first:second]
    assert "1 x Two-person tent" in mail.text[second:third]
    assert "2 x Wool socks" in mail.text[third:rest]
    assert "1 x Two-person tent" in mail.text[rest:]


def test_a_mail_about_one_of_several_names_it_and_tells_the_rest_below() -> None:
    mail = render(MessageKind.EXCEPTION, sample(MessageKind.EXCEPTION, TODAY, several=True), PLAIN, "en")
    assert mail.subject == "Your order N-10102: there is a problem with a parcel"
    assert "What happens next: Please send us the right address soon" in mail.text
    assert mail.text.index("Parcel 1 of 3 – Problem with the address") < mail.text.index("Parcel 2 of 3 – On its way")


def test_a_return_speaks_of_the_return_alone() -> None:
    for kind in (MessageKind.RETURN_IN_TRANSIT, MessageKind.RETURN_DELIVERED):
        outbound = sample_parcel(MessageKind.IN_TRANSIT, TODAY)
        facts = sample(kind, TODAY)
        facts = replace(facts, order=replace(facts.order, parcels=(*facts.order.parcels, outbound)))
        mail = render(kind, facts, PLAIN, "en")
        assert mail.subject.startswith("Your return for order N-10102")
        assert "on its way to you" not in mail.text
        assert "Out for delivery" not in mail.html


def test_a_promotion_is_called_one_and_never_stands_beside_bad_news() -> None:
    good = render(MessageKind.DELIVERED, sample(MessageKind.DELIVERED, TODAY, promotion=PROMOTION), PLAIN, "en")
    assert "Advertisement" in good.text
    assert "20 % off &lt;tents&gt;" in good.html
    assert PROMOTION.url in Page(good.html).links
    bad = render(MessageKind.EXCEPTION, sample(MessageKind.EXCEPTION, TODAY, promotion=PROMOTION), PLAIN, "en")
    assert "tents" not in bad.html + bad.text


def test_the_storefronts_own_order_page_is_where_mails_lead() -> None:
    brand = Brand(key="own", name="Own", order_url="https://own.example/orders/{number}?from=mail")
    facts = sample(MessageKind.DELIVERED, TODAY)
    facts = replace(facts, order=replace(facts.order, number="N 1/2&x"))
    assert (
        "https://own.example/orders/N%201%2F2%26x?from=mail"
        in Page(render(MessageKind.DELIVERED, facts, brand, "en").html).links
    )


def test_the_logo_comes_from_our_own_host() -> None:
    page = Page(render(MessageKind.DELIVERED, sample(MessageKind.DELIVERED, TODAY), FULL, "en").html)
    assert page.pictures == ["http://localhost:8000/brand/acme/logo-0123456789abcdef.png"]
    assert Page(render(MessageKind.DELIVERED, sample(MessageKind.DELIVERED, TODAY), PLAIN, "en").html).pictures == []


def test_styles_stand_on_the_elements_and_in_the_head_for_dark_and_narrow() -> None:
    html = render(MessageKind.DELIVERED, sample(MessageKind.DELIVERED, TODAY), FULL, "en").html
    assert re.search(r'<td class="bar" style="[^"]*background-color: #c6f221', html)
    assert "prefers-color-scheme: dark" in html
    assert "max-width: 480px" in html
    assert "var(--" not in html
    assert html.count("url(") == 0


def test_outlook_keeps_the_width_and_the_button() -> None:
    """It knows neither ``max-width`` nor space around a link: it gets a table of 600 pixels and a cell with space."""
    html = render(MessageKind.DELIVERED, sample(MessageKind.DELIVERED, TODAY), FULL, "en").html
    assert re.search(r'<!--\[if mso\]><table role="presentation" width="600"[^>]*><tr><td><!\[endif\]-->', html)
    assert html.count("<!--[if mso]>") == html.count("<![endif]-->") == 2
    assert re.search(r'<td class="key" style="[^"]*background-color: #c6f221[^"]*mso-padding-alt: 13px 28px', html)


def test_languages_that_run_the_other_way_set_the_direction() -> None:
    html = render(MessageKind.DELIVERED, sample(MessageKind.DELIVERED, TODAY), PLAIN, "ar").html
    assert 'dir="rtl"' in html


def test_without_parcels_there_is_nothing_to_write() -> None:
    with pytest.raises(ValueError, match="no parcel"):
        content_of(MessageKind.DELIVERED, MailFacts(order=OrderFacts(number="N-1", today=TODAY)), "en")


def test_an_order_without_a_number_is_simply_your_order() -> None:
    facts = sample(MessageKind.DELIVERED, TODAY)
    mail = render(MessageKind.DELIVERED, replace(facts, order=replace(facts.order, number="")), PLAIN, "en")
    assert mail.subject == "Your order has been delivered"
    assert "Order number" not in mail.text + mail.html
    trouble = sample(MessageKind.EXCEPTION, TODAY)
    trouble = replace(trouble, order=replace(trouble.order, number=""))
    assert [render(MessageKind.EXCEPTION, trouble, PLAIN, language).subject for language in ("en", "fr")] == [
        "Your order: there is a problem with the delivery",
        "Votre commande : un problème de livraison est survenu",
    ]


def test_a_huge_order_is_cut_and_says_so() -> None:
    items = tuple(Item(sku=f"SKU-{n}", names={"en": "A very long name of a thing " * 40}) for n in range(300))
    parcels = tuple(replace(sample_parcel(MessageKind.IN_TRANSIT, TODAY), items=items) for _ in range(60))
    facts = MailFacts(order=OrderFacts(number="N-1", today=TODAY, parcels=parcels, unshipped=items))
    mail = render(MessageKind.SHIPPED, facts, FULL, "en")
    assert len(mail.html.encode()) < MOST_BYTES
    assert "and 288 more items" in mail.text
    assert "and 52 more parcels" in mail.text


def test_a_link_that_leads_elsewhere_than_the_web_is_none() -> None:
    facts = sample(MessageKind.IN_TRANSIT, TODAY)
    parcel = replace(facts.order.parcels[0], carrier_url="javascript:alert(1)")
    facts = replace(
        facts, order=replace(facts.order, parcels=(parcel,)), page_url="data:text/html,x", unsubscribe_url="x"
    )
    mail = render(MessageKind.IN_TRANSIT, facts, PLAIN, "en")
    assert Page(mail.html).links == []
    assert "javascript" not in mail.html + mail.text


HOSTILE = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{ 7|add:7 }}{% now 'Y' %}", "%(number)s %s %",
    "a\r\nBcc: all@example.com", "\x00\x0b\u2028\u2029", "\ud800", "\u202egnp.exe", "</td></table><h1>", "</style><b>",
    "&lt;i&gt;", "' style='x", "=?utf-8?q?x?=", "<!-- ", "]]>", "\u0645\u0631\u062d\u0628\u0627", "😀" * 20,
]  # fmt: skip


@pytest.mark.parametrize("evil", HOSTILE)
def test_whatever_others_wrote_is_shown_as_text(evil: str) -> None:
    parcel = ParcelFacts(
        status=ParcelStatus.AVAILABLE_FOR_PICKUP, number=evil, carrier=evil, items=(Item(names={"en": evil}),),
        seen_on=TODAY, seen_where=evil, carrier_words=evil, pickup_where=evil, carrier_url=f"https://x.example/{evil}",
    )  # fmt: skip
    facts = MailFacts(order=OrderFacts(number=evil, today=TODAY, parcels=(parcel,), unshipped=parcel.items), about=(0,))
    brand = Brand(key="evil", name=evil, support_phone=evil, legal={"en": evil}, locales=["en"])
    mail = render(MessageKind.AVAILABLE_FOR_PICKUP, facts, brand, "en")
    page = Page(mail.html)
    assert (page.faults, page.open) == ([], [])
    assert page.pictures == []
    assert mail.subject.splitlines() == [mail.subject]
    assert "14" not in page.words.replace("14px", "")
    for text in (mail.subject, mail.text, mail.html):
        text.encode()
        assert not re.search("[\x00\u202a-\u202e]", text)


@settings(max_examples=60, deadline=None)
@given(evil=st.text(max_size=200), language=st.sampled_from(sorted(LANGUAGES)), kind=st.sampled_from(list(MessageKind)))
def test_no_text_breaks_a_mail(evil: str, language: str, kind: MessageKind) -> None:
    facts = sample(kind, TODAY, several=True)
    parcels = tuple(
        replace(one, number=evil, carrier=evil, seen_where=evil, carrier_words=evil, items=(Item(names={"de": evil}),))
        for one in facts.order.parcels
    )
    facts = replace(facts, order=replace(facts.order, number=evil, parcels=parcels))
    mail = render(kind, facts, PLAIN, language)
    page = Page(mail.html)
    assert (page.faults, page.open) == ([], [])
    assert len(mail.subject.splitlines()) == 1
