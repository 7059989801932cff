"""Routes and carrier mappings: lists that say what each rule does, forms whose saving goes through the preview."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Count, Model, QuerySet
from django.forms import Form, model_to_dict
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from stores.admin import NOTHING, ConsoleAdmin, RelatedFilter, words
from stores.models import AfterShipAccount, Brand, CarrierMapping, Channel, Project, Revision, Route, Store
from stores.revisions import Draft, DraftError, fill
from stores.rule_set import kind_of, load_rule_set, snapshot
from stores.rule_words import condition_words, target_words
from tracking import tasks
from tracking.admin.display import BAD, GOOD, WAITING, badge, lines, list_of, two_lines
from tracking.admin.mappings_csv import CsvButtons
from tracking.admin.rule_forms import CarrierMappingForm, RouteForm
from tracking.admin.rule_preview import Proposal, shown
from tracking.admin.viewer import seen
from tracking.models import Parcel
from tracking.services.dry_run import dry_run
from tracking.services.rules import change_rules
from tracking.services.scope import store_ids_of, visible

POSITION_STEP = 10
QUIET_LIMIT = 10_000


class RuleAdmin(ConsoleAdmin):
    """Rules whose forms and deletions lead to the preview: only what is confirmed there is saved."""

    actions = ["remove_rules"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and self.is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and self.is_own(request, obj)

    def is_own(self, request: HttpRequest, rule: Any) -> bool:
        """Whoever is limited to stores changes rules of these stores only; others they look at."""
        stores = store_ids_of(request.user)
        return rule is None or stores is None or getattr(rule, "store_id", None) in stores

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    @admin.action(description=gettext_lazy("Remove the selected rules"), permissions=["delete"])
    def remove_rules(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        """Of those that the person may change: whoever is limited to stores, only rules of these."""
        own = [row for row in rows if self.is_own(request, row)]
        if own:
            return self.proposed_removal(request, own)
        self.message_user(request, _("None of these rules is yours to remove."), messages.WARNING)
        return None

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        row = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not self.has_delete_permission(request, row):
            raise PermissionDenied
        return self.proposed_removal(request, [row])

    def proposed_removal(self, request: HttpRequest, rows: list[Any]) -> HttpResponse:
        drafts = tuple(Draft(kind_of(row), row.pk, None, row.version) for row in rows)
        title = _("Remove %(what)s") % {"what": ", ".join(f"#{row.pk} {row}" for row in rows)}
        return shown(request, Proposal(title[:300], drafts, list_of(type(rows[0]))))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form. Who comes back from the preview finds in it what they typed."""
        if "_back" in request.POST:
            proposal = Proposal.read(request)
            request.method = "GET"
            request.drafted = proposal.drafts[0] if proposal else None  # type: ignore[attr-defined]
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        draft: Draft | None = getattr(request, "drafted", None)
        if row is not None and draft is not None and str(draft.id) == str(row.pk):
            row = fill(row, draft)
            row.version = draft.version
        return row

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What was typed before, or what a link to this form proposes: rows by key or id."""
        draft: Draft | None = getattr(request, "drafted", None)
        if draft is not None:
            try:
                return model_to_dict(fill(self.model(), draft))
            except DraftError as error:
                self.message_user(request, str(error), messages.WARNING)
                return {}
        initial = {name: value for name, value in super().get_changeform_initial_data(request).items() if value}
        return initial | rows_named(initial)

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        row = super().save_form(request, form, change)
        version = form.cleaned_data.get("version_seen") if change else None
        request.proposed = Draft(kind_of(row), row.pk, form.drafted(), version)  # type: ignore[attr-defined]
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Nothing is saved here: the preview comes first."""

    def save_related(self, request: HttpRequest, form: Form, formsets: Any, change: bool) -> None:
        """Nothing, as above."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Nothing was added yet."""

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> None:
        """Nothing was changed yet."""

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.proposed(request, _("New %(kind)s") % {"kind": self.opts.verbose_name}, request.path)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        return self.proposed(request, _("Change #%(id)s") % {"id": obj.pk}, request.path)

    def proposed(self, request: HttpRequest, title: str, back: str) -> HttpResponse:
        drafts = (request.proposed,)  # type: ignore[attr-defined]
        return shown(request, Proposal(title, drafts, back, has_form=True))


def rows_named(initial: dict[str, Any]) -> dict[str, Any]:
    """The ids of rows that a link names by their keys; stores and channels within the project that it names."""
    found: dict[str, Any] = {}
    models: dict[str, type[Model]] = {
        "project": Project, "account": AfterShipAccount, "brand": Brand, "store": Store, "channel": Channel,
    }  # fmt: skip
    for name, model in models.items():
        key = str(initial.get(name, ""))
        if key and not key.isdecimal():
            rows = seen(model._default_manager.filter(key=key))
            if name in ("store", "channel") and (project := found.get("project", initial.get("project"))):
                rows = rows.filter(project=project)
            found[name] = rows.values_list("pk", flat=True).first()
    return found


@admin.register(Route)
class RouteAdmin(RuleAdmin):
    """Which parcels go to which AfterShip account: project by project, in the order in which the rules are tried."""

    form = RouteForm
    list_before_template = "admin/stores/routes_before.html"
    list_display = ["shown_project", "tried", "rule", "conditions", "target", "matched", "state"]
    list_select_related = ["project", "store", "channel", "account", "brand"]
    list_filter = [
        ("project", RelatedFilter),
        ("account", RelatedFilter),
        ("brand", RelatedFilter),
        "is_active",
        ("origin", ChoicesDropdownFilter),
    ]
    ordering = ["project__key", "is_default", "position", "pk"]
    sortable_by: list[str] = []
    search_fields = ["name", "project__key", "store__key", "channel__key", "account__key", "brand__name"]
    search_help_text = gettext_lazy("Name, project, store, channel, account or brand")
    readonly_fields = ["origin"]
    fieldsets = [
        (None, {"fields": ["name", "project", "position", "is_active", "is_default", "origin", "version_seen"]}),
        (
            gettext_lazy("Conditions: the rule takes a parcel that meets all of them"),
            {
                "fields": [
                    "store",
                    ("channel", "channel_role"),
                    "countries",
                    "carriers",
                    ("field_name", "field_values"),
                    "direction",
                ]
            },
        ),
        (gettext_lazy("Target: what becomes of it"), {"fields": ["do_not_track", "account", "brand", "couriers"]}),
        (
            gettext_lazy("Promise and messages"),
            {"fields": ["promise_days", "promise_days_by_country", "notify", "notify_by_status"]},
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Route]:
        return super().get_queryset(request).annotate(parcels_number=Count("parcels"))

    def get_list_display(self, request: HttpRequest) -> list[str]:
        steps = ["steps"] if request.user.has_perm("stores.change_route") else []
        return [*self.list_display, *steps]

    @admin.display(description=gettext_lazy("project"))
    def shown_project(self, route: Route) -> str:
        return route.project.key

    @admin.display(description=gettext_lazy("tried at"))
    def tried(self, route: Route) -> SafeString | str:
        return badge(_("last: the default"), WAITING) if route.is_default else f"{route.position}"

    @admin.display(description=gettext_lazy("rule"))
    def rule(self, route: Route) -> SafeString:
        return two_lines(route.name or f"#{route.pk}", _("version %(n)d") % {"n": route.version})

    @admin.display(description=gettext_lazy("takes parcels"))
    def conditions(self, route: Route) -> SafeString | str:
        return stacked(condition_words(snapshot(route)))

    @admin.display(description=gettext_lazy("and gives them"))
    def target(self, route: Route) -> SafeString | str:
        return stacked(target_words(snapshot(route)))

    @admin.display(description=gettext_lazy("matched so far"))
    def matched(self, route: Route) -> SafeString | str:
        number: int = route.parcels_number
        if not number:
            return NOTHING
        return format_html(
            '<a class="tb-link" href="{}">{}</a>', list_of(Parcel, route__id__exact=route.pk), f"{number:,}"
        )

    @admin.display(description=gettext_lazy("state"))
    def state(self, route: Route) -> SafeString:
        state = badge(_("active"), GOOD) if route.is_active else badge(_("switched off"), BAD)
        return two_lines(state, route.get_origin_display())

    @admin.display(description=gettext_lazy("order"))
    def steps(self, route: Route) -> SafeString | str:
        """Buttons that move the rule by one."""
        if route.is_default:
            return NOTHING
        url = reverse("route-move", args=[route.pk])
        button = (
            '<button type="submit" formmethod="post" formaction="{}" name="direction" value="{}" '
            'class="tb-button tb-step" aria-label="{}">{}</button>'
        )
        name = route.name or f"#{route.pk}"
        up = format_html(button, url, "up", _("Try %(name)s earlier") % {"name": name}, "↑")
        down = format_html(button, url, "down", _("Try %(name)s later") % {"name": name}, "↓")
        return format_html('<span class="tb-steps-buttons">{} {}</span>', up, down)


def stacked(parts: list[str]) -> SafeString:
    """One below the other, on a phone as well."""
    return format_html('<span class="tb-two">{}</span>', lines(parts))


def move_page(request: HttpRequest, pk: int) -> HttpResponse:
    """POST ``direction`` (up or down): one place earlier or later among the project's rules.

    Saved at once where none of the newest parcels is decided otherwise; else the preview comes first.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not request.user.has_perm("stores.change_route"):
        raise PermissionDenied
    route = get_object_or_404(visible(request.user, Route.objects.select_related("project")), pk=pk)
    back = list_of(Route)
    drafts = moved(route, -1 if request.POST.get("direction") == "up" else 1)
    if not drafts:
        messages.info(request, _("It is at the end of the list already."))
        return HttpResponseRedirect(back)
    earlier = request.POST.get("direction") == "up"
    title = (_("Try #%(id)s %(route)s earlier") if earlier else _("Try #%(id)s %(route)s later")) % {
        "id": route.pk,
        "route": route,
    }
    now = load_rule_set([route.project])
    then = now.with_changes((draft.kind, draft.id or 0, draft.words) for draft in drafts)
    found = dry_run(now, then, limit=QUIET_LIMIT, projects=[route.project], viewer=request.user)
    if found.decided_otherwise or found.chosen_by_hand:
        return shown(request, Proposal(title, tuple(drafts), back))
    try:
        change_rules(drafts, actor=request.user, source=Revision.Source.CONSOLE, reason=title)
    except (DraftError, IntegrityError):
        messages.warning(request, _("Somebody else changed these rules meanwhile: look at the order, and try again."))
        return HttpResponseRedirect(back)
    tasks.kick()
    said = _("Moved. None of the newest %(n)s parcels is decided otherwise.")
    messages.success(request, said % {"n": f"{found.looked_at:,}"})
    return HttpResponseRedirect(back)


def moved(route: Route, step: int) -> list[Draft]:
    """Drafts that let the route change places with its neighbour; none where it has none.

    Where two rules share a position, all of the project get new ones.
    """
    rules = list(Route.objects.filter(project=route.project, is_default=False).order_by("position", "pk"))
    at = next((index for index, one in enumerate(rules) if one.pk == route.pk), None)
    if at is None or not 0 <= at + step < len(rules):
        return []
    positions = [one.position for one in rules]
    if len(set(positions)) < len(positions):
        positions = [POSITION_STEP * number for number in range(1, len(rules) + 1)]
    rules[at], rules[at + step] = rules[at + step], rules[at]
    return [
        Draft("route", one.pk, snapshot(one) | {"position": position}, one.version)
        for one, position in zip(rules, positions, strict=True)
        if one.position != position
    ]


@admin.register(CarrierMapping)
class CarrierMappingAdmin(CsvButtons, RuleAdmin):
    """What the carrier texts of parcels mean."""

    form = CarrierMappingForm
    list_display = ["carrier", "courier_name", "scope", "shown_extra", "version", "origin"]
    list_select_related = ["courier", "project", "store__project", "channel__project"]
    list_filter = [
        ("project", RelatedFilter),
        ("store", RelatedFilter),
        ("origin", ChoicesDropdownFilter),
    ]
    search_fields = ["carrier", "carrier_key", "courier__slug", "courier__name"]
    search_help_text = gettext_lazy("Carrier text or courier")
    autocomplete_fields = ["courier"]
    fields = ["carrier", "courier", "project", "store", "channel", "extra_fields", "origin", "version_seen"]
    readonly_fields = ["origin"]

    @admin.display(description=gettext_lazy("courier"), ordering="courier__slug")
    def courier_name(self, mapping: CarrierMapping) -> str:
        name = mapping.courier.name
        return f"{mapping.courier.slug} ({name})" if name else mapping.courier.slug

    @admin.display(description=gettext_lazy("holds for"))
    def scope(self, mapping: CarrierMapping) -> str:
        narrow = mapping.channel or mapping.store
        return f"{mapping.project} / {narrow}" if narrow else str(mapping.project or _("everywhere"))

    @admin.display(description=gettext_lazy("extra fields"))
    def shown_extra(self, mapping: CarrierMapping) -> str:
        """Names only: the values are what a carrier asks for as a log-in."""
        return words(mapping.extra_fields)
