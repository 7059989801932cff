"""Carrier mappings as CSV: every bad line named, nothing guessed, and what is exported is imported as unchanged."""

from __future__ import annotations

import csv
import io

import pytest

from stores import mappings_csv
from stores.config_file.document import SCHEMA
from stores.config_file.source import ConfigFileError
from stores.mappings_csv import COLUMNS, Line, compare, decoded, escaped, fingerprint, read, unescaped, write
from stores.models import CarrierMapping, Project
from stores.revisions import save_drafts
from stores.rule_set import snapshot
from tests import factories as make

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HEAD = "carrier,courier,project,store,channel,extra_fields\r\n"


@pytest.fixture
def demo() -> Project:
    """A project with a store, a channel and two couriers."""
    project = make.make_project(key="demo")
    make.make_store(project, key="de-web")
    make.make_channel(project, key="zurich")
    for slug in ("dhl-germany", "austrian-post"):
        make.make_courier(slug)
    return project


def faults(body: str | bytes) -> list[str]:
    try:
        read(body if isinstance(body, str) else decoded(body))
    except ConfigFileError as error:
        return [str(fault) for fault in error.faults]
    return []


def lines(text: str) -> list[Line]:
    return compare(read(text))


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (HEAD.encode() + "Post,dhl\n\nČeská pošta,dhl".encode("cp1250"), "line 4: is not UTF-8 text; save the file as"),
        ((HEAD + "Österr. Post,x").encode("latin1"), "line 2: is not UTF-8 text"),
        ((HEAD + "Post,x").encode("utf-16")[:-1], "is not UTF-8 text"),
        ((HEAD + "Post,x").encode("utf-16-le"), "unknown column"),
        (b"x" * 1_000_001, "is larger than 1,000 kB; import it in parts"),
        (b"\x89PNG\r\n\x1a\n", "line 1: is not UTF-8 text"),
        (b"PK\x03\x04 a spreadsheet", "unknown column"),
        ((HEAD + 'Post,"dhl').encode(), "line 2: not valid CSV from here on: unexpected end of data"),
        ((HEAD + 'A,a\n"Po"st,dhl\n').encode(), "line 3: not valid CSV from here on: ',' expected after '\"'"),
        ((HEAD + "A" * 200_000 + ",dhl").encode(), "line 2: not valid CSV from here on: field larger than field limit"),
    ],
)
def test_body_that_is_no_csv_is_refused(body: bytes, fault: str) -> None:
    found = faults(body)
    assert len(found) == 1 or fault == "unknown column"
    assert any(fault in one for one in found)


def test_wrong_headings_are_named_with_what_was_meant() -> None:
    assert faults("\nCarier,courier,Courier,comment\nPost,x,x,x\n") == [
        "line 2: carier: unknown column; did you mean carrier?",
        "line 2: carrier: this column is missing; expected are carrier, courier, project, store, channel, extra_fields",
        "line 2: comment: unknown column",
        "line 2: courier: this column is there twice",
    ]


def test_every_bad_line_is_named_at_once(demo: Project) -> None:
    make.make_store(make.make_project(key="other"), key="at-web")
    text = HEAD + (
        "Post,dhl-germany,demo,de-web,,\r\n"
        "--,dhl-germany,,,,\r\n"
        ",dhl-germany,,,,\r\n"
        "UPS 1,,,,,\r\n"
        "UPS 2,UPS,,,,\r\n"
        "UPS,dhl-germani,,,,\r\n"
        "\r\n"
        ",,,,,\r\n"
        '"Two\r\nlines",dhl-germany,,,,\r\n'
        "A,dhl-germany,dmeo,de-web,,\r\n"
        "B,dhl-germany,,de-web,,\r\n"
        "C,dhl-germany,demo,at-web,,\r\n"
        "D,dhl-germany,demo,,geneva,\r\n"
        "E,dhl-germany,demo,de-web,zurich,\r\n"
        "p o s t,austrian-post,demo,de-web,,\r\n"
        "F,dhl-germany,,,,\r\n"
        "F,dhl-germany,demo,,,,,more\r\n"
        "G,dhl-germany,,,,account=1\r\n"
        'H,dhl-germany,,,,"{""slug"": ""x"", ""tracking_key"": 5}"\r\n'
        'I,dhl-germany,,,,"{""a"": ""1"", ""a"": ""2""}"\r\n' + "J" * 201 + ",dhl-germany,,,,"
    )
    assert faults(text) == [
        "line 3: carrier: a carrier's name needs letters or digits",
        "line 4: carrier: missing",
        "line 5: courier: missing",
        "line 6: courier: an AfterShip slug such as dhl-germany is expected (a-z, 0-9 and -)",
        "line 7: courier: there is no courier dhl-germani; did you mean dhl-germany?",
        "line 10: carrier: holds line breaks or control characters",
        "line 12: project: there is no project dmeo; did you mean demo?",
        "line 13: store: needs the project that it belongs to",
        "line 14: store: there is no store at-web; did you mean de-web?",
        "line 15: channel: there is no channel geneva",
        "line 16: channel: give either store or channel, not both",
        "line 17: a second mapping 'p o s t' of demo/de-web, see line 2",
        "line 19: a cell without a heading above it; is a delimiter inside a text that is not quoted?",
        'line 20: extra_fields: a JSON object is expected, such as {"tracking_account_number": "0123"}',
        "line 21: extra_fields.slug: cannot be set here; "
        "a field of AfterShip such as tracking_account_number is expected",
        "line 21: extra_fields.tracking_key: text is expected",
        "line 22: extra_fields.a: given twice, first in line 22",
        "line 23: carrier: longer than 200 characters",
    ]


@pytest.mark.parametrize("cell", ["[]", "5", "null", '"a"', '[["a", "b"]]', "{a: b}", "[" * 60_000])
def test_extra_fields_of_another_form_are_refused(demo: Project, cell: str) -> None:
    target = io.StringIO()
    csv.writer(target).writerows([["carrier", "courier", "extra_fields"], ["Post", "dhl-germany", cell]])
    assert faults(target.getvalue())[0].startswith("line 2: extra_fields: a JSON object is expected")


def test_too_many_mappings_are_refused_before_they_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mappings_csv, "MOST_ROWS", 2)
    assert faults("carrier,courier\na,b\nc,d\ne,f\ng,h\n") == ["line 4: more than 2 mappings; import them in parts"]


# ── read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

TABLE = [["Carrier", "COURIER", "Extra fields", ""], ["Österr. Post, Wien", "austrian-post", '{"a": "1"}', ""]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_spreadsheets_of_all_kinds_are_read(demo: Project, delimiter: str, encoding: str, newline: str) -> None:
    target = io.StringIO()
    csv.writer(target, delimiter=delimiter, lineterminator=newline).writerows(TABLE)
    [entry] = read(decoded(target.getvalue().encode(encoding)))
    assert entry.values == {"carrier": "Österr. Post, Wien", "courier": "austrian-post", "extra_fields": {"a": "1"}}


def test_first_line_of_excel_is_passed_over(demo: Project) -> None:
    [line] = lines("sep=;\r\ncarrier;courier\r\nPost;austrian-post\r\n")
    assert (line.number, line.after["carrier"]) == (3, "Post")


def test_columns_are_those_of_the_configuration_file() -> None:
    assert set(COLUMNS) == set(SCHEMA["carrier_mappings"])


# ── compared ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_are_new_changed_or_unchanged(demo: Project) -> None:
    known = make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL Paket", extra_fields={"a": "1"})
    make.make_carrier_mapping(carrier="Left alone")
    found = lines(HEAD + "dhl_PAKET,austrian-post,,,,\r\nDHL Paket,austrian-post,demo,,,\r\n")
    assert [(line.number, line.draft.id, line.is_change) for line in found] == [(2, known.pk, True), (3, None, True)]
    assert found[0].before == snapshot(known)
    assert found[0].after == snapshot(known) | {
        "carrier": "dhl_PAKET", "courier": "austrian-post", "extra_fields": {},
    }  # fmt: skip
    assert found[1].after == {
        "carrier": "DHL Paket", "courier": "austrian-post", "project": "demo", "store": None, "channel": None,
        "extra_fields": {}, "origin": "console",
    }  # fmt: skip


def test_column_that_is_missing_leaves_what_stands(demo: Project) -> None:
    make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL", extra_fields={"a": "1"}, origin="file")
    [line] = lines("carrier,courier\nDHL,dhl-germany\n")
    assert not line.is_change
    [line] = lines("carrier,courier\nDHL,austrian-post\n")
    assert (line.after["extra_fields"], line.after["origin"]) == ({"a": "1"}, "file")


def test_export_is_imported_as_unchanged_whatever_the_texts(demo: Project) -> None:
    store, channel = demo.stores.get(), demo.channels.get()
    texts = [
        '=HYPERLINK("http://x")',
        "'=1+1",
        "''=1",
        "+49",
        "-x",
        "@a",
        "'s Heeren",
        'a "b", c;d',
        "Česká pošta",
        "{y}",
    ]
    for text in texts:
        make.make_carrier_mapping(carrier=text, project=demo, store=store, extra_fields={"tracking_key": '="ü'})
    make.make_carrier_mapping(carrier="Post", project=demo, channel=channel)
    make.make_carrier_mapping(carrier="Post")
    text = write(CarrierMapping.objects.order_by("pk"))
    found = lines(text)
    assert [line.after for line in found] == [snapshot(row) for row in CarrierMapping.objects.order_by("pk")]
    assert [line for line in found if line.is_change] == []


def test_nothing_that_is_exported_starts_a_formula(demo: Project) -> None:
    make.make_project(key="-cmd")
    make.make_carrier_mapping(carrier="=cmd|'/c calc'!A1", project=Project.objects.get(key="-cmd"))
    assert write(CarrierMapping.objects.all()).splitlines()[1].startswith("'=cmd|'/c calc'!A1,courier-")
    cells = [cell for row in csv.reader(io.StringIO(write(CarrierMapping.objects.all()))) for cell in row]
    assert [cell for cell in cells if cell[:1] in tuple("=+-@\t\r")] == []
    assert [unescaped(escaped(cell)) for cell in ("=1", "'=1", "'x", "x=1", "")] == ["=1", "'=1", "'x", "x=1", ""]


def test_preview_is_no_longer_the_same_when_a_mapping_changed_meanwhile(demo: Project) -> None:
    mapping = make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="DHL")
    other = make.make_carrier_mapping(carrier="Other")
    text = "carrier,courier\nDHL,austrian-post\nNew,austrian-post\n"
    seen = fingerprint(lines(text))
    other.delete()
    assert fingerprint(lines(text)) == seen
    mapping.extra_fields = {"a": "1"}
    mapping.save()
    assert fingerprint(lines(text)) != seen
    seen = fingerprint(lines(text))
    make.make_carrier_mapping(make.make_courier("austrian-post"), carrier="new")
    assert fingerprint(lines(text)) != seen


def test_import_makes_what_the_file_would_make(demo: Project) -> None:
    text = HEAD + 'Post,austrian-post,demo,,zurich,"{""tracking_key"": ""0123""}"\n'
    save_drafts([line.draft for line in lines(text)], source="csv")
    assert snapshot(CarrierMapping.objects.get()) == {
        "carrier": "Post", "courier": "austrian-post", "project": "demo", "store": None, "channel": "zurich",
        "extra_fields": {"tracking_key": "0123"}, "origin": "console",
    }  # fmt: skip
    assert not any(line.is_change for line in lines(text))
