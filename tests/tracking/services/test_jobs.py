"""The outbox' states, one rule each: wishes, leases, fencing, back-off, dead letters. Debounce 1 s, lease 45 s."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction

from tests.factories import make_dead_letter, make_job
from tests.tracking.services.conftest import Clock
from tracking.enums import JobKind
from tracking.models import Job
from tracking.services import jobs
from tracking.services.jobs import BACKFILL, LIVE, Wish

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def wish(kind: JobKind = JobKind.PUSH, subject: str = "t-1", **facts: Any) -> Wish:
    return Wish(
        **{"kind": kind, "subject": subject, "upstream": "aftership:main", "correlation_id": "K7MQ-2XRT"} | facts
    )


def only() -> Job:
    return Job.objects.get()


def claimed() -> Job:
    """Claim the one due job."""
    (job,) = jobs.claim(10)
    return job


def is_due() -> bool:
    return jobs.due_jobs(jobs.timezone.now()).exists()


class TestWishes:
    def test_a_first_wish_makes_a_job_that_is_due_at_once(self, clock: Clock) -> None:
        jobs.want([wish()])
        job = only()
        assert (job.kind, job.subject, job.upstream, job.correlation_id) == (
            "push",
            "t-1",
            "aftership:main",
            "K7MQ-2XRT",
        )
        assert (job.want, job.done, job.attempts, job.priority) == (1, 0, 0, LIVE)
        assert job.next_attempt_at == job.due_since == job.created_at == clock.moment
        assert job.dead_at is None

    @pytest.mark.parametrize("kind", [JobKind.COLLECT, JobKind.WRITE_BACK])
    def test_kinds_that_gather_bursts_wait_for_the_debounce(self, clock: Clock, kind: JobKind) -> None:
        jobs.want([wish(kind)])
        assert not is_due()
        clock.forward(1)
        assert is_due()

    def test_a_burst_is_one_run(self, clock: Clock) -> None:
        for _ in range(40):
            jobs.want([wish(JobKind.WRITE_BACK)])
        clock.forward(1)
        assert jobs.finish(claimed())
        job = only()
        assert (job.want, job.done) == (40, 40)
        assert not is_due()

    def test_the_same_wish_twice_in_one_call_counts_once(self, clock: Clock) -> None:
        jobs.want([wish(), wish()])
        assert only().want == 1

    def test_no_wish_is_no_query(self, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(0):
            jobs.want([])

    def test_many_wishes_are_one_query(self, clock: Clock, django_assert_num_queries: Any) -> None:
        with django_assert_num_queries(1):
            jobs.want([wish(subject=str(number)) for number in range(500)])
        assert Job.objects.count() == 500

    def test_a_stream_of_wishes_cannot_put_a_job_off(self, clock: Clock) -> None:
        jobs.want([wish(JobKind.WRITE_BACK)])
        for _ in range(3):
            clock.forward(0.4)
            jobs.want([wish(JobKind.WRITE_BACK)])
        assert is_due()

    @pytest.mark.parametrize(("priority", "is_fresh"), [(LIVE, True), (BACKFILL, False)])
    def test_in_a_backlog_fresh_news_goes_to_the_fresh_end(self, clock: Clock, priority: int, is_fresh: bool) -> None:
        jobs.want([wish(JobKind.WRITE_BACK)])
        due_at = clock.after(1)
        clock.forward(11)
        jobs.want([wish(JobKind.WRITE_BACK)])
        assert only().next_attempt_at == due_at, "ten seconds are no backlog"
        clock.forward(1)
        jobs.want([wish(JobKind.WRITE_BACK, priority=priority)])
        assert only().next_attempt_at == (clock.moment if is_fresh else due_at)
        assert is_due()

    def test_a_wish_does_not_shorten_a_back_off(self, clock: Clock) -> None:
        jobs.want([wish()])
        jobs.back_off(claimed(), code="503", message="", at_least=60)
        jobs.want([wish()])
        clock.forward(59)
        assert not is_due()
        clock.forward(1)
        assert is_due()

    def test_a_wish_during_a_run_makes_one_more_run(self, clock: Clock) -> None:
        jobs.want([wish(JobKind.WRITE_BACK)])
        clock.forward(1)
        job = claimed()
        for _ in range(3):
            jobs.want([wish(JobKind.WRITE_BACK)])
        assert not is_due(), "not beside the run that is under way"
        assert jobs.finish(job)
        assert (only().want, only().done) == (4, 1)
        clock.forward(1)
        assert jobs.finish(claimed())
        assert (only().want, only().done) == (4, 4)
        clock.forward(1)
        assert not is_due()

    def test_an_idle_job_becomes_due_again(self, clock: Clock) -> None:
        jobs.want([wish(JobKind.WRITE_BACK)])
        clock.forward(1)
        jobs.finish(claimed())
        clock.forward(3600)
        jobs.want([wish(JobKind.WRITE_BACK, correlation_id="OTHR-CODE", upstream="aftership:new")])
        job = only()
        assert (job.want, job.done, job.attempts) == (2, 1, 0)
        assert job.next_attempt_at == clock.after(1)
        assert job.due_since == clock.moment
        assert (job.correlation_id, job.upstream) == ("OTHR-CODE", "aftership:new")

    def test_due_since_stays_that_of_the_oldest_open_wish(self, clock: Clock) -> None:
        since = clock.moment
        jobs.want([wish()])
        clock.forward(30)
        jobs.want([wish()])
        assert only().due_since == since

    def test_after_a_run_due_since_is_the_end_of_that_run(self, clock: Clock) -> None:
        jobs.want([wish()])
        job = claimed()
        clock.forward(10)
        jobs.want([wish()])
        clock.forward(5)
        jobs.finish(job)
        assert only().due_since == clock.moment

    @pytest.mark.parametrize(
        ("before", "wished", "after"), [(LIVE, BACKFILL, LIVE), (BACKFILL, LIVE, LIVE), (BACKFILL, BACKFILL, BACKFILL)]
    )
    def test_live_traffic_lifts_a_waiting_backfill_and_never_the_reverse(
        self, clock: Clock, before: int, wished: int, after: int
    ) -> None:
        jobs.want([wish(priority=before)])
        jobs.want([wish(priority=wished)])
        assert only().priority == after

    def test_an_idle_job_takes_the_priority_of_its_new_wish(self, clock: Clock) -> None:
        jobs.want([wish(priority=LIVE)])
        jobs.finish(claimed())
        jobs.want([wish(priority=BACKFILL)])
        assert only().priority == BACKFILL

    def test_a_wish_vanishes_with_the_transaction_that_made_it(self, clock: Clock) -> None:
        with transaction.atomic():
            jobs.want([wish()])
            transaction.set_rollback(True)
        assert not Job.objects.exists()

    def test_done_cannot_overtake_want(self, clock: Clock) -> None:
        jobs.want([wish()])
        with pytest.raises(IntegrityError), transaction.atomic():
            Job.objects.update(done=2)


class TestClaims:
    def test_a_claim_is_a_lease_that_counts_as_a_try(self, clock: Clock) -> None:
        jobs.want([wish()])
        job = claimed()
        assert job.attempts == only().attempts == 1
        assert job.next_attempt_at == only().next_attempt_at == clock.after(settings.JOB_LEASE_SECONDS)
        assert jobs.claim(10) == []

    def test_a_killed_workers_job_is_due_again_when_its_lease_is_over(self, clock: Clock) -> None:
        jobs.want([wish()])
        claimed()
        clock.forward(settings.JOB_LEASE_SECONDS - 0.001)
        assert jobs.claim(10) == []
        clock.forward(0.001)
        assert claimed().attempts == 2

    def test_each_crash_counts(self, clock: Clock) -> None:
        jobs.want([wish()])
        for attempts in range(1, 6):
            assert claimed().attempts == attempts
            clock.forward(settings.JOB_LEASE_SECONDS)

    def test_live_before_backfill_then_who_waits_longest(self, clock: Clock) -> None:
        for subject, priority in (("old backfill", BACKFILL), ("live 1", LIVE), ("live 2", LIVE)):
            jobs.want([wish(subject=subject, priority=priority)])
            clock.forward(1)
        assert [job.subject for job in jobs.claim(2)] == ["live 1", "live 2"]
        assert [job.subject for job in jobs.claim(2)] == ["old backfill"]

    def test_a_claim_takes_no_more_than_asked_for(self, clock: Clock) -> None:
        jobs.want([wish(subject=str(number)) for number in range(5)])
        assert [len(jobs.claim(3)), len(jobs.claim(3)), len(jobs.claim(3))] == [3, 2, 0]

    def test_a_paused_upstream_is_passed_over_and_keeps_its_jobs_as_they_are(self, clock: Clock) -> None:
        jobs.want([wish(subject="1"), wish(subject="2", upstream="aftership:other")])
        assert [job.subject for job in jobs.claim(10, paused=["aftership:main"])] == ["2"]
        assert Job.objects.get(subject="1").attempts == 0
        assert claimed().subject == "1"

    def test_dead_and_idle_jobs_are_not_claimed(self, clock: Clock) -> None:
        make_dead_letter(next_attempt_at=clock.after(-60))
        make_job(want=3, done=3, next_attempt_at=clock.after(-60))
        assert jobs.claim(10) == []

    def test_the_debounce_can_be_skipped_a_back_off_and_a_lease_cannot(self, clock: Clock) -> None:
        jobs.want([wish(JobKind.WRITE_BACK, "gathers"), wish(subject="backs off"), wish(subject="leased")])
        for job in jobs.claim(10):
            if job.subject == "backs off":
                jobs.back_off(job, code="503", message="", at_least=0.5)
        assert [job.subject for job in jobs.claim(10, ignore_debounce=True)] == ["gathers"]


class TestEnds:
    def test_a_finished_job_is_idle_and_clean(self, clock: Clock) -> None:
        jobs.want([wish()])
        jobs.back_off(claimed(), code="503", message="down")
        clock.forward(900)
        assert jobs.finish(claimed())
        job = only()
        assert (job.want, job.done, job.attempts, job.last_error_code, job.last_error) == (1, 1, 0, "", "")

    def test_a_back_off_keeps_the_cause_and_the_count(self, clock: Clock) -> None:
        jobs.want([wish()])
        wait = jobs.back_off(claimed(), code="503", message="Service unavailable", at_least=7)
        job = only()
        assert wait == 7
        assert (job.attempts, job.last_error_code, job.last_error) == (1, "503", "Service unavailable")
        assert job.next_attempt_at == clock.after(7)

    def test_long_words_are_cut(self, clock: Clock) -> None:
        jobs.want([wish()])
        jobs.back_off(claimed(), code="c" * 200, message="m" * 5000)
        assert (len(only().last_error_code), len(only().last_error)) == (80, 1000)

    def test_a_postponed_try_does_not_count(self, clock: Clock) -> None:
        jobs.want([wish()])
        jobs.postpone(claimed(), seconds=30, code="budget", message="used up")
        assert (only().attempts, only().last_error_code) == (0, "budget")
        clock.forward(29)
        assert not is_due()
        clock.forward(1)
        assert claimed().attempts == 1

    def test_a_dead_letter_keeps_its_wishes_and_its_cause(self, clock: Clock) -> None:
        jobs.want([wish(), wish(subject="t-2")])
        jobs.want([wish()])
        job = next(job for job in jobs.claim(10) if job.subject == "t-1")
        assert jobs.bury(job, code="4005", message="invalid")
        job.refresh_from_db()
        assert (job.want, job.done, job.dead_at, job.last_error_code) == (2, 0, clock.moment, "4005")
        clock.forward(86_400)
        assert [job.subject for job in jobs.claim(10)] == ["t-2"]

    def test_a_new_wish_wakes_a_dead_letter_with_a_fresh_count(self, clock: Clock) -> None:
        make_dead_letter(kind=JobKind.PUSH, subject="t-1", attempts=96, next_attempt_at=clock.after(10_000))
        jobs.want([wish()])
        job = only()
        assert (job.dead_at, job.attempts, job.want, job.last_error_code) == (None, 0, 2, "InvalidField")
        assert claimed().attempts == 1

    def test_a_wish_during_the_run_that_failed_for_good_is_not_buried_with_it(self, clock: Clock) -> None:
        jobs.want([wish(JobKind.WRITE_BACK)])
        clock.forward(1)
        job = claimed()
        jobs.want([wish(JobKind.WRITE_BACK)])
        assert not jobs.bury(job, code="InvalidField", message="what the first wish asked for")
        clock.forward(1)
        assert (only().dead_at, claimed().attempts) == (None, 1)

    def test_requeue_makes_dead_letters_due_and_leaves_all_others(self, clock: Clock) -> None:
        make_dead_letter(attempts=96, next_attempt_at=clock.after(10_000))
        waiting = make_job(attempts=3, next_attempt_at=clock.after(60))
        assert jobs.requeue(Job.objects.all()) == 1
        assert [job.attempts for job in jobs.claim(10)] == [1]
        waiting.refresh_from_db()
        assert (waiting.attempts, waiting.next_attempt_at) == (3, clock.after(60))


ENDS = {
    "finish": lambda job: jobs.finish(job),
    "back_off": lambda job: jobs.back_off(job, code="x", message="x"),
    "postpone": lambda job: jobs.postpone(job, seconds=5, code="x", message="x"),
    "bury": lambda job: jobs.bury(job, code="x", message="x"),
}


class TestFencing:
    """A worker that was overtaken: its lease ran out while it still worked, and somebody else has the job now."""

    @pytest.mark.parametrize("end", ENDS)
    def test_an_overtaken_worker_writes_nothing(self, clock: Clock, end: str) -> None:
        jobs.want([wish()])
        overtaken = claimed()
        clock.forward(settings.JOB_LEASE_SECONDS + 1)
        claimed()
        before = Job.objects.values().get()
        ENDS[end](overtaken)
        assert Job.objects.values().get() == before

    @pytest.mark.parametrize("end", ENDS)
    def test_nor_after_the_other_one_has_finished(self, clock: Clock, end: str) -> None:
        jobs.want([wish()])
        overtaken = claimed()
        clock.forward(settings.JOB_LEASE_SECONDS + 1)
        assert jobs.finish(claimed())
        before = Job.objects.values().get()
        ENDS[end](overtaken)
        assert Job.objects.values().get() == before

    def test_who_finishes_late_but_was_not_overtaken_still_counts(self, clock: Clock) -> None:
        jobs.want([wish()])
        job = claimed()
        clock.forward(settings.JOB_LEASE_SECONDS + 30)
        assert jobs.finish(job)
        assert only().done == 1

    def test_the_later_of_two_workers_does_not_take_back_what_was_done(self, clock: Clock) -> None:
        jobs.want([wish()])
        slow = claimed()
        clock.forward(settings.JOB_LEASE_SECONDS + 1)
        jobs.want([wish()])
        assert jobs.finish(claimed())
        assert not jobs.finish(slow)
        assert only().done == 2


class TestBackOff:
    @pytest.mark.parametrize(
        ("attempts", "ceiling"), [(1, 1), (2, 2), (3, 4), (10, 512), (11, 900), (96, 900), (10_000, 900)]
    )
    def test_full_jitter_up_to_the_doubled_base_and_never_past_the_cap(
        self, monkeypatch: pytest.MonkeyPatch, attempts: int, ceiling: float
    ) -> None:
        asked = []
        monkeypatch.setattr(jobs.random, "uniform", lambda low, high: asked.append((low, high)) or high)
        assert jobs.backoff_seconds(attempts) == ceiling
        assert asked == [(0, ceiling)]

    def test_never_nothing_at_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jobs.random, "uniform", lambda low, high: low)
        assert jobs.backoff_seconds(1) == jobs.backoff_seconds(50) == 0.1

    def test_waits_are_spread_over_the_whole_range(self) -> None:
        waits = [jobs.backoff_seconds(7) for _ in range(400)]
        assert all(0.1 <= wait <= 64 for wait in waits)
        assert min(waits) < 8
        assert max(waits) > 56

    def test_the_upstreams_wish_is_a_lower_bound_only(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(jobs.random, "uniform", lambda low, high: high)
        jobs.want([wish()])
        assert jobs.back_off(claimed(), code="429", message="", at_least=0.2) == 1
        clock.forward(1)
        assert jobs.back_off(claimed(), code="429", message="", at_least=120) == 120
