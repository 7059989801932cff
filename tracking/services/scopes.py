"""Which scopes a project's API client needs for what, and which of them a token lacks.

Facts: https://docs.commercetools.com/api/scopes. ``manage_x`` includes ``view_x``, ``manage_project`` all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from stores.models import Project
from tracking.payloads.subscriptions import DESTINATIONS

OTHERS_THAT_DO: dict[str, tuple[str, ...]] = {"view_channels": ("view_products", "manage_products")}


@dataclass(frozen=True)
class Need:
    """One scope (``manage_orders:demo``), what it is for, and whether only setup_commercetools needs it."""

    scope: str
    purpose: str
    is_for_setup: bool = False


def needs(project: Project) -> Iterator[Need]:
    """Every scope that the project's way of working needs, the daily ones first."""
    for store in project.in_stores or [""]:
        yield need(project, "manage_orders", "reads orders and writes on parcels", store=store)
    yield need(project, "view_types", "reads the Types that parcels carry")
    yield need(project, "view_stores", "imports stores")
    yield need(project, "view_channels", "imports channels")
    if project.poll == Project.Poll.MESSAGES:
        yield need(project, "view_messages", "polls messages")
    yield need(project, "manage_types", "makes and extends Types", is_for_setup=True)
    if project.inbound_type in DESTINATIONS:
        yield need(project, "manage_subscriptions", "makes the Subscription and looks at it", is_for_setup=True)


def need(project: Project, name: str, purpose: str, *, store: str = "", is_for_setup: bool = False) -> Need:
    scope = f"{name}:{project.key}" + (f":{store}" if store else "")
    return Need(scope, purpose, is_for_setup)


def lacking(project: Project, granted: Collection[str]) -> list[Need]:
    """Those of the needs that ``granted`` does not cover."""
    return [one for one in needs(project) if not enough(one.scope, project.key) & set(granted)]


def has(project: Project, granted: Collection[str], name: str) -> bool:
    """Whether ``granted`` allows ``name`` (``manage_subscriptions``) in the whole project."""
    return bool(enough(f"{name}:{project.key}", project.key) & set(granted))


def enough(scope: str, project_key: str) -> set[str]:
    """Scopes of which each one covers ``scope``: itself, the wider of its kind, and the one of the whole project."""
    name, _, where = scope.partition(":")
    names = {name, name.replace("view_", "manage_", 1), *OTHERS_THAT_DO.get(name, ())}
    places = {where, project_key}
    return {f"{one}:{place}" for one in names for place in places} | {f"manage_project:{project_key}"}


def in_words(missing: Collection[Need]) -> str:
    """``manage_types:demo (makes and extends Types), …``"""
    return ", ".join(f"{one.scope} ({one.purpose})" for one in missing)
