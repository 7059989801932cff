"""Who looks at the page that is being made, for columns and blocks that are not handed the request."""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet

from config.people import viewer
from tracking.admin.display import link, person
from tracking.services.scope import may_see_people, sees, store_ids_of, visible

Row = TypeVar("Row", bound=Model)


def seen(queryset: QuerySet[Row]) -> QuerySet[Row]:
    """Those of the rows that whoever looks may see."""
    return visible(viewer(), queryset)


def hidden(text: str) -> str:
    """Something that tells who or where a shopper is, masked for whoever may not see it."""
    return person(viewer(), text)


def shows_people() -> bool:
    """May whoever looks see shoppers' addresses, places, and what was received about them?"""
    return may_see_people(viewer())


def link_if_seen(row: Model | None, words: object = "") -> str:
    """A link to the row's page for whoever may see it; a dash for others."""
    return link(row if sees(viewer(), row) else None, words)


def needs_all_stores(user: object) -> None:
    """For pages about the installation as a whole: refuses whoever is limited to stores."""
    if store_ids_of(user) is not None:
        raise PermissionDenied("You are limited to stores; this page is about all of them.")
