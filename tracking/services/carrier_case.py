"""What speaks for another courier than the one asked for: sentences for people, and what to take instead.

number forms (our own history) ─┐
AfterShip's detection ──────────┼─> Case: evidence, and a courier where one stands out
AfterShip's own correction ─────┘
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracking.models import Parcel, Tracking
from tracking.services.number_forms import UNRECOGNIZED, FormHistory, best_courier

ENOUGH_NUMBERS = 20
CLEAR_SHARE = 0.8
MOST_NAMED = 5


@dataclass(frozen=True)
class Case:
    """``courier`` is "" where no other courier stands out; ``carrier`` is the text as it stands on the parcel."""

    evidence: tuple[str, ...] = ()
    courier: str = ""
    carrier: str = ""

    @property
    def proposal(self) -> dict[str, str]:
        """As a Problem keeps it: only what there is."""
        return {name: text for name in ("courier", "carrier") if (text := getattr(self, name))}


def case_of(tracking: Tracking) -> Case:
    """The case of one tracking, as far as our rows tell. Two queries."""
    parcel = Parcel.objects.filter(tracking=tracking, removed_at=None).select_related("route").order_by("pk").first()
    asked = tracking.requested_courier
    history = best_courier(tracking.tracking_number)
    candidates = [
        corrected(tracking),
        history.courier if history and is_convincing(history, tracking) else "",
        only_one(detected_instead(tracking), parcel.route.couriers if parcel and parcel.route else ()),
    ]
    evidence = [asked_for(asked, parcel) if parcel else ""]
    if corrected(tracking):
        evidence.append(f"AfterShip changed the courier to {tracking.courier} by itself.")
    if history:
        evidence.append(str(history))
    if detected_instead(tracking):
        named = ", ".join(tracking.detected[:MOST_NAMED])
        evidence.append(f"AfterShip's detection takes the number for one of {named}, not of {asked}.")
    return Case(
        evidence=tuple(filter(None, evidence)),
        courier=next((slug for slug in candidates if slug not in ("", asked)), ""),
        carrier=parcel.carrier if parcel else "",
    )


def asked_for(asked: str, parcel: Parcel) -> str:
    """What stands on the parcel, and what was made of it."""
    because = (parcel.decision.get("courier") or {}).get("because", "")
    what = f"we asked for {asked}" if asked else "the courier was left to AfterShip's detection"
    return f"The parcel says '{parcel.carrier}': {what}{f' ({because})' if asked and because else ''}."


def corrected(tracking: Tracking) -> str:
    """The courier that AfterShip put in place of ours; "" where it did not, or knows none."""
    is_corrected = tracking.requested_courier and tracking.courier not in ("", UNRECOGNIZED, tracking.requested_courier)
    return tracking.courier if is_corrected else ""


def is_convincing(history: FormHistory, tracking: Tracking) -> bool:
    """Whether the form speaks clearly, and for another courier than the tracking has."""
    is_clear = history.total >= ENOUGH_NUMBERS and history.count >= CLEAR_SHARE * history.total
    return is_clear and history.courier != tracking.courier


def detected_instead(tracking: Tracking) -> list[str]:
    """Couriers that detection gives, where the one asked for is not among them."""
    detected: list[str] = tracking.detected
    return [] if not tracking.requested_courier or tracking.requested_courier in detected else detected


def only_one(slugs: Sequence[str], courier_set: Sequence[str]) -> str:
    """The single courier among those that the route ships with (any, where it names none); "" for none or several."""
    possible = [slug for slug in slugs if not courier_set or slug in courier_set]
    return possible[0] if len(possible) == 1 else ""
