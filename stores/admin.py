"""The console for storefronts and routing rules. Connections, with their secrets, are in ``tracking/admin``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.core.paginator import Page, Paginator
from django.db import connection
from django.db.models import Count, Field, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.views import ChangeList

from stores.models import Channel, Courier, CustomType, Store
from tracking.services.scope import store_ids_of, visible

NOTHING = "–"
MOST_COUNTED, MOST_COUNTED_FILTERED = 10_000, 1_000
FAR_BEHIND = 500  # rows


class CappedPaginator(Paginator):
    """Counts up to 10,000 rows, up to 1,000 of those that a filter leaves: beyond that nobody pages, and counting takes
    longer than showing them. Where the database expects more than that behind a filter, they are not counted at all.
    """

    template_name = "admin/pagination_capped.html"

    @cached_property
    def count(self) -> int:
        return self.most if self.about > self.most else self.object_list.order_by()[: self.most].count()

    def page(self, number: int | str) -> Page:
        """What is skipped before a page far behind is not read: its keys are found first, then its rows."""
        before = (self.validate_number(number) - 1) * self.per_page
        if before < FAR_BEHIND or not isinstance(self.object_list, QuerySet):
            return super().page(number)
        keys = self.object_list.select_related(None).values("pk")[before : before + self.per_page]
        return self._get_page(self.object_list.filter(pk__in=keys), self.validate_number(number), self)

    @property
    def is_filtered(self) -> bool:
        return isinstance(self.object_list, QuerySet) and bool(self.object_list.query.where)

    @property
    def most(self) -> int:
        return MOST_COUNTED_FILTERED if self.is_filtered else MOST_COUNTED

    @cached_property
    def about(self) -> int:
        """How many rows a filter leaves as PostgreSQL's planner expects, in two digits; 0 where nobody was asked."""
        if not self.is_filtered or connection.vendor != "postgresql":
            return 0
        said = self.object_list.order_by().explain(format="json")
        if not said:  # no row can match, so the database was not asked: people of a store, rows of the whole house
            return 0
        plan = json.loads(said)[0]["Plan"]
        return round(plan["Plan Rows"], 2 - len(str(plan["Plan Rows"])))

    @property
    def about_words(self) -> str:
        return f"{self.about:,}"

    @property
    def is_capped(self) -> bool:
        return self.count == self.most

    def ends_at(self, number: int) -> None:
        """There are no more than so many, whatever was expected."""
        self.count, self.about = number, 0


class ConsoleChangeList(ChangeList):
    """A list that was neither searched nor filtered shows everything: no need to offer that. One that was searched says
    so where it looked at the newest of what there is, and no further.
    """

    search_note = ""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        note_of = self.model_admin.search_note
        self.search_note = note_of(self.query) if self.query and note_of else ""
        before = (self.page_num - 1) * self.list_per_page
        if self.paginator.about and len(self.result_list) < self.list_per_page:  # the expectation was wrong
            self.paginator.ends_at(before + len(self.result_list))
            self.result_count = self.paginator.count
            self.multi_page = self.result_count > self.list_per_page
        if not self.query and not self.has_active_filters:
            self.full_result_count = self.result_count


def told_apart(stores: QuerySet[Store]) -> list[tuple[int, str]]:
    """Stores by key, for a choice; with their project's where several projects have one of the same key. One query."""
    rows = sorted((key, project, pk) for pk, key, project in stores.values_list("pk", "key", "project__key"))
    times = Counter(key for key, _project, _pk in rows)
    return [(pk, f"{project} / {key}" if times[key] > 1 else key) for key, project, pk in rows]


class RelatedFilter(RelatedDropdownFilter):
    """Offers only the rows that the person may see. Use it instead of unfold's own, which offers all."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[Any, str]]:
        if field.remote_field.model is Store:
            return told_apart(visible(request.user, Store.objects.order_by()))
        if store_ids_of(request.user) is None:
            return super().field_choices(field, request, model_admin)
        seen = visible(request.user, field.remote_field.model._default_manager.order_by()).values("pk")
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to={"pk__in": seen})


class ConsoleAdmin(ModelAdmin):
    """What all lists of the console share: a fixed handful of queries, and filters that are applied together.

    A person who is limited to stores meets only rows of these: in lists, pages, searches, actions and form fields.
    """

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 200
    list_filter_submit = True
    list_fullwidth = True
    empty_value_display = NOTHING
    warn_unsaved_form = True
    search_note: Callable[[str], str] | None = None  # what to say of a search that leaves out some of what there is

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ConsoleChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return visible(request.user, super().get_queryset(request))

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> HttpResponse:
        """What whoever is limited to stores may not see is not there: 404. Others are led to the first page."""
        if store_ids_of(request.user) is not None:
            raise Http404
        return super()._get_obj_does_not_exist_redirect(request, opts, object_id)

    def prepare(self, rows: list[Any]) -> None:
        """Give rows what their columns need beside the queryset, where the list's page does that itself."""

    def get_field_queryset(self, db: str | None, db_field: Field[Any, Any], request: HttpRequest) -> QuerySet | None:
        """What a form offers to choose from."""
        rows: QuerySet | None = super().get_field_queryset(db, db_field, request)
        if store_ids_of(request.user) is None:
            return rows
        return visible(request.user, db_field.remote_field.model._default_manager.all() if rows is None else rows)


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
    list_filter = [("project", RelatedFilter)]
    ordering = ["project__key", "key"]
    search_fields = ["key", "commercetools_id"]
    search_help_text = _("Key or id")
    fields = [
        "project",
        "key",
        "shown_name",
        "shown_languages",
        "shown_countries",
        "time_zone",
        "shipment_state",
        "commercetools_id",
        "imported",
    ]
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
    list_filter = [("project", RelatedFilter)]
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
    list_filter = [("project", RelatedFilter)]
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
