"""Groups of figures by name: keys of stores and accounts for their ids, a word for what has none."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from stores.models import AfterShipAccount, Project, Store

ROWS = {"store": Store, "account": AfterShipAccount, "project": Project}


def names_of(by: str, groups: Iterable[str]) -> dict[str, str]:
    """The name of each group: at most one query. What is gone keeps its number, for its figures stay."""
    groups = list(groups)
    known: dict[str, str] = {}
    if by in ROWS:
        rows = ROWS[by].objects.filter(pk__in=[int(group) for group in groups if group.isdecimal()])
        known = {str(pk): key for pk, key in rows.values_list("pk", "key")}
    return {group: known.get(group) or nameless(by, group) for group in groups}


def nameless(by: str, group: str) -> str:
    if group.strip() in ("", "0"):
        return {"store": _("no store"), "channel": _("no channel"), "courier": _("no courier")}.get(by, _("none"))
    return f"#{group}" if by in ROWS else group
