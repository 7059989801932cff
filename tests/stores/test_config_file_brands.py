"""``brands`` of the configuration file: look, words and logo."""

from __future__ import annotations

from pathlib import Path

import pytest

from stores.models import Brand
from stores.pictures import read_picture
from tests.stores.config_files import DESIGN, SECRETS, ConfigFile
from tests.stores.test_branding import png

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SHORT = '  - {key: acme, name: Acme, colour: "#0b5fff", locales: [en, de]}\n'
FULL = """\
  - key: acme
    name: Acme
    locales: [de, en]
    colour: "#c6f221"
    background: "#fffdf5"
    text: "#1a1a1a"
    dark: {colour: "#9cc400", surface: "#202020"}
    radius: 0
    font: serif
    logo: {file: logo.png}
    sender: {name: Acme Versand, address: versand@acme.example, reply_to: hilfe@acme.example}
    support: {url: "https://acme.example/help", email: hilfe@acme.example, phone: "+49 30 123456"}
    storefront_url: https://acme.example
    order_url: https://acme.example/orders/{number}
    legal:
      de: |
        Acme GmbH
        Berlin
      en: Acme Ltd
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFile:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return ConfigFile(tmp_path)


@pytest.fixture
def folder(config: ConfigFile) -> Path:
    (config.path.parent / "logo.png").write_bytes(png())
    return config.path.parent


def refusal(config: ConfigFile, text: str) -> str:
    return str(config.refusal(text))


def written(brand: str) -> str:
    assert SHORT in DESIGN
    return DESIGN.replace(SHORT, brand)


def test_a_brand_with_everything_becomes_a_row_and_a_second_run_has_nothing_to_do(
    config: ConfigFile, folder: Path
) -> None:
    config.apply(written(FULL))
    brand = Brand.objects.get()
    assert (brand.locales, brand.colour, brand.dark_colour, brand.dark_surface) == (
        ["de", "en"], "#c6f221", "#9cc400", "#202020",
    )  # fmt: skip
    assert (brand.radius, brand.font, brand.logo) == (0, "serif", read_picture(png()))
    assert bytes(brand.picture.content) == png()
    assert (brand.sender_name, brand.sender_address, brand.reply_to) == (
        "Acme Versand", "versand@acme.example", "hilfe@acme.example",
    )  # fmt: skip
    assert (brand.support_url, brand.support_email, brand.support_phone) == (
        "https://acme.example/help", "hilfe@acme.example", "+49 30 123456",
    )  # fmt: skip
    assert brand.order_address("N 1") == "https://acme.example/orders/N%201"
    assert brand.legal == {"de": "Acme GmbH\nBerlin", "en": "Acme Ltd"}
    assert "Nothing to do." in config.apply(written(FULL))


def test_another_logo_is_a_change_and_what_the_file_leaves_out_stays(config: ConfigFile, folder: Path) -> None:
    config.apply(written(FULL))
    (folder / "logo.png").write_bytes(png(3))
    said = config.apply(written(FULL))
    assert f"logo: {read_picture(png())} → {read_picture(png(3))}" in said
    assert bytes(Brand.objects.get().picture.content) == png(3)
    config.apply(DESIGN)
    brand = Brand.objects.get()
    assert (brand.colour, brand.font, brand.logo) == ("#0b5fff", "serif", read_picture(png(3)))


def test_the_plan_writes_no_logo(config: ConfigFile, folder: Path) -> None:
    said = config.apply(written(FULL), "--plan")
    assert f"logo: PNG {read_picture(png()).digest}" in said
    assert "sender.address: versand@acme.example" in said
    assert not Brand.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('text: "#1a1a1a"', 'text: "#dddddd"', "line 20: brands[0].text: #dddddd (text) on #ffffff (surface) has a"),
        ('surface: "#202020"', 'text: "#333333"', "line 21: brands[0].dark: #333333 (text) on #1c2127 (surface) has"),
        ("radius: 0", "radius: 99", "brands[0].radius: a whole number of pixels from 0 to 24 is expected"),
        ("font: serif", "font: sherif", "brands[0].font: system, humanist, geometric, serif or slab is expected"),
        ("logo.png", "logo.svg", "brands[0].logo: file: is an SVG can carry scripts"),
        ("logo.png", "none.png", "brands[0].logo: file: cannot be read"),
        ("versand@acme.example", "versand", "brands[0].sender.address: an e-mail address is expected"),
        ("https://acme.example\n", "ftp://acme\n", "brands[0].storefront_url: an address such as"),
        ("orders/{number}", "orders", "brands[0].order_url: The address needs {number} once"),
        ("en: Acme Ltd", "English: Acme", "brands[0].legal.English: a language such as en or de-CH is expected"),
        ("phone:", "fax:", "brands[0].support.fax: unknown key"),
    ],
)
def test_what_would_break_a_mail_is_refused_by_line_and_name(
    config: ConfigFile, folder: Path, old: str, new: str, words: str
) -> None:
    (folder / "logo.svg").write_text("<svg/>")
    assert old in FULL
    assert words in refusal(config, written(FULL.replace(old, new)))
    assert not Brand.objects.exists()


def test_contrast_is_judged_with_what_the_console_set(config: ConfigFile, folder: Path) -> None:
    config.apply(DESIGN)
    Brand.objects.update(surface="#101010", background="#000000", text="#ffffff")
    config.apply(DESIGN)
    assert "#111111 (text) on #101010 (surface)" in refusal(
        config, written(SHORT.replace("name: Acme", 'name: Acme, text: "#111111"'))
    )
