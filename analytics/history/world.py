"""The two storefronts of the year: where they ship, with whom, what they promise, and what their carriers are like."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Carrier:
    """``days`` in transit at the median and how far they spread; shares of parcels that fail, wait, break or vanish."""

    text: str
    courier: str
    number: str
    share: float
    days: float
    spread: float
    failed: float
    pickup: float
    trouble: float
    lost: float
    peak: float = 1.4  # how many times slower when everybody ships
    has_offset: bool = True
    estimates: float = 0.95  # share of parcels with an estimate


@dataclass(frozen=True)
class Storefront:
    """``promises``: days, each from so many days before the end of the year on. ``abroad``: days more, by country."""

    store: str
    account: str
    brand: str
    zone: str
    locale: str
    share: float
    countries: dict[str, float]
    abroad: dict[str, float]
    customs: frozenset[str]
    cities: tuple[tuple[str, str], ...]  # city, postcode
    carriers: tuple[Carrier, ...]
    promises: tuple[tuple[int, int], ...]
    channels: dict[str, float]  # supply channels (warehouses), and what share of parcels leaves each

    def promise(self, day: date, last: date) -> int:
        """What was promised to who ordered on this day."""
        age = (last - day).days
        return next(days for since, days in reversed(self.promises) if age <= since)


@dataclass(frozen=True)
class Outage:
    """A courier that reported and moved nothing for some days."""

    courier: str
    days_before_end: int
    length: int

    def covers(self, courier: str, day: date, last: date) -> bool:
        starts = last - timedelta(days=self.days_before_end)
        return courier == self.courier and starts <= day < starts + timedelta(days=self.length)

    def over(self, last: date, zone: ZoneInfo) -> datetime:
        """The morning after."""
        return datetime.combine(last - timedelta(days=self.days_before_end - self.length), time(7), zone)


FRONTS = (
    Storefront(
        store="de-web", account="year-berlin", brand="nordwind", zone="Europe/Berlin", locale="de-DE", share=0.6,
        countries={"DE": 0.8, "AT": 0.12, "CH": 0.05, "NL": 0.03}, abroad={"AT": 0.8, "CH": 1.6, "NL": 0.7},
        customs=frozenset({"CH"}),
        cities=(("Berlin", "10115"), ("Hamburg", "20095"), ("München", "80331"), ("Köln", "50667")),
        carriers=(
            Carrier("DHL Paket", "dhl-germany", "0034043416{:010d}", 0.55, 1.4, 0.35, 0.05, 0.06, 0.012, 0.001),
            Carrier(
                "Hermes", "hermes-de", "H1001{:011d}", 0.25, 2.3, 0.5, 0.09, 0.10, 0.03, 0.004, 1.8, has_offset=False
            ),
            Carrier("DPD", "dpd-de", "0150{:010d}", 0.20, 1.6, 0.4, 0.08, 0.04, 0.02, 0.002, 1.5),
        ),
        promises=((400, 7), (150, 6)), channels={"hub-berlin": 0.7, "hub-leipzig": 0.3},
    ),
    Storefront(
        store="en-web", account="year-london", brand="southsea", zone="Europe/London", locale="en-GB", share=0.4,
        countries={"GB": 0.86, "IE": 0.09, "FR": 0.05}, abroad={"IE": 1.5, "FR": 2.2}, customs=frozenset({"IE", "FR"}),
        cities=(("London", "SW1A 1AA"), ("Leeds", "LS1 4DY"), ("Bristol", "BS1 4ST"), ("Glasgow", "G2 1DU")),
        carriers=(
            Carrier(
                "Royal Mail", "royal-mail", "RM{:09d}GB", 0.45, 1.7, 0.5, 0.04, 0.03, 0.02, 0.002, 1.6, estimates=0.7
            ),
            Carrier("Evri", "myhermes-uk", "T00{:013d}", 0.35, 2.4, 0.6, 0.10, 0.05, 0.05, 0.006, 1.9),
            Carrier("UPS", "ups", "1Z999AA1{:010d}", 0.20, 1.2, 0.3, 0.06, 0.05, 0.008, 0.001, 1.2),
        ),
        promises=((400, 6),), channels={"hub-leeds": 1.0},
    ),
)  # fmt: skip
OUTAGES = (Outage("hermes-de", 96, 4), Outage("myhermes-uk", 301, 2))
