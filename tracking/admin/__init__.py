"""The console: what support staff and engineers see of the rows. Importing this package registers all of it."""

from tracking.admin import (
    acts,
    connections,
    contacts,
    dashboard,
    inbox,
    orders,
    outbox,
    people,
    problems,
    promotions,
    registry,
    remaps,
    revisions,
    rules,
    shopper_link,
    trackings,
)

__all__ = [
    "acts",
    "connections",
    "contacts",
    "dashboard",
    "inbox",
    "orders",
    "outbox",
    "people",
    "problems",
    "promotions",
    "registry",
    "remaps",
    "revisions",
    "rules",
    "shopper_link",
    "trackings",
]
