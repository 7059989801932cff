"""A courier that sends no news at all: one outage instead of five hundred problems about parcels that seem stuck.

    hourly ─> pulses: of the parcels on their way, how many had news ─> far below what this hour has as a rule?
        yes, and enough parcels ─> Outage, one COURIER_OUTAGE problem; NO_SCAN and SILENT are suppressed by it
        news are back          ─> it ends by itself, and what is still stuck is shown again
    a person may declare one, and end any

AfterShip silent for an account looks the same from far away: all couriers at once. That is no outage of theirs
(``tracking/services/pulses.py``).
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from config.correlation import new_correlation_id
from tracking.enums import ProblemKind, StaffActionKind
from tracking.models import Outage, Problem
from tracking.services.problems import close_problems, open_problem
from tracking.services.staff import note_action
from tracking.services.story import tell

EXPLAINED = [ProblemKind.NO_SCAN, ProblemKind.SILENT]  # what an outage explains
Out = frozenset[tuple[str, str]]  # courier and country ("" = everywhere) of the outages that last


def is_out(courier: str, country: str = "") -> bool:
    """Whether this courier is out now: everywhere, or for parcels to this country (alpha-2). One query.

    Ask before telling a shopper that a parcel is late or silent.
    """
    return Outage.objects.filter(ended_at=None, courier=courier, country__in={"", country}).exists()


def current() -> Out:
    """All outages that last, to ask about many parcels: one query."""
    return frozenset(Outage.objects.filter(ended_at=None).values_list("courier", "country"))


def explains(out: Out, courier: str, country: str) -> bool:
    """Whether one of these outages explains why a parcel of this courier to this country has no news."""
    return (courier, "") in out or (courier, country) in out


def begin(
    courier: str,
    *,
    country: str = "",
    cause: str,
    started_at: datetime | None = None,
    live: int = 0,
    share: float | None = None,
    usual_share: float | None = None,
    by: AbstractBaseUser | None = None,
) -> Outage | None:
    """Begin an outage: seen, or declared ``by`` a person (with their words as cause). None: it lasts already.

    Safe to repeat and to race. Its problem opens, and what it explains is suppressed, in the same transaction.
    """
    now = timezone.now()
    facts = {"cause": cause[:500], "live": live, "share": share, "usual_share": usual_share, "looked_at": now}
    facts |= {"declared_by": by, "is_declared": by is not None, "started_at": started_at or now}
    try:
        with transaction.atomic():
            outage = Outage.objects.create(courier=courier, country=country, **facts)
            code = new_correlation_id()
            open_problem(ProblemKind.COURIER_OUTAGE, subject_of(outage), cause, correlation_id=code)
            suppress(outage)
            if by:
                words = f"Declared an outage of {outage}"
                note_action(StaffActionKind.MARK, actor=by, summary=words, reason=cause, correlation_id=code)
    except IntegrityError:  # somebody else was first
        return None
    tell("courier outage began", courier=courier, country=country, cause=cause[:300])
    return outage


def end(outage: Outage, reason: str, *, by: AbstractBaseUser | None = None) -> bool:
    """End an outage; False where somebody else has. What it suppressed is shown again."""
    now = timezone.now()
    facts = {"ended_at": now, "ended_by": by, "is_ended_by_hand": by is not None}
    with transaction.atomic():
        if not Outage.objects.filter(pk=outage.pk, ended_at=None).update(**facts):
            return False
        outage.suppressed.update(suppressed_by=None)
        close_problems([ProblemKind.COURIER_OUTAGE], subject_of(outage), reason)
        if by:
            note_action(StaffActionKind.MARK, actor=by, summary=f"Ended the outage of {outage}", reason=reason)
    tell("courier outage ended", courier=outage.courier, country=outage.country, reason=reason[:300])
    return True


def suppress(outage: Outage) -> int:
    """Mark the open problems that this outage explains; returns how many. One statement, whatever their number."""
    return explained_by(outage).filter(suppressed_by=None).update(suppressed_by=outage)


def explained_by(outage: Outage) -> QuerySet[Problem]:
    of_courier = Q(tracking__courier=outage.courier) | Q(
        tracking__courier="", tracking__requested_courier=outage.courier
    )
    stuck = Problem.objects.filter(of_courier, kind__in=EXPLAINED, closed_at=None)
    return stuck.filter(order__destination_country=outage.country) if outage.country else stuck


def subject_of(outage: Outage) -> str:
    """``courier:dhl-germany`` or ``courier:dhl-germany/AT``: what its problem is about."""
    return f"courier:{outage.courier}{'/' + outage.country if outage.country else ''}"
