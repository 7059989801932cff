"""One timeline of an order: scans at the clock of their place, messages, pushes, writes, problems and what staff did.

story_of (all that happened under its code) ─┐
checkpoints of its trackings, earlier ones too ┴─> filtered by kind and parcel ─> newest first, day by day
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracking.admin import display, story_page
from tracking.admin.display import DOUBTFUL, MOVING, WAITING, badge, person
from tracking.admin.order_registry import TIMELINE, Block, Part, ShownOrder, order_section
from tracking.admin.story_page import Line
from tracking.models import Checkpoint, Receipt, Tracking
from tracking.services.late_news import FENCED, reasons_of
from tracking.services.scope import may_see_people
from tracking.services.story import ending
from tracking.services.story_of import Called, Entry, Story, story_of

MOST_SCANS = 300
MOST_SHOWN = 250
SCAN = "scan"
KINDS: dict[str, tuple[str, Promise, Promise]] = {
    SCAN: ("package_2", gettext_lazy("Scan"), gettext_lazy("Scans")),
    **story_page.KINDS,
}
TECHNICAL = {"receipt", "job"}  # shown when asked for; calls too, unless they changed something at AfterShip
CHANGING = {"POST", "PUT", "PATCH", "DELETE"}
EVERYTHING = "all"


@dataclass(frozen=True)
class Row:
    """One entry as it is drawn. ``parcels``: keys of those it is about; none where it is about the order."""

    kind: str
    at: datetime
    clock: str
    line: Line
    url: str = ""
    parcels: frozenset[int] = frozenset()
    is_late: bool = False
    is_technical: bool = False

    @property
    def icon(self) -> str:
        return KINDS[self.kind][0]

    @property
    def label(self) -> Promise:
        return KINDS[self.kind][1]


@order_section(TIMELINE)
def timeline_section(shown: ShownOrder) -> Block:
    """Chosen by ``show`` (a kind, or all) and ``parcel`` in the address; both are links, so nothing needs a script."""
    asked = shown.request.GET
    kind = asked.get("show", "") if asked.get("show") in {*KINDS, EVERYTHING} else ""
    parcel = next((one.pk for one in shown.parcels if str(one.pk) == asked.get("parcel")), 0)
    story = story_of(shown.order.correlation_id, viewer=shown.request.user)
    scans, has_more_scans = scans_of(shown, parcel)
    rows = sorted([*scan_rows(shown, scans), *story_rows(shown, story)], key=lambda row: row.at, reverse=True)
    mine = [row for row in rows if not parcel or not row.parcels or parcel in row.parcels]
    wanted = [row for row in mine if is_wanted(row, kind)]
    facts = {
        "filters": filters(shown, mine, kind, parcel),
        "parcels": parcel_filters(shown, kind, parcel),
        "days": by_day(wanted[:MOST_SHOWN], shown.zone),
        "is_cut": len(wanted) > MOST_SHOWN or has_more_scans or bool(story and story.is_cut),
        "most": MOST_SHOWN,
        "zone": shown.zone,
    }
    return Part(_("Timeline"), "admin/tracking/order/timeline.html", facts)


def is_wanted(row: Row, kind: str) -> bool:
    """Without a kind: what a person asks about, not what only engineers read."""
    if kind == EVERYTHING:
        return True
    return row.kind == kind if kind else not row.is_technical


# -- Scans


def scans_of(shown: ShownOrder, parcel: int) -> tuple[list[Checkpoint], bool]:
    """The newest scans of its trackings, or of one parcel's, earlier ones included; and whether there are more."""
    wanted = [one.tracking_id for one in shown.parcels if one.tracking_id and parcel in (0, one.pk)]
    keys = {key: None for one in wanted for key in (one, *(before.pk for before in shown.earlier.get(str(one), [])))}
    rows = Checkpoint.objects.filter(tracking__in=keys).order_by("-sort_at", "-reported_at", "-fingerprint")
    found = list(rows[: MOST_SCANS + 1])
    return found[:MOST_SCANS], len(found) > MOST_SCANS


def scan_rows(shown: ShownOrder, scans: list[Checkpoint]) -> Iterable[Row]:
    """A row for each scan, by the clock of its place, with its parcels, and why it counted for nothing where it did."""
    trackings = dict(shown.trackings)
    successors: dict[str, str] = {}
    for key, before in shown.earlier.items():
        trackings |= {one.pk: one for one in before}
        successors |= {one.pk: key for one in before}
    parcels: dict[str, set[int]] = {}
    for parcel in shown.parcels:
        if parcel.tracking_id:
            parcels.setdefault(parcel.tracking_id, set()).add(parcel.pk)
    late = reasons_of(scans, trackings)
    for scan in scans:
        own = parcels.get(successors.get(str(scan.tracking_id), str(scan.tracking_id)), set())
        yield scan_row(shown, scan, trackings[scan.tracking_id], frozenset(own), late.get(scan.pk, ""))


def scan_row(shown: ShownOrder, scan: Checkpoint, tracking: Tracking, parcels: frozenset[int], late: str) -> Row:
    """What the carrier says, where, at the clock of the place; with why it changed nothing, if it did not."""
    user = shown.request.user
    said = scan.message if may_see_people(user) else ""
    words = format_html("<b>{}</b>", scan.subtag_message or scan.tag or _("scan"))
    note = " · ".join(part for part in (said, person(user, scan.location), whose(shown, tracking)) if part)
    marks = [badge(scan.tag, MOVING)] if scan.tag else []
    if late:
        marks.append(badge(_("earlier use of the number") if late == FENCED else _("late news"), DOUBTFUL))
    if tracking.retired_at:
        marks.append(badge(_("old number"), WAITING))
    line = Line(
        display.joined(marks), words, note, texts=[(_("As AfterShip gave it"), raw_words(shown, scan))], why=late
    )
    url = ""
    if user.has_perm("tracking.view_checkpoint"):
        url = reverse("admin:tracking_checkpoint_change", args=[scan.pk])
    at = scan.sort_at or scan.reported_at or scan.created_at
    return Row(SCAN, at, scan_clock(scan), line, url, parcels, is_late=bool(late))


def whose(shown: ShownOrder, tracking: Tracking) -> str:
    """Which parcel it was, where there is more than one."""
    return ending(tracking.tracking_number) if len(shown.trackings) > 1 or tracking.retired_at else ""


def scan_clock(scan: Checkpoint) -> str:
    """``10:15 (+01:00)``; ``10:15 (local)`` where no offset was given."""
    if not scan.local_time:
        return scan.time_text or _("no time given")
    local = datetime.fromisoformat(scan.local_time)
    zone = _("local")
    if scan.happened_at:
        zone = display.offset(local.replace(tzinfo=UTC) - scan.happened_at)
    return f"{date_format(local, 'H:i')} ({zone})"


def raw_words(shown: ShownOrder, scan: Checkpoint) -> str:
    """Every field that came with it; people and places only for those who may see them."""
    user = shown.request.user
    fields = {
        "tag": scan.tag, "subtag": scan.subtag, "subtag_message": scan.subtag_message,
        "message": person(user, scan.message), "location": person(user, scan.location),
        "checkpoint_time": scan.time_text, "slug": scan.courier, "raw_tag": scan.raw_tag, "source": scan.source,
        "created_at": scan.reported_at.isoformat() if scan.reported_at else "", "hash": scan.fingerprint,
    }  # fmt: skip
    return "\n".join(f"{name}: {value}" for name, value in fields.items() if value)


# -- The rest of the story


def story_rows(shown: ShownOrder, story: Story | None) -> Iterable[Row]:
    """A row for each other entry of the story: messages, pushes, writes, acts of staff; with the parcels it names."""
    if story is None:
        return
    by_ending: dict[str, set[int]] = {}
    for parcel in shown.parcels:
        by_ending.setdefault(ending(str(parcel)), set()).add(parcel.pk)
    zone = shown.zone
    for entry in story.entries:
        yield Row(
            entry.kind,
            entry.at,
            date_format(timezone.localtime(entry.at, zone), "H:i:s"),
            story_page.LINES[entry.kind](entry),
            story_page.url_of(entry, shown.request),
            parcels_of(entry, by_ending),
            is_technical=is_technical(entry),
        )


def parcels_of(entry: Entry, by_ending: Mapping[str, set[int]]) -> frozenset[int]:
    """Which parcels an entry names, where it names one."""
    named = str(getattr(entry, "parcel", "") or "")
    return frozenset(pk for part in named.split(", ") for pk in by_ending.get(part, ()))


def is_technical(entry: Entry) -> bool:
    """Whether only engineers read it. A call that changed something at AfterShip is a part of the parcel's story."""
    if isinstance(entry, Called):
        return not (entry.upstream.startswith("aftership:") and entry.method in CHANGING)
    return entry.kind in TECHNICAL


# -- Choosing and drawing


def address(shown: ShownOrder, kind: str, parcel: int) -> str:
    """This page with another choice; everything else that stands in the address stays."""
    query = {name: value for name, value in shown.request.GET.items() if name not in ("show", "parcel")}
    query |= ({"show": kind} if kind else {}) | ({"parcel": str(parcel)} if parcel else {})
    return f"?{urlencode(query)}#timeline"


def filters(shown: ShownOrder, rows: list[Row], chosen: str, parcel: int) -> list[dict[str, Any]]:
    """One link per kind that there is, with how many."""
    numbers = Counter(row.kind for row in rows)
    mattering = sum(not row.is_technical for row in rows)
    found = [("", "timeline", _("What matters"), mattering), (EVERYTHING, "list", _("Everything"), len(rows))]
    found += [(kind, icon, many, numbers[kind]) for kind, (icon, _one, many) in KINDS.items() if numbers[kind]]
    return [
        {"words": words, "icon": icon, "number": number, "url": address(shown, kind, parcel)}
        | {"is_chosen": kind == chosen}
        for kind, icon, words, number in found
    ]


def parcel_filters(shown: ShownOrder, kind: str, chosen: int) -> list[dict[str, Any]]:
    """One link per parcel, where there are several."""
    if len(shown.parcels) < 2:
        return []
    found = [(0, str(_("All parcels"))), *((parcel.pk, str(parcel)) for parcel in shown.parcels)]
    return [{"words": words, "url": address(shown, kind, pk), "is_chosen": pk == chosen} for pk, words in found]


def by_day(rows: list[Row], clock: tzinfo) -> list[tuple[SafeString | str, list[Row]]]:
    """The rows under their days at the store, newest first."""
    days: list[tuple[SafeString | str, list[Row]]] = []
    for row in rows:
        words = date_format(timezone.localtime(row.at, clock), "D j M Y")
        if not days or days[-1][0] != words:
            days.append((words, []))
        days[-1][1].append(row)
    return days


def receipts_address(tracking: Tracking) -> str:
    """All that came in about a tracking, as it came."""
    return display.list_of(Receipt, q=tracking.aftership_id)
