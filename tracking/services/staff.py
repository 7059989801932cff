"""What people do is kept: one StaffAction per act, in the transaction of the act itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from stores.models import Revision
from tracking.enums import StaffActionKind
from tracking.models import Job, Order, Parcel, Receipt, Remap, StaffAction
from tracking.services.story import tell


def note_action(
    kind: StaffActionKind,
    *,
    actor: AbstractBaseUser | None,
    summary: str,
    reason: str = "",
    order: Order | None = None,
    parcel: Parcel | None = None,
    remap: Remap | None = None,
    revision: Revision | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    correlation_id: str = "",
) -> StaffAction:
    """Keep that somebody did this, in the caller's transaction. ``summary`` is one sentence without personal data.

    A parcel brings its order along, an order its correlation id.
    """
    order = order or (parcel.order if parcel else None)
    action = StaffAction.objects.create(
        kind=kind,
        actor=actor,
        actor_name=actor.get_username() if actor else "",
        summary=summary[:500],
        reason=reason[:500],
        order=order,
        parcel=parcel,
        remap=remap,
        revision=revision,
        before=before or {},
        after=after or {},
        correlation_id=correlation_id or (order.correlation_id if order else ""),
    )
    tell("staff action", kind=kind.value, summary=action.summary, correlation_id=action.correlation_id)
    return action


def note_each(
    kind: StaffActionKind,
    rows: Iterable[Order | Job | Receipt],
    *,
    actor: AbstractBaseUser | None,
    summary: str,
    reason: str = "",
) -> None:
    """Keep that somebody did the same to each of these rows, for the story of each; in the caller's transaction."""
    name = actor.get_username() if actor else ""
    kept = StaffAction.objects.bulk_create(
        StaffAction(
            kind=kind,
            actor=actor,
            actor_name=name,
            summary=f"{summary}: {row}"[:500],
            reason=reason[:500],
            order=row if isinstance(row, Order) else None,
            correlation_id=row.correlation_id,
        )
        for row in rows
    )
    tell("staff actions", kind=kind.value, number_of_rows=len(kept), actor=name)
