"""The examination as a Run: the house, each project, each account; what was found is kept part by part.

by command ─> whole()                     in the foreground, one part after the other
by the console ─> want() ─> job ─> walk   in a worker; the page shows how far it is
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import F

from config.correlation import new_correlation_id
from stores.models import AfterShipAccount, Project, Store
from tracking.enums import JobKind, RunKind
from tracking.models import Job, Run
from tracking.services import connections, jobs, runs
from tracking.services.doctor.accounts import examine_account
from tracking.services.doctor.findings import Findings
from tracking.services.doctor.house import examine_house
from tracking.services.doctor.projects import examine_project
from tracking.services.doctor.stores import examine_store
from tracking.services.ledger import recorded

UPSTREAM = "trackbridge:doctor"  # no connection of that name: no pause holds it up
HOUSE = "trackbridge"
ALL = "all"
STORE = "store:"
PART_SECONDS = 20.0  # for the calls of one part
RUN_SECONDS = 10.0  # with one part more it is well within the lease of a job


def want(subject: str = ALL) -> None:
    """Wish for an examination of everything, or of one store (`store_subject`), by a worker."""
    jobs.want([jobs.Wish(JobKind.DOCTOR, subject, UPSTREAM, new_correlation_id())])


def store_subject(store: Store) -> str:
    """The examination of what one store needs to go live."""
    return f"{STORE}{store.pk}"


def run_wanted(subject: str) -> None:
    """The job's handler. Goes on where it stood; what is left after a while is wished for again."""
    if not runs.go_for(begin(subject), walk, RUN_SECONDS):
        want(subject)


def whole(subject: str = ALL) -> Run:
    """Examine in the foreground: everything, or one project (``commercetools:demo``)."""
    if unfinished := runs.open_run(RunKind.DOCTOR, subject):
        runs.finish(unfinished)  # what it found is old by now
    run = begin(subject)
    for _ in walk(run):
        pass
    return run


def begin(subject: str) -> Run:
    """The examination that was interrupted, or a new one, with its parts in order."""
    return runs.open_run(RunKind.DOCTOR, subject) or runs.begin(RunKind.DOCTOR, subject, {"parts": parts_of(subject)})


def parts_of(subject: str) -> list[str]:
    """``["trackbridge", "commercetools:demo", "aftership:main"]``; a single project brings its accounts."""
    if subject.startswith(STORE):
        store = Store.objects.select_related("project").get(pk=subject.removeprefix(STORE))
        project = connections.upstream_key(store.project)
        return [*parts_of(project), subject]
    projects, accounts = Project.objects.order_by("key"), AfterShipAccount.objects.order_by("key")
    if subject != ALL:
        projects = projects.filter(key=subject.partition(":")[2])
        accounts = accounts.filter(routes__project__in=projects).distinct()
    return [HOUSE, *(connections.upstream_key(one) for one in (*projects, *accounts))]


def walk(run: Run) -> Iterator[None]:
    """Part by part; yields after each one whose findings were kept."""
    for part in run.parameters["parts"]:
        if part in run.findings:
            continue
        with recorded(part, run.correlation_id, PART_SECONDS):
            found = [finding.document() for finding in examined(part)]
        run.findings = {**run.findings, part: found}
        runs.save(run, "findings")
        runs.note(run, {"parts": len(run.findings)}, counted(run.findings))
        yield
    runs.finish(run)


def examined(part: str) -> Findings:
    if part == HOUSE:
        yield from examine_house()
        return
    if part.startswith(STORE):
        yield from examine_store(Store.objects.select_related("project").get(pk=part.removeprefix(STORE)))
        return
    connection = connections.rows_of(part).first()
    if isinstance(connection, Project):
        yield from examine_project(connection)
    elif isinstance(connection, AfterShipAccount):
        yield from examine_account(connection)


def found_in(run: Run) -> dict[str, list[dict[str, Any]]]:
    """What was found so far, part by part in the order of the examination: a database keeps no order of names."""
    return {part: run.findings[part] for part in run.parameters.get("parts", []) if part in run.findings}


def counted(findings: dict[str, list[dict[str, Any]]]) -> Counter[str]:
    """How many findings are fine, warnings and broken."""
    return Counter(one["state"] for part in findings.values() for one in part)


def wanted_since(subject: str = ALL) -> datetime | None:
    """Since when an examination is asked for and not done; None where none is."""
    wanted = Job.objects.filter(kind=JobKind.DOCTOR, subject=subject, want__gt=F("done"))
    return wanted.values_list("due_since", flat=True).first()


def last_run(subject: str = ALL, *, is_finished: bool) -> Run | None:
    """The newest examination of everything that is over, or the one under way."""
    return (
        Run.objects.filter(kind=RunKind.DOCTOR, subject=subject, finished_at__isnull=not is_finished)
        .order_by("-started_at")
        .first()
    )
