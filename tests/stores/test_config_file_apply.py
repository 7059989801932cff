"""apply_config and the database: nothing half-applied, nothing twice, nothing of the console lost, no secret shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError
from django.utils import timezone

from stores.config_file import plan as plan_module
from stores.models import AfterShipAccount, Brand, CarrierMapping, Courier, Origin, Project, Route, Store
from tests.stores.config_files import DESIGN, SECRETS, ConfigFile, all_rows, replaced
from tracking.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FIRST_PLAN = """\
create project demo
    api_url: http://127.0.0.1:4010
    auth_url: http://127.0.0.1:4010
    client_id: set
    client_secret: set
    shipment_state: forward
    inbound.type: bearer
    inbound.secret: set
create account main
    api_url: https://api.aftership.com
    api_key: set
    webhook_secrets[0]: set
create brand acme
    name: Acme
    colour: #0b5fff
    locales: en, de
create store de-web of demo
create route demo: store de-web
    account: main
    brand: acme
    promise_days: 3
    notify: platform
    position: 10
    is_active: yes
create route demo: every parcel
    account: main
    brand: acme
    notify: off
    position: 20
    is_active: yes
create courier dhl-germany
create mapping 'DHL Paket'
    courier: dhl-germany
create courier austrian-post
create store at-web of demo
create mapping 'Post' of demo/at-web
    courier: austrian-post
note: store de-web of demo is not known yet; made by name
note: courier dhl-germany is not known yet; made by name
note: courier austrian-post is not known yet; made by name
note: store at-web of demo is not known yet; made by name
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ConfigFile:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return ConfigFile(tmp_path)


@pytest.fixture
def applied(config: ConfigFile) -> ConfigFile:
    config.apply(DESIGN)
    Job.objects.all().delete()
    return config


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_refusal_says_everything_at_once_and_writes_nothing(config: ConfigFile) -> None:
    text = replaced(
        DESIGN, ("{env: CT_CLIENT_SECRET}", "hunter2"), ("account: main, brand: acme, p", "account: mian, p")
    )
    error = config.refusal(text)
    assert str(error) == (
        f"{config.path} was refused, nothing was changed:\n"
        "  line 6: projects[0].client_secret: give a reference such as {env: NAME}, not the secret itself\n"
        "  line 17: routes[0].account: no account mian in this file or in the database; did you mean main?"
    )
    assert error.returncode == 1
    assert not Project.objects.exists()
    assert not Brand.objects.exists()


def test_missing_file_is_refused(config: ConfigFile) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("apply_config", "/nowhere/trackbridge.yaml")
    assert refused.value.returncode == 1
    assert str(refused.value) == (
        "/nowhere/trackbridge.yaml was refused, nothing was changed:\n  cannot be read: No such file or directory"
    )


def test_failure_in_the_middle_leaves_nothing(config: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Any, *args: Any, **kwargs: Any) -> None:
        raise IntegrityError("somebody was faster")

    monkeypatch.setattr(CarrierMapping, "save", fail)
    before = all_rows()
    error = config.refusal(DESIGN)
    assert str(error) == ("Nothing was changed: somebody else changed the same rows at this moment. Run it again.")
    assert all_rows() == before


def test_stored_secret_that_cannot_be_read_is_said(applied: ConfigFile, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w="]
    assert str(applied.refusal(DESIGN)) == (
        "Nothing was changed: stores.Project.client_secret: "
        "none of the keys in FIELD_ENCRYPTION_KEYS can decrypt it. Add the key it was written with."
    )


# ── the plan ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_plan_shows_everything_and_writes_nothing(config: ConfigFile) -> None:
    before = all_rows()
    printed = config.apply(DESIGN, "--plan")
    assert printed == FIRST_PLAN + "Plan: 11 to create, 0 to change, 0 to remove. Nothing was written.\n"
    assert all_rows() == before


def test_plan_of_changes_and_removals_writes_nothing(applied: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERSHIP_KEY", "swordfish-new-key")
    text = replaced(
        DESIGN,
        ("name: Acme", "name: Acme Ltd"),
        ("promise_days: 3, ", ""),
        ('  - {carrier: "Post", courier: austrian-post, project: demo, store: at-web}\n', ""),
    )
    before = all_rows()
    assert applied.apply(text, "--plan") == (
        "change account main\n"
        "    api_key: changed\n"
        "    webhook_secrets[0]: unchanged\n"
        "change brand acme\n"
        "    name: Acme → Acme Ltd\n"
        "change route demo: store de-web\n"
        "    promise_days: 3 → none\n"
        "remove mapping 'Post' of demo/at-web\n"
        "Plan: 0 to create, 3 to change, 1 to remove. Nothing was written.\n"
    )
    assert all_rows() == before


def test_secrets_are_never_printed(config: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = config.apply(DESIGN, "--plan") + config.apply(DESIGN)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, f"new-{value}")
    printed += config.apply(DESIGN, "--plan") + config.apply(DESIGN)
    printed += str(config.refusal(replaced(DESIGN, ("key: main", "kye: main"))))
    assert "client_secret: changed" in printed
    for value in SECRETS.values():
        assert value not in printed


def test_route_that_can_never_match_is_mentioned(config: ConfigFile) -> None:
    routes = "  - {project: demo, account: main}\n  - {project: demo, store: de-web, account: main}\n"
    text = DESIGN[: DESIGN.index("routes:")] + "routes:\n" + routes
    printed = config.apply(text, "--plan")
    assert "note: routes[1] never matches: routes[0] before it takes all its parcels\n" in printed


def test_connection_that_nobody_can_reach_is_mentioned(config: ConfigFile) -> None:
    text = replaced(
        DESIGN,
        (", secret: {env: CT_INBOUND_TOKEN}", ""),
        ("    webhook_secrets: [{env: AFTERSHIP_SECRET}]\n", ""),
    )
    printed = config.apply(text)
    assert "note: project demo takes no messages: it has no inbound.secret\n" in printed
    assert "note: account main takes no webhooks: it has no webhook_secrets\n" in printed


# ── applying ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_file_becomes_rows(config: ConfigFile) -> None:
    printed = config.apply(DESIGN)
    assert printed == FIRST_PLAN + "Applied: 11 created, 0 changed, 0 removed.\n"
    project = Project.objects.get()
    assert (project.key, project.client_id, project.client_secret) == ("demo", "client-7f3a", "swordfish-client")
    assert (project.inbound_type, project.inbound_secret) == ("bearer", "swordfish-inbound")
    account = AfterShipAccount.objects.get()
    assert (account.api_key, account.webhook_secrets) == ("swordfish-key", ["swordfish-hmac"])
    assert list(
        Route.objects.values_list(
            "store__key", "account__key", "brand__key", "promise_days", "notify", "position", "origin"
        )
    ) == [
        ("de-web", "main", "acme", 3, "platform", 10, "file"),
        (None, "main", "acme", None, "off", 20, "file"),
    ]
    assert list(
        CarrierMapping.objects.values_list("carrier_key", "courier__slug", "project__key", "store__key", "origin")
    ) == [
        ("dhlpaket", "dhl-germany", None, None, "file"),
        ("post", "austrian-post", "demo", "at-web", "file"),
    ]
    assert list(Store.objects.values_list("key", "imported_at")) == [("at-web", None), ("de-web", None)]
    assert list(Courier.objects.values_list("slug", "imported_at")) == [("austrian-post", None), ("dhl-germany", None)]


def test_second_run_has_nothing_to_do(applied: ConfigFile) -> None:
    before = all_rows()
    assert applied.apply(DESIGN) == "Nothing to do.\n"
    assert applied.apply(DESIGN, "--plan") == "Nothing to do.\n"
    assert all_rows() == before


def test_project_that_left_the_file_keeps_everything(applied: ConfigFile) -> None:
    before = all_rows()
    assert applied.apply("projects: []\n") == (
        "note: project demo: not in the file, left alone\n"
        "note: account main: not in the file, left alone\n"
        "note: brand acme: not in the file, left alone\n"
        "Nothing to do.\n"
    )
    assert all_rows() == before


def test_rules_that_left_the_file_are_removed(applied: ConfigFile) -> None:
    text = DESIGN[: DESIGN.index("routes:")] + "routes:\n  - {project: demo, account: main, brand: acme}\n"
    assert applied.apply(text) == (
        "change route demo: every parcel\n"
        "    position: 20 → 10\n"
        "remove route demo: store de-web\n"
        "remove mapping 'Post' of demo/at-web\n"
        "Applied: 0 created, 1 changed, 2 removed.\n"
    )
    assert [str(route) for route in Route.objects.all()] == ["demo/* → main"]
    assert [str(mapping) for mapping in CarrierMapping.objects.all()] == ["DHL Paket → dhl-germany"]


def test_mapping_for_everybody_is_removed_with_an_empty_section(applied: ConfigFile) -> None:
    printed = applied.apply("carrier_mappings: []\n")
    assert "remove mapping 'DHL Paket'\n" in printed
    assert [mapping.carrier for mapping in CarrierMapping.objects.all()] == ["Post"]


def test_rules_of_the_console_stay(applied: ConfigFile) -> None:
    project, account = Project.objects.get(), AfterShipAccount.objects.get()
    store = Store.objects.create(project=project, key="en-web")
    Route.objects.create(project=project, store=store, account=account)
    CarrierMapping.objects.create(carrier="UPS", courier=Courier.objects.create(slug="ups"), project=project)
    before = all_rows()
    assert applied.apply(DESIGN) == (
        "note: route demo: store en-web never matches: routes[1] before it takes all its parcels\nNothing to do.\n"
    )
    assert all_rows() == before


def test_rule_of_the_console_with_the_same_scope_is_taken_over(applied: ConfigFile) -> None:
    Route.objects.filter(store=None).update(origin=Origin.CONSOLE, brand=None)
    CarrierMapping.objects.filter(project=None).update(origin=Origin.CONSOLE, carrier="dhl paket")
    route = Route.objects.get(store=None)
    assert applied.apply(DESIGN) == (
        "change route demo: every parcel (was made in the console)\n"
        "    brand: none → acme\n"
        "change mapping 'DHL Paket' (was made in the console)\n"
        "    carrier: dhl paket → DHL Paket\n"
        "Applied: 0 created, 2 changed, 0 removed.\n"
    )
    assert Route.objects.get(store=None).pk == route.pk
    assert not Route.objects.filter(origin=Origin.CONSOLE).exists()
    assert CarrierMapping.objects.get(project=None).origin == Origin.FILE


def test_keys_that_the_file_leaves_out_stay_as_the_console_set_them(applied: ConfigFile) -> None:
    Brand.objects.update(colour="#112233")
    Project.objects.update(shipment_state="full", is_active=False)
    text = replaced(DESIGN, ('colour: "#0b5fff", ', ""), ("    shipment_state: forward", ""))
    assert applied.apply(text) == "Nothing to do.\n"
    assert Brand.objects.get().colour == "#112233"
    assert Project.objects.get().shipment_state == "full"


def test_known_store_and_courier_are_used(config: ConfigFile) -> None:
    config.apply(DESIGN[: DESIGN.index("brands:")])
    store = Store.objects.create(project=Project.objects.get(), key="de-web", imported_at=timezone.now())
    Courier.objects.create(slug="dhl-germany", name="DHL", imported_at=timezone.now())
    printed = config.apply(DESIGN)
    assert "create store de-web" not in printed
    assert "store de-web of demo is not known yet" not in printed
    assert "courier dhl-germany is" not in printed
    assert Route.objects.get(position=10).store == store
    assert Courier.objects.get(slug="dhl-germany").name == "DHL"


def test_stores_of_two_projects_with_one_key_are_kept_apart(config: ConfigFile) -> None:
    second = DESIGN[DESIGN.index("  - key: demo") : DESIGN.index("aftership_accounts:")].replace("demo", "shop")
    text = replaced(
        DESIGN,
        ("aftership_accounts:", second + "aftership_accounts:"),
        ("carrier_mappings:", "  - {project: shop, store: de-web, account: main}\ncarrier_mappings:"),
    )
    config.apply(text)
    assert [str(route) for route in Route.objects.all()] == [
        "demo/de-web → main",
        "demo/* → main",
        "shop/de-web → main",
    ]
    assert Store.objects.filter(key="de-web").count() == 2


def test_extra_fields_arrive(applied: ConfigFile) -> None:
    text = replaced(DESIGN, ("dhl-germany}", "dhl-germany, extra_fields: {tracking_account_number: 0123}}"))
    assert "    extra_fields: none → tracking_account_number=0123\n" in applied.apply(text)
    assert CarrierMapping.objects.get(project=None).extra_fields == {"tracking_account_number": "0123"}


# ── changed secrets ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_new_webhook_secret_goes_before_the_old_one_and_then_alone(
    applied: ConfigFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFTERSHIP_SECRET_NEW", "swordfish-new")
    both = replaced(DESIGN, ("[{env: AFTERSHIP_SECRET}]", "[{env: AFTERSHIP_SECRET_NEW}, {env: AFTERSHIP_SECRET}]"))
    assert "    webhook_secrets[0]: changed\n    webhook_secrets[1]: set\n" in applied.apply(both)
    assert AfterShipAccount.objects.get().webhook_secrets == ["swordfish-new", "swordfish-hmac"]
    alone = replaced(DESIGN, ("[{env: AFTERSHIP_SECRET}]", "[{env: AFTERSHIP_SECRET_NEW}]"))
    assert "    webhook_secrets[0]: unchanged\n    webhook_secrets[1]: removed\n" in applied.apply(alone)
    assert AfterShipAccount.objects.get().webhook_secrets == ["swordfish-new"]


def test_new_credentials_end_a_pause_and_forget_the_token(applied: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    later = timezone.now() + timedelta(minutes=10)
    project = Project.objects.get()
    project.access_token, project.access_token_expires_at = "token-of-the-old-client", later
    project.paused_until, project.pause_seconds = later, 60
    project.save()
    monkeypatch.setenv("CT_CLIENT_SECRET", "swordfish-new")
    applied.apply(DESIGN)
    project.refresh_from_db()
    assert (project.client_secret, project.access_token, project.access_token_expires_at) == ("swordfish-new", "", None)
    assert project.paused_until <= timezone.now()
    assert project.pause_seconds == 60  # lifted by the first call that works, which closes the problem


def test_other_changes_leave_pause_and_token_alone(applied: ConfigFile) -> None:
    later = timezone.now() + timedelta(minutes=10)
    Project.objects.update(paused_until=later)
    applied.apply(replaced(DESIGN, ("shipment_state: forward", "shipment_state: full")))
    project = Project.objects.get()
    assert (project.shipment_state, project.paused_until) == ("full", later)


def test_unsaved_fields_of_a_row_are_not_overwritten(applied: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker saves a fresh token between our read and our write."""
    text = replaced(DESIGN, ("shipment_state: forward", "shipment_state: full"))
    planned = plan_module.make_plan(applied.read(text))
    project = Project.objects.get()
    project.access_token = "fresh-token"
    project.save()
    plan_module.save_plan(planned)
    project.refresh_from_db()
    assert (project.access_token, project.shipment_state) == ("fresh-token", "full")


# ── what follows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def jobs() -> list[tuple[str, str, str]]:
    return list(Job.objects.order_by("pk").values_list("kind", "subject", "upstream"))


def test_new_account_wishes_for_its_couriers(config: ConfigFile) -> None:
    config.apply(DESIGN)
    account = AfterShipAccount.objects.get()
    assert jobs() == [("import_couriers", str(account.pk), "aftership:main")]
    assert Job.objects.get().correlation_id != ""


@pytest.mark.parametrize("changes", ["key", "address"])
def test_account_with_a_new_key_or_address_wishes_for_its_couriers(
    applied: ConfigFile, monkeypatch: pytest.MonkeyPatch, changes: str
) -> None:
    text = DESIGN
    if changes == "key":
        monkeypatch.setenv("AFTERSHIP_KEY", "swordfish-new")
    else:
        text = replaced(DESIGN, ("https://api.aftership.com", "https://proxy.example.com/aftership/"))
    applied.apply(text, "--plan")
    assert jobs() == []
    applied.apply(text)
    assert [kind for kind, _, _ in jobs()] == ["import_couriers"]


def test_new_webhook_secret_wishes_for_nothing(applied: ConfigFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERSHIP_SECRET", "swordfish-new")
    applied.apply(DESIGN)
    assert jobs() == []


def test_another_way_of_hearing_leaves_nothing_of_the_one_before(config: ConfigFile) -> None:
    bearer = "inbound: {type: bearer, secret: {env: CT_INBOUND_TOKEN}}"
    topic = "arn:aws:sns:eu-central-1:123456789012:trackbridge"
    config.apply(DESIGN)
    printed = config.apply(DESIGN.replace(bearer, f"inbound: {{type: sns, topic_arn: '{topic}'}}"))
    assert "    inbound.type: bearer → sns\n" in printed
    assert f"    inbound: none → topic_arn={topic}\n" in printed
    project = Project.objects.get(key="demo")
    assert (project.inbound_type, project.inbound_options, project.can_hear) == ("sns", {"topic_arn": topic}, True)
    config.apply(DESIGN)
    project.refresh_from_db()
    assert (project.inbound_type, project.inbound_options) == ("bearer", {})
    assert config.apply(DESIGN).endswith("Nothing to do.\n")


# ── stores ───────────────────────────────────────────────────────────────────────────────────────────────────────────

STORES = """\
stores:
  - {project: demo, key: de-web, shipment_state: full, time_zone: Europe/Berlin}
  - {project: demo, key: outlet, shipment_state: off}
"""


def test_stores_get_their_own_mode_and_zone_and_one_that_nobody_knows_is_made(config: ConfigFile) -> None:
    config.apply(DESIGN)
    output = config.apply(DESIGN + STORES)
    assert "change store de-web of demo\n    shipment_state: none → full\n    time_zone: none → Europe/Berlin" in output
    assert "create store outlet of demo\n    shipment_state: off" in output
    assert "note: store outlet of demo is not known yet; made by name" in output
    rows = Store.objects.values_list("key", "shipment_state", "time_zone")
    assert list(rows) == [("at-web", "", ""), ("de-web", "full", "Europe/Berlin"), ("outlet", "off", "")]
    assert "Nothing to do." in config.apply(DESIGN + STORES)


def test_what_the_file_says_nothing_of_stays_and_words_take_it_back(config: ConfigFile) -> None:
    config.apply(DESIGN + STORES)
    Store.objects.filter(key="de-web").update(name={"en": "Web"})
    config.apply(DESIGN + "stores:\n  - {project: demo, key: de-web, shipment_state: project}\n")
    row = Store.objects.get(key="de-web")
    assert (row.shipment_state, row.time_zone, row.name) == ("", "Europe/Berlin", {"en": "Web"})
    config.apply(DESIGN + "stores:\n  - {project: demo, key: de-web, time_zone: default}\n")
    assert Store.objects.get(key="de-web").time_zone == ""
    assert Store.objects.get(key="outlet").shipment_state == "off"
