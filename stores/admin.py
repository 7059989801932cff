"""The console for storefronts and routing rules. Connections, with their secrets, are in ``tracking/admin``."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminColorInputWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from stores.carriers import normalise_carrier
from stores.models import Brand, CarrierMapping, Channel, Courier, CustomType, Project, Route, Store

NOTHING = "–"
MOST_COUNTED = 10_000


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows: beyond that nobody pages, and counting a big table takes longer than showing it."""

    template_name = "admin/pagination_capped.html"

    @cached_property
    def count(self) -> int:
        return self.object_list.order_by()[:MOST_COUNTED].count()

    @property
    def is_capped(self) -> bool:
        return self.count == MOST_COUNTED


class ConsoleChangeList(ChangeList):
    """A list that was neither searched nor filtered shows everything: no need to offer that."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


class ConsoleAdmin(ModelAdmin):
    """What all lists of the console share: a fixed handful of queries, and filters that are applied together."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = True
    list_fullwidth = True
    empty_value_display = NOTHING
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConsoleChangeList


class LookedAtOnly:
    """Rows that somebody else writes: never added, edited or deleted in the console."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def words(values: Any) -> str:
    """A list from JSON as text: ``en, de``."""
    return ", ".join(str(value) for value in values) if values else NOTHING


def names(by_locale: dict[str, str]) -> SafeString | str:
    """Names by locale, one per line."""
    rows = sorted((by_locale or {}).items())
    return format_html_join("", '<span class="tb-line">{}: {}</span>', rows) or NOTHING


class ImportedMixin:
    """Rows that come from an upstream: since when."""

    @admin.display(description=_("imported"), ordering="imported_at", empty_value=_("not yet"))
    def imported(self, row: Any) -> str | None:
        return date_format(timezone.localtime(row.imported_at), "j M Y, H:i") if row.imported_at else None


@admin.register(Store)
class StoreAdmin(ImportedMixin, ConsoleAdmin):
    """Stores come from commercetools; one may be named here before it is imported, so that a route can be made."""

    list_display = ["key", "project", "shown_name", "shown_languages", "shown_countries", "routes_count", "imported"]
    list_select_related = ["project"]
    list_filter = [("project", RelatedDropdownFilter)]
    ordering = ["project__key", "key"]
    search_fields = ["key", "commercetools_id"]
    search_help_text = _("Key or id")
    fields = ["project", "key", "shown_name", "shown_languages", "shown_countries", "commercetools_id", "imported"]
    readonly_fields = ["shown_name", "shown_languages", "shown_countries", "commercetools_id", "imported"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Store]:
        return super().get_queryset(request).annotate(routes_number=Count("routes"))

    def get_readonly_fields(self, request: HttpRequest, obj: Store | None = None) -> list[str]:
        return [*self.readonly_fields, "project", "key"] if obj else self.readonly_fields

    @admin.display(description=_("name"))
    def shown_name(self, store: Store) -> SafeString | str:
        return names(store.name)

    @admin.display(description=_("languages"))
    def shown_languages(self, store: Store) -> str:
        return words(store.languages)

    @admin.display(description=_("countries"))
    def shown_countries(self, store: Store) -> str:
        return words(store.countries)

    @admin.display(description=_("own routes"))
    def routes_count(self, store: Store) -> int:
        return store.routes_number


@admin.register(Channel)
class ChannelAdmin(ImportedMixin, LookedAtOnly, ConsoleAdmin):
    """Channels as imported from commercetools."""

    list_display = ["key", "project", "shown_name", "shown_roles", "imported"]
    list_select_related = ["project"]
    list_filter = [("project", RelatedDropdownFilter)]
    search_fields = ["key", "commercetools_id"]
    search_help_text = _("Key or id")
    fields = ["project", "key", "commercetools_id", "shown_name", "shown_roles", "imported"]

    @admin.display(description=_("name"))
    def shown_name(self, channel: Channel) -> SafeString | str:
        return names(channel.name)

    @admin.display(description=_("roles"))
    def shown_roles(self, channel: Channel) -> str:
        return words(channel.roles)


@admin.register(CustomType)
class CustomTypeAdmin(LookedAtOnly, ConsoleAdmin):
    """Types that orders and parcels carry, and whether they have our fields."""

    list_display = ["key", "project", "commercetools_id", "has_parcel_fields", "has_order_fields", "checked"]
    list_select_related = ["project"]
    list_filter = [("project", RelatedDropdownFilter)]
    search_fields = ["key", "commercetools_id"]
    search_help_text = _("Key or id")
    ordering = ["key", "pk"]
    fields = ["project", "key", "commercetools_id", "has_parcel_fields", "has_order_fields", "checked"]

    @admin.display(description=_("checked"), ordering="checked_at")
    def checked(self, custom_type: CustomType) -> str:
        return date_format(timezone.localtime(custom_type.checked_at), "j M Y, H:i")


class CommaListField(forms.Field):
    """A list of words as one line, ``en, de``; stored as a list."""

    def prepare_value(self, value: Any) -> str:
        return ", ".join(value) if isinstance(value, list) else value or ""

    def to_python(self, value: Any) -> list[str]:
        return [part.strip() for part in str(value or "").split(",") if part.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.to_python(data) != (initial or [])


class BrandForm(forms.ModelForm):
    locales = CommaListField(
        label=_("Languages"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Separated by commas: en, de. The first is the default."),
    )

    class Meta:
        widgets = {"colour": UnfoldAdminColorInputWidget()}


@admin.register(Brand)
class BrandAdmin(ConsoleAdmin):
    """How storefronts look."""

    form = BrandForm
    list_display = ["name", "key", "swatch", "shown_locales", "routes_count"]
    ordering = ["key"]
    search_fields = ["name", "key"]
    search_help_text = _("Name or key")
    fields = ["key", "name", "colour", "locales"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Brand]:
        return super().get_queryset(request).annotate(routes_number=Count("routes"))

    @admin.display(description=_("colour"))
    def swatch(self, brand: Brand) -> SafeString:
        return format_html('<span class="tb-swatch" style="background:{}"></span> {}', brand.colour, brand.colour)

    @admin.display(description=_("languages"))
    def shown_locales(self, brand: Brand) -> str:
        return words(brand.locales)

    @admin.display(description=_("routes"))
    def routes_count(self, brand: Brand) -> int:
        return brand.routes_number


class RouteForm(forms.ModelForm):
    """Says which rule is there already, rather than which constraint was violated."""

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or self.cleaned_data
        project, store = facts.get("project"), facts.get("store")
        if project and store and store.project_id != project.pk:
            raise ValidationError({"store": _("This store belongs to project %(key)s.") % {"key": store.project.key}})
        rivals = Route.objects.filter(project=project, store=store).exclude(pk=self.instance.pk)
        if project and "store" not in self.errors and (rival := rivals.select_related("account", "store").first()):
            field = "store" if store else "project"
            raise ValidationError({field: _("There is a route for this already: %(route)s.") % {"route": rival}})
        return facts


@admin.register(Route)
class RouteAdmin(ConsoleAdmin):
    """Which orders go to which AfterShip account, in the order in which the rules are tried."""

    form = RouteForm
    list_display = ["rule", "position", "account", "brand", "shown_promise", "notify", "is_active", "origin"]
    list_select_related = ["project", "store", "account", "brand"]
    list_filter = [("project", RelatedDropdownFilter), ("account", RelatedDropdownFilter), "is_active"]
    search_fields = ["project__key", "store__key", "account__key", "brand__name"]
    search_help_text = _("Project, store, account or brand")
    autocomplete_fields = ["project", "store", "account", "brand"]
    fields = ["project", "store", "account", "brand", "promise_days", "notify", "position", "is_active", "origin"]
    readonly_fields = ["origin"]

    @admin.display(description=_("orders of"), ordering="project__key")
    def rule(self, route: Route) -> str:
        return f"{route.project} / {route.store or _('every store')}"

    @admin.display(description=_("promise"))
    def shown_promise(self, route: Route) -> str:
        return NOTHING if route.promise_days is None else _("%(days)d days") % {"days": route.promise_days}


@admin.register(Courier)
class CourierAdmin(ImportedMixin, ConsoleAdmin):
    """AfterShip's couriers. One that is not imported yet may be named here, so that a carrier can be mapped to it."""

    list_display = ["slug", "name", "shown_required", "mappings_count", "imported"]
    ordering = ["slug"]
    search_fields = ["slug", "name"]
    search_help_text = _("Slug or name")
    fields = ["slug", "name", "shown_required", "shown_optional", "imported"]
    readonly_fields = ["shown_required", "shown_optional", "imported"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Courier]:
        return super().get_queryset(request).annotate(mappings_number=Count("mappings"))

    def get_readonly_fields(self, request: HttpRequest, obj: Courier | None = None) -> list[str]:
        return [*self.readonly_fields, "slug"] if obj else self.readonly_fields

    @admin.display(description=_("required fields"))
    def shown_required(self, courier: Courier) -> str:
        return words(courier.required_fields)

    @admin.display(description=_("optional fields"))
    def shown_optional(self, courier: Courier) -> str:
        return words(courier.optional_fields)

    @admin.display(description=_("mappings"))
    def mappings_count(self, courier: Courier) -> int:
        return courier.mappings_number


class CarrierMappingForm(forms.ModelForm):
    """A store brings its project along; the same carrier text may stand once per scope."""

    class Meta:
        widgets = {"extra_fields": UnfoldAdminTextareaWidget({"rows": 3})}
        help_texts = {"project": _("Empty: everywhere."), "store": _("Empty: every store of the project.")}

    def clean_carrier(self) -> str:
        carrier = self.cleaned_data["carrier"]
        if not normalise_carrier(carrier):
            raise ValidationError(_("This text has no letter or digit that a carrier could be recognised by."))
        return carrier

    def clean_extra_fields(self) -> dict[str, str]:
        fields = self.cleaned_data["extra_fields"] or {}
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise ValidationError(_('Names and texts such as {"tracking_account_number": "4711"}.'))
        return fields

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or self.cleaned_data
        project, store = facts.get("project"), facts.get("store")
        if store and project and store.project_id != project.pk:
            raise ValidationError({"store": _("This store belongs to project %(key)s.") % {"key": store.project.key}})
        if store:
            facts["project"] = project = store.project
        if carrier := facts.get("carrier"):
            self.refuse_second(normalise_carrier(carrier), project, store)
        return facts

    def refuse_second(self, carrier_key: str, project: Project | None, store: Store | None) -> None:
        """Add an error to the carrier that names the mapping which is there already."""
        rivals = CarrierMapping.objects.filter(carrier_key=carrier_key, project=project, store=store)
        if rival := rivals.exclude(pk=self.instance.pk).select_related("courier").first():
            scope = store or project or _("everywhere")
            words = _("There is a mapping for this text already (%(scope)s): %(rival)s.")
            self.add_error("carrier", words % {"scope": scope, "rival": rival})


@admin.register(CarrierMapping)
class CarrierMappingAdmin(ConsoleAdmin):
    """What the carrier texts of parcels mean."""

    form = CarrierMappingForm
    list_display = ["carrier", "courier_name", "scope", "shown_extra", "origin"]
    list_select_related = ["courier", "project", "store__project"]
    list_filter = [
        ("project", RelatedDropdownFilter),
        ("store", RelatedDropdownFilter),
        ("origin", ChoicesDropdownFilter),
    ]
    search_fields = ["carrier", "carrier_key", "courier__slug", "courier__name"]
    search_help_text = _("Carrier text or courier")
    autocomplete_fields = ["courier", "project", "store"]
    fields = ["carrier", "courier", "project", "store", "extra_fields", "origin"]
    readonly_fields = ["origin"]

    @admin.display(description=_("courier"), ordering="courier__slug")
    def courier_name(self, mapping: CarrierMapping) -> str:
        name = mapping.courier.name
        return f"{mapping.courier.slug} ({name})" if name else mapping.courier.slug

    @admin.display(description=_("holds for"))
    def scope(self, mapping: CarrierMapping) -> str:
        if mapping.store:
            return f"{mapping.project} / {mapping.store}"
        return str(mapping.project or _("everywhere"))

    @admin.display(description=_("extra fields"))
    def shown_extra(self, mapping: CarrierMapping) -> str:
        """Names only: the values are what a carrier asks for as a log-in."""
        return words(mapping.extra_fields)
