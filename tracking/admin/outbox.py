"""What is to be done upstream and what was done: jobs, attempts, writes, long runs, and the workers' heartbeat."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from stores.admin import ConsoleChangeList
from stores.models import AfterShipAccount, Project
from tracking import tasks
from tracking.admin import story
from tracking.admin.base import HistoryAdmin, Page, Text, report
from tracking.admin.codes import code_link
from tracking.admin.display import (
    GOOD,
    MOVING,
    NOTHING,
    age,
    badge,
    job_badge,
    lines,
    link,
    list_of,
    milliseconds,
    outcome_badge,
    two_lines,
    when,
)
from tracking.admin.filters import JobStateFilter, OutcomeFilter
from tracking.admin.registry import findings_blocks
from tracking.admin.search import cut_story_note, story_codes
from tracking.admin.viewer import NOT_FOR_YOU, shows_people
from tracking.enums import ABOUT_TRACKINGS, JobKind, RunKind, StaffActionKind
from tracking.models import Attempt, Heartbeat, Job, Order, Problem, Run, Tracking, Write
from tracking.services.jobs import requeue
from tracking.services.staff import note_each

SUBJECTS: dict[str, type[Order | Tracking | AfterShipAccount | Project]] = {
    JobKind.COLLECT: Order,
    JobKind.WRITE_BACK: Order,
    JobKind.NOTIFY: Order,
    JobKind.COMMERCE: Order,
    **dict.fromkeys(ABOUT_TRACKINGS, Tracking),
    JobKind.IMPORT_COURIERS: AfterShipAccount,
    JobKind.IMPORT_REGISTRY: Project,
    JobKind.POLL: AfterShipAccount,
    JobKind.POLL_PROJECT: Project,
    JobKind.RECONCILE_ORDERS: Project,
    JobKind.RECONCILE_TRACKINGS: AfterShipAccount,
    JobKind.EXAMINE: AfterShipAccount,
}


def attach_subjects(jobs: list[Job]) -> None:
    """Give each job the row it is about (``about``, None where it is gone, or none): one query per kind of row."""
    for job in jobs:
        job.about = None
    for model in (Order, Tracking, AfterShipAccount, Project):
        mine = [job for job in jobs if SUBJECTS.get(job.kind) is model]
        rows = {str(row.pk): row for row in model.objects.filter(pk__in={job.subject for job in mine})}
        for job in mine:
            job.about = rows.get(job.subject)


class JobChangeList(ConsoleChangeList):
    """A page of jobs that know what they are about."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        attach_subjects(self.result_list)


@admin.register(Job)
class JobAdmin(HistoryAdmin):
    """What waits, what backs off, and what gave up."""

    list_display = ["shown_kind", "about", "shown_state", "due", "attempts", "error", "upstream", "story_code"]
    list_filter = [JobStateFilter, ("kind", ChoicesDropdownFilter)]
    ordering = ["-pk"]
    search_fields = ["correlation_id"]
    search_note = staticmethod(cut_story_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail or code")
    actions = ["make_due_again"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return JobChangeList

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(correlation_id__in=story_codes(search_term)) if search_term else queryset, False

    def prepare(self, rows: list[Job]) -> None:
        attach_subjects(rows)

    def has_act_permission(self, request: HttpRequest) -> bool:
        """The same as for the page of dead letters."""
        return request.user.has_perm("tracking.requeue_job")

    @admin.display(description=gettext_lazy("job"), ordering="kind")
    def shown_kind(self, job: Job) -> str:
        return job.get_kind_display()

    @admin.display(description=gettext_lazy("about"))
    def about(self, job: Job) -> SafeString | str:
        if job.about or job.kind not in SUBJECTS:
            return link(job.about) if job.about else job.subject
        return _("%(subject)s, gone") % {"subject": job.subject}

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, job: Job) -> SafeString:
        return job_badge(job)

    @admin.display(description=gettext_lazy("next try"))
    def due(self, job: Job) -> SafeString | str:
        return NOTHING if job.dead_at or job.want == job.done else age(job.next_attempt_at)

    @admin.display(description=gettext_lazy("last error"))
    def error(self, job: Job) -> SafeString | str:
        return two_lines(job.last_error, job.last_error_code) if job.last_error_code else NOTHING

    @admin.display(description=gettext_lazy("code"))
    def story_code(self, job: Job) -> SafeString | str:
        return code_link(job.correlation_id)

    @admin.action(description=gettext_lazy("Make due again"), permissions=["act"])
    def make_due_again(self, request: HttpRequest, queryset: QuerySet[Job]) -> HttpResponse | None:
        """Give dead letters a fresh start; jobs that are alive are left alone."""
        with transaction.atomic():
            dead = list(queryset.filter(dead_at__isnull=False).select_for_update(of=("self",)))
            count = requeue(Job.objects.filter(pk__in=[job.pk for job in dead]))
            note_each(StaffActionKind.REQUEUE, dead, actor=request.user, summary="Requeued")
        tasks.kick()
        words, level = report(
            count,
            lambda n: ngettext("%(n)d dead letter is due again.", "%(n)d dead letters are due again.", n) % {"n": n},
            _("None of these jobs is a dead letter."),
        )
        return self.done(request, queryset, words, level)

    def fits(self, action: str, job: Job) -> bool:
        return job.dead_at is not None

    def page(self, job: Job) -> Page:
        """What the job is about, how often it was tried, when it is due, and its calls."""
        attach_subjects([job])
        return Page(
            headline=format_html("{} {}", job_badge(job), job.last_error or job.get_kind_display()),
            facts=[
                (_("Job"), job.get_kind_display()),
                (_("About"), self.about(job)),
                (_("Upstream"), job.upstream),
                (_("Wished for"), _("%(want)d times, %(done)d done") % {"want": job.want, "done": job.done}),
                (_("Tries since it last worked"), job.attempts),
                (_("Next try"), self.due(job)),
                (_("Waiting since"), NOTHING if job.want == job.done else when(job.due_since)),
                (_("Gave up"), when(job.dead_at)),
                (_("Priority"), _("live") if job.priority == 0 else _("behind live traffic")),
                (_("Last error"), self.error(job)),
                (_("Made"), when(job.created_at)),
                (_("Code of this story"), code_link(job.correlation_id)),
            ],
            blocks=[
                story.problems_block(Problem.objects.filter(job=job)),
                story.attempts_block(Attempt.objects.filter(job=job), q=job.correlation_id),
                story.receipts_block([job.correlation_id]),
            ],
        )


@admin.register(Attempt)
class AttemptAdmin(HistoryAdmin):
    """Every call to either upstream. Excerpts are redacted before they are kept."""

    list_display = ["started", "call", "result", "words", "took", "waited", "story_code"]
    list_filter = [OutcomeFilter]
    ordering = ["-started_at"]
    search_fields = ["correlation_id"]
    search_note = staticmethod(cut_story_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail or code")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Attempt]:
        return super().get_queryset(request).select_related("job").defer("request_excerpt", "response_excerpt")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(correlation_id__in=story_codes(search_term)) if search_term else queryset, False

    @admin.display(description=gettext_lazy("when"), ordering="started_at")
    def started(self, attempt: Attempt) -> SafeString | str:
        return age(attempt.started_at)

    @admin.display(description=gettext_lazy("call"))
    def call(self, attempt: Attempt) -> SafeString:
        return two_lines(
            format_html('<span class="tb-path">{} {}</span>', attempt.method, attempt.path), attempt.upstream
        )

    @admin.display(description=gettext_lazy("result"))
    def result(self, attempt: Attempt) -> SafeString:
        return outcome_badge(attempt.outcome, attempt.status)

    @admin.display(description=gettext_lazy("its words"))
    def words(self, attempt: Attempt) -> SafeString | str:
        return two_lines(attempt.message, attempt.code) if attempt.message or attempt.code else NOTHING

    @admin.display(description=gettext_lazy("took"))
    def took(self, attempt: Attempt) -> str:
        return milliseconds(attempt.duration_ms)

    @admin.display(description=gettext_lazy("then waited"))
    def waited(self, attempt: Attempt) -> str:
        return NOTHING if attempt.wait_seconds is None else f"{attempt.wait_seconds:g} s"

    @admin.display(description=gettext_lazy("code"))
    def story_code(self, attempt: Attempt) -> SafeString | str:
        return code_link(attempt.correlation_id)

    def page(self, attempt: Attempt) -> Page:
        """One call: where to, what it said and what came back, redacted, and how long its job waits since."""
        return Page(
            headline=format_html("{} {}", outcome_badge(attempt.outcome, attempt.status), attempt.message),
            facts=[
                (_("Call"), f"{attempt.method} {attempt.path}"),
                (_("Upstream"), attempt.upstream),
                (_("Endpoint"), attempt.endpoint),
                (_("Started"), when(attempt.started_at)),
                (_("Took"), self.took(attempt)),
                (_("Then waited"), self.waited(attempt)),
                (_("Error code"), attempt.code or NOTHING),
                (_("For job"), link(attempt.job, attempt.job.get_kind_display()) if attempt.job else NOTHING),
                (_("Code of this story"), code_link(attempt.correlation_id)),
                (
                    _("Same story"),
                    format_html('<a class="tb-link" href="{}">{}</a>', same_story(attempt), _("All calls")),
                ),
            ],
            blocks=[
                excerpt(_("Sent"), attempt.request_excerpt, _("The request had no body.")),
                excerpt(_("Answered"), attempt.response_excerpt, _("The answer had no body, or none came.")),
            ],
        )


def excerpt(title: str, text: str, empty: str) -> Text:
    """What was sent or answered, for whoever may see people."""
    return Text(title, indented(text), empty) if shows_people() else Text(title, "", NOT_FOR_YOU)


def same_story(attempt: Attempt) -> str:
    return list_of(Attempt, q=attempt.correlation_id)


def indented(text: str) -> str:
    """JSON on several lines; anything else, such as JSON that was cut, as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text


@admin.register(Heartbeat)
class HeartbeatAdmin(HistoryAdmin):
    """Whether the workers are alive."""

    list_display = ["name", "seen", "kicked"]
    ordering = ["name"]

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, heartbeat: Heartbeat) -> SafeString | str:
        return age(heartbeat.at)

    @admin.display(description=gettext_lazy("woken"))
    def kicked(self, heartbeat: Heartbeat) -> SafeString | str:
        return age(heartbeat.kicked_at)

    def page(self, heartbeat: Heartbeat) -> Page:
        return Page(
            headline=format_html("{} {}", _("Last seen"), age(heartbeat.at)),
            facts=[(_("Last seen"), when(heartbeat.at)), (_("Wake-up queued"), when(heartbeat.kicked_at))],
        )


@admin.register(Write)
class WriteAdmin(HistoryAdmin):
    """What was changed in commercetools, and from what to what."""

    list_display = ["written", "order_link", "shown_changes", "version", "story_code"]
    list_select_related = ["order__project", "order__store"]
    ordering = ["-pk"]
    search_fields = ["correlation_id"]
    search_note = staticmethod(cut_story_note)
    search_help_text = gettext_lazy("Order or tracking number, e-mail or code")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> tuple[QuerySet, bool]:
        return queryset.filter(correlation_id__in=story_codes(search_term)) if search_term else queryset, False

    @admin.display(description=gettext_lazy("written"))
    def written(self, write: Write) -> SafeString | str:
        return age(write.written_at)

    @admin.display(description=gettext_lazy("order"))
    def order_link(self, write: Write) -> SafeString | str:
        return story.order_line(write.order)

    @admin.display(description=gettext_lazy("what changed"))
    def shown_changes(self, write: Write) -> SafeString | str:
        """Not by the field's own name: Django would show its JSON, with what is hidden here."""
        return story.changes_of(write)

    @admin.display(description=gettext_lazy("version"))
    def version(self, write: Write) -> str:
        return story.versions_of(write)

    @admin.display(description=gettext_lazy("code"))
    def story_code(self, write: Write) -> SafeString | str:
        return code_link(write.correlation_id)

    def page(self, write: Write) -> Page:
        return Page(
            headline=_("%(n)d fields changed") % {"n": len(write.changes)},
            facts=[
                (_("Order"), story.order_line(write.order)),
                (_("Written"), when(write.written_at)),
                (_("Version"), story.versions_of(write)),
                (_("What changed"), story.changes_of(write)),
                (_("Code of this story"), code_link(write.correlation_id)),
            ],
        )


@admin.register(Run)
class RunAdmin(HistoryAdmin):
    """Backfills, reconciliations and imports: how far they are, and what they found."""

    list_display = ["shown_kind", "subject", "shown_state", "found", "started", "seen"]
    list_filter = [("kind", ChoicesDropdownFilter)]
    search_fields = ["subject", "correlation_id"]
    search_help_text = gettext_lazy("Project, account or code")

    @admin.display(description=gettext_lazy("run"))
    def shown_kind(self, run: Run) -> str:
        return run.get_kind_display()

    @admin.display(description=gettext_lazy("state"))
    def shown_state(self, run: Run) -> SafeString:
        return badge(_("Finished"), GOOD) if run.finished_at else badge(_("Under way"), MOVING)

    @admin.display(description=gettext_lazy("found"))
    def found(self, run: Run) -> SafeString | str:
        return lines([f"{name}: {number}" for name, number in run.counts.items()])

    @admin.display(description=gettext_lazy("started"))
    def started(self, run: Run) -> SafeString | str:
        return age(run.started_at)

    @admin.display(description=gettext_lazy("last seen"))
    def seen(self, run: Run) -> SafeString | str:
        return age(run.seen_at)

    def page(self, run: Run) -> Page:
        """How far the run got, what it counted and what it found."""
        return Page(
            headline=format_html("{} {}", self.shown_state(run), run.get_kind_display()),
            facts=[
                (_("Walks"), run.subject),
                (_("Started"), when(run.started_at)),
                (_("Last seen"), when(run.seen_at)),
                (_("Finished"), when(run.finished_at)),
                (_("Found"), self.found(run)),
                (_("Asked for"), indented(json.dumps(run.parameters)) if run.parameters else NOTHING),
                (_("Stands at"), indented(json.dumps(run.cursor)) if run.cursor else NOTHING),
                (_("Code of this story"), code_link(run.correlation_id)),
            ],
            blocks=[
                *(findings_blocks(run) if run.kind == RunKind.REGISTRY else []),
                story.attempts_block(Attempt.objects.filter(correlation_id=run.correlation_id), q=run.correlation_id),
            ],
        )
