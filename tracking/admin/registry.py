"""Stores, channels and couriers, once more: the button that reads them anew, what the last import found, who uses them.

button (POST) ─> one wish per project or account ─> a Run that tells what is new, changed, gone
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import DropdownFilter

from config.people import viewer
from stores import admin as stores_admin
from stores.models import AfterShipAccount, Channel, Courier, Project, Store
from stores.registry import rules_naming
from tracking import tasks
from tracking.admin.base import Table
from tracking.admin.display import BAD, GOOD, NOTHING, WAITING, age, badge, lines, link, list_of, page_of, two_lines
from tracking.enums import RunKind
from tracking.models import Run
from tracking.services.registry import KINDS, Connection, gone, in_words, want_imports
from tracking.services.scope import sees, visible

CONNECTIONS: dict[str, type[Project] | type[AfterShipAccount]] = {
    "project": Project,
    "aftershipaccount": AfterShipAccount,
}
MOST_NAMED = 100


def import_page(request: HttpRequest) -> HttpResponse:
    """POST ``connection`` (project or aftershipaccount), ``pk`` (empty: every active one), ``back`` (a model's list).

    Needs the permission to change such connections, or to have them examined.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    model = CONNECTIONS.get(request.POST.get("connection", ""))
    if model is None or not may_import(request.user, model._meta.model_name or ""):
        raise PermissionDenied
    rows: QuerySet[Any] = visible(request.user, model.objects.filter(is_active=True))
    pk = request.POST.get("pk", "")
    asked: list[Connection] = list(rows.filter(pk=int(pk)) if pk.isdecimal() and len(pk) < 19 else [] if pk else rows)
    with transaction.atomic():
        number = want_imports(asked)
        transaction.on_commit(tasks.kick)
    if number:
        words = ngettext("%(n)d import will run now.", "%(n)d imports will run now.", number) % {"n": number}
        messages.success(request, words)
    else:
        messages.warning(request, _("Nothing is imported: no such connection is switched on."))
    lists = {"store": Store, "channel": Channel, "courier": Courier}
    back = lists.get(request.POST.get("back", ""))
    return HttpResponseRedirect(list_of(back) if back else page_of(asked[0]) if asked else list_of(model))


def may_import(user: Any, connection: str) -> bool:
    """Who may change such connections, or may have them examined."""
    return user.has_perm(f"stores.change_{connection}") or user.has_perm("tracking.examine_connections")


class ImportButton:
    """Adds the button, and what the last import found, to a list or to the page of a connection."""

    import_connection = "project"
    opts: Any

    def import_context(self, request: HttpRequest, connection: Connection | None = None) -> dict[str, Any]:
        """For the template ``partials/import_registry.html``."""
        source = "commercetools:" if self.import_connection == "project" else "aftership:"
        runs = visible(request.user, Run.objects.filter(kind=RunKind.REGISTRY, subject__startswith=source))
        if connection:
            runs = runs.filter(subject=f"{source}{connection.key}")
        last = runs.order_by("-pk").first()
        return {
            "import": {
                "connection": self.import_connection,
                "pk": connection.pk if connection else "",
                "back": "" if connection else self.opts.model_name,
                "may": may_import(request.user, self.import_connection),
                "last": link(last, last.subject) if last and request.user.has_perm("tracking.view_run") else "",
                "when": age(last.started_at) if last else "",
                "lines": in_words(last) if last else [],
            }
        }


class RegisteredFilter(DropdownFilter):
    """What an upstream lists, what it does not list any more, and what was never imported."""

    title = gettext_lazy("listed upstream")
    parameter_name = "listed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Listed")), ("gone", _("Gone")), ("never", _("Not imported yet"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "gone":
            return queryset.filter(gone_at__isnull=False)
        if self.value() == "never":
            return queryset.filter(imported_at=None)
        return queryset.filter(gone_at=None, imported_at__isnull=False) if self.value() == "yes" else queryset


class RegisteredAdmin(ImportButton):
    """What the three kinds of registered rows share."""

    list_before_template = "admin/tracking/partials/import_registry.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, self.import_context(request) | (extra_context or {}))  # type: ignore[misc]

    @admin.display(description=gettext_lazy("listed upstream"), ordering="gone_at")
    def listed(self, row: Any) -> SafeString:
        """Listed, gone since when, or never imported."""
        if row.gone_at:
            return two_lines(badge(_("Gone"), BAD), age(row.gone_at))
        return badge(_("Listed"), GOOD) if row.imported_at else badge(_("Not imported yet"), WAITING)

    @admin.display(description=gettext_lazy("rules that name it"))
    def named_by(self, row: Any) -> SafeString | str:
        """Each with a link; a warning where the row is gone."""
        rules = [rule for rule in rules_naming(row) if sees(viewer(), rule)] if row.pk else []
        named = lines([titled(rule) for rule in rules])
        if row.gone_at and rules:
            return format_html("{} {}", badge(_("These rules name what is gone"), BAD), named)
        return named


admin.site.unregister([Store, Channel, Courier])


@admin.register(Store)
class StoreAdmin(RegisteredAdmin, stores_admin.StoreAdmin):
    """Stores, with the button."""

    list_display = [*stores_admin.StoreAdmin.list_display, "listed"]
    list_filter = [("project", stores_admin.RelatedFilter), RegisteredFilter]
    fields = [*stores_admin.StoreAdmin.fields, "listed", "named_by", "go_live"]
    readonly_fields = [*stores_admin.StoreAdmin.readonly_fields, "listed", "named_by", "go_live"]

    @admin.display(description=gettext_lazy("ready to go live?"))
    def go_live(self, store: Store) -> SafeString | str:
        """Leads to the examination of everything that it needs."""
        if store.pk is None:
            return NOTHING
        return format_html('<a class="tb-link" href="{}">{}</a>', reverse("go-live", args=[store.pk]), _("Look"))


@admin.register(Channel)
class ChannelAdmin(RegisteredAdmin, stores_admin.ChannelAdmin):
    """Channels, with the button."""

    list_display = [*stores_admin.ChannelAdmin.list_display, "listed"]
    list_filter = [("project", stores_admin.RelatedFilter), RegisteredFilter]
    fields = [*stores_admin.ChannelAdmin.fields, "listed", "named_by"]
    readonly_fields = ["listed", "named_by"]


@admin.register(Courier)
class CourierAdmin(RegisteredAdmin, stores_admin.CourierAdmin):
    """Couriers, with the button."""

    import_connection = "aftershipaccount"
    list_display = [*stores_admin.CourierAdmin.list_display, "listed"]
    list_filter = [RegisteredFilter]
    fields = [*stores_admin.CourierAdmin.fields, "listed", "named_by"]
    readonly_fields = [*stores_admin.CourierAdmin.readonly_fields, "listed", "named_by"]


def findings_blocks(run: Run) -> list[Table]:
    """What an import found, by name, and the rules that name what is gone; for the run's page."""
    found = [
        [part, what_words(what), f"{len(names[what]):,}", named(names[what])]
        for part, names in run.findings.items()
        for what in KINDS
    ]
    shown = [Table(_("Found"), [_("Of"), _("What"), _("How many"), _("Which")], found, _("Nothing was read yet."))]
    return [*shown, warnings_block(run)]


def what_words(what: str) -> SafeString:
    words, tone = {"new": (_("new"), GOOD), "changed": (_("changed"), WAITING), "gone": (_("gone"), BAD)}[what]
    return badge(words, tone)


def named(keys: list[str]) -> str:
    more = _(" and %(n)d more") % {"n": len(keys) - MOST_NAMED} if len(keys) > MOST_NAMED else ""
    return (", ".join(keys[:MOST_NAMED]) or "–") + more


def titled(row: Model) -> SafeString | str:
    """``store de-web``, as a link to its page."""
    return link(row, f"{row._meta.verbose_name} {row}")


def warnings_block(run: Run) -> Table:
    """As it is now, not as it was when the run ended."""
    model = Project if run.subject.startswith("commercetools:") else AfterShipAccount
    connection = model.objects.filter(key=run.subject.partition(":")[2]).first()
    rows = [
        [titled(row), age(row.gone_at), titled(rule)]
        for row in (gone(connection) if connection else [])
        for rule in rules_naming(row)
    ]
    return Table(
        _("Rules that name what is gone"),
        [_("Gone"), _("Since"), _("Named by")],
        rows,
        _("No rule names anything that is gone."),
    )
