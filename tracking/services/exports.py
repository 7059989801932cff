"""Long lists as CSV, written behind live work: page by page, so that memory stays small and a crash costs one page.

    want_export ─> EXPORT job ─> pages of lines, as its person sees the list now ─> encrypted parts ─> file (two days)

What a list looks like is the console's business: it gives `set_opener` a way to open one as text. Rows come newest key
first, each page where the last one ended, whatever the order on the screen: rows that come in between shift nothing.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Any, Protocol

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from config.correlation import new_correlation_id
from stores.mappings_csv import escaped
from tracking.enums import JobKind, StaffActionKind
from tracking.models import Export, ExportPart
from tracking.services import jobs
from tracking.services.staff import note_action

UPSTREAM = "export"
PAGE = 500
RUN_SECONDS = 15.0  # well within the lease of a job
KEPT = timedelta(days=2)


class Forbidden(Exception):  # noqa: N818 - says what is the matter
    """The person may not export this list, or not any more."""


class Sheet(Protocol):
    """A list, as one person sees it, as text."""

    headings: Sequence[str]

    def count(self) -> int: ...

    def page(self, after: str, most: int) -> tuple[list[list[str]], str]:
        """Up to ``most`` rows behind the key ``after`` ("": from the beginning), and the key of the last one."""
        ...


Opener = Callable[[Any, str, str], Sheet]
_openers: list[Opener] = []


def set_opener(opener: Opener) -> None:
    """``opener(user, list, query)`` gives the sheet. It raises Forbidden where the user may not export this list."""
    _openers[:] = [opener]


def open_sheet(user: Any, label: str, query: str) -> Sheet:
    return _openers[0](user, label, query)


def lines_of(rows: Iterable[Sequence[str]]) -> str:
    """CSV; what a spreadsheet would take for a formula is escaped."""
    text = io.StringIO()
    csv.writer(text).writerows([escaped(cell) for cell in row] for row in rows)
    return text.getvalue()


def note_export(user: AbstractBaseUser, label: str, words: str) -> None:
    """The audit trail: who exported which list. Its filters are left out: they may name a person."""
    note_action(StaffActionKind.EXPORT, actor=user, summary=f"Exported {words} of {label}")


@transaction.atomic
def want_export(user: AbstractBaseUser, label: str, query: str) -> Export:
    """Keep the wish, behind live work. The caller wakes a worker once this is committed."""
    export = Export.objects.create(
        user=user, list=label, query=query, correlation_id=new_correlation_id(), expires_at=timezone.now() + KEPT
    )
    jobs.want([jobs.Wish(JobKind.EXPORT, str(export.pk), UPSTREAM, export.correlation_id, jobs.BACKFILL)])
    note_export(user, label, "all rows")
    return export


def run_export(pk: int) -> None:
    """The job's handler: write for a while; what is left is wished again and goes on where this stood."""
    export = Export.objects.select_related("user").filter(pk=pk, finished_at=None).first()
    if export is None:
        return
    try:
        sheet = open_sheet(export.user, export.list, export.query)
    except Forbidden as refusal:
        end(export, fault=str(refusal) or "You may not export this list any more.")
        return
    ends_at = time.monotonic() + RUN_SECONDS
    for _page in write_pages(export, sheet):
        if time.monotonic() > ends_at:
            jobs.want([jobs.Wish(JobKind.EXPORT, str(pk), UPSTREAM, export.correlation_id, jobs.BACKFILL)])
            return


def write_pages(export: Export, sheet: Sheet) -> Iterator[None]:
    """Each page with how far it is, in one transaction: a page is written once, or not at all."""
    if export.number is None:
        export.number = sheet.count()
    while export.finished_at is None:
        rows, last = sheet.page(export.cursor, PAGE)
        with transaction.atomic():
            if not keep_page(export, rows, last, sheet.headings):
                return
            if len(rows) < PAGE:
                end(export)
        yield


def keep_page(export: Export, rows: list[list[str]], last: str, headings: Sequence[str]) -> bool:
    """False where another worker was faster: then nothing is written."""
    begins = not export.cursor
    mine = Export.objects.filter(pk=export.pk, cursor=export.cursor, finished_at=None)
    moved = mine.update(cursor=last or export.cursor, done=F("done") + len(rows), number=export.number)
    if not moved:
        return False
    number = ExportPart.objects.filter(export=export).count()
    text = lines_of([*([headings] if begins and number == 0 else []), *rows])
    if text:
        ExportPart.objects.create(export=export, number=number, text=text)
    export.cursor = last or export.cursor
    return True


def end(export: Export, fault: str = "") -> None:
    export.finished_at = timezone.now()
    Export.objects.filter(pk=export.pk).update(finished_at=export.finished_at, fault=fault[:300])


def text_of(export: Export) -> Iterator[str]:
    """The file, part by part; begins with the mark by which Excel knows UTF-8."""
    yield "\ufeff"
    for number in range(ExportPart.objects.filter(export=export).count()):
        yield ExportPart.objects.get(export=export, number=number).text


def drop_expired() -> int:
    """Delete what has had its time; returns how many exports."""
    gone = Export.objects.filter(expires_at__lt=timezone.now())
    number = gone.count()
    gone.delete()
    return number
