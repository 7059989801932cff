"""A courier's own code → our status: only while it is the newest scan's, and for stored trackings when rules change."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from stores.models import Revision, StatusRule
from stores.revisions import Draft, save_drafts
from tests.factories import make_account, make_courier, make_order, make_parcel, make_tracking
from tests.tracking.services.snapshots import START, scan, snapshot
from tracking.enums import JobKind, ParcelStatus
from tracking.models import Job, Run, SeenCode, Tracking
from tracking.services import apply_status_rules, pump
from tracking.services.apply_update import Batch
from tracking.services.status_rules import StatusRules, load_status_rules

pytestmark = pytest.mark.django_db
VAGUE = {"tag": "Exception", "subtag": "Exception_001"}


def tracked(**facts: Any) -> Tracking:
    tracking = make_tracking(facts.pop("account", None) or make_account(), updated_at=None, **facts)
    make_parcel(make_order(ordered_at=START - timedelta(days=1)), tracking)
    return tracking


def take(tracking: Tracking, hours: float, *scans: dict[str, Any], **facts: Any) -> Tracking:
    batch = Batch.lock(tracking.account, [tracking.pk])
    newest = scans[-1]
    document = {"tag": newest["tag"], "subtag": newest["subtag"], "checkpoints": list(scans)} | facts
    batch.apply(batch.by_id[tracking.pk], snapshot(tracking.pk, hours, **document))
    batch.save()
    tracking.refresh_from_db()
    return tracking


def rule(code: str, status: ParcelStatus, courier: str = "", kind: str = "raw") -> StatusRule:
    return StatusRule.objects.create(
        courier=make_courier(courier) if courier else None, code_kind=kind, code=code, status=status
    )


def test_the_courier_s_own_code_decides_while_its_scan_is_the_newest() -> None:
    lost = rule("EX-17", ParcelStatus.LOST, "dhl-germany")
    tracking = take(tracked(), 2, scan(1), scan(2, **VAGUE, raw_tag="EX-17", slug="dhl-germany"))
    assert (tracking.status, tracking.status_rule, tracking.tag) == ("lost", lost, "Exception")
    later = [scan(1), scan(2, **VAGUE, raw_tag="EX-17", slug="dhl-germany"), scan(3, raw_tag="IT-1")]
    tracking = take(tracking, 3, *later)
    assert (tracking.status, tracking.status_rule) == ("in_transit", None)


def test_a_code_says_nothing_where_aftership_rests_on_another_scan() -> None:
    rule("LATE-NOTE", ParcelStatus.LOST)
    delivered = scan(1, "Delivered", "Delivered_001")
    note = scan(2, raw_tag="LATE-NOTE")
    assert take(tracked(), 2, delivered, note, tag="Delivered", subtag="Delivered_001").status == "delivered"


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([("subtag", "Exception_001", "", "delayed")], "delayed"),
        ([("subtag", "Exception_001", "", "delayed"), ("subtag", "Exception_001", "dhl-germany", "lost")], "lost"),
        ([("subtag", "Exception_001", "dhl-germany", "lost"), ("raw", "EX-17", "", "returned")], "returned"),
        ([("raw", "EX-17", "", "returned"), ("raw", "EX-17", "dhl-germany", "disposed")], "disposed"),
        ([("raw", "EX-17", "ups", "disposed"), ("raw", "ex-17", "", "lost")], "exception"),
    ],
)
def test_own_code_before_subtag_and_courier_before_everybody(rules: list[tuple[str, ...]], status: str) -> None:
    for kind, code, courier, becomes in rules:
        rule(code, ParcelStatus(becomes), courier, kind)
    assert take(tracked(), 2, scan(1, **VAGUE, raw_tag="EX-17", slug="dhl-germany")).status == status


def test_the_same_snapshot_again_is_not_newer_because_a_rule_reads_it_differently() -> None:
    rule("EX-17", ParcelStatus.LOST)
    tracking = take(tracked(), 2, scan(1, **VAGUE, raw_tag="EX-17"))
    changed_at = tracking.status_changed_at
    Job.objects.all().delete()
    tracking = take(tracking, 2, scan(1, **VAGUE, raw_tag="EX-17"))
    assert (tracking.status_changed_at, Job.objects.count()) == (changed_at, 0)


def test_changed_rule_is_applied_to_what_is_stored_and_taking_it_back_restores() -> None:
    account = make_account()
    hit = take(tracked(account=account), 2, scan(1, **VAGUE, raw_tag="EX-17"))
    other = take(tracked(account=account), 2, scan(1, **VAGUE, raw_tag="EX-18"))
    moved_on = take(tracked(account=account), 3, scan(1, **VAGUE, raw_tag="EX-17"), scan(2))
    Job.objects.all().delete()
    words = {"courier": None, "code_kind": "raw", "code": "EX-17", "status": "lost", "origin": "console"}
    revision = save_drafts([Draft("status_rule", None, words)], source=Revision.Source.CONSOLE)
    assert statuses(hit, other, moved_on) == ["exception", "exception", "in_transit"]
    apply(revision)
    assert statuses(hit, other, moved_on) == ["lost", "exception", "in_transit"]
    order = hit.parcels.get().order
    assert list(Job.objects.filter(kind=JobKind.WRITE_BACK).values_list("subject", flat=True)) == [str(order.pk)]
    assert Run.objects.get(kind="status_rules").counts == {"checked": 2, "changed": 1}
    taken_back = save_drafts([Draft("status_rule", StatusRule.objects.get().pk, None)], source=Revision.Source.CONSOLE)
    apply(taken_back)
    assert statuses(hit, other, moved_on) == ["exception", "exception", "in_transit"]


def test_applying_goes_on_where_it_was_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    account = make_account()
    trackings = [take(tracked(account=account), 2, scan(1, **VAGUE, raw_tag="EX-17")) for _ in range(5)]
    words = {"courier": None, "code_kind": "raw", "code": "EX-17", "status": "lost", "origin": "console"}
    revision = save_drafts([Draft("status_rule", None, words)], source=Revision.Source.CONSOLE)
    assert revision is not None
    monkeypatch.setattr(apply_status_rules, "PAGE", 2)
    monkeypatch.setattr(apply_status_rules, "RUN_SECONDS", -1)
    apply_status_rules.apply_changed_rules(revision.pk)
    assert sorted(statuses(*trackings)) == ["exception"] * 3 + ["lost"] * 2
    assert Job.objects.get(kind=JobKind.APPLY_STATUS_RULES).subject == str(revision.pk)
    monkeypatch.setattr(apply_status_rules, "RUN_SECONDS", 15)
    apply_status_rules.apply_changed_rules(revision.pk)
    assert statuses(*trackings) == ["lost"] * 5
    assert Run.objects.get(kind="status_rules").counts == {"checked": 5, "changed": 5}


def test_revision_of_other_rules_wishes_for_nothing() -> None:
    make_account(key="main")
    assert not apply_status_rules.wish_for(None)
    assert not apply_status_rules.wish_for(Revision.objects.create(source="console", changes=[]))
    assert not Job.objects.exists()


def test_preview_counts_what_would_change_and_writes_nothing() -> None:
    tracking = take(tracked(), 2, scan(1, **VAGUE, raw_tag="EX-17"))
    draft = StatusRules({**load_status_rules().rules, ("raw", "EX-17", ""): (-1, ParcelStatus.LOST)})
    looked_at, moves = apply_status_rules.preview({("raw", "EX-17")}, draft, 100)
    assert (looked_at, moves) == (1, Counter({("exception", "lost"): 1}))
    assert statuses(tracking) == ["exception"]


def test_codes_are_counted_once_per_scan_with_a_sample() -> None:
    account = make_account()
    first = take(tracked(account=account), 2, scan(1, raw_tag="A"), scan(2, **VAGUE, raw_tag="EX-17"))
    take(first, 3, scan(1, raw_tag="A"), scan(2, **VAGUE, raw_tag="EX-17"), scan(3, **VAGUE, raw_tag="EX-17"))
    second = take(tracked(account=account), 2, scan(1, **VAGUE, raw_tag="EX-17", slug="ups"))
    assert set(SeenCode.objects.values_list("courier", "raw_tag", "subtag", "count", "sample")) == {
        ("", "A", "InTransit_003", 1, first.pk),
        ("", "EX-17", "Exception_001", 2, first.pk),
        ("ups", "EX-17", "Exception_001", 1, second.pk),
    }


def apply(revision: Revision | None) -> None:
    """Wish for it and let the job run, as the console does."""
    assert apply_status_rules.wish_for(revision)
    [job] = Job.objects.filter(kind=JobKind.APPLY_STATUS_RULES, done=0)
    pump.run_job(job)
    job.refresh_from_db()
    assert (job.done, job.dead_at) == (job.want, None)


def statuses(*trackings: Tracking) -> list[str]:
    known = dict(Tracking.objects.values_list("pk", "status"))
    return [known[tracking.pk] for tracking in trackings]
