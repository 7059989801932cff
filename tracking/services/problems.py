"""Problems open with a cause and a next step, count while they last, and close by themselves when they heal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from tracking.enums import ProblemKind
from tracking.models import Job, Order, Parcel, Problem, Tracking
from tracking.services.story import tell

NEXT_STEP = {
    ProblemKind.UNROUTED: "Add a route that takes it, or a default of the project: the order is then read again.",
    ProblemKind.UNMAPPED_CARRIER: "Map this carrier text to a courier, then read the order again.",
    ProblemKind.CARRIER_MISMATCH: "Check the carrier mapping: AfterShip tracks this number with another courier.",
    ProblemKind.CARRIER_DOUBTFUL: "Look at the evidence; if it convinces you, remap to the proposed courier.",
    ProblemKind.OUTSIDE_COURIER_SET: "Add the courier to the route's set, or correct the carrier mapping.",
    ProblemKind.BAD_NUMBER: "Correct the tracking number in commercetools: on the parcel, or in its field.",
    ProblemKind.MISSING_FIELD: "Complete the order's address, or the extra fields of the carrier mapping.",
    ProblemKind.REFUSED: "Read the upstream's words, mend the cause, then requeue the job.",
    ProblemKind.FOREIGN_TYPE: "Let setup_commercetools extend the merchant's own Type, or remove that Type.",
    ProblemKind.TYPE_MISSING: "Run setup_commercetools for this project; the write is repeated by itself.",
    ProblemKind.UNKNOWN_STATUS: "Tell us what this status means; until then it is shown as unknown.",
    ProblemKind.UPSTREAM_PAUSED: "Check credentials and scopes. Work goes on by itself once they are accepted.",
    ProblemKind.UPSTREAM_DOWN: "Nothing to do here: one job at a time tries again, and work goes on by itself.",
    ProblemKind.UNSUBSCRIBED: "Subscribe the webhook address to the topic again (docs/connecting.md), or poll.",
    ProblemKind.MESSAGES_OFF: "Switch messages on in the project's settings, or let this project poll orders instead.",
    ProblemKind.NUMBER_REUSED: "Check the number: the carrier used it for another parcel before this order was placed.",
    ProblemKind.DRIFT: "Compare the parcel in commercetools and AfterShip; read the order again.",
    ProblemKind.NO_SCAN: "Ask the warehouse whether the parcel was handed over; if it was, ask the carrier.",
    ProblemKind.SILENT: "Ask the carrier to look for the parcel, and tell the shopper.",
    ProblemKind.ATTEMPTS_FAILED: "Agree on a new day, a neighbour or a pickup point with the shopper.",
    ProblemKind.ADDRESS: "Get the right address from the shopper to the carrier before the parcel goes back.",
    ProblemKind.AWAITING_PICKUP: "Remind the shopper to collect it before the carrier sends it back.",
    ProblemKind.RETURNING: "Tell the shopper and the warehouse; send anew or refund.",
    ProblemKind.LOST: "Claim it from the carrier, and send anew or refund.",
    ProblemKind.COURIER_OUTAGE: "Wait: parcels of this courier are not called silent meanwhile.",
    ProblemKind.TWO_SENDERS: "Switch off one of the two for this route, or this account's messages at AfterShip.",
    ProblemKind.MAIL_UNSURE: "Ask the mail server. Accepted: close this as done; not: send the current state again.",
    ProblemKind.MAIL_REFUSED: "Ask the shopper for a working address and change it on the order.",
    ProblemKind.DEAD_LETTER: "Mend the cause, then requeue the job.",
}
MAY_TAKE = {  # until somebody should have dealt with it; a day for all others
    ProblemKind.UNROUTED: timedelta(minutes=15),
    ProblemKind.UPSTREAM_PAUSED: timedelta(hours=1),
    ProblemKind.UPSTREAM_DOWN: timedelta(hours=1),
    ProblemKind.UNSUBSCRIBED: timedelta(hours=1),
    ProblemKind.MESSAGES_OFF: timedelta(hours=1),
    ProblemKind.COURIER_OUTAGE: timedelta(hours=4),
    ProblemKind.DEAD_LETTER: timedelta(hours=4),
    ProblemKind.TYPE_MISSING: timedelta(hours=4),
    ProblemKind.ADDRESS: timedelta(hours=8),
    ProblemKind.UNMAPPED_CARRIER: timedelta(hours=8),
    ProblemKind.UNKNOWN_STATUS: timedelta(days=5),
    ProblemKind.AWAITING_PICKUP: timedelta(days=4),
    ProblemKind.RETURNING: timedelta(days=2),
}


def due_after(kind: str) -> timedelta:
    """How long a problem of this kind may take where no deadline of a carrier says so."""
    return MAY_TAKE.get(ProblemKind(kind), timedelta(days=1))


def open_problem(
    kind: ProblemKind,
    subject: Order | Parcel | Tracking | Job | str,
    cause: str,
    *,
    correlation_id: str,
    order: Order | None = None,
    evidence: Sequence[str] = (),
    proposal: Mapping[str, str] | None = None,
) -> Problem:
    """Open the problem, or count it once more where it is open. Safe to repeat and to race: one open row each.

    ``evidence`` and ``proposal`` are as `Problem` describes them; those of the last time stand.
    """
    links, now = links_of(subject, order), timezone.now()
    facts = {"cause": cause[:1000], "seen_at": now, "correlation_id": correlation_id}
    facts |= {"evidence": list(evidence), "proposal": dict(proposal or {})}
    known = Problem.objects.filter(kind=kind, subject=subject_key(subject), closed_at=None)
    if known.update(occurrences=F("occurrences") + 1, **facts):
        return known.get()
    try:
        with transaction.atomic():
            problem = Problem.objects.create(
                kind=kind,
                subject=subject_key(subject),
                next_step=NEXT_STEP[kind],
                due_at=now + due_after(kind),
                **facts,
                **links,
            )
    except IntegrityError:  # somebody else opened it in between
        known.update(occurrences=F("occurrences") + 1, **facts)
        return known.get()
    tell("problem opened", kind=kind.value, subject=problem.subject, cause=cause[:300])
    return problem


def close_problems(kinds: Iterable[ProblemKind], subject: Order | Parcel | Tracking | Job | str, reason: str) -> int:
    """Close what is open of these kinds about this subject; returns how many were."""
    closed = Problem.objects.filter(kind__in=list(kinds), subject=subject_key(subject), closed_at=None).update(
        closed_at=timezone.now(), closed_reason=reason
    )
    if closed:
        tell("problem closed", subject=subject_key(subject), reason=reason)
    return closed


def close_all(subject: Order | Parcel | Tracking, reason: str) -> None:
    """Close whatever is open about something that is no more, or that nobody needs any more."""
    close_problems(ProblemKind, subject, reason)


def open_among(kinds: Iterable[ProblemKind], subjects: Iterable[Order | Parcel | Tracking | Job | str]) -> set[str]:
    """Keys of those subjects that have an open problem of one of these kinds: one query for many subjects."""
    keys = [subject_key(subject) for subject in subjects]
    return set(
        Problem.objects.filter(kind__in=list(kinds), subject__in=keys, closed_at=None).values_list("subject", flat=True)
    )


def subject_key(subject: Order | Parcel | Tracking | Job | str) -> str:
    """``parcel:12``, ``order:7`` …; text is taken as it is."""
    return subject if isinstance(subject, str) else f"{subject._meta.model_name}:{subject.pk}"


def links_of(subject: Order | Parcel | Tracking | Job | str, order: Order | None) -> dict[str, object]:
    links: dict[str, object] = {} if isinstance(subject, str) else {str(subject._meta.model_name): subject}
    if isinstance(subject, Parcel):
        links["order"] = subject.order
    if order is not None:
        links["order"] = order
    return links
