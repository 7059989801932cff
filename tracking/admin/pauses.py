"""Connections that are paused or switched off, in words: why there is no news, and why an act is not everywhere yet."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import gettext as _

from stores.models import AfterShipAccount, Project
from tracking.enums import FINISHED
from tracking.models import Order, Parcel, Remap

Connection = AfterShipAccount | Project


def of_order(order: Order, parcels: Iterable[Parcel]) -> list[str]:
    """Of those that are to tell or to be told of the order still. No query: parcels bring their trackings' accounts."""
    under_way = [one.tracking for one in parcels if one.tracking and one.tracking.status not in FINISHED]
    return in_words([order.project, *(tracking.account for tracking in under_way)]) if under_way else []


def of_remap(remap: Remap) -> list[str]:
    """Of those that its parcels are at: two queries."""
    parcels = Parcel.objects.filter(remap_items__remap=remap)
    projects = Project.objects.filter(orders__parcels__in=parcels)
    accounts = AfterShipAccount.objects.filter(trackings__parcels__in=parcels)
    return in_words([*projects.distinct(), *accounts.distinct()])


def in_words(connections: Iterable[Connection]) -> list[str]:
    """A sentence for each that nothing can be read from or written to now; each once."""
    found = {(type(one), one.pk): one for one in connections}
    return [words for one in found.values() if (words := wait_of(one))]


def wait_of(one: Connection) -> str:
    name = {"upstream": f"{'commercetools' if isinstance(one, Project) else 'AfterShip'} {one.key}"}
    if not one.is_active:
        return _("%(upstream)s is switched off: there is no news of it, and what is done by hand waits.") % name
    if one.pause_seconds:
        words = _("%(upstream)s does not answer or refuses us: its news is late, and what is done by hand waits there.")
        return f"{words % name} {_('It goes on by itself.')}"
    return ""
