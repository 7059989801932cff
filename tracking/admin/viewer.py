"""Who looks at the page that is being made, for columns and blocks that are not handed the request."""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy

from config.people import viewer
from tracking.admin.display import MASK, link, person
from tracking.services.scope import may_see_people, sees, store_ids_of, visible

Row = TypeVar("Row", bound=Model)
NOT_FOR_YOU = gettext_lazy("Not shown: it may tell who the shopper is, and your role does not see people.")


def seen(queryset: QuerySet[Row]) -> QuerySet[Row]:
    """Those of the rows that whoever looks may see."""
    return visible(viewer(), queryset)


def hidden(text: str) -> str:
    """Something that tells who or where a shopper is, masked for whoever may not see it."""
    return person(viewer(), text)


def shows_people() -> bool:
    """May whoever looks see shoppers' addresses, places, and what was received about them?"""
    return may_see_people(viewer())


def said(message: str, otherwise: str) -> str:
    """A carrier's own words, which may name people; for whoever may not see those, what they stand for."""
    return (message or otherwise) if shows_people() else (otherwise or (MASK if message else ""))


def link_if_seen(row: Model | None, words: object = "") -> str:
    """A link to the row's page for whoever may see it; a dash for others."""
    return link(row if sees(viewer(), row) else None, words)


def needs_all_stores(user: object) -> None:
    """For pages about the installation as a whole: refuses whoever is limited to stores."""
    if store_ids_of(user) is not None:
        raise PermissionDenied("You are limited to stores; this page is about all of them.")
