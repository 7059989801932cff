"""Groups of figures by name: keys of stores and accounts for their ids, a word for what has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.utils.translation import gettext as _

from stores.models import AfterShipAccount, Project, Store

ROWS = {"store": Store, "account": AfterShipAccount, "project": Project}


def names_of(by: str, groups: Iterable[str]) -> dict[str, str]:
    """The name of each group: at most one query. What is gone keeps its number, for its figures stay."""
    groups = list(groups)
    ids = [int(group) for group in groups if group.isdecimal()]
    known: dict[str, str] = {}
    if by == "store":
        known = stores_by_name(ids)
    elif by in ROWS:
        known = {str(pk): key for pk, key in ROWS[by].objects.filter(pk__in=ids).values_list("pk", "key")}
    return {group: known.get(group) or nameless(by, group) for group in groups}


def stores_by_name(ids: Iterable[int]) -> dict[str, str]:
    """Keys are each project's own: one that several projects have is told with its project's."""
    alike = Store.objects.filter(key__in=Store.objects.filter(pk__in=list(ids)).values("key"))
    rows = list(alike.order_by().values_list("pk", "key", "project__key"))
    often = Counter(key for _pk, key, _project in rows)
    return {str(pk): f"{key} ({project})" if often[key] > 1 else key for pk, key, project in rows}


def nameless(by: str, group: str) -> str:
    if group.strip() in ("", "0"):
        return {"store": _("no store"), "channel": _("no channel"), "courier": _("no courier")}.get(by, _("none"))
    return f"#{group}" if by in ROWS else group
