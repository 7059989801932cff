"""Which courier a carrier text may mean: proposals with their reasons, for a person to choose from. Nothing is applied.

the same text mapped elsewhere, what AfterShip detected or corrected, number forms, names, what the store uses
    ─> one Proposal per courier, most convincing first, those of the route's courier set before all others
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Max
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stores.carriers import normalise_carrier
from stores.models import CarrierMapping, Courier
from tracking.enums import ParcelStatus
from tracking.models import Parcel
from tracking.services.carrier_texts import CarrierText
from tracking.services.number_forms import UNRECOGNIZED, FormHistory, best_couriers

MOST_PROPOSALS = 4
RECENT_PARCELS = 5_000
SAME_NAME, NAME_IN_TEXT, SHARED_WORD = 1.0, 0.8, 0.4
ALIKE = 0.6  # of two texts' pairs of letters: "Colisimo" and "Colissimo" have 0.93
SHORTEST_WORD = 3
NOT_WORD = re.compile(r"[\W_]+")


@dataclass
class Proposal:
    """``is_in_set``: whether the route ships with this courier; None where the route names no set."""

    courier: str
    reasons: list[str] = field(default_factory=list)
    weight: float = 0.0
    is_in_set: bool | None = None


@dataclass(frozen=True)
class Name:
    """A courier's name, or its slug, ready to be compared."""

    slug: str
    shown: str
    key: str
    words: frozenset[str]
    pairs: frozenset[str]

    @classmethod
    def of(cls, slug: str, shown: str) -> Name:
        key = normalise_carrier(shown)
        return cls(slug, shown, key, words_of(shown), pairs_of(key))


def words_of(text: str) -> frozenset[str]:
    """``"Royal Mail 24"`` → ``{"royal", "mail", "24"}``"""
    return frozenset(filter(None, (normalise_carrier(word) for word in NOT_WORD.split(text))))


def pairs_of(key: str) -> frozenset[str]:
    return frozenset(key[at : at + 2] for at in range(len(key) - 1))


def closeness(text: Name, name: Name) -> float:
    """How close a courier's name is to a carrier text, from 0 to 1."""
    if text.key == name.key:
        return SAME_NAME
    if name.words and name.words <= text.words:
        return NAME_IN_TEXT
    common = len(text.pairs & name.pairs)
    dice = 2 * common / (len(text.pairs) + len(name.pairs)) if common else 0.0
    if dice >= ALIKE:
        return dice
    return SHARED_WORD if any(len(word) >= SHORTEST_WORD for word in text.words & name.words) else 0.0


@dataclass
class Hints:
    """What proposals for some texts are made from. ``mostly``: (courier, parcels, of all) by project and store."""

    names: list[Name]
    forms: dict[str, FormHistory]
    elsewhere: dict[str, list[tuple[str, str]]]
    mostly: dict[tuple[int, int | None], tuple[str, int, int]]

    @classmethod
    def for_texts(cls, texts: Collection[CarrierText], samples: Collection[Parcel]) -> Hints:
        """Five queries, whatever the number of texts."""
        couriers = Courier.objects.order_by("slug").values_list("slug", "name")
        return cls(
            names=[Name.of(slug, shown) for slug, name in couriers for shown in (name, slug) if shown],
            forms=best_couriers({sample.tracking_number for sample in samples}),
            elsewhere=mapped_elsewhere({text.key for text in texts}),
            mostly=mostly_used({text.project_id for text in texts}),
        )


def mapped_elsewhere(keys: Collection[str]) -> dict[str, list[tuple[str, str]]]:
    """Where these texts are mapped already: scope in words, and courier."""
    mappings = CarrierMapping.objects.filter(carrier_key__in=keys)
    found = defaultdict(list)
    for mapping in mappings.select_related("courier", "project", "store", "channel"):
        where = mapping.channel or mapping.store or mapping.project or _("everywhere")
        found[mapping.carrier_key].append((str(where), mapping.courier.slug))
    return found


def mostly_used(projects: Collection[int]) -> dict[tuple[int, int | None], tuple[str, int, int]]:
    """Which courier most of the newest parcels of each store moved with. Two queries."""
    newest = Parcel.objects.aggregate(newest=Max("pk"))["newest"] or 0
    recent = Parcel.objects.filter(pk__gt=newest - RECENT_PARCELS, order__project__in=projects, removed_at=None)
    moved = recent.filter(tracking__isnull=False).exclude(tracking__status=ParcelStatus.PENDING)
    rows = moved.exclude(tracking__courier__in=["", UNRECOGNIZED]).order_by()
    counts: dict[tuple[int, int | None], Counter[str]] = defaultdict(Counter)
    found = rows.values_list("order__project", "order__store", "tracking__courier").annotate(number=Count("pk"))
    for project, store, courier, number in found:
        counts[project, store][courier] += number
    return {store: (*one.most_common(1)[0], one.total()) for store, one in counts.items()}


def propose(text: CarrierText, samples: Sequence[Parcel], hints: Hints) -> list[Proposal]:
    """Proposals for one text, most convincing first. ``samples``: parcels of it, with their routes."""
    courier_set = {slug for sample in samples if sample.route for slug in sample.route.couriers}
    found: dict[str, Proposal] = {}
    for courier, weight, reason in reasons_for(text, samples, hints, courier_set):
        proposal = found.setdefault(courier, Proposal(courier))
        proposal.reasons.append(reason)
        proposal.weight += weight
        proposal.is_in_set = courier in courier_set if courier_set else None
    found.pop(text.mapped_to, None)
    ranked = sorted(found.values(), key=lambda one: (one.is_in_set is False, -one.weight, one.courier))
    return ranked[:MOST_PROPOSALS]


def reasons_for(
    text: CarrierText, samples: Sequence[Parcel], hints: Hints, courier_set: Collection[str]
) -> Iterator[tuple[str, float, str]]:
    """(courier, weight, reason): what our own parcels showed weighs more than what a name looks like."""
    for courier, number in text.proposed.items():
        words = ngettext(
            "%(n)s parcel of it is in doubt, and evidence speaks for this courier",
            "%(n)s parcels of it are in doubt, and evidence speaks for this courier",
            number,
        )
        yield courier, 4.0, words % {"n": f"{number:,}"}
    yield from by_forms(samples, hints)
    for where, courier in hints.elsewhere.get(text.key, ()):
        yield courier, 2.0, _("the same text is mapped to it: %(where)s") % {"where": where}
    taken = {slug: number for slug, number in text.outcomes.items() if slug not in ("", UNRECOGNIZED)}
    for courier, number in taken.items():
        share = number / sum(text.outcomes.values())
        words = _("AfterShip detected it for %(n)s of %(all)s parcels")
        yield courier, 2.0 * share, words % {"n": f"{number:,}", "all": f"{sum(text.outcomes.values()):,}"}
    yield from by_names(text, hints, courier_set)
    if used := hints.mostly.get((text.project_id, text.store_id)):
        courier, number, total = used
        words = _("%(n)s of the store's %(all)s newest parcels moved with it")
        yield courier, 0.5 * number / total, words % {"n": f"{number:,}", "all": f"{total:,}"}


def by_forms(samples: Sequence[Parcel], hints: Hints) -> Iterator[tuple[str, float, str]]:
    """Each form of number once."""
    for history in {hints.forms[one.tracking_number] for one in samples if one.tracking_number in hints.forms}:
        words = _("of %(all)s numbers of the form %(form)s %(n)s moved with it")
        facts = {"all": f"{history.total:,}", "form": history.form, "n": f"{history.count:,}"}
        yield history.courier, 4.0 * history.count / (history.total + 5), words % facts


def by_names(text: CarrierText, hints: Hints, courier_set: Collection[str]) -> Iterator[tuple[str, float, str]]:
    """The closest name of each courier; with a courier set, of those in it only, and then a shared word is enough."""
    own = Name.of("", text.carrier)
    closest: dict[str, tuple[float, str]] = {}
    for name in hints.names:
        if courier_set and name.slug not in courier_set:
            continue
        close, best = closeness(own, name), closest.get(name.slug, (0.0, ""))[0]
        if close > best and close >= (SHARED_WORD if courier_set else ALIKE):
            closest[name.slug] = close, name.shown
    for slug, (close, shown) in sorted(closest.items(), key=lambda one: (-one[1][0], one[0]))[:MOST_PROPOSALS]:
        words = _("the same name: %(name)s") if close == SAME_NAME else _("a name like it: %(name)s")
        yield slug, close, words % {"name": shown}
