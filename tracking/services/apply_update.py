"""AfterShip's news → Tracking, Checkpoints, and a wish to write every linked order.

    webhook receipts ─┐
    create, get, poll ┴> is_newer? ─> state + checkpoints ─> write_back of each order that shows the number

Events come late, twice and out of order. Checkpoints of any snapshot are kept; the state follows the newest only.
Checkpoints older than the order are kept, but count for nothing (``fence.py``). What staff marked holds against all but
newer news of the carrier (``marks.py``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from stores.models import AfterShipAccount
from tracking.enums import JobKind, ParcelStatus, ProblemKind, ReceiptEffect, ReceiptState
from tracking.models import Checkpoint, Order, Parcel, Receipt, Tracking
from tracking.models.orders import SHOWN
from tracking.payloads import from_aftership, json_text, self_test
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_aftership import CheckpointSnapshot, TrackingSnapshot, WebhookEvent
from tracking.services import jobs
from tracking.services.carrier_case import Case, case_of
from tracking.services.clocks import SCAN_COLUMNS, Scan, estimates_with
from tracking.services.connections import upstream_key
from tracking.services.fence import fence_off, fences_of
from tracking.services.lives import LIFE_FIELDS, scan_of, take_life
from tracking.services.marks import OVERTAKEN, under_mark
from tracking.services.notify_wishes import want_notify
from tracking.services.number_forms import UNRECOGNIZED, count_forms, is_carrier_news
from tracking.services.problems import close_problems, open_among, open_problem, subject_key
from tracking.services.rows import insert_rows, update_rows
from tracking.services.seen_codes import count_codes
from tracking.services.status_rules import StatusRules, load_status_rules
from tracking.services.story import tell
from tracking.services.troubles import check_troubles, said

UNKNOWN_TRACKING = "unknown tracking"
REPEATED, OLDER = "already applied", "older than what is applied"
UNWRITTEN = "newer, but nothing that we write changed"
DOUBTS = [
    ProblemKind.UNKNOWN_STATUS,
    ProblemKind.UNMAPPED_CARRIER,
    ProblemKind.CARRIER_MISMATCH,
    ProblemKind.CARRIER_DOUBTFUL,
    ProblemKind.NUMBER_REUSED,
]
ABOUT_COURIERS = {ProblemKind.UNMAPPED_CARRIER, ProblemKind.CARRIER_MISMATCH}
STATE_FIELDS = [
    "aftership_id", "courier", "status", "tag", "subtag", "subtag_message", "eta", "delivered_at", "tracking_url",
    "courier_url", "pickup_location", "pickup_note", "last_message", "last_location", "last_checkpoint_at", "is_moving",
    "updated_at", "snapshot_rank", "status_changed_at", "opened_at", "received_at", "is_fenced", "status_rule",
    "mark",
]  # fmt: skip
WRITTEN_FIELDS = [
    "aftership_id", "courier", "status", "tag", "subtag", "eta", "delivered_at", "tracking_url", "last_message",
    "last_location", "last_checkpoint_at",
]  # fmt: skip


def is_newer(snapshot: TrackingSnapshot, tracking: Tracking) -> bool:
    """Whether this snapshot is newer than the one applied: the line that late and repeated events run into.

    AfterShip's ``updated_at`` decides. It has whole seconds only, so within one second the snapshot that knows more
    checkpoints, then the newer checkpoint, then the more advanced status is the newer one. Equal is not newer.
    """
    if tracking.updated_at is None or snapshot.updated_at != tracking.updated_at:
        return tracking.updated_at is None or snapshot.updated_at > tracking.updated_at
    return rank_of(snapshot) > tracking.snapshot_rank


def rank_of(snapshot: TrackingSnapshot) -> list[int | str]:
    """What tells snapshots of one second apart; the same list for the same content, comparable with any other."""
    newest = from_aftership.newest_checkpoint(snapshot.checkpoints)
    reported = newest.created_at.isoformat() if newest and newest.created_at else ""
    return [len(snapshot.checkpoints), reported, ParcelStatus.values.index(snapshot.status), snapshot.subtag]


@dataclass
class Batch:
    """Trackings locked for one transaction, what is known of their checkpoints, and what is to be saved at its end."""

    trackings: list[Tracking]
    by_id: dict[str, Tracking] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    scans: dict[str, list[Scan]] = field(default_factory=lambda: defaultdict(list))
    with_news: dict[str, Tracking] = field(default_factory=dict)
    fences: dict[str, datetime] = field(default_factory=dict)
    status_rules: StatusRules = field(default_factory=StatusRules)
    new_checkpoints: list[Checkpoint] = field(default_factory=list)
    changed: dict[str, Tracking] = field(default_factory=dict)
    to_write: set[str] = field(default_factory=set)
    to_tell: set[str] = field(default_factory=set)
    moved: list[Tracking] = field(default_factory=list)

    @classmethod
    def lock(cls, account: AfterShipAccount, aftership_ids: Iterable[str]) -> Batch:
        """Lock the account's trackings that are known under these ids (AfterShip's, or ours), in one fixed order."""
        ids = set(aftership_ids)
        found = Tracking.objects.filter(Q(pk__in=ids) | Q(aftership_id__in=ids), account=account)
        batch = cls(list(found.order_by("pk").select_for_update()))
        for tracking in batch.trackings:
            batch.by_id[tracking.pk] = tracking
            if tracking.aftership_id:
                batch.by_id[tracking.aftership_id] = tracking
        known = Checkpoint.objects.filter(tracking__in=batch.trackings).order_by()
        for tracking_id, is_fenced, *columns in known.values_list("tracking_id", "is_fenced", *SCAN_COLUMNS):
            scan = Scan(*columns)
            batch.seen[tracking_id].add(scan.fingerprint)
            if not is_fenced:
                batch.scans[tracking_id].append(scan)
        batch.fences = fences_of(tracking.pk for tracking in batch.trackings)
        batch.status_rules = load_status_rules()
        return batch

    def apply(self, tracking: Tracking, snapshot: TrackingSnapshot, received_at: datetime | None = None) -> str:
        """Take one snapshot in, learned of at ``received_at`` (now); returns what it changed, or why not, in words."""
        new = [
            checkpoint for checkpoint in snapshot.checkpoints if checkpoint.fingerprint not in self.seen[tracking.pk]
        ]
        self.seen[tracking.pk].update(checkpoint.fingerprint for checkpoint in new)
        fenced = fence_off(snapshot, self.fences.get(tracking.pk))
        rows = [checkpoint_row(tracking, checkpoint) for checkpoint in new]
        marked = under_mark(fenced.snapshot, tracking.mark)
        for row in rows:
            row.is_fenced = row.fingerprint in fenced.behind or row.fingerprint in marked.notes
            if not row.is_fenced:
                self.scans[tracking.pk].append(scan_of(row))
                self.with_news[tracking.pk] = tracking
        self.new_checkpoints += rows
        snapshot = marked.snapshot
        added = f"{len(new)} new checkpoint{'' if len(new) == 1 else 's'}"
        if fenced.is_reused:
            added += ", all of it older than the order"
        if not is_newer(snapshot, tracking):
            known = tracking.updated_at.isoformat() if tracking.updated_at else ""
            same = snapshot.updated_at == tracking.updated_at
            return f"{REPEATED if same else OLDER} ({known}); {added}"
        before = {name: getattr(tracking, name) for name in WRITTEN_FIELDS}
        is_fresh = tracking.status_changed_at is None
        by_rule = (snapshot.status, None) if marked.holds else self.status_rules.status_for(snapshot)
        take_state(tracking, snapshot, *by_rule)
        if marked.is_overtaken:
            tracking.mark = {**tracking.mark, "ended": OVERTAKEN}
        if is_fresh and tracking.status_changed_at and is_carrier_news(snapshot):
            self.moved.append(tracking)
        tracking.received_at, tracking.is_fenced = received_at or timezone.now(), fenced.is_reused
        tracking.estimates = estimates_with(tracking.estimates, snapshot.updated_at, snapshot.eta)
        self.changed[tracking.pk] = tracking
        if before == {name: getattr(tracking, name) for name in WRITTEN_FIELDS}:
            return f"{UNWRITTEN}; {added}"
        self.to_write.add(tracking.pk)
        if (before["status"], before["eta"]) != (tracking.status, tracking.eta):
            self.to_tell.add(tracking.pk)
        return f"{before['status']} → {tracking.status}; {added}"

    def save(self, *, is_told: bool = True) -> None:
        """Save everything, and wish for a write of every order that shows one of the changed numbers.

        With ``is_told``, the shoppers of those whose status changed are to hear of it.
        """
        self.save_rows()
        learn([self])
        want_write_back(self.to_write)
        if is_told:
            want_notify(self.to_tell)

    def save_rows(self) -> None:
        """Save trackings and checkpoints, and open or close what is doubtful about them."""
        insert_rows(self.new_checkpoints)
        alive = self.changed | self.with_news  # late news leaves the state as it is, and may still move a clock
        for tracking in alive.values():
            take_life(tracking, self.scans[tracking.pk], self.status_rules)
        update_rows(alive.values(), [*STATE_FIELDS, *LIFE_FIELDS, "estimates"])
        check([tracking for tracking in self.changed.values() if tracking.retired_at is None])


def learn(batches: Sequence[Batch]) -> None:
    """Count what the news of one transaction teach, after its trackings and before its wishes.

    Once for all accounts: whoever does the same locks codes, forms and jobs in one order.
    """
    count_codes(row for batch in batches for row in batch.new_checkpoints)
    count_forms(tracking for batch in batches for tracking in batch.moved)


def take_state(tracking: Tracking, snapshot: TrackingSnapshot, status: ParcelStatus, rule_id: int | None) -> None:
    """Copy the state of a newer snapshot, with the status that our rules make of it; checkpoints are kept apart."""
    newest = from_aftership.newest_checkpoint(snapshot.checkpoints)
    if tracking.status != status:
        tracking.status_changed_at = timezone.now()
    tracking.aftership_id = tracking.aftership_id or snapshot.aftership_id
    tracking.opened_at = tracking.opened_at or timezone.now()
    tracking.courier = snapshot.courier
    tracking.status, tracking.status_rule_id = status, rule_id
    tracking.tag, tracking.subtag, tracking.subtag_message = snapshot.tag, snapshot.subtag, snapshot.subtag_message
    tracking.eta = snapshot.eta
    tracking.delivered_at = snapshot.delivered_at_text
    tracking.tracking_url, tracking.courier_url = snapshot.tracking_url, snapshot.courier_url
    tracking.pickup_location, tracking.pickup_note = snapshot.pickup_location, snapshot.pickup_note
    tracking.is_moving = snapshot.active is not False
    tracking.last_message = newest.message[:1000] if newest else ""
    tracking.last_location = newest.location if newest else ""
    tracking.last_checkpoint_at = newest.time_text if newest else ""
    tracking.updated_at = snapshot.updated_at
    tracking.snapshot_rank = rank_of(snapshot)


def has_time(snapshot: CheckpointSnapshot) -> bool:
    return bool(snapshot.happened_at or snapshot.local_time or snapshot.created_at)


def checkpoint_row(tracking: Tracking, snapshot: CheckpointSnapshot) -> Checkpoint:
    """The scan as a row, unsaved. ``sort_at`` is None where its time is unknown."""
    return Checkpoint(
        tracking=tracking,
        fingerprint=snapshot.fingerprint,
        tag=snapshot.tag,
        subtag=snapshot.subtag,
        subtag_message=snapshot.subtag_message,
        message=snapshot.message,
        location=snapshot.location,
        city=snapshot.city,
        state=snapshot.state,
        postal_code=snapshot.postal_code,
        country=snapshot.country,
        courier=snapshot.courier,
        raw_tag=snapshot.raw_tag,
        source=snapshot.source,
        time_text=snapshot.time_text,
        happened_at=snapshot.happened_at,
        local_time=snapshot.local_time.isoformat() if snapshot.local_time else "",
        sort_at=from_aftership.sort_key(snapshot)[0] if has_time(snapshot) else None,
        reported_at=snapshot.created_at,
    )


def want_write_back(tracking_ids: Iterable[str], priority: int = jobs.LIVE) -> None:
    """Wish for one write of each order that shows one of these trackings on a parcel that is still there."""
    parcels = Parcel.objects.filter(SHOWN, tracking__in=list(tracking_ids))
    orders = Order.objects.filter(pk__in=parcels.values("order")).select_related("project")
    jobs.want(
        jobs.Wish(JobKind.WRITE_BACK, str(order.pk), upstream_key(order.project), order.correlation_id, priority)
        for order in orders.only("correlation_id", "project__key")  # credentials would be decrypted for every row
    )


def check(trackings: Collection[Tracking]) -> None:
    """Open what is doubtful about the new states, or in trouble, and close what has healed."""
    check_troubles(trackings)
    had_problem = open_among(DOUBTS, trackings)
    for tracking in trackings:
        doubts = doubts_of(tracking)
        for kind, cause in doubts.items():
            case = case_of(tracking) if kind in ABOUT_COURIERS else Case()
            code = tracking.correlation_id
            open_problem(kind, tracking, cause, correlation_id=code, evidence=case.evidence, proposal=case.proposal)
        if subject_key(tracking) in had_problem:
            healed = set(DOUBTS) - set(doubts) - unanswered(tracking)
            close_problems(healed, tracking, f"It is {said(tracking.status)} with {tracking.courier} now.")


def unanswered(tracking: Tracking) -> set[ProblemKind]:
    """Doubts that no news can settle yet: while nothing moves, the courier stays as doubtful as it was."""
    is_corrected = tracking.courier not in ("", tracking.requested_courier)
    return set() if tracking.status != ParcelStatus.PENDING or is_corrected else {ProblemKind.CARRIER_DOUBTFUL}


def doubts_of(tracking: Tracking) -> dict[ProblemKind, str]:
    """What a person should look at: a status we do not know, a courier that AfterShip corrected or cannot tell, a
    number that another parcel had before.
    """
    doubts = {}
    if tracking.is_fenced:
        cause = "All that AfterShip knows of this number happened before the order was placed."
        doubts[ProblemKind.NUMBER_REUSED] = cause
    if tracking.status == ParcelStatus.UNKNOWN:
        cause = f"AfterShip says '{tracking.tag}' ({tracking.subtag or 'no subtag'}), which is not in our table."
        doubts[ProblemKind.UNKNOWN_STATUS] = cause
    if tracking.courier == UNRECOGNIZED:
        doubts[ProblemKind.UNMAPPED_CARRIER] = "AfterShip does not recognise the carrier of this number."
    elif tracking.requested_courier and tracking.courier not in ("", tracking.requested_courier):
        cause = f"We asked for {tracking.requested_courier}, AfterShip tracks it with {tracking.courier}."
        doubts[ProblemKind.CARRIER_MISMATCH] = cause
    return doubts


def apply_receipts(receipts: Sequence[Receipt]) -> None:
    """Apply AfterShip webhooks in one transaction (the caller's). Sets state and outcome on each receipt, unsaved.

    What cannot be read is quarantined, what concerns nobody is ignored; both keep their bytes and can be replayed.
    """
    events = {receipt: event for receipt in receipts if (event := read_event(receipt)) is not None}
    to_write: set[str] = set()
    to_tell: set[str] = set()
    batches = []
    for endpoint in sorted({receipt.endpoint for receipt in events}):
        mine = {receipt: event for receipt, event in events.items() if receipt.endpoint == endpoint}
        account = AfterShipAccount.objects.get(key=endpoint)
        batch = Batch.lock(account, (event.snapshot.aftership_id for event in mine.values()))
        for receipt, event in mine.items():
            apply_event(batch, receipt, event)
        batch.save_rows()
        to_write |= batch.to_write
        to_tell |= batch.to_tell
        batches.append(batch)
    learn(batches)
    want_write_back(to_write)  # once for all accounts: jobs are locked in one order, whoever else does the same
    want_notify(to_tell)


def read_event(receipt: Receipt) -> WebhookEvent | None:
    """Parse one webhook; a receipt that has no known, readable event is ended here and gives None."""
    if self_test.is_self_test(receipt.event_id):
        receipt.event = self_test.EVENT
        end(receipt, ReceiptState.IGNORED, self_test.OUTCOME)
        return None
    try:
        document = json_text.loads(bytes(receipt.body))
        receipt.event = from_aftership.event_name(document)
        if receipt.event not in from_aftership.KNOWN_EVENTS:
            end(receipt, ReceiptState.IGNORED, f"unknown event '{receipt.event}'")
            return None
        event = from_aftership.parse_webhook(document)
    except PayloadError as error:
        end(receipt, ReceiptState.QUARANTINED, str(error))
        return None
    receipt.subject = event.snapshot.aftership_id
    return event


def apply_event(batch: Batch, receipt: Receipt, event: WebhookEvent) -> None:
    """Apply a webhook to its tracking and end its receipt; IGNORED where no tracking has its id."""
    tracking = batch.by_id.get(event.snapshot.aftership_id)
    if tracking is None:
        outcome = f"{UNKNOWN_TRACKING}: no tracking of ours has AfterShip's id {event.snapshot.aftership_id}"
        end(receipt, ReceiptState.IGNORED, outcome)
        return
    receipt.correlation_id = tracking.correlation_id
    outcome = batch.apply(tracking, event.snapshot, receipt.received_at)
    if tracking.retired_at:
        outcome += f"; the tracking is retired ({tracking.retired_reason}), nothing is written"
    receipt.effect, receipt.event_at = effect_of(outcome), event.snapshot.updated_at
    end(receipt, ReceiptState.DONE, outcome)
    tell(
        "update received",
        number=tracking.tracking_number,
        tag=event.snapshot.subtag or event.snapshot.tag,
        outcome=outcome,
        correlation_id=tracking.correlation_id,
    )


def effect_of(outcome: str) -> ReceiptEffect:
    """The kind of what ``Batch.apply`` said."""
    kinds = ((REPEATED, ReceiptEffect.REPEATED), (OLDER, ReceiptEffect.LATE), (UNWRITTEN, ReceiptEffect.UNWRITTEN))
    return next((effect for words, effect in kinds if outcome.startswith(words)), ReceiptEffect.CHANGED)


def end(receipt: Receipt, state: ReceiptState, outcome: str) -> None:
    receipt.state, receipt.outcome, receipt.processed_at = state, outcome[:500], timezone.now()
