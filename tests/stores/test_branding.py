"""Colours that can be read, logos that are pictures."""

from __future__ import annotations

import struct
import zlib

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from stores import branding
from stores.branding import AA, contrast, palette_of, readable_on
from stores.models import Brand
from stores.pictures import MOST_BYTES, BadPictureError, read_picture
from tests.factories import make_brand

colours = st.from_regex(r"#[0-9a-f]{6}", fullmatch=True)


def png(width: int = 2, height: int = 2, extra: bytes = b"") -> bytes:
    """A real PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\x0b\x5f\xff" * width) * height)
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", rows) + end


JPEG = (
    b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
    b"\xff\xc0\x00\x11\x08\x00\x20\x00\x40\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"
)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)
    assert contrast("#0b5fff", "#ffffff") == pytest.approx(5.17, abs=0.05)


def test_the_tokens_a_brand_begins_with_can_be_read() -> None:
    assert branding.faults(branding.LIGHT) == {}
    assert branding.faults(branding.DARK | {"colour": "#0b5fff"}, is_dark=True) == {}


@given(colours)
def test_black_or_white_can_be_read_on_any_colour(colour: str) -> None:
    assert contrast(readable_on(colour), colour) >= AA


@given(colours, colours, st.booleans())
def test_every_text_of_a_palette_can_be_read_whatever_was_saved(colour: str, text: str, is_dark: bool) -> None:
    grounds = branding.DARK if is_dark else branding.LIGHT
    found = palette_of(colour, text, grounds["background"], grounds["surface"], text, is_dark)
    assert contrast(found.on_colour, found.colour) >= AA
    for name in ("text", "muted", "link"):
        assert contrast(getattr(found, name), found.surface) >= AA
        assert contrast(getattr(found, name), found.background) >= AA
    assert contrast(found.accent, found.surface) >= 3
    assert contrast(found.on_warn, found.warn) >= AA


def test_what_cannot_be_read_is_refused_with_both_colours_and_their_contrast() -> None:
    brand = Brand(key="pale", name="Pale", colour="#ffe066", on_colour="#ffffff", dark_text="#333333")
    with pytest.raises(ValidationError) as refused:
        brand.clean()
    assert refused.value.message_dict == {
        "on_colour": [
            "#ffffff (text on the colour) on #ffe066 (colour) has a contrast of 1.30 to 1; "
            "4.5 to 1 is needed to be read."
        ],
        "dark_text": [
            "#333333 (text) on #1c2127 (surface) has a contrast of 1.28 to 1; 4.5 to 1 is needed to be read."
        ],
    }


def test_any_colour_alone_is_fine() -> None:
    for colour in ("#ffe066", "#000000", "#777777"):
        Brand(key="any", name="Any", colour=colour).clean()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not a whole PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "an SVG can carry scripts"),
        (b"<?xml version='1.0'?>\n<!-- logo -->\n<SVG/>", "an SVG can carry scripts"),
        (b"GIF89a" + b"\0" * 100, "not a whole PNG or JPEG"),
        (png()[:-8], "not a whole PNG or JPEG"),
        (png() + b"<script>alert(1)</script>", "not a whole PNG or JPEG"),
        (png(2001, 1), "2001 × 1 pixels"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * MOST_BYTES, "larger than 200 KB"),
        (b"\xff\xd8\xff\xe0\xff\xd9", "does not say how large"),
    ],
)
def test_what_is_no_small_picture_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(BadPictureError, match=words):
        read_picture(content)


def test_a_picture_is_known_by_its_bytes() -> None:
    assert read_picture(png()).type == "image/png"
    assert read_picture(JPEG).type == "image/jpeg"
    assert read_picture(png()) == read_picture(png())
    assert read_picture(png()) != read_picture(png(3))


@pytest.mark.sqlite
@pytest.mark.django_db
def test_a_logo_is_served_under_its_digest_alone_and_nothing_in_it_can_run(client: Client) -> None:
    brand = make_brand(key="acme")
    brand.logo = read_picture(png())
    brand.save()
    address = f"/brand/acme/logo-{brand.logo_digest}.png"
    answer = client.get(address)
    assert (answer.status_code, answer.content) == (200, png())
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "immutable" in answer.headers["Cache-Control"]
    assert not answer.cookies
    assert client.get("/brand/acme/logo-0000000000000000.png").status_code == 404
    assert client.get(address.replace(".png", ".jpg")).status_code == 404
    assert client.get(address.replace(".png", ".svg")).status_code == 404
    assert client.post(address).status_code == 405


@pytest.mark.sqlite
@pytest.mark.django_db
def test_another_logo_takes_the_place_of_the_first_and_none_takes_it_away() -> None:
    brand = make_brand()
    for picture in (png(), png(3)):
        brand.logo = read_picture(picture)
        brand.save(update_fields=["logo"])
    kept = Brand.objects.get()
    assert (kept.logo, bytes(kept.picture.content)) == (read_picture(png(3)), png(3))
    kept.logo = type(kept.logo)()
    kept.save()
    assert not Brand.objects.get().logo
    assert not hasattr(Brand.objects.get(), "picture")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://shop.example/orders", "needs {number} once"),
        ("https://{number}.example/", "part of the host"),
        ("javascript:alert({number})", "An address such as"),
    ],
)
def test_an_order_page_leads_to_the_storefront(url: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Brand(key="shop", name="Shop", order_url=url).clean_fields()


def test_the_sender_is_one_header_whatever_the_name_holds() -> None:
    brand = Brand(key="shop", name='Müller, "Söhne"', sender_address="post@shop.example")
    assert brand.sender == "=?utf-8?b?TcO8bGxlciwgIlPDtmhuZSI=?= <post@shop.example>"
    with pytest.raises(ValidationError, match="One line"):
        Brand(key="shop", name="Shop\nBcc: x", sender_name="a\r\nb").clean_fields()
