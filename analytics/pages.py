"""Which figures stand on which page, and how: pages are data, drawn by ``analytics/blocks.py``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise


@dataclass(frozen=True)
class Tiles:
    """Figures of the whole period, each with its sample, change and definition."""

    title: Words
    keys: Sequence[str]


@dataclass(frozen=True)
class Trend:
    """Figures over the period, by day, week or month; with the period compared with where there is one figure."""

    title: Words
    keys: Sequence[str]
    note: Words = ""


@dataclass(frozen=True)
class Stack:
    """How many parcels of each day are what: the numerators of figures of all created parcels; the rest has a name."""

    title: Words
    keys: Sequence[str]
    note: Words = ""


@dataclass(frozen=True)
class Split:
    """The parts of one figure: reasons, who can act, ages, days late."""

    title: Words
    key: str
    note: Words = ""


@dataclass(frozen=True)
class Ranking:
    """One figure by courier, store …, each with its interval; those of few parcels are not ranked."""

    title: Words
    key: str
    by: str
    note: Words = ""


@dataclass(frozen=True)
class Grid:
    """Several figures by courier, lane, store …, the most parcels first."""

    title: Words
    keys: Sequence[str]
    by: str


@dataclass(frozen=True)
class Custom:
    """A block of its own: the name of a function in ``analytics/blocks_of_their_own.py``."""

    name: str


@dataclass(frozen=True)
class Scorecard:
    """Couriers by their own mix of lanes, from figures that the page measures anyway."""


Block = Tiles | Trend | Stack | Split | Ranking | Grid | Scorecard | Custom


@dataclass(frozen=True)
class PageOf:
    """One page. ``lead`` says what it answers, ``notes`` what to know when reading it."""

    slug: str
    title: Words
    lead: Words
    blocks: Sequence[Block] = field(default_factory=list)
    notes: Words = ""


SCORES = [
    "created", "on_time_promise", "on_time_estimate", "transit_p50", "transit_p90", "first_attempt", "exception_rate",
    "returned_rate", "not_scanned",
]  # fmt: skip
PAGES: dict[str, PageOf] = {
    page.slug: page
    for page in (
        PageOf(
            "overview",
            _("Overview"),
            _("Do parcels arrive when we said they would, and what stands in the way?"),
            [
                Tiles(_("At a glance"), [
                    "on_time_promise", "on_time_estimate", "transit_p50", "transit_p90", "first_attempt",
                    "exception_rate", "overdue_promise", "created",
                ]),
                Stack(_("Parcels by state"), ["delivered", "open", "pending_rate", "expired_rate"],
                      _("Young days are mostly under way: that is their age, not a fault.")),
                Trend(_("On time"), ["on_time_promise", "on_time_estimate"],
                      _("The last days know of quick parcels alone (only attempted ones count): lines end too well.")),
                Trend(_("How long parcels take"), ["transit_p50", "transit_p90"]),
                Split(_("Why late"), "late_reasons"),
                Tiles(_("How much these figures speak for"), [
                    "tracked", "coverage", "estimate_coverage", "pending_rate", "expired_rate", "not_scanned",
                    "delivery_rate",
                ]),
            ],
        ),
        PageOf(
            "promises",
            _("Promises"),
            _("Promised by us, estimated by carriers: kept, missed, and by how much."),
            [
                Tiles(_("Kept and missed"), [
                    "on_time_promise", "early_promise", "late_promise", "on_time_estimate", "early_estimate",
                    "late_estimate", "lateness_promise", "lateness_estimate",
                ]),
                Split(_("Days late, against the promise"), "lateness_promise",
                      _("Below 0: before the promised day.")),
                Split(_("Days late, against the estimate"), "lateness_estimate"),
                Split(_("Overdue, by the promise: days since"), "overdue_promise"),
                Split(_("Overdue, by the estimate: days since"), "overdue_estimate"),
                Split(_("How often estimates changed"), "revisions", _("Parcels by the number of changes.")),
                Tiles(_("Late and not there yet"), ["trending_late", "overdue_promise", "overdue_estimate"]),
                Tiles(_("Can the carriers' estimates be relied on?"), [
                    "estimate_coverage", "accuracy_at_scan", "accuracy_3_days", "accuracy_1_day", "revisions",
                    "moved_later",
                ]),
                Tiles(_("How long it takes"), [
                    "transit_p50", "transit_p90", "transit_p95", "order_to_delivery_p50", "order_to_delivery_p90",
                    "order_to_delivery_p95", "attempt_time_p50", "attempt_time_p90",
                        "attempt_time_p95", "processing_p50",
                    "processing_p90", "pickup_p50", "pickup_p90", "pickup_p95", "scan_gap_p50", "scan_gap_p95",
                ]),
            ],
        ),
        PageOf(
            "couriers",
            _("Couriers"),
            _("Who keeps the promise on the same lanes, and who only looks good because of easy ones?"),
            [
                Ranking(_("On time against the promise"), "on_time_promise", "courier"),
                Ranking(_("On time against the first estimate"), "on_time_estimate", "courier"),
                Ranking(_("Delivered at the first attempt"), "first_attempt", "courier"),
                Ranking(_("Exception rate"), "exception_rate", "courier"),
                Scorecard(),
                Grid(_("All figures by courier"), SCORES, "courier"),
            ],
            _("Intervals are 95 %. A courier with fewer than 20 parcels of a figure is shown without it, unranked."),
        ),
        PageOf(
            "lanes",
            _("Lanes"),
            _("Courier and destination together: where exactly is it slow?"),
            [
                Ranking(_("On time against the promise, by destination"), "on_time_promise", "country"),
                Ranking(_("Exception rate, by destination"), "exception_rate", "country"),
                Grid(_("All figures by lane"), SCORES, "lane"),
            ],
        ),
        PageOf(
            "stores",
            _("Stores and channels"),
            _("What shoppers of each storefront see, and which warehouse ships it."),
            [
                Ranking(_("On time against the promise, by store"), "on_time_promise", "store"),
                Ranking(_("Tracking coverage, by store"), "coverage", "store"),
                Grid(_("By store"), ["coverage", *SCORES], "store"),
                Ranking(_("Not scanned, by channel"), "not_scanned", "channel"),
                Grid(_("By supply channel"),
                     ["created", "processing_p50", "pickup_p50", "pickup_p90", "not_scanned", "on_time_promise"],
                     "channel"),
            ],
        ),
        PageOf(
            "problems",
            _("Problems"),
            _("What goes wrong, who can do something about it, and whether it gets better."),
            [
                Tiles(_("Ever and now"), [
                    "exception_rate", "exceptions_now", "recovery_rate", "recovery_p50", "recovery_p90",
                    "warned_first", "attempts_per_delivery", "stalled_before_scan", "stalled_in_transit",
                ]),
                Trend(_("Exception rate"), ["exception_rate"], _("Ever had an exception, by cohort.")),
                Split(_("Exceptions by reason"), "exception_rate",
                      _("Of parcels that ever had an exception; one may have several reasons.")),
                Split(_("Exceptions by who can act"), "exceptions_by_actor"),
                Split(_("Reasons now"), "exceptions_now"),
                Tiles(_("How it ended badly"), [
                    "lost_rate", "damaged_rate", "returned_rate", "lost_of_exceptions", "damaged_of_exceptions",
                    "returned_of_exceptions",
                ]),
                Grid(_("By courier"), [
                    "created", "exception_rate", "recovery_rate", "warned_first", "lost_rate", "damaged_rate",
                    "returned_rate", "stalled_before_scan", "stalled_in_transit",
                ], "courier"),
            ],
        ),
        PageOf(
            "service",
            _("Our service"),
            _("How well Trackbridge itself does: how fast news travels, and what it spared."),
            [
                Custom("service"),
                Tiles(_("Set-up"), ["coverage", "unrouted_rate", "mismatch_rate", "zoneless_rate"]),
            ],
        ),
        PageOf(
            "shoppers",
            _("Shoppers"),
            _("Do people buy again, why do they write to us, and what do they look at?"),
            [Custom("shoppers")],
            _("Of people, orders, tickets and mails, by period and store; filters of courier, channel, destination and "
              "lane do not apply. People are known by a keyed hash of their address; nobody can be read back from it."),
        ),
    )
}  # fmt: skip
