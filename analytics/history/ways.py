"""One parcel's way: its scans until today, what was estimated when, and how it ended. Pure but for the given dice."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from analytics.history.seasons import is_peak
from analytics.history.world import OUTAGES, Carrier, Storefront

DAY = timedelta(days=1)
WORDS = {
    "InfoReceived_001": "The shipment data was announced.",
    "InTransit_002": "The shipment was handed in by the sender.",
    "InTransit_003": "The shipment was processed in the parcel centre.",
    "InTransit_006": "Customs clearance has begun.",
    "OutForDelivery_001": "Loaded onto the delivery vehicle.",
    "AttemptFail_002": "Nobody was there; a card was left.",
    "AvailableForPickup_001": "Ready to be collected.",
    "Delivered_001": "Delivered.",
    "Delivered_002": "Collected.",
    "Exception_004": "Held by customs: papers are missing.",
    "Exception_007": "The address is incomplete.",
    "Exception_008": "Not collected in time.",
    "Exception_010": "On its way back to the sender.",
    "Exception_011": "Back at the sender.",
    "Exception_012": "Damaged in transit.",
    "Exception_013": "Declared lost.",
    "Exception_016": "Delayed: sorted to the wrong centre.",
    "Exception_017": "Delayed by the weather.",
}


@dataclass(frozen=True)
class Step:
    """A scan at its place's own time."""

    subtag: str
    at: datetime

    @property
    def tag(self) -> str:
        return self.subtag.partition("_")[0]


@dataclass
class Way:
    """``estimates``: (when it was said, day). ``course``: on_time, late or problem, as the shopper felt it."""

    shipped_at: datetime
    steps: list[Step] = field(default_factory=list)
    estimates: list[tuple[datetime, datetime]] = field(default_factory=list)
    course: str = "on_time"
    delivered_at: datetime | None = None

    def until(self, now: datetime) -> Way:
        """As much of it as has happened."""
        self.steps = [step for step in self.steps if step.at <= now]
        self.estimates = [one for one in self.estimates if one[0] <= now]
        if self.delivered_at and self.delivered_at > now:
            self.delivered_at = None
        return self


class Maker:
    """Throws the dice of one storefront's parcels. ``now`` is the end of the year."""

    def __init__(self, front: Storefront, dice: random.Random, now: datetime) -> None:
        self.front, self.dice, self.now = front, dice, now
        self.zone = ZoneInfo(front.zone)

    def shipped(self, ordered_at: datetime) -> datetime:
        """Packed on the next working day, later when everybody orders."""
        wait = self.dice.choices((0, 1, 2), (5, 4, 1))[0] + (is_peak(ordered_at.date()) and self.dice.random() < 0.4)
        return self.working(ordered_at + (1 + wait) * DAY, 9, 17)

    def working(self, moment: datetime, first_hour: int, last_hour: int) -> datetime:
        """Some time of that day, of the next one if it is a Sunday."""
        day = moment.astimezone(self.zone)
        if day.weekday() == 6:
            day += DAY
        hour = time(self.dice.randrange(first_hour, last_hour), self.dice.randrange(60), self.dice.randrange(60))
        return datetime.combine(day.date(), hour, self.zone)

    def way(self, carrier: Carrier, country: str, shipped_at: datetime, promised_on: datetime) -> Way:
        """To the shopper: the usual steps, and what goes wrong on them."""
        way, dice = Way(shipped_at), self.dice
        if dice.random() < 0.008:
            return way.until(self.now)  # the label was printed, and nothing came of it
        way.steps.append(Step("InfoReceived_001", shipped_at + timedelta(minutes=dice.randrange(2, 90))))
        if dice.random() < 0.006:
            way.course = "problem"
            return way.until(self.now)
        scanned = self.working(shipped_at + timedelta(hours=dice.choice((3, 6, 20, 26))), 15, 22)
        way.steps.append(Step("InTransit_002", scanned))
        days = self.days_of(carrier, country, scanned)
        arrives = self.working(scanned + days * DAY, 10, 19)
        planned = self.planned(carrier, country, scanned)
        has_estimate = dice.random() < carrier.estimates
        if has_estimate:
            way.estimates.append((shipped_at + timedelta(hours=1), planned))
        self.move(way, scanned, arrives, country)
        arrives = self.trouble(way, carrier, arrives)
        if has_estimate and arrives.date() > planned.date() and dice.random() < 0.8:
            way.estimates.append((planned - timedelta(hours=dice.randrange(2, 30)), arrives))
        if arrives.date() > promised_on.date() and way.course == "on_time":
            way.course = "late"
        self.hold(way, carrier)
        return way.until(self.now)

    def hold(self, way: Way, carrier: Carrier) -> None:
        """What would have been scanned during an outage is scanned on the morning after it, in its order."""
        held = []
        for n, step in enumerate(sorted(way.steps, key=lambda one: one.at)):
            for outage in OUTAGES:
                if step.subtag != "InfoReceived_001" and outage.covers(
                    carrier.courier, step.at.date(), self.now.date()
                ):
                    step = Step(step.subtag, outage.over(self.now.date(), self.zone) + timedelta(minutes=20 * n))
            held.append(step)
        way.steps = sorted(held, key=lambda one: one.at)
        if way.delivered_at:
            way.delivered_at = next(one.at for one in reversed(way.steps) if one.tag == "Delivered")

    def days_of(self, carrier: Carrier, country: str, scanned: datetime) -> float:
        """In transit: spread around the carrier's median, slower at the peak, in an outage, and abroad."""
        days = carrier.days * self.dice.lognormvariate(0, carrier.spread)
        if is_peak(scanned.date()):
            days *= carrier.peak
        days += self.front.abroad.get(country, 0.0)
        stopped = sum(
            outage.covers(carrier.courier, (scanned + n * DAY).date(), self.now.date())
            for outage in OUTAGES
            for n in range(max(1, round(days)))
        )
        return max(0.6, days + 1.3 * stopped)

    def planned(self, carrier: Carrier, country: str, scanned: datetime) -> datetime:
        """What the carrier says at first: its median, and a little air."""
        air = self.dice.choices((0, 1, 2), (4, 5, 1))[0]
        return self.working(scanned + (carrier.days + self.front.abroad.get(country, 0.0) + air) * DAY, 12, 13)

    def move(self, way: Way, scanned: datetime, arrives: datetime, country: str) -> None:
        """Parcel centres on the way, and customs."""
        span = arrives - scanned
        for n in range(1, min(3, max(1, span.days)) + 1):
            at = scanned + span * (n / 5) + timedelta(minutes=self.dice.randrange(50))
            way.steps.append(Step("InTransit_003", at))
        if country in self.front.customs:
            way.steps.append(Step("InTransit_006", scanned + span * 0.65))

    def trouble(self, way: Way, carrier: Carrier, arrives: datetime) -> datetime:
        """The end of the way, with what happens on it; when it came, or would have."""
        dice, roll = self.dice, self.dice.random()
        if roll < carrier.lost:
            way.steps.append(Step("Exception_013", arrives + 9 * DAY))
            way.course = "problem"
            return arrives + 9 * DAY
        if roll < carrier.lost + carrier.trouble:
            kind = dice.choices(
                ("Exception_016", "Exception_017", "Exception_004", "Exception_007", "Exception_012"), (4, 3, 2, 3, 1)
            )[0]
            way.steps.append(Step(kind, arrives - timedelta(hours=dice.randrange(3, 20))))
            way.course = "problem"
            if kind in ("Exception_007", "Exception_012") and dice.random() < 0.5:
                return self.sent_back(way, arrives)
            arrives = self.working(arrives + dice.randrange(1, 5) * DAY, 10, 19)
        way.steps.append(Step("OutForDelivery_001", arrives.replace(hour=max(6, arrives.hour - 4))))
        if dice.random() < carrier.failed:
            way.steps.append(Step("AttemptFail_002", arrives))
            arrives = self.working(arrives + DAY, 10, 19)
            way.steps.append(Step("OutForDelivery_001", arrives.replace(hour=max(6, arrives.hour - 4))))
        if dice.random() < carrier.pickup:
            return self.collected(way, arrives)
        way.steps.append(Step("Delivered_001", arrives))
        way.delivered_at = arrives
        return arrives

    def collected(self, way: Way, arrives: datetime) -> datetime:
        """Left at a pickup point; most fetch it in time."""
        way.steps.append(Step("AvailableForPickup_001", arrives))
        if self.dice.random() < 0.04:
            way.steps.append(Step("Exception_008", arrives + 8 * DAY))
            way.course = "problem"
            self.sent_back(way, arrives + 8 * DAY)
            return arrives
        way.delivered_at = arrives + timedelta(hours=self.dice.randrange(3, 90))
        way.steps.append(Step("Delivered_002", way.delivered_at))
        return arrives

    def sent_back(self, way: Way, since: datetime) -> datetime:
        way.steps.append(Step("Exception_010", since + DAY))
        way.steps.append(Step("Exception_011", self.working(since + 5 * DAY, 8, 14)))
        return since + 5 * DAY

    def way_back(self, shipped_at: datetime) -> Way:
        """A return: brought to a shop, carried to the warehouse."""
        way = Way(shipped_at)
        scanned = shipped_at + timedelta(hours=self.dice.randrange(2, 60))
        arrives = self.working(scanned + self.dice.randrange(2, 6) * DAY, 7, 12)
        for subtag, at in (("InfoReceived_001", shipped_at), ("InTransit_002", scanned), ("Delivered_001", arrives)):
            way.steps.append(Step(subtag, at))
        way.delivered_at = arrives
        return way.until(self.now)
