"""The connections to both upstreams: addresses, secrets that are written and never read, rates, and pauses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import Field, Model, URLField
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from stores import inbound, tracking_source
from stores.admin import ConsoleAdmin
from stores.config_file.plan import CREDENTIALS
from stores.models import AfterShipAccount, Project, RateBudget
from stores.validators import key_validator
from tracking import tasks
from tracking.admin.display import BAD, DOUBTFUL, GOOD, WAITING, age, badge, code, two_lines
from tracking.admin.registry import ImportButton
from tracking.admin.widgets import SecretField, SecretsForm
from tracking.services.registry import want_imports
from tracking.webhooks import authentication

SECRETS_OF_ENDPOINTS = {
    "inbound_secret",
    "webhook_secret",
    "previous_webhook_secret",
    "is_active",
    "inbound_type",
    "inbound_options",
    "key",
}
OPTION = "option_"
OPTION_FIELDS = [OPTION + name for name in inbound.OPTIONS]
SOURCE = "source_"
SOURCE_FIELDS = [SOURCE + name for name in ("where", *tracking_source.OPTIONS)]


class ConnectionAdmin(ImportButton, ConsoleAdmin):
    """What both connections share."""

    endpoint = ""
    change_form_outer_before_template = "admin/tracking/partials/import_registry.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the button that imports through this connection."""
        connection = self.get_object(request, unquote(object_id))
        shown = self.import_context(request, connection) if connection else {}
        return super().change_view(request, object_id, form_url, shown | (extra_context or {}))

    def formfield_for_dbfield(self, db_field: Field, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, URLField):
            kwargs["assume_scheme"] = "https"
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """The key is part of the webhook address and of every job: it stays."""
        return [*self.readonly_fields, "key"] if obj else list(self.readonly_fields)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Writes only what was changed: workers keep tokens and pauses on the same row."""
        changed = set(form.changed_data)
        if not change:
            obj.save()
        elif changed:
            written = changed | {"updated_at"}
            if changed & CREDENTIALS[self.model]:
                written |= self.start_anew(obj)
            obj.save(update_fields=written)
        if changed & SECRETS_OF_ENDPOINTS:
            transaction.on_commit(authentication.forget)

    def start_anew(self, connection: Any) -> set[str]:
        """New credentials: end a pause now, so that the next job tries them. Returns the fields it set."""
        connection.paused_until = timezone.now() if connection.paused_until else None
        return {"paused_until"}

    @admin.display(description=gettext_lazy("state"))
    def state(self, connection: Any) -> SafeString:
        if not connection.is_active:
            return badge(_("Switched off"), WAITING)
        if connection.paused_until and connection.paused_until > timezone.now():
            return two_lines(badge(_("Paused"), BAD), next_try(connection))
        if connection.pause_seconds:
            return badge(_("Being tried again"), DOUBTFUL)
        return badge(_("Active"), GOOD)

    @admin.display(description=gettext_lazy("webhook address"))
    def webhook_address(self, connection: Any) -> SafeString | str:
        if not connection.pk:
            return _("Shown once it is saved.")
        return code(settings.PUBLIC_URL + reverse(self.endpoint, args=[connection.key]))


def next_try(connection: Any) -> SafeString:
    """``next try in 40 s``."""
    return format_html("{} {}", _("next try"), age(connection.paused_until))


class OptionField(forms.CharField):
    """One option of the way in which messages come. It belongs to some types only, and is shown with these."""

    def __init__(self, name: str) -> None:
        option = inbound.OPTIONS[name]
        widget = UnfoldAdminTextInputWidget()
        super().__init__(
            label=option.label, help_text=option.help, max_length=inbound.LONGEST, required=False, widget=widget
        )


class SourceField(forms.CharField):
    """One option of the place in which tracking numbers stand, where that is not the parcel."""

    def __init__(self, name: str) -> None:
        option = tracking_source.OPTIONS[name]
        widget = UnfoldAdminTextInputWidget()
        super().__init__(
            label=option.label,
            help_text=option.help,
            max_length=tracking_source.LONGEST,
            required=False,
            widget=widget,
        )


class ProjectForm(SecretsForm):
    """The options of the chosen type stand in fields of their own; those of other types are dropped. So do those of
    the place in which tracking numbers stand."""

    secret_fields = ("client_secret", "inbound_secret")
    client_secret = SecretField(label=gettext_lazy("Client secret"))
    inbound_secret = SecretField(label=gettext_lazy("Inbound secret"), required=False)
    in_stores = forms.CharField(
        label=gettext_lazy("Only in the stores"),
        help_text=gettext_lazy("Keys, with commas between, where the API client is limited to some stores."),
        max_length=2_000,
        required=False,
        widget=UnfoldAdminTextInputWidget(),
    )
    option_audience = OptionField("audience")
    option_service_account = OptionField("service_account")
    option_subscription = OptionField("subscription")
    option_topic_arn = OptionField("topic_arn")
    option_header = OptionField("header")
    option_tenant = OptionField("tenant")
    option_queue_url = OptionField("queue_url")
    option_region = OptionField("region")
    option_access_key_id = OptionField("access_key_id")
    option_endpoint_url = OptionField("endpoint_url")
    option_project_id = OptionField("project_id")
    option_topic = OptionField("topic")
    option_account_id = OptionField("account_id")
    option_uri = OptionField("uri")
    source_where = forms.ChoiceField(
        label=gettext_lazy("Where they stand"),
        choices=[
            (tracking_source.PARCEL, gettext_lazy("On parcels only")),
            (tracking_source.ORDER, gettext_lazy("In a custom field of the order")),
            (tracking_source.DELIVERY, gettext_lazy("In a custom field of each delivery")),
        ],
        initial=tracking_source.PARCEL,
        required=False,
        help_text=gettext_lazy("A parcel that carries the same number wins."),
        widget=UnfoldAdminSelectWidget(),
    )
    source_field = SourceField("field")
    source_number = SourceField("number")
    source_carrier = SourceField("carrier")
    source_carrier_text = SourceField("carrier_text")
    source_items = SourceField("items")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["in_stores"] = ", ".join(self.instance.in_stores)
        for name, value in self.instance.inbound_options.items():
            self.initial[OPTION + name] = value
        for name, value in self.instance.tracking_source.items():
            self.initial[SOURCE + name] = value

    def clean_in_stores(self) -> list[str]:
        keys = [key.strip() for key in self.cleaned_data["in_stores"].split(",") if key.strip()]
        for key in keys:
            key_validator(key)
        return list(dict.fromkeys(keys))

    def clean(self) -> dict[str, Any]:
        """Puts the options on the row, and each fault at its field."""
        facts = super().clean()
        kind = facts.get("inbound_type", "")
        names = inbound.WAYS[kind].options if kind in inbound.WAYS else ()
        options = {name: facts[OPTION + name] for name in names if facts.get(OPTION + name)}
        for name, words in inbound.faults(kind, options).items() if kind else ():
            self.add_error(OPTION + name if name else "inbound_type", words)
        if kind == Project.Inbound.POLL and facts.get("poll") == Project.Poll.OFF:
            self.add_error("poll", _("Where nothing is sent, choose what to poll."))
        if facts.get("poll") == Project.Poll.MESSAGES and facts.get("in_stores"):
            self.add_error("poll", _("An API client of some stores cannot read messages: poll orders."))
        self.instance.inbound_options = options
        self.instance.tracking_source = self.source_of(facts)
        return facts

    def source_of(self, facts: dict[str, Any]) -> dict[str, str]:
        """The place in which tracking numbers stand, as the row keeps it; each fault is put at its field."""
        where = facts.get(SOURCE + "where")
        if where not in (tracking_source.ORDER, tracking_source.DELIVERY):
            return {}
        options = {name: facts[SOURCE + name] for name in tracking_source.OPTIONS if facts.get(SOURCE + name)}
        source = {"where": where, **options}
        for name, words in tracking_source.faults(source).items():
            if SOURCE + name not in self.errors:
                self.add_error(SOURCE + name, words)
        return source

    @cached_property
    def changed_data(self) -> list[str]:
        """By the names of the row: what is saved, and what its history tells."""
        typed = super().changed_data
        changed = [name for name in typed if not name.startswith((OPTION, SOURCE))]
        if "inbound_type" in changed or any(name.startswith(OPTION) for name in typed):
            changed.append("inbound_options")
        if any(name.startswith(SOURCE) for name in typed):
            changed.append("tracking_source")
        return changed


def only_for(types: Iterable[str]) -> str:
    """When the console's toolkit shows a field, in its own language."""
    return f"{list(types)}.includes(inbound_type)"


@admin.register(Project)
class ProjectAdmin(ConnectionAdmin):
    """commercetools projects."""

    form = ProjectForm
    list_display = ["key", "state", "api_url", "shown_inbound", "shipment_state"]
    search_fields = ["key"]
    search_help_text = gettext_lazy("Key")
    endpoint = "commercetools-messages"
    readonly_fields = ["state", "webhook_address"]
    fieldsets = [
        (None, {"fields": ["key", "is_active", "state", "shipment_state"]}),
        (
            gettext_lazy("We call commercetools"),
            {"fields": ["api_url", "auth_url", "client_id", "client_secret", "in_stores"]},
        ),
        (
            gettext_lazy("commercetools calls us"),
            {
                "fields": ["webhook_address", "inbound_type", "inbound_secret", *OPTION_FIELDS, "poll"],
                "description": gettext_lazy("How to set up each type in your cloud: docs/connecting.md."),
            },
        ),
        (
            gettext_lazy("Tracking numbers"),
            {
                "fields": SOURCE_FIELDS,
                "description": gettext_lazy("Where another system keeps them off the parcels: docs/connecting.md."),
            },
        ),
    ]
    conditional_fields = (
        dict.fromkeys(SOURCE_FIELDS[1:], "source_where !== 'parcel'")
        | {OPTION + name: only_for(inbound.ways_with(name)) for name in inbound.OPTIONS}
        | {"inbound_secret": only_for(name for name, way in inbound.WAYS.items() if way.takes_secret)}
    )

    def start_anew(self, connection: Project) -> set[str]:
        connection.access_token, connection.access_token_expires_at = "", None
        return super().start_anew(connection) | {"access_token", "access_token_expires_at"}

    @admin.display(description=gettext_lazy("messages"))
    def shown_inbound(self, project: Project) -> SafeString:
        return two_lines(project.get_inbound_type_display(), "" if project.can_hear else _("not set up"))


class RateBudgetForm(forms.ModelForm):
    """The table's heading does not name the field for who cannot see it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "per_second" in self.fields:
            words = _("%(endpoint)s: calls per second") % {"endpoint": self.instance.endpoint}
            self.fields["per_second"].widget.attrs["aria-label"] = words


class RateBudgetInline(TabularInline):
    """How fast each endpoint may be called. A row appears with the first call to its endpoint."""

    model = RateBudget
    form = RateBudgetForm
    fields = ["endpoint", "per_second"]
    readonly_fields = ["endpoint"]
    extra = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AfterShipAccountForm(SecretsForm):
    secret_fields = ("api_key", "webhook_secret", "previous_webhook_secret")
    api_key = SecretField(label=gettext_lazy("API key"))
    webhook_secret = SecretField(label=gettext_lazy("Webhook secret"), required=False)
    previous_webhook_secret = SecretField(label=gettext_lazy("Previous webhook secret"), required=False)


@admin.register(AfterShipAccount)
class AfterShipAccountAdmin(ConnectionAdmin):
    """AfterShip organisations."""

    form = AfterShipAccountForm
    list_display = ["key", "state", "api_url", "shown_secret"]
    search_fields = ["key"]
    search_help_text = gettext_lazy("Key")
    endpoint = "aftership-webhook"
    import_connection = "aftershipaccount"
    readonly_fields = ["state", "webhook_address"]
    inlines = [RateBudgetInline]
    actions = ["read_couriers"]
    fieldsets = [
        (None, {"fields": ["key", "is_active", "state"]}),
        (gettext_lazy("We call AfterShip"), {"fields": ["api_url", "api_key"]}),
        (
            gettext_lazy("AfterShip calls us"),
            {"fields": ["webhook_address", "webhook_secret", "previous_webhook_secret"]},
        ),
    ]

    def save_model(self, request: HttpRequest, obj: AfterShipAccount, form: Any, change: bool) -> None:
        """New credentials are tried out by reading the list of couriers."""
        super().save_model(request, obj, form, change)
        if not change or set(form.changed_data) & CREDENTIALS[AfterShipAccount]:
            want_imports([obj])
            transaction.on_commit(tasks.kick)

    @admin.display(description=gettext_lazy("webhooks"))
    def shown_secret(self, account: AfterShipAccount) -> str:
        number = len(account.webhook_secrets)
        return ngettext("%(n)d secret", "%(n)d secrets", number) % {"n": number} if number else _("no secret set")

    @admin.action(description=gettext_lazy("Read AfterShip's couriers"), permissions=["change"])
    def read_couriers(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Wish for one import per account."""
        accounts = list(queryset)
        want_imports(accounts)
        transaction.on_commit(tasks.kick)
        words = ngettext("%(n)d list of couriers will be read.", "%(n)d lists of couriers will be read.", len(accounts))
        self.message_user(request, words % {"n": len(accounts)})
        return None
