"""Rules in the configuration file: conditions of routes, channels of mappings, status rules, and their one Revision."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.env import BASE_DIR as ROOT
from stores.models import AfterShipAccount, CarrierMapping, Channel, Courier, Origin, Project, Revision, Route
from stores.models import StatusRule as Status
from stores.revisions import back_to, save_drafts
from stores.rule_set import snapshot
from stores.statuses import MessageKind
from tests import factories as make
from tests.stores.config_files import DESIGN, SECRETS, ConfigFile, all_rows, replaced
from tracking.models import Job, StaffAction

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
BASE = DESIGN[: DESIGN.index("routes:")]
KNOWN = {"projects": ["demo"], "aftership_accounts": ["main"], "brands": []}
SWISS = (
    "route demo: supply channel zurich; no returns; to CH or AT; carrier Post or DHL Paket; field brand is acme or 007"
)
RULES = """\
routes:
  - {project: demo, direction: returns, do_not_track: true, name: Returns}
  - project: demo
    channel: zurich
    channel_role: supply
    countries: [ch, AT]
    carriers: [Post, "DHL Paket"]
    field: {name: brand, values: [acme, 007]}
    direction: outbound
    account: main
    brand: acme
    couriers: [swiss-post, dhl-germany]
    promise_days: 2
    promise_days_by_country: {AT: 4, NO: 6}
    notify: platform
  - {project: demo, field: {name: vip}, account: main}
  - {project: demo, countries: [CH], account: main}
  - {project: demo, default: true, account: main}
carrier_mappings:
  - {carrier: Post, courier: austrian-post}
  - {carrier: Post, courier: swiss-post, project: demo, channel: zurich}
status_rules:
  - {courier: dhl-germany, raw: EX-17, status: exception}
  - {raw: EX-17, status: delayed}
  - {subtag: Exception_022, status: returning}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFile:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return ConfigFile(tmp_path)


@pytest.fixture
def applied(config: ConfigFile) -> ConfigFile:
    config.apply(BASE + RULES)
    Job.objects.all().delete()
    return config


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────

ROUTE_FAULTS = [
    ("", "routes[0].account: missing; only a route with do_not_track: true needs none"),
    ("do_not_track: false", "routes[0].account: missing; only a route with do_not_track: true needs none"),
    ("account: main, channel_role: supply", "routes[0].channel_role: needs the channel that it is about"),
    ("account: main, channel: z", "routes[0].channel: 2 to 256 letters, digits, _ or - are expected"),
    (
        "account: main, channel: zurich, channel_role: both",
        "routes[0].channel_role: supply or distribution is expected",
    ),
    ("account: main, countries: DE", "routes[0].countries: a list is expected"),
    ("account: main, countries: []", "routes[0].countries: empty; give a value, or leave the key out"),
    ("account: main, countries: [DE, AT, de]", "routes[0].countries[2]: given twice"),
    *(
        (
            f"account: main, countries: [DE, {country}]",
            "routes[0].countries[1]: a country as two letters such as DE is expected (ISO 3166-1)",
        )
        for country in ("UK", "Germany", "DEU", "EU")
    ),
    ("account: main, carriers: ['--']", "routes[0].carriers[0]: a carrier's name needs letters or digits"),
    ("account: main, field: brand", "routes[0].field: a mapping of keys to values is expected"),
    ("account: main, field: {values: [a]}", "routes[0].field.name: missing"),
    ("account: main, field: {name: brand, value: a}", "routes[0].field.value: unknown key; did you mean values?"),
    ("account: main, field: {name: a b}", "routes[0].field.name: 2 to 36 letters, digits, _ or - are expected"),
    ("account: main, direction: return", "outbound, returns or all is expected; did you mean returns?"),
    ("account: main, default: maybe", "routes[0].default: true or false is expected"),
    ("account: main, default: true, store: web", "routes[0].store: the default has no conditions; leave this out"),
    ("account: main, default: true, field: {name: aa}", "routes[0].field: the default has no conditions; leave this"),
    ("account: main, default: true, direction: returns", "routes[0].direction: the default has no conditions; leave"),
    ("account: main, couriers: [DHL]", "routes[0].couriers[0]: an AfterShip slug such as dhl-germany is expected"),
    ("account: main, promise_days_by_country: {AT: x}", "promise_days_by_country.AT: a whole number of days from 0"),
    ("account: main, promise_days_by_country: {UK: 3}", "promise_days_by_country.UK: a country as two letters such"),
    (
        "account: main, notify_by_status: {deliverd: off}",
        "routes[0].notify_by_status.deliverd: no such status; known are",
    ),
    ("account: main, notify_by_status: {delivered: no}", "notify_by_status.delivered: platform, aftership or off is"),
    ("account: main, promise_days_by_country: {AT: 3, at: 4}", "routes[0].promise_days_by_country.at: given twice"),
    ("account: main, name: " + "x" * 121, "routes[0].name: longer than 120 characters"),
]


@pytest.mark.parametrize(("keys", "fault"), ROUTE_FAULTS)
def test_wrong_route_is_refused_by_line_and_path(config: ConfigFile, keys: str, fault: str) -> None:
    [found] = config.faults(f"routes:\n  - {{project: demo, {keys}}}\n", KNOWN)
    assert found.startswith("line 2: ")
    assert fault in found


RULE_FAULTS = [
    (
        "carrier_mappings",
        "carrier: Post, courier: ups, channel: zurich",
        "channel: needs the project that it belongs to",
    ),
    (
        "carrier_mappings",
        "carrier: Post, courier: ups, project: demo, store: web, channel: zurich",
        "channel: give either store or channel, not both",
    ),
    ("status_rules", "status: delivered", "raw: missing; give it, or subtag"),
    ("status_rules", "raw: A, subtag: B, status: delivered", "subtag: give either raw or subtag, not both"),
    ("status_rules", "raw: A", "status: missing"),
    ("status_rules", "raw: '', status: delivered", "raw: empty; give a value, or leave the key out"),
    ("status_rules", "raw: A, status: deliverd", "or unknown is expected; did you mean delivered?"),
    (
        "status_rules",
        "raw: A, status: lost, courier: DHL",
        "courier: an AfterShip slug such as dhl-germany is expected",
    ),
]


@pytest.mark.parametrize(("section", "keys", "fault"), RULE_FAULTS)
def test_wrong_mapping_or_status_rule_is_refused_by_line_and_path(
    config: ConfigFile, section: str, keys: str, fault: str
) -> None:
    [found] = config.faults(f"{section}:\n  - {{{keys}}}\n", KNOWN)
    assert found.startswith(f"line 2: {section}[0].")
    assert fault in found


def test_same_conditions_twice_are_refused_however_they_are_written(config: ConfigFile) -> None:
    again = """\
  - {project: demo, countries: [CH], account: main, promise_days: 9}
  - {project: demo, default: yes, account: main}
  - {project: demo, field: {name: vip}, do_not_track: true}
  - project: demo
    channel: zurich
    channel_role: supply
    countries: [AT, CH]
    carriers: ["dhl-paket", POST]
    field: {name: brand, values: ["007", acme]}
    direction: outbound
    account: main
"""
    text = replaced(RULES, ("carrier_mappings:\n", again + "carrier_mappings:\n"))
    text = replaced(
        text, ("status_rules:\n", "  - {carrier: POST, courier: x, project: demo, channel: zurich}\nstatus_rules:\n")
    )
    text += "  - {raw: EX-17, status: lost}\n  - {raw: ex-17, status: lost}\n"
    assert config.faults(text, KNOWN | {"brands": ["acme"]}) == [
        "line 19: routes[5]: a second route demo: to CH, see routes[3] in line 17",
        "line 20: routes[6]: a second route demo: everything that no other rule takes, see routes[4] in line 18",
        "line 21: routes[7]: a second route demo: field vip is set, see routes[2] in line 16",
        "line 22: routes[8]: a second route demo: supply channel zurich; no returns; to AT or CH; "
        "carrier dhl-paket or POST; field brand is 007 or acme, see routes[1] in line 3",
        "line 33: carrier_mappings[2]: a second mapping 'POST' of demo/channel zurich, "
        "see carrier_mappings[1] in line 32",
        "line 38: status_rules[3]: a second status rule raw EX-17 of every courier, see status_rules[1] in line 36",
    ]


def test_one_bad_rule_keeps_all_others_out(applied: ConfigFile) -> None:
    before = all_rows()
    text = replaced(BASE + RULES, ("status: returning", "status: gone"), ("promise_days: 2", "promise_days: 3"))
    assert "line 40: status_rules[2].status: pending, info_received," in str(applied.refusal(text))
    assert all_rows() == before
    assert Revision.objects.count() == 1


# ── applied ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_rules_become_rows_with_every_word(applied: ConfigFile) -> None:
    returns, alps, vip, swiss, default = Route.objects.all()
    assert snapshot(alps) == {
        "name": "", "project": "demo", "store": None, "channel": "zurich", "channel_role": "supply",
        "countries": ["CH", "AT"], "carriers": ["Post", "DHL Paket"], "field_name": "brand",
        "field_values": ["acme", "007"], "direction": "outbound", "is_default": False, "do_not_track": False,
        "account": "main", "brand": "acme", "couriers": ["swiss-post", "dhl-germany"], "promise_days": 2,
        "promise_days_by_country": {"AT": 4, "NO": 6}, "notify": "platform",
            "notify_by_status": {}, "position": 20, "is_active": True,
        "origin": "file",
    }  # fmt: skip
    assert (returns.name, returns.direction, returns.do_not_track, returns.account) == (
        "Returns",
        "returns",
        True,
        None,
    )
    assert (vip.field_name, vip.field_values, swiss.countries) == ("vip", [], ["CH"])
    assert (default.is_default, default.position) == (True, 50)
    assert [snapshot(row) for row in CarrierMapping.objects.order_by("pk")] == [
        {"carrier": "Post", "courier": "austrian-post", "project": None, "store": None, "channel": None,
         "extra_fields": {}, "origin": "file"},
        {"carrier": "Post", "courier": "swiss-post", "project": "demo", "store": None, "channel": "zurich",
         "extra_fields": {}, "origin": "file"},
    ]  # fmt: skip
    assert list(Status.objects.order_by("pk").values_list("courier__slug", "code_kind", "code", "status")) == [
        ("dhl-germany", "raw", "EX-17", "exception"),
        (None, "raw", "EX-17", "delayed"),
        (None, "subtag", "Exception_022", "returning"),
    ]
    channel = Channel.objects.get()
    assert (channel.key, channel.commercetools_id, channel.imported_at) == ("zurich", None, None)
    assert {row.slug for row in Courier.objects.all()} == {"swiss-post", "dhl-germany", "austrian-post"}


def test_second_run_has_nothing_to_do(applied: ConfigFile) -> None:
    before = all_rows()
    assert applied.apply(BASE + RULES) == "Nothing to do.\n"
    assert applied.apply(BASE + RULES, "--plan") == "Nothing to do.\n"
    assert (all_rows(), Revision.objects.count()) == (before, 1)


def test_example_is_applied_and_then_has_nothing_to_do(config: ConfigFile) -> None:
    example = (ROOT / "examples" / "trackbridge.yaml").read_text(encoding="utf-8")
    config.apply(example)
    assert config.apply(example).endswith("Nothing to do.\n")


def test_imported_channel_is_used(config: ConfigFile) -> None:
    config.apply(BASE)
    channel = make.make_channel(Project.objects.get(), key="zurich")
    assert "channel zurich" not in replaced(
        config.apply(BASE + RULES), ("supply channel zurich", ""), ("demo/channel zurich", "")
    )
    assert {row.channel for row in Route.objects.exclude(channel=None)} == {channel}


def test_plan_names_each_rule_by_its_conditions(config: ConfigFile) -> None:
    config.apply(BASE)
    printed = config.apply(BASE + RULES, "--plan")
    assert "create route demo: returns only\n    name: Returns\n    do_not_track: yes\n    notify: off\n" in printed
    assert (
        f"create {SWISS}\n"
        "    account: main\n    brand: acme\n    couriers: swiss-post, dhl-germany\n    promise_days: 2\n"
        "    promise_days_by_country: AT=4, NO=6\n    notify: platform\n    position: 20\n    is_active: yes\n"
    ) in printed
    assert "create route demo: everything that no other rule takes\n    account: main\n" in printed
    assert "create mapping 'Post' of demo/channel zurich\n    courier: swiss-post\n" in printed
    assert "create status rule raw EX-17 of dhl-germany\n" in printed
    assert "note: channel zurich of demo is not known yet; made by name\n" in printed
    assert "never matches" not in printed


def test_key_that_left_the_file_is_back_at_its_default(applied: ConfigFile) -> None:
    text = replaced(
        BASE + RULES,
        ("    couriers: [swiss-post, dhl-germany]\n", ""),
        ("    promise_days_by_country: {AT: 4, NO: 6}\n", ""),
        ("do_not_track: true, name: Returns", "account: main"),
    )
    assert applied.apply(text) == (
        "change route demo: returns only\n"
        "    name: Returns → none\n"
        "    do_not_track: yes → no\n"
        "    account: none → main\n"
        f"change {SWISS}\n"
        "    couriers: swiss-post, dhl-germany → none\n"
        "    promise_days_by_country: AT=4, NO=6 → none\n"
        "Applied: 0 created, 2 changed, 0 removed.\n"
    )


def test_a_route_says_who_tells_which_status(applied: ConfigFile) -> None:
    told = ("promise_days: 2\n", "promise_days: 2\n    notify_by_status: {delivered: off, delayed: aftership}\n")
    printed = applied.apply(replaced(BASE + RULES, told))
    assert printed == (
        f"change {SWISS}\n"
        "    notify_by_status: none → delayed=aftership, delivered=off\n"
        f"note: {SWISS}: AfterShip gets the address, and cannot be told which statuses are others'. "
        f"Switch its flows off for: {', '.join(kind for kind in MessageKind.values if kind != 'delayed')}.\n"
        "Applied: 0 created, 1 changed, 0 removed.\n"
    )
    route = Route.objects.get(channel__key="zurich")
    assert [route.sender_of(kind) for kind in ("delivered", "delayed", "shipped")] == ["off", "aftership", "platform"]
    assert applied.apply(BASE + RULES).startswith(f"change {SWISS}\n    notify_by_status: delayed=aftership, ")


def test_route_with_other_conditions_is_another_route(applied: ConfigFile) -> None:
    old = Route.objects.get(countries=["CH"])
    printed = applied.apply(replaced(BASE + RULES, ("countries: [CH]", "countries: [CH, LI]")))
    assert "create route demo: to CH or LI\n" in printed
    assert "remove route demo: to CH\n" in printed
    assert not Route.objects.filter(pk=old.pk).exists()


def test_status_rules_that_left_the_file_go_with_their_section_only(applied: ConfigFile) -> None:
    Status.objects.create(code="C-1", status="lost")  # the console's own
    assert "status rule" not in applied.apply(BASE + RULES[: RULES.index("status_rules:")])
    printed = applied.apply(replaced(BASE + RULES, ("  - {raw: EX-17, status: delayed}\n", "")))
    assert "remove status rule raw EX-17 of every courier\nApplied: 0 created, 0 changed, 1 removed.\n" in printed
    assert set(Status.objects.values_list("code", "origin")) == {
        ("EX-17", "file"),
        ("Exception_022", "file"),
        ("C-1", "console"),
    }


def test_rules_of_the_console_for_the_same_are_taken_over(config: ConfigFile) -> None:
    config.apply(BASE)
    project, main = Project.objects.get(), AfterShipAccount.objects.get()
    channel = make.make_channel(project, key="zurich")
    swiss = make.make_route(project, main, countries=["CH"], promise_days=1)
    default = make.make_route(project, main, is_default=True, countries=["DE"])
    mapping = make.make_carrier_mapping(carrier="post", project=project, channel=channel)
    status = Status.objects.create(code="EX-17", status="lost")
    elsewhere = make.make_route(project, main, countries=["LI"])
    printed = config.apply(BASE + RULES)
    for name in (
        "route demo: to CH",
        "route demo: everything that no other rule takes",
        "mapping 'Post' of demo/channel zurich",
    ):
        assert f"change {name} (was made in the console)\n" in printed
    assert (
        "change status rule raw EX-17 of every courier (was made in the console)\n    status: lost → delayed\n"
        in printed
    )
    for row in (swiss, default, mapping, status, elsewhere):
        row.refresh_from_db()
    assert (swiss.promise_days, default.countries, mapping.courier.slug, status.status) == (
        None,
        [],
        "swiss-post",
        "delayed",
    )
    assert {row.origin for row in (swiss, default, mapping, status)} == {Origin.FILE}
    assert elsewhere.origin == Origin.CONSOLE


def test_shadowed_rules_are_mentioned_also_those_of_the_console(config: ConfigFile) -> None:
    config.apply(BASE)
    project, main = Project.objects.get(), AfterShipAccount.objects.get()
    make.make_route(project, main, countries=["CH"], direction="outbound", position=1000)
    make.make_route(project, main, countries=["LI"], position=1001)
    make.make_route(make.make_project(key="other"), main, position=1)
    routes = """\
routes:
  - {project: demo, countries: [CH, AT], account: main}
  - {project: demo, countries: [AT], field: {name: brand, values: [acme]}, account: main}
  - {project: demo, countries: [AT, DE], account: main}
  - {project: demo, countries: [AT], account: main, is_active: false}
"""
    notes = [line for line in config.apply(BASE + routes).splitlines() if "never matches" in line]
    assert notes == [
        "note: routes[1] never matches: routes[0] before it takes all its parcels",
        "note: route demo: no returns; to CH never matches: routes[0] before it takes all its parcels",
    ]


# ── the revision ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_rule_changes_of_one_run_are_one_revision(applied: ConfigFile) -> None:
    first = Revision.objects.get()
    assert (first.source, first.actor, first.reason) == ("file", None, "trackbridge.yaml")
    assert [change["kind"] for change in first.changes] == ["route"] * 5 + ["carrier_mapping"] * 2 + ["status_rule"] * 3
    assert all(change["before"] is None for change in first.changes)
    post = CarrierMapping.objects.get(channel=None)
    removed = snapshot(post)
    text = replaced(
        BASE + RULES,
        ("promise_days: 2", "promise_days: 3"),
        ("  - {carrier: Post, courier: austrian-post}\n", ""),
        ("name: Acme", "name: Acme Ltd"),
    )
    applied.apply(text)
    second = Revision.objects.first()
    assert second is not None
    assert [(one["kind"], one["id"], bool(one["before"]), bool(one["after"])) for one in second.changes] == [
        ("carrier_mapping", post.pk, True, False),
        ("route", Route.objects.get(position=20).pk, True, True),
    ]
    gone, changed = second.changes
    assert (gone["label"], gone["before"]) == ("Post → austrian-post", removed)
    assert (changed["before"]["promise_days"], changed["after"]["promise_days"]) == (2, 3)
    assert not StaffAction.objects.exists()


def test_run_that_changes_no_rule_keeps_no_revision(applied: ConfigFile) -> None:
    applied.apply(replaced(BASE + RULES, ("name: Acme", "name: Acme Ltd")))
    applied.apply(BASE + RULES, "--plan")
    assert Revision.objects.count() == 1


def test_what_a_file_did_can_be_rolled_back(applied: ConfigFile) -> None:
    rules = [snapshot(row) for model in (Route, CarrierMapping, Status) for row in model.objects.order_by("pk")]
    applied.apply(BASE + "routes: []\ncarrier_mappings: []\nstatus_rules: []\n")
    assert not Route.objects.exists()
    save_drafts(back_to(Revision.objects.order_by("pk")[0]), source=Revision.Source.ROLLBACK)
    assert [snapshot(row) for model in (Route, CarrierMapping, Status) for row in model.objects.order_by("pk")] == rules


def test_changed_status_rules_are_applied_to_stored_trackings(applied: ConfigFile) -> None:
    applied.apply(replaced(BASE + RULES, ("promise_days: 2", "promise_days: 3")))
    assert not Job.objects.exists()
    applied.apply(replaced(BASE + RULES, ("status: returning", "status: returned")))
    revision = Revision.objects.first()
    assert revision is not None
    assert list(Job.objects.values_list("kind", "subject")) == [("apply_status_rules", str(revision.pk))]
