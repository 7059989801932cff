"""Stores and accounts that are chosen → the connections that serve them: what figures of our own service are of.

A webhook comes to an account and a comparison is of a whole connection, so these figures are never of one store alone.
They are of the accounts and projects that its parcels go through, also where other stores share them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.filters import Filters
from analytics.models import Slice
from stores.models import AfterShipAccount, Project

Link = tuple[int, int]  # project, account


@dataclass(frozen=True)
class Connections:
    """``mine`` serve what is chosen; ``family`` are these and all that share a project or an account with them: only
    there do webhooks and writes belong together. By the names that days of our service have; None: all of them.
    """

    mine: frozenset[str] | None = None
    family: frozenset[str] | None = None


ALL = Connections()


def connections_of(filters: Filters) -> Connections:
    """Those of the stores and accounts that are chosen and may be seen. Three queries; none where nothing narrows."""
    accounts = filters.chosen.get("account", ())
    if filters.seen is None and not accounts and not filters.chosen.get("store"):
        return ALL
    links = set(Slice.objects.filter(account_id__gt=0).values_list("project_id", "account_id"))
    wanted = Slice.objects.filter(filters.of_stores(), account_id__gt=0)
    mine = set((wanted.filter(account_id__in=accounts) if accounts else wanted).values_list("project_id", "account_id"))
    return Connections(names(mine), names(relatives(mine, links)))


def relatives(mine: set[Link], links: set[Link]) -> set[Link]:
    """All links that hang together with these, by a project or an account."""
    found: set[Link] = set()
    fresh = set(mine)
    while fresh:
        found |= fresh
        projects, accounts = {project for project, _ in found}, {account for _, account in found}
        fresh = {link for link in links - found if link[0] in projects or link[1] in accounts}
    return found


def names(links: Iterable[Link]) -> frozenset[str]:
    links = list(links)
    projects = Project.objects.filter(pk__in={project for project, _ in links}).values_list("key", flat=True)
    accounts = AfterShipAccount.objects.filter(pk__in={account for _, account in links}).values_list("key", flat=True)
    return frozenset([f"commercetools:{key}" for key in projects] + [f"aftership:{key}" for key in accounts])
