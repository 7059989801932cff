"""What is doubtful about routes that could be saved: rules that never match, targets that cannot work, gaps.

Nothing here forbids a rule: a person is shown it before saving, and on the page that checks all rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from stores.models import AfterShipAccount, Brand, Courier, Project, Route, Store
from stores.routing import Rule, in_order, shadowed
from stores.rule_set import rule_of, snapshot
from stores.rule_words import condition_words
from stores.statuses import MessageKind

AllRoutes = Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Doubt:
    """``rule`` is the id of the route it is about, None for a gap between them."""

    rule: int | None
    words: str


def route_words() -> dict[int, dict[str, Any]]:
    """All routes as they stand, in words, by id."""
    rows = Route.objects.select_related("project", "store", "channel", "account", "brand")
    return {row.pk: snapshot(row) for row in rows}


def check_routes(routes: AllRoutes, unmatched: Mapping[tuple[str, str], int]) -> list[Doubt]:
    """All doubts about these routes. ``unmatched`` are recent parcels without a route, by (project, store).

    Five queries, however many rules.
    """
    active = {number: words for number, words in routes.items() if words["is_active"]}
    rules = in_order(rule_of(number, words) for number, words in active.items())
    return [*never_matching(rules, active), *TargetCheck().doubts(rules, active), *gaps(rules, unmatched)]


def never_matching(rules: Iterable[Rule], routes: AllRoutes) -> Iterable[Doubt]:
    """Rules that never match, because one before them takes every parcel that they could."""
    for rule, first in shadowed(rules):
        words = _("It never matches: %(first)s is tried before it and takes all its parcels.")
        yield Doubt(rule.id, words % {"first": name_of(first.id, routes[first.id])})


def name_of(number: int, words: Mapping[str, Any]) -> str:
    """A rule as a person tells it from others: its name or its conditions, with its id once it has one."""
    said = words["name"] or f"{words['project']}: {', '.join(condition_words(words))}"
    return f"#{number} ({said})" if number > 0 else _("the new rule (%(said)s)") % {"said": said}


class TargetCheck:
    """Targets that do not work, or not as one expects."""

    def __init__(self) -> None:
        self.accounts = {account.key: account for account in AfterShipAccount.objects.all()}
        self.brands = {brand.key: brand for brand in Brand.objects.all()}
        self.listed = set(Courier.objects.filter(imported_at__isnull=False).values_list("slug", flat=True))

    def doubts(self, rules: Iterable[Rule], routes: AllRoutes) -> Iterable[Doubt]:
        for rule in rules:
            if not rule.do_not_track:
                yield from (Doubt(rule.id, words) for words in self.of_target(routes[rule.id]))

    def of_target(self, words: Mapping[str, Any]) -> Iterable[str]:
        """What can keep the route's target from working: one warning each."""
        account, brand = self.accounts.get(words["account"]), self.brands.get(words["brand"])
        if account and not account.is_active:
            yield _("Account %(key)s is switched off: its parcels wait.") % {"key": account.key}
        elif account and account.paused_until and account.paused_until > timezone.now():
            yield _("Account %(key)s is paused, because AfterShip refuses it or is down.") % {"key": account.key}
        if brand and not brand.locales:
            yield _("Brand %(key)s has no language: nothing can be written to its shoppers.") % {"key": brand.key}
        if Route.Notify.PLATFORM in senders_in(words) and not brand:
            yield _("Trackbridge is to write to the shopper, but the rule has no brand to write as.")
        if doubt := two_senders(words):
            yield doubt
        if unlisted := [slug for slug in words["couriers"] if slug not in self.listed]:
            yield _("AfterShip does not list %(slugs)s (as far as it was imported).") % {"slugs": ", ".join(unlisted)}
        if 0 in (words["promise_days"], *words["promise_days_by_country"].values()):
            yield _("It promises delivery in 0 days: every parcel would be late.")


def senders_in(words: Mapping[str, Any]) -> set[str]:
    """Who writes about any status; words of old lack the exceptions."""
    exceptions = words.get("notify_by_status", {})
    return {exceptions.get(kind, words["notify"]) for kind in MessageKind.values}


def two_senders(words: Mapping[str, Any]) -> str:
    """What to mind where AfterShip and Trackbridge both write, about different statuses; "" where one does.

    AfterShip has one switch per tracking: once it has the address, its flows alone decide which statuses it tells.
    """
    if not {Route.Notify.PLATFORM, Route.Notify.AFTERSHIP} <= senders_in(words):
        return ""
    exceptions = words.get("notify_by_status", {})
    ours = [k for k in MessageKind.values if exceptions.get(k, words["notify"]) != Route.Notify.AFTERSHIP]
    said = _(
        "AfterShip gets the address, and cannot be told which statuses are others'. Switch its flows off for: %(k)s."
    )
    return said % {"k": ", ".join(ours)}


def gaps(rules: Iterable[Rule], unmatched: Mapping[tuple[str, str], int]) -> Iterable[Doubt]:
    """Parcels and stores that no rule is for."""
    by_project: dict[str, list[Rule]] = {}
    for rule in rules:
        by_project.setdefault(rule.project, []).append(rule)
    for (project, store), number in sorted(unmatched.items()):
        has_default = any(rule.is_default for rule in by_project.get(project, []))
        words = ngettext(
            "%(n)d recent parcel of %(where)s matches no rule.",
            "%(n)d recent parcels of %(where)s match no rule.",
            number,
        ) % {"n": number, "where": f"{project}/{store}" if store else project}
        yield Doubt(None, words if has_default else f"{words} " + _("The project has no default route."))
    for project in Project.objects.filter(is_active=True):
        if project.key not in by_project:
            yield Doubt(None, _("Project %(key)s has no active rule at all.") % {"key": project.key})
    for store in Store.objects.select_related("project"):
        rules_of_project = by_project.get(store.project.key, [])
        if rules_of_project and not any(rule.store in (None, store.key) for rule in rules_of_project):
            where = f"{store.project.key}/{store.key}"
            yield Doubt(None, _("Store %(where)s has no rule, and none is for every store.") % {"where": where})
