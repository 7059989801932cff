"""Secrets are written and never read; new ones are used at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.utils import timezone

from stores import inbound
from stores.models import AfterShipAccount, Project
from tests import factories as make
from tests.tracking.admin.test_pages import address
from tracking.admin.connections import ProjectAdmin, ProjectForm
from tracking.enums import JobKind
from tracking.models import Job
from tracking.webhooks import authentication

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
NO_BUDGETS = {"budgets-TOTAL_FORMS": "0", "budgets-INITIAL_FORMS": "0"}


@pytest.fixture
def account() -> AfterShipAccount:
    return make.make_account(
        key="main", api_key="asat_top_secret", webhook_secret="hook-now", previous_webhook_secret="hook-before"
    )


def account_form(**changes: str) -> dict[str, str]:
    """What the browser sends for an account when nothing is typed into its secrets."""
    form = {"is_active": "on", "api_url": "https://api.aftership.com", "_save": "Save"}
    return form | {"api_key": "", "webhook_secret": "", "previous_webhook_secret": ""} | NO_BUDGETS | changes


def project_form(**changes: str) -> dict[str, str]:
    form = {
        "is_active": "on", "api_url": "https://api.example.com", "auth_url": "https://auth.example.com",
        "client_id": "ct-client", "client_secret": "", "inbound_type": "bearer", "inbound_secret": "",
        "poll": "off", "shipment_state": "forward", "source_where": "parcel", "_save": "Save",
    }  # fmt: skip
    return form | changes


def secrets_of(account: AfterShipAccount) -> tuple[str, str, str]:
    account.refresh_from_db()
    return account.api_key, account.webhook_secret, account.previous_webhook_secret


def test_page_says_that_secrets_are_set_and_shows_none(account: AfterShipAccount, admin_client: Client) -> None:
    page = admin_client.get(address(AfterShipAccount, "change", account.pk)).content.decode()
    assert page.count("Set. Leave empty to keep it.") == 3
    for secret in ("asat_top_secret", "hook-now", "hook-before", "enc1:"):
        assert secret not in page


def test_page_with_an_error_shows_no_secret_either(account: AfterShipAccount, admin_client: Client) -> None:
    form = account_form(api_url="not an address", api_key="just-typed-in")
    response = admin_client.post(address(AfterShipAccount, "change", account.pk), form)
    page = response.content.decode()
    assert "Enter a valid URL" in page
    for secret in ("asat_top_secret", "just-typed-in", "hook-now"):
        assert secret not in page


def test_list_shows_no_secret(account: AfterShipAccount, admin_client: Client) -> None:
    make.make_project(client_secret="ct-top-secret")
    pages = admin_client.get(address(AfterShipAccount, "changelist")).content.decode()
    pages += admin_client.get(address(Project, "changelist")).content.decode()
    assert "2 secrets" in pages
    assert "asat_top_secret" not in pages
    assert "ct-top-secret" not in pages


def test_empty_inputs_keep_what_is_set(account: AfterShipAccount, admin_client: Client) -> None:
    response = admin_client.post(address(AfterShipAccount, "change", account.pk), account_form())
    assert response.status_code == 302
    assert secrets_of(account) == ("asat_top_secret", "hook-now", "hook-before")
    assert "No fields changed" in str(LogEntry.objects.get())


def test_typed_secret_replaces_and_the_history_tells_only_its_name(
    account: AfterShipAccount, admin_client: Client
) -> None:
    form = account_form(webhook_secret="hook-next", previous_webhook_secret="hook-now")
    admin_client.post(address(AfterShipAccount, "change", account.pk), form)
    assert secrets_of(account) == ("asat_top_secret", "hook-next", "hook-now")
    entry = LogEntry.objects.get()
    assert "Webhook secret" in entry.get_change_message()
    assert "hook-" not in entry.change_message
    with connection.cursor() as cursor:
        cursor.execute("SELECT webhook_secret FROM stores_aftershipaccount")
        assert cursor.fetchone()[0].startswith("enc1:")


def test_optional_secret_can_be_removed(account: AfterShipAccount, admin_client: Client) -> None:
    form = account_form(**{"previous_webhook_secret-remove": "on"})
    admin_client.post(address(AfterShipAccount, "change", account.pk), form)
    assert secrets_of(account) == ("asat_top_secret", "hook-now", "")


def test_needed_secret_cannot_be_removed(account: AfterShipAccount, admin_client: Client) -> None:
    form = account_form(**{"api_key-remove": "on"})
    admin_client.post(address(AfterShipAccount, "change", account.pk), form)
    assert secrets_of(account)[0] == "asat_top_secret"


def test_new_account_needs_its_key(admin_client: Client) -> None:
    form = account_form(key="fresh")
    response = admin_client.post(address(AfterShipAccount, "add"), form)
    assert response.context["adminform"].errors.keys() == {"api_key"}
    assert not AfterShipAccount.objects.exists()


def test_new_account_is_asked_for_its_couriers(admin_client: Client) -> None:
    assert (
        admin_client.post(address(AfterShipAccount, "add"), account_form(key="fresh", api_key="k")).status_code == 302
    )
    assert AfterShipAccount.objects.get().api_key == "k"
    assert Job.objects.get().kind == JobKind.IMPORT_COURIERS


def test_key_stays_once_it_is_in_the_webhook_address(account: AfterShipAccount, admin_client: Client) -> None:
    admin_client.post(address(AfterShipAccount, "change", account.pk), account_form(key="other"))
    account.refresh_from_db()
    assert account.key == "main"
    page = admin_client.get(address(AfterShipAccount, "change", account.pk)).content.decode()
    assert "http://localhost:8000/webhooks/aftership/main/" in page


@pytest.mark.parametrize("changes", [{"webhook_secret": "hook-next"}, {"is_active": ""}])
def test_changed_endpoint_is_noticed_at_once(
    changes: dict[str, str],
    account: AfterShipAccount,
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(authentication, "forget", lambda: calls.append(1))
    with django_capture_on_commit_callbacks(execute=True):
        admin_client.post(address(AfterShipAccount, "change", account.pk), account_form(**changes))
    assert calls == [1]


def test_new_credentials_end_the_wait_and_drop_the_token(admin_client: Client) -> None:
    later = timezone.now() + timedelta(hours=1)
    project = make.make_project(
        client_id="ct-client", access_token="old-token", access_token_expires_at=later, paused_until=later,
        pause_seconds=900, api_url="https://api.example.com", auth_url="https://auth.example.com",
    )  # fmt: skip
    url = address(Project, "change", project.pk)
    admin_client.post(url, project_form(shipment_state="full"))
    project.refresh_from_db()
    assert (project.shipment_state, project.access_token, project.paused_until) == ("full", "old-token", later)
    admin_client.post(url, project_form(client_secret="new-secret"))
    project.refresh_from_db()
    assert (project.client_secret, project.access_token, project.access_token_expires_at) == ("new-secret", "", None)
    assert project.paused_until <= timezone.now()
    assert project.pause_seconds == 900  # lifted by the first call that works, which closes the problem


def test_saving_a_form_does_not_undo_what_a_worker_wrote_meanwhile(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make.make_project()
    full_clean = Project.full_clean

    def worker_comes_between(self: Project, *args: Any, **kwargs: Any) -> None:
        Project.objects.filter(pk=project.pk).update(access_token="fresh", pause_seconds=30)
        full_clean(self, *args, **kwargs)

    monkeypatch.setattr(Project, "full_clean", worker_comes_between)
    admin_client.post(
        address(Project, "change", project.pk),
        project_form(
            shipment_state="off", client_id=project.client_id, api_url=project.api_url, auth_url=project.auth_url
        ),
    )
    project.refresh_from_db()
    assert (project.shipment_state, project.access_token, project.pause_seconds) == ("off", "fresh", 30)


def test_rate_can_be_changed_but_no_endpoint_invented(account: AfterShipAccount, admin_client: Client) -> None:
    budget = account.budgets.create(endpoint="POST /trackings", per_second=20)
    rows = {
        "budgets-TOTAL_FORMS": "2", "budgets-INITIAL_FORMS": "1", "budgets-0-id": str(budget.pk),
        "budgets-0-account": str(account.pk), "budgets-0-per_second": "7.5", "budgets-1-endpoint": "GET /nothing",
        "budgets-1-per_second": "1", "budgets-1-account": str(account.pk),
    }  # fmt: skip
    admin_client.post(address(AfterShipAccount, "change", account.pk), account_form() | rows)
    assert list(account.budgets.values_list("endpoint", "per_second")) == [("POST /trackings", 7.5)]


# ── how messages come ────────────────────────────────────────────────────────────────────────────────────────────────

PUBSUB = {"audience": "https://b.example.com", "service_account": "push@shop.iam.gserviceaccount.com"}
TOPIC = "arn:aws:sns:eu-central-1:123456789012:trackbridge"


def with_options(kind: str, **options: str) -> dict[str, str]:
    return project_form(inbound_type=kind, **{f"option_{name}": value for name, value in options.items()})


def options_of(project: Project) -> tuple[str, dict[str, str]]:
    project.refresh_from_db()
    return project.inbound_type, project.inbound_options


def test_every_option_has_a_field_that_is_shown_with_its_types() -> None:
    shown = ProjectAdmin.conditional_fields
    assert {name for name in ProjectForm.base_fields if name.startswith("option_")} == {
        f"option_{name}" for name in inbound.OPTIONS
    }
    assert shown["option_topic_arn"] == "['sns'].includes(inbound_type)"
    assert shown["option_audience"] == "['pubsub', 'eventgrid', 'connect'].includes(inbound_type)"
    assert shown["inbound_secret"] == "['bearer', 'eventbridge', 'eventgrid', 'connect', 'sqs'].includes(inbound_type)"


def test_options_are_kept_and_shown_again(admin_client: Client) -> None:
    project = make.make_project(key="demo")
    address_of = address(Project, "change", project.pk)
    assert admin_client.post(address_of, with_options("pubsub", **PUBSUB)).status_code == 302
    assert options_of(project) == ("pubsub", PUBSUB)
    page = admin_client.get(address_of).content.decode()
    assert all(value in page for value in PUBSUB.values())
    assert "The account whose tokens are accepted" in page


def test_a_changed_option_alone_is_saved_and_the_history_names_it(admin_client: Client) -> None:
    project = make.make_project(key="demo", inbound_type="sns", inbound_options={"topic_arn": TOPIC})
    admin_client.post(address(Project, "change", project.pk), with_options("sns", topic_arn=f"{TOPIC}-2"))
    assert options_of(project) == ("sns", {"topic_arn": f"{TOPIC}-2"})
    assert "inbound_options" in LogEntry.objects.get().change_message


def test_options_that_stay_are_no_change(admin_client: Client) -> None:
    project = make.make_project(key="demo", inbound_type="sns", inbound_options={"topic_arn": TOPIC})
    admin_client.post(address(Project, "change", project.pk), with_options("sns", topic_arn=TOPIC))
    assert "inbound" not in LogEntry.objects.get().change_message


def test_options_of_the_type_before_are_dropped(admin_client: Client) -> None:
    """The browser sends hidden fields as well."""
    project = make.make_project(key="demo", inbound_type="pubsub", inbound_options=PUBSUB)
    admin_client.post(address(Project, "change", project.pk), with_options("sns", topic_arn=TOPIC, **PUBSUB))
    assert options_of(project) == ("sns", {"topic_arn": TOPIC})


@pytest.mark.parametrize(
    ("kind", "options", "errors"),
    [
        ("pubsub", {}, {"option_audience", "option_service_account"}),
        ("pubsub", PUBSUB | {"subscription": "trackbridge"}, {"option_subscription"}),
        ("sns", {"topic_arn": "trackbridge"}, {"option_topic_arn"}),
        ("eventgrid", {"audience": "api://trackbridge"}, {"option_tenant"}),
        ("sqs", {"region": "eu-central-1"}, {"option_queue_url"}),
        ("pigeon", {}, {"inbound_type"}),
    ],
)
def test_options_that_do_not_fit_are_refused_at_their_fields(
    admin_client: Client, kind: str, options: dict[str, str], errors: set[str]
) -> None:
    project = make.make_project(key="demo")
    response = admin_client.post(address(Project, "change", project.pk), with_options(kind, **options))
    assert response.context["adminform"].errors.keys() == errors
    assert options_of(project) == ("bearer", {})


def test_the_list_says_where_nobody_could_prove_who_it_is(admin_client: Client) -> None:
    make.make_project(key="shut", inbound_type="eventgrid", inbound_secret="")
    page = admin_client.get(address(Project, "changelist")).content.decode()
    assert "not set up" in page
    Project.objects.update(inbound_secret="a-code")
    assert "not set up" not in admin_client.get(address(Project, "changelist")).content.decode()


def test_stores_are_given_with_commas_and_checked(admin_client: Client) -> None:
    project = make.make_project(key="shop")
    page = address(Project, "change", project.pk)
    wrong = admin_client.post(page, project_form(in_stores="de web")).content.decode()
    project.refresh_from_db()
    assert project.in_stores == []
    assert "2 to 256 letters, digits, _ or -." in wrong
    admin_client.post(page, project_form(in_stores=" de-web,at-web, de-web"))
    project.refresh_from_db()
    assert project.in_stores == ["de-web", "at-web"]
    assert 'value="de-web, at-web"' in admin_client.get(page).content.decode()
    admin_client.post(page, project_form(in_stores=""))
    project.refresh_from_db()
    assert project.in_stores == []


def test_where_numbers_stand_is_checked_and_kept(admin_client: Client) -> None:
    project = make.make_project(key="shop")
    page = address(Project, "change", project.pk)
    wrong = admin_client.post(page, project_form(source_where="order", source_items="items")).content.decode()
    project.refresh_from_db()
    assert project.tracking_source == {}
    assert "missing; name the custom field" in wrong
    assert "needs the key of the number" in wrong
    given = {"source_field": " fft_parcels ", "source_number": "tracking_number", "source_carrier": ""}
    admin_client.post(page, project_form(source_where="order", **given))
    project.refresh_from_db()
    kept = {"where": "order", "field": "fft_parcels", "number": "tracking_number"}
    assert project.tracking_source == kept
    shown = admin_client.get(page).content.decode()
    assert 'value="fft_parcels"' in shown
    assert '<option value="order" selected>' in shown
    assert "tracking_source" in LogEntry.objects.get().get_change_message()
    admin_client.post(page, project_form(source_where="parcel", **given))
    project.refresh_from_db()
    assert project.tracking_source == {}
