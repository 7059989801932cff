"""What is wrong with a configuration file: all of it at once, each with line, path and cause, and never a secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.env import BASE_DIR as ROOT
from stores.config_file.document import SCHEMA
from stores.config_file.source import ConfigFileError
from tests.stores.config_files import DESIGN, SECRETS, ConfigFile, replaced


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFile:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return ConfigFile(tmp_path)


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_secret_itself_is_refused_and_not_shown(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("{env: CT_CLIENT_SECRET}", "hunter2hunter2"), ("[{env: AFTERSHIP_SECRET}]", "[hunter3]"))
    assert config.faults(text) == [
        "line 6: projects[0].client_secret: give a reference such as {env: NAME}, not the secret itself",
        "line 13: aftership_accounts[0].webhook_secrets[0]: "
        "give a reference such as {env: NAME}, not the secret itself",
    ]


@pytest.mark.parametrize("reference", ["{hunter2}", "{env: A, file: b}", "{}", "{name: A}", "{[hunter2]: A}"])
def test_reference_of_another_form_is_refused_and_not_shown(config: ConfigFile, reference: str) -> None:
    cause = "give a reference, either {env: NAME} or {file: PATH}"
    text = replaced(DESIGN, ("{env: CT_CLIENT_SECRET}", reference))
    assert config.faults(text) == [f"line 6: projects[0].client_secret: {cause}"]


def test_secret_in_the_place_of_a_name_is_refused_and_not_shown(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("{env: AFTERSHIP_KEY}", "{env: asat_hunter2}"))
    assert config.faults(text) == [
        "line 12: aftership_accounts[0].api_key: "
        "env: the name of an environment variable is expected, in capitals such as CT_CLIENT_SECRET"
    ]


def test_unset_variables_are_named(config: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CT_CLIENT_ID")
    monkeypatch.setenv("AFTERSHIP_SECRET", "  ")
    assert config.faults(DESIGN) == [
        "line 5: projects[0].client_id: the environment variable CT_CLIENT_ID is not set (nor CT_CLIENT_ID_FILE)",
        "line 13: aftership_accounts[0].webhook_secrets[0]: "
        "the environment variable AFTERSHIP_SECRET is not set (nor AFTERSHIP_SECRET_FILE)",
    ]


def test_missing_secret_file_is_refused(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("{env: AFTERSHIP_KEY}", "{file: secrets/key}"))
    assert config.faults(text) == [
        "line 12: aftership_accounts[0].api_key: file: cannot be read (No such file or directory); "
        "a relative path starts beside this configuration"
    ]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\n", "file: is empty"),
        (b"two\nlines", "what the reference leads to must be one line of plain ASCII"),
        ("clé".encode(), "what the reference leads to must be one line of plain ASCII"),
        (b"\xff", "file: cannot be read (not UTF-8 text); a relative path starts beside this configuration"),
    ],
)
def test_useless_secret_file_is_refused(config: ConfigFile, content: bytes, cause: str) -> None:
    (config.path.parent / "key").write_bytes(content)
    text = replaced(DESIGN, ("{env: AFTERSHIP_KEY}", "{file: key}"))
    assert config.faults(text) == [f"line 12: aftership_accounts[0].api_key: {cause}"]


def test_secrets_come_from_files_beside_the_configuration(config: ConfigFile) -> None:
    (config.path.parent / "key").write_text("swordfish-of-a-file\n")
    document = config.read(replaced(DESIGN, ("{env: AFTERSHIP_KEY}", "{file: key}")))
    assert document.aftership_accounts[0].values["api_key"] == "swordfish-of-a-file"


def test_variable_may_itself_name_a_file(config: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AFTERSHIP_KEY")
    (config.path.parent / "key").write_text("swordfish-of-a-file\n")
    monkeypatch.setenv("AFTERSHIP_KEY_FILE", str(config.path.parent / "key"))
    assert config.read(DESIGN).aftership_accounts[0].values["api_key"] == "swordfish-of-a-file"


@pytest.mark.parametrize("count", [0, 3])
def test_one_or_two_webhook_secrets_are_expected(config: ConfigFile, count: int) -> None:
    secrets = ", ".join(["{env: AFTERSHIP_SECRET}"] * count)
    text = replaced(DESIGN, ("[{env: AFTERSHIP_SECRET}]", f"[{secrets}]"))
    assert config.faults(text) == [
        "line 13: aftership_accounts[0].webhook_secrets: "
        "one or two references are expected: the current secret, then the previous one"
    ]


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_unknown_keys_are_named_with_what_was_meant(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("shipment_state:", "shipment_sate:"), ("brands:\n", "brand:\n"), ("promise_days", "sla"))
    text = replaced(text, (", brand: acme", ""))
    assert config.faults(text) == [
        "line 8: projects[0].shipment_sate: unknown key; did you mean shipment_state?",
        "line 14: brand: unknown key; did you mean brands?",
        "line 17: routes[0].sla: unknown key",
    ]


def test_missing_keys_are_named(config: ConfigFile) -> None:
    assert config.faults("projects: [{key: demo}]\ncarrier_mappings:\n  - carrier: Post\n") == [
        "line 1: projects[0].api_url: missing",
        "line 1: projects[0].auth_url: missing",
        "line 1: projects[0].client_id: missing",
        "line 1: projects[0].client_secret: missing",
        "line 3: carrier_mappings[0].courier: missing",
    ]


def test_key_given_twice_is_refused(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("    auth_url:", "    api_url: https://other.example.com\n    auth_url:"))
    assert config.faults(text + "projects: []\n") == [
        "line 4: projects[0].api_url: given twice, first in line 3",
        "line 23: projects: given twice, first in line 1",
    ]


def test_empty_value_is_refused_so_that_a_route_cannot_widen_by_accident(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("store: de-web", "store: "), ("name: Acme", 'name: " "'))
    assert config.faults(text) == [
        "line 15: brands[0].name: empty; give a value, or leave the key out",
        "line 17: routes[0].store: empty; give a value, or leave the key out",
        "line 18: routes[1]: a second route demo: every parcel, see routes[0] in line 17",
    ]


# ── types ────────────────────────────────────────────────────────────────────────────────────────────────────────────

WRONG_VALUES = [
    ("key: demo ", "key: [demo] ", "line 2: projects[0].key: text is expected"),
    ("key: demo ", "key: a b ", "line 2: projects[0].key: 2 to 256 letters, digits, _ or - are expected"),
    ("key: demo ", "key: d ", "line 2: projects[0].key: 2 to 256 letters, digits, _ or - are expected"),
    ("key: main", f"key: {'m' * 65}", "line 10: aftership_accounts[0].key: longer than 64 characters"),
    ("key: main", "key: !!python/name:os.system x", "line 10: aftership_accounts[0].key: text is expected"),
    ("name: Acme", 'name: "A\\0"', "line 15: brands[0].name: holds line breaks or control characters"),
    ('"#0b5fff"', "blue", 'line 15: brands[0].colour: a colour such as "#0b5fff" is expected, in quotes'),
    ("[en, de]", "en", "line 15: brands[0].locales: a list is expected"),
    ("[en, de]", '[en, de], quiet_from: "22:00"', "line 15: brands[0].quiet_until: missing; quiet_from needs it"),
    ("[en, de]", "[en], quiet_from: 25:00", 'line 15: brands[0].quiet_from: a time of day such as "22:00" is expected'),
    ("[en, de]", "[en], mails_per_minute: 0", "brands[0].mails_per_minute: a whole number of mails from 1 is expected"),
    ("[en, de]", "[en, Deutsch]", "line 15: brands[0].locales[1]: a language such as en or de-CH is expected"),
    ("promise_days: 3", "promise_days: three", "a whole number of days from 0 to 365 is expected"),
    ("promise_days: 3", 'promise_days: "3"', "a whole number of days from 0 to 365 is expected"),
    ("promise_days: 3", "promise_days: 366", "a whole number of days from 0 to 365 is expected"),
    ("promise_days: 3", "promise_days: -1", "a whole number of days from 0 to 365 is expected"),
    ("notify: platform", "notify: plattform", "platform, aftership or off is expected; did you mean platform?"),
    ("shipment_state: forward", "shipment_state: back", "shipment_state: off, forward or full is expected"),
    ("shipment_state: forward", 'is_active: "yes"', "projects[0].is_active: true or false is expected"),
    ("inbound: {type", "inbound: {typ", "line 7: projects[0].inbound.typ: unknown key; did you mean type?"),
    ("inbound: {type: bearer, secret: {env: CT_INBOUND_TOKEN}}", "inbound: bearer", "a mapping of keys to values"),
    ("courier: dhl-germany", "courier: DHL", "an AfterShip slug such as dhl-germany is expected (a-z, 0-9 and -)"),
    ('"DHL Paket"', '"--"', "carrier_mappings[0].carrier: a carrier's name needs letters or digits"),
]


@pytest.mark.parametrize(("old", "new", "fault"), WRONG_VALUES)
def test_wrong_value_is_refused_by_its_path(config: ConfigFile, old: str, new: str, fault: str) -> None:
    assert fault in config.faults(replaced(DESIGN, (old, new)))[0]


@pytest.mark.parametrize(
    "address",
    ["api.aftership.com", "ftp://a.example.com", "https://u:hunter2@a.example.com", "https://a.example.com?key=1",
     "https://a.example.com:port", "http://[", "https://"],
)  # fmt: skip
def test_address_must_be_plain_http(config: ConfigFile, address: str) -> None:
    assert config.faults(replaced(DESIGN, ("https://api.aftership.com", f"'{address}'"))) == [
        "line 11: aftership_accounts[0].api_url: "
        "an address such as https://api.example.com is expected, without credentials and query"
    ]


INBOUNDS = {
    "pubsub": {"audience": "https://b.example.com", "service_account": "push@shop.iam.gserviceaccount.com"},
    "sns": {"topic_arn": "arn:aws:sns:eu-central-1:123456789012:trackbridge"},
    "eventbridge": {"header": "x-trackbridge-key"},
    "eventgrid": {"tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47", "audience": "api://trackbridge"},
    "connect": {"header": "x-signature"},
    "sqs": {"queue_url": "https://sqs.eu-central-1.amazonaws.com/1/q", "region": "eu-central-1"},
    "poll": {},
}


def inbound_line(kind: str, options: dict[str, str]) -> tuple[str, str]:
    pairs = ", ".join([f"type: {kind}", *[f"{name}: '{value}'" for name, value in options.items()]])
    return "inbound: {type: bearer, secret: {env: CT_INBOUND_TOKEN}}", f"inbound: {{{pairs}}}"


@pytest.mark.parametrize("kind", INBOUNDS)
def test_each_way_of_hearing_has_its_options(config: ConfigFile, kind: str) -> None:
    polls = ("    shipment_state: forward", "    poll: orders\n    shipment_state: forward")
    document = config.read(replaced(DESIGN, inbound_line(kind, INBOUNDS[kind]), polls))
    values = document.projects[0].values
    assert (values["inbound_type"], values["inbound_options"]) == (kind, INBOUNDS[kind])
    assert "inbound_secret" not in values


def test_an_api_client_of_some_stores_cannot_poll_messages(config: ConfigFile) -> None:
    limited = (
        "    shipment_state: forward",
        "    poll: messages\n    in_stores: [de-web]\n    shipment_state: forward",
    )
    assert [fault.partition(": ")[2] for fault in config.faults(replaced(DESIGN, limited))] == [
        "projects[0].poll: an API client of some stores cannot read messages; poll orders"
    ]


def test_a_project_that_is_sent_nothing_has_to_poll(config: ConfigFile) -> None:
    faults = config.faults(replaced(DESIGN, inbound_line("poll", {})))
    assert [fault.partition(": ")[2] for fault in faults] == [
        "projects[0].poll: missing; inbound.type poll needs messages or orders"
    ]


@pytest.mark.parametrize(
    ("kind", "options", "faults"),
    [
        ("pubsub", {}, ["audience: missing; pubsub needs it", "service_account: missing; pubsub needs it"]),
        (
            "pubsub",
            INBOUNDS["pubsub"] | {"service_account": "push"},
            ["service_account: the e-mail address of a service account is expected"],
        ),
        (
            "pubsub",
            INBOUNDS["pubsub"] | {"subscription": "trackbridge"},
            ["subscription: projects/…/subscriptions/… is expected"],
        ),
        ("pubsub", INBOUNDS["pubsub"] | INBOUNDS["sns"], ["topic_arn: not an option of pubsub"]),
        ("bearer", {"header": "x-api-key"}, ["header: not an option of bearer"]),
        (
            "sns",
            {"topic_arn": "trackbridge"},
            [
                "topic_arn: the ARN of an SNS topic is expected, "
                "such as arn:aws:sns:eu-central-1:123456789012:trackbridge"
            ],
        ),
        ("sns", {"topic_arn": ""}, ["topic_arn: empty; give a value, or leave the key out"]),
        ("eventgrid", {"audience": "api://trackbridge"}, ["tenant: missing; eventgrid needs it"]),
        ("connect", {"audience": "https://b.example.com"}, ["service_account: missing; connect needs it"]),
        ("sqs", {"region": "eu-central-1"}, ["queue_url: missing; sqs needs it"]),
        ("sns", {"arn": "x"}, ["arn: unknown key", "topic_arn: missing; sns needs it"]),
    ],
)
def test_options_that_do_not_fit_their_type_are_refused_by_name(
    config: ConfigFile, kind: str, options: dict[str, str], faults: list[str]
) -> None:
    found = config.faults(replaced(DESIGN, inbound_line(kind, options)))
    assert sorted(found) == sorted(f"line 7: projects[0].inbound.{fault}" for fault in faults)


def test_unknown_inbound_type_is_refused(config: ConfigFile) -> None:
    types = "bearer, pubsub, sns, eventbridge, eventgrid, connect, sqs or poll"
    fault = f"line 7: projects[0].inbound.type: {types} is expected"
    assert config.faults(replaced(DESIGN, ("type: bearer", "type: pigeon"))) == [fault]


def test_extra_field_may_not_change_which_tracking_it_is(config: ConfigFile) -> None:
    text = replaced(DESIGN, ("dhl-germany}", "dhl-germany, extra_fields: {slug: x, Account: y, tracking_key: [z]}}"))
    cause = "cannot be set here; a field of AfterShip such as tracking_account_number is expected"
    assert config.faults(text) == [
        f"line 20: carrier_mappings[0].extra_fields.Account: {cause}",
        f"line 20: carrier_mappings[0].extra_fields.slug: {cause}",
        "line 20: carrier_mappings[0].extra_fields.tracking_key: text is expected",
    ]


# ── between the entries ──────────────────────────────────────────────────────────────────────────────────────────────


def test_dangling_references_are_named_with_what_was_meant(config: ConfigFile) -> None:
    text = replaced(
        DESIGN,
        ("account: main, brand: acme}", "account: mian, brand: acme}"),
        ("project: demo, store: at", "project: shop, store: at"),
    )
    text = replaced(text, ("brand: acme, promise", "brand: emca, promise"))
    assert config.faults(text) == [
        "line 17: routes[0].brand: no brand emca in this file or in the database",
        "line 18: routes[1].account: no account mian in this file or in the database; did you mean main?",
        "line 21: carrier_mappings[1].project: no project shop in this file or in the database",
    ]


def test_rows_of_the_database_may_be_referred_to(config: ConfigFile) -> None:
    text = "routes:\n  - {project: demo, account: main}\n"
    known = {"projects": ["demo"], "aftership_accounts": ["main"], "brands": []}
    assert config.faults(text, known) == []


def test_store_without_its_project_is_refused(config: ConfigFile) -> None:
    fault = "line 21: carrier_mappings[1].store: needs the project that it belongs to"
    assert config.faults(replaced(DESIGN, (", project: demo, store: at-web", ", store: at-web"))) == [fault]


def test_what_is_said_twice_is_refused(config: ConfigFile) -> None:
    text = replaced(
        DESIGN,
        ("routes: ", "  - {key: acme, name: Again}\nroutes: "),
        ("carrier_mappings:\n", "  - {project: demo, store: de-web, account: main}\ncarrier_mappings:\n"),
    )
    assert config.faults(text + '  - {carrier: "dhl-paket", courier: dhl}\n') == [
        "line 16: brands[1].key: acme is there already, see brands[0] in line 15",
        "line 20: routes[2]: a second route demo: store de-web, see routes[0] in line 18",
        "line 24: carrier_mappings[2]: a second mapping 'dhl-paket', see carrier_mappings[0] in line 22",
    ]


# ── the file as a whole ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("- projects\n", "line 1: a mapping of keys to values is expected"),
        ("projects:\n\t- key: demo\n", "line 2: not valid YAML: while scanning for the next token found character"),
        ("projects: [\n", "line 2: not valid YAML: while parsing a flow node expected the node content"),
        ("client_secret: *hunter2\n", "line 1: not valid YAML: found undefined alias …"),
        ("a: 1\n---\nb: 2\n", "line 2: not valid YAML: expected a single document in the stream"),
        ("brands:\n- name: \x07\n", "line 2: a character that YAML does not allow"),
        ("? [a]\n: 1\n", "line 1: keys must be plain text"),
        ("projects: {key: demo}\n", "line 1: projects: a list is expected"),
        ("projects: [demo]\n", "line 1: projects[0]: a mapping of keys to values is expected"),
        ("projects: " + "[" * 5000, "is nested too deeply"),
    ],
)
def test_file_that_cannot_be_understood_is_refused_without_quoting_it(
    config: ConfigFile, text: str, fault: str
) -> None:
    faults = config.faults(text)
    assert len(faults) == 1
    assert faults[0].startswith(fault)
    assert "hunter2" not in faults[0]


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError, match=r"^cannot be read: No such file or directory$"):
        ConfigFile(tmp_path / "nowhere").read_as_it_is()


def test_file_that_is_not_utf8_is_refused(config: ConfigFile) -> None:
    config.path.write_bytes(b"brands: \xff")
    with pytest.raises(ConfigFileError, match=r"^is not UTF-8 text$"):
        config.read_as_it_is()


# ── what is taken ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_file_of_the_design_is_read_exactly(config: ConfigFile) -> None:
    document = config.read(DESIGN)
    assert [entry.values for entry in document.projects] == [
        {
            "key": "demo",
            "api_url": "http://127.0.0.1:4010",
            "auth_url": "http://127.0.0.1:4010",
            "client_id": "client-7f3a",
            "client_secret": "swordfish-client",
            "inbound_type": "bearer",
            "inbound_secret": "swordfish-inbound",
            "inbound_options": {},
            "shipment_state": "forward",
        }
    ]
    assert document.aftership_accounts[0].values == {
        "key": "main",
        "api_url": "https://api.aftership.com",
        "api_key": "swordfish-key",
        "webhook_secret": "swordfish-hmac",
        "previous_webhook_secret": "",
    }
    assert document.brands[0].values == {"key": "acme", "name": "Acme", "colour": "#0b5fff", "locales": ["en", "de"]}
    assert [entry.values["position"] for entry in document.routes] == [10, 20]
    assert document.carrier_mappings[1].values == {
        "carrier": "Post",
        "courier": "austrian-post",
        "project": "demo",
        "store": "at-web",
    }


def test_words_that_yaml_takes_for_other_types_stay_words(config: ConfigFile) -> None:
    text = replaced(
        DESIGN,
        ("shipment_state: forward", "shipment_state: off"),
        ("notify: platform", "notify: off"),
        ("[en, de]", "[no, de-CH]"),
        ("name: Acme", "name: 007"),
    )
    document = config.read(text)
    assert document.projects[0].values["shipment_state"] == "off"
    assert document.routes[0].values["notify"] == "off"
    assert document.brands[0].values["locales"] == ["no", "de-CH"]
    assert document.brands[0].values["name"] == "007"


def test_sections_without_content_are_there_and_empty(config: ConfigFile) -> None:
    document = config.read("projects:\nroutes: []\n")
    assert document.sections == {"projects", "routes"}
    assert document.projects == document.routes == []


def test_aliases_are_followed(config: ConfigFile) -> None:
    document = config.read(
        "brands:\n  - &one {key: acme, name: Acme, locales: &all [en, de]}\n  - {key: b2, name: B, locales: *all}\n"
    )
    assert document.brands[1].values["locales"] == ["en", "de"]


def test_what_is_wrong_with_a_store_is_named(config: ConfigFile) -> None:
    stores = """\
stores:
  - {project: demo, key: a-shop, shipment_state: fowrard, time_zone: Berlin}
  - {project: elsewhere, key: a-shop}
  - {project: demo, key: a-shop}
  - {key: b-shop, colour: red}
"""
    assert [re.sub(r"^line \d+: ", "", fault) for fault in config.faults(DESIGN + stores)] == [
        "stores[0].shipment_state: project, off, forward or full is expected; did you mean forward?",
        "stores[0].time_zone: a time zone such as Europe/Berlin is expected, or default",
        "stores[1].project: no project elsewhere in this file or in the database",
        "stores[2].key: a-shop of demo is there already, see stores[0] in line 23",
        "stores[3].colour: unknown key",
        "stores[3].project: missing",
    ]


def test_example_file_is_valid(config: ConfigFile) -> None:
    example = (ROOT / "examples" / "trackbridge.yaml").read_text(encoding="utf-8")
    assert config.faults(example) == []


# ── the documentation ────────────────────────────────────────────────────────────────────────────────────────────────

DOCUMENTED = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("section", SCHEMA)
def test_every_key_is_documented(section: str) -> None:
    chapter = DOCUMENTED.partition(f"\n### {section}\n")[2].partition("\n### ")[0]
    missing = [key for key in SCHEMA[section] if f"`{key}`" not in chapter and f"`{key}." not in chapter]
    assert missing == []


def test_every_variable_is_documented_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    variables = re.findall(r"^(#?)([A-Z_]+)=(.*)$", example, re.MULTILINE)
    rows = dict(re.findall(r"^\| `([A-Z_]+)`[ ●]* \| (.*?) \|", DOCUMENTED, re.MULTILINE))
    assert set(rows) == {name for _, name, _ in variables}
    for is_unset, name, default in variables:
        assert is_unset or rows[name] == (f"`{default}`" if default else "needed"), name


@pytest.mark.parametrize(("given", "stores"), [("[de-web, at-web]", ["de-web", "at-web"]), ("[]", [])])
def test_the_stores_that_a_client_is_limited_to_are_a_list_of_keys(
    config: ConfigFile, given: str, stores: list[str]
) -> None:
    document = config.read(replaced(DESIGN, ("shipment_state: forward", f"in_stores: {given}")))
    assert document.projects[0].values["in_stores"] == stores


SOURCE = {"where": "order", "field": "fft_parcels", "number": "tracking_number", "carrier_text": "DHL"}


def source_line(options: dict[str, str]) -> tuple[str, str]:
    written = ", ".join(f"{name}: {value}" for name, value in options.items())
    return "shipment_state: forward", f"tracking_source: {{{written}}}"


@pytest.mark.parametrize(("given", "kept"), [(SOURCE, SOURCE), ({"where": "parcel"}, {})])
def test_where_numbers_stand_is_kept_as_it_is_given(
    config: ConfigFile, given: dict[str, str], kept: dict[str, str]
) -> None:
    document = config.read(replaced(DESIGN, source_line(given)))
    assert document.projects[0].values["tracking_source"] == kept


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"field": "x1"}, ["where: missing"]),
        ({"where": "orders"}, ["where: parcel, order or delivery is expected; did you mean order?"]),
        ({"where": "order"}, ["field: missing; name the custom field"]),
        ({"where": "order", "field": "a b"}, ["field: 2 to 36 letters, digits, _ or - are expected"]),
        ({"where": "order", "field": "tb_status"}, ["field: fields that begin with tb_ are written here, not read"]),
        ({"where": "order", "field": "x1", "numbr": "n"}, ["numbr: unknown key; did you mean number?"]),
        (
            {"where": "delivery", "field": "x1", "items": "i"},
            ["items: needs the key of the number: without objects there are no keys"],
        ),
        (
            {"where": "parcel", "field": "x1"},
            ["field: leave this out where numbers stand on parcels only"],
        ),
    ],
)
def test_faults_of_the_place_where_numbers_stand(config: ConfigFile, given: dict[str, str], faults: list[str]) -> None:
    found = config.faults(replaced(DESIGN, source_line(given)))
    assert [fault.partition(": ")[2] for fault in found] == [f"projects[0].tracking_source.{one}" for one in faults]
