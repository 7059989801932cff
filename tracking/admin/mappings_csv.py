"""Carrier mappings out of the console and into it as CSV, by two buttons above their list.

Export CSV ─> the file
Import CSV ─ file ─> what each line would do, its effect on parcels, or every fault ─ reason ─> saved exactly so
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from stores import mappings_csv
from stores.config_file.document import Entry
from stores.config_file.source import ConfigFileError, Fault
from stores.mappings_csv import Line
from stores.models import CarrierMapping, Origin
from tracking import tasks
from tracking.admin.base import Table
from tracking.admin.display import DOUBTFUL, GOOD, MOVING, NOTHING, badge, list_of, two_lines
from tracking.admin.rule_preview import MAY_MOVE, MOST_REASON, USUAL_LIMIT, Trial, log, tell
from tracking.services.import_mappings import ChangedMeanwhile, import_mappings, preview
from tracking.services.remap import RemapConflict
from tracking.services.scope import visible

MAY_IMPORT = ["stores.add_carriermapping", "stores.change_carriermapping"]
MOST_SHOWN = 200


class CsvButtons:
    """Both buttons above the list of carrier mappings."""

    actions_list = ["export_csv", "import_csv"]

    def has_import_permission(self, request: HttpRequest) -> bool:
        """A name of its own: where an action names permissions in full, Django's checks ask the database for them."""
        return request.user.has_perms(MAY_IMPORT)

    @action(description=gettext_lazy("Export CSV"), url_path="export-csv", permissions=["view"])
    def export_csv(self, request: HttpRequest) -> HttpResponse:
        """All mappings, whatever the list shows: so that what is exported can be imported elsewhere."""
        rows = visible(request.user, CarrierMapping.objects.all())
        rows = rows.select_related("courier", "project", "store", "channel")
        name = f"carrier-mappings-{timezone.localdate():%Y-%m-%d}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        body = mappings_csv.write(rows).encode("utf-8-sig")  # without the mark Excel takes UTF-8 for something else
        return HttpResponse(body, content_type="text/csv; charset=utf-8", headers=headers)

    @action(description=gettext_lazy("Import CSV"), url_path="import-csv", permissions=["import"])
    def import_csv(self, request: HttpRequest) -> HttpResponse:
        return import_page(request)


class UploadForm(forms.Form):
    """The file, with a widget that unfold's script knows."""

    file = forms.FileField(
        widget=UnfoldAdminFileFieldWidget({"accept": ".csv,.tsv,.txt,text/csv", "aria-describedby": "tb-file-help"})
    )


def import_page(request: HttpRequest) -> HttpResponse:
    """GET: the form. POST with ``file``: what it would do. POST with ``csv``, ``seen`` and ``reason``: do that."""
    if request.method in ("GET", "HEAD"):
        return shown(request)
    if request.method != "POST":
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    try:
        text = text_of(request)
        entries = mappings_csv.read(text)
    except ConfigFileError as error:
        return shown(request, faults=faults_table(error.faults), faults_number=len(error.faults))
    if "seen" not in request.POST:
        return previewed(request, text, entries)
    reason = request.POST.get("reason", "").replace("\x00", "").strip()[:MOST_REASON]
    if not reason:
        return previewed(request, text, entries, is_reason_missing=True)
    try:
        return imported(request, entries, reason)
    except ChangedMeanwhile:
        words = _(
            "Somebody changed these mappings since you looked. Nothing was imported; this is what it would do now."
        )
    except RemapConflict as conflict:
        words = _("Nothing was imported: parcels wait in another remap. %(which)s") % {"which": conflict}
    return previewed(request, text, entries, alert=words, reason=reason)


def text_of(request: HttpRequest) -> str:
    """The CSV that was uploaded now, or the one that comes back from its preview. Raises ConfigFileError."""
    upload = request.FILES.get("file")
    if upload is None:
        return mappings_csv.decoded(request.POST.get("csv", "").encode())
    return mappings_csv.decoded(upload.read(mappings_csv.MOST_BYTES + 1))


def imported(request: HttpRequest, entries: Sequence[Entry], reason: str) -> HttpResponse:
    """Save it, say what became of it, and lead back to the list."""
    move = "move" in request.POST
    if move and not request.user.has_perm(MAY_MOVE):
        raise PermissionDenied
    with transaction.atomic():
        changed = import_mappings(
            entries, request.POST["seen"], actor=request.user, reason=reason, move=move, limit=USUAL_LIMIT
        )
        if changed.revision:
            log(request, changed.revision)
            transaction.on_commit(tasks.kick)
    tell(request, changed)
    return HttpResponseRedirect(list_of(CarrierMapping))


def previewed(request: HttpRequest, text: str, entries: Sequence[Entry], **context: Any) -> HttpResponse:
    """What the CSV would do, with the form that does it."""
    found = preview(entries)
    tried = Trial([line.draft for line in found.changes], USUAL_LIMIT, request.user)
    return shown(
        request,
        found=found,
        changed=len(found.changes) - found.new,
        changes=changes_table(found.changes),
        tiles=tried.tiles(),
        shifts=tried.shifts_table(),
        samples=tried.samples_table(),
        to_move=len(tried.found.to_move),
        may_move=request.user.has_perm(MAY_MOVE),
        csv=text,
        most_reason=MOST_REASON,
        **context,
    )


def shown(request: HttpRequest, **context: Any) -> HttpResponse:
    request.current_app = admin.site.name
    always = {
        "title": _("Import carrier mappings"),
        "upload": UploadForm(),
        "columns": mappings_csv.COLUMNS,
        "most_rows": mappings_csv.MOST_ROWS,
        "back": list_of(CarrierMapping),
    }
    frame = admin.site.each_context(request)
    return TemplateResponse(request, "admin/tracking/mappings_import.html", frame | always | context)


def faults_table(faults: Sequence[Fault]) -> Table:
    return Table(
        _("What is wrong"),
        [_("Line"), _("Column"), _("Why")],
        [[fault.line or NOTHING, fault.path or NOTHING, fault.cause] for fault in faults[:MOST_SHOWN]],
        "",
        more=not_listed(len(faults)),
    )


def not_listed(number: int) -> str:
    """How many of these are beyond what a table shows; "" for none."""
    return _("%(n)s more are not listed.") % {"n": f"{number - MOST_SHOWN:,}"} if number > MOST_SHOWN else ""


def changes_table(changes: Sequence[Line]) -> Table:
    """Each line that changes something: what, and where it holds."""
    return Table(
        _("What would change"),
        [_("Line"), _("Mapping"), _("Carrier text"), _("Holds for"), _("Courier"), _("Extra fields")],
        [
            [
                line.number,
                what_happens(line),
                was(line, "carrier"),
                scope_words(line.after),
                was(line, "courier"),
                extra_words(line),
            ]
            for line in changes[:MOST_SHOWN]
        ],
        _("Nothing: all mappings are as the file says."),
        more=not_listed(len(changes)),
    )


def what_happens(line: Line) -> SafeString:
    if line.before is None:
        return badge(_("new"), GOOD)
    if line.before["origin"] == Origin.FILE:
        return two_lines(
            badge(_("changed"), DOUBTFUL), _("Stands in the configuration file, whose next run sets it back.")
        )
    return badge(_("changed"), MOVING)


def was(line: Line, name: str) -> SafeString | str:
    """The value, and what it was before where that differs."""
    if line.before is None or line.before[name] == line.after[name]:
        return line.after[name]
    return two_lines(line.after[name], _("before: %(value)s") % {"value": line.before[name]})


def scope_words(words: dict[str, Any]) -> SafeString | str:
    if words["channel"]:
        return two_lines(words["project"], _("channel %(key)s") % {"key": words["channel"]})
    if words["store"]:
        return two_lines(words["project"], _("store %(key)s") % {"key": words["store"]})
    return words["project"] or _("everywhere")


def extra_words(line: Line) -> SafeString | str:
    """Names only: the values are what a carrier asks for as a log-in."""
    names = ", ".join(line.after["extra_fields"]) or NOTHING
    if line.before is None or line.before["extra_fields"] == line.after["extra_fields"]:
        return names
    return two_lines(names, _("changed"))
