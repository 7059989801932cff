"""Which rows a person may see: everything, or what belongs to the orders of the stores they are limited to.

    visible(user, queryset)   for every list, page, search, figure, export and answer of the API
        └─ no limit: as it is
        └─ limited: by the rule of the model, in RULES; a model without one shows nothing

Rows that tell of an order are reached through it: by a link, or by its correlation id. What belongs to no order, or to
an order of no store, is not seen by limited people. A tracking that parcels of several orders show (one box) is seen
with any of them; the orders are still seen each by its own store.

The rules are EXISTS on indexed columns: the database begins at the newest rows or at the store, whichever is shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db.models import Exists, Model, OuterRef, Q, QuerySet

from stores.models import Route, Store
from tracking.enums import Source
from tracking.models import Order, Parcel, RemapItem, StoreLimit

SEE_PEOPLE = "tracking.see_people"
EXPORT = "tracking.export"
Stores = frozenset[int]
Rule = Callable[[Stores], Q]
Row = TypeVar("Row", bound=Model)


def store_ids_of(user: Any) -> Stores | None:
    """The stores that this person is limited to; None where there is no limit, as for our own work (``user`` None).

    Who is not logged in sees nothing. Asked once per user object, like their permissions.
    """
    if user is None:
        return None
    if not getattr(user, "is_authenticated", False):
        return frozenset()
    if user.is_superuser:
        return None
    if not hasattr(user, "_store_ids"):
        limits = StoreLimit.objects.filter(user=user.pk).values_list("store", flat=True)
        user._store_ids = frozenset(limits) or None
    found: Stores | None = user._store_ids
    return found


def visible(user: Any, queryset: QuerySet[Row]) -> QuerySet[Row]:
    """Those of the rows that the person may see. The queryset must not be sliced yet."""
    stores = store_ids_of(user)
    if stores is None:
        return queryset
    return queryset.filter(RULES.get(queryset.model._meta.label, nobody)(stores))


def sees(user: Any, row: Model | None) -> bool:
    """May the person see this row? One query for limited people."""
    if row is None or store_ids_of(user) is None:
        return row is not None
    return visible(user, type(row)._default_manager.filter(pk=row.pk)).exists()


def is_own_story(user: Any, row: Any) -> bool:
    """Is the row part of the story of an order that the person sees, and not of another's that shares a tracking?"""
    stores = store_ids_of(user)
    return stores is None or type(row)._default_manager.filter(by_code(stores), pk=row.pk).exists()


def may_see_people(user: Any) -> bool:
    """May the person see shoppers' addresses, places, and what was received about them?"""
    return bool(user.has_perm(SEE_PEOPLE))


def everyone(stores: Stores) -> Q:
    """Rows that tell of no order."""
    return Q()


def nobody(stores: Stores) -> Q:
    """Rows about the whole installation, or about several stores at once."""
    return Q(pk__in=[])


def by_store(field: str) -> Rule:
    """Rows with a link to their store."""
    return lambda stores: Q(**{f"{field}__in": stores})


def by_order(field: str = "order") -> Rule:
    """Rows with a link to their order."""
    return lambda stores: Q(Exists(Order.objects.filter(pk=OuterRef(field), store__in=stores)))


def by_parcel(field: str = "parcel") -> Rule:
    """Rows with a link to their parcel."""
    return lambda stores: Q(Exists(Parcel.objects.filter(pk=OuterRef(field), order__store__in=stores)))


def by_tracking(field: str = "tracking") -> Rule:
    """Rows with a link to a tracking that a parcel of one of the stores shows."""
    return lambda stores: Q(Exists(Parcel.objects.filter(tracking=OuterRef(field), order__store__in=stores)))


def by_code(stores: Stores) -> Q:
    """Rows of the story of an order."""
    return Q(Exists(Order.objects.filter(correlation_id=OuterRef("correlation_id"), store__in=stores)))


def by_code_or_news(stores: Stores) -> Q:
    """Receipts of the story of an order; and news of a tracking that it shows, though another order opened it."""
    shown = Parcel.objects.filter(
        tracking__account__key=OuterRef("endpoint"),
        tracking__aftership_id=OuterRef("subject"),
        order__store__in=stores,
    ).exclude(tracking__aftership_id="")
    return by_code(stores) | Q(Exists(shown), source=Source.AFTERSHIP)


def by_narrowest_link(stores: Stores) -> Q:
    """Problems: by their order; else parcel, tracking, or the story that they are part of, whichever they have."""
    return (
        by_order()(stores)
        | Q(by_parcel()(stores), order=None)
        | Q(by_tracking()(stores), order=None, parcel=None)
        | Q(by_code(stores), order=None, parcel=None, tracking=None)
    )


def by_order_or_parcel(stores: Stores) -> Q:
    """What staff did: to an order, or to one parcel."""
    return by_order()(stores) | Q(by_parcel()(stores), order=None)


def by_every_item(stores: Stores) -> Q:
    """Remaps, of which every parcel may be seen: who undoes one moves all of them."""
    items = RemapItem.objects.filter(remap=OuterRef("pk"))
    foreign = items.filter(Q(parcel__order__store=None) | ~Q(parcel__order__store__in=stores))
    return Q(Exists(items)) & ~Q(Exists(foreign))


def projects_of(stores: Stores) -> QuerySet[Store, int]:
    """Keys of the projects that these stores belong to."""
    return Store.objects.filter(pk__in=stores).order_by().values_list("project", flat=True)


def by_project(field: str) -> Rule:
    """Rows with a link to a project of one of the stores."""
    return lambda stores: Q(**{f"{field}__in": projects_of(stores)})


def by_routing_scope(stores: Stores) -> Q:
    """Routes of one of the stores, or of every store of its project."""
    return Q(store__in=stores) | Q(store=None, project__in=projects_of(stores))


def by_mapping_scope(stores: Stores) -> Q:
    """Carrier mappings that can decide about parcels of one of the stores."""
    return by_routing_scope(stores) | Q(project=None)


def by_routes(field: str) -> Rule:
    """AfterShip accounts that a route leads to which may be seen."""
    return lambda stores: Q(
        **{f"{field}__in": Route.objects.filter(by_routing_scope(stores)).order_by().values("account")}
    )


# By label of the model. A new model needs a line here (analytics adds its own with `add_rule`), or it stays unseen.
RULES: dict[str, Rule] = {
    "auth.Group": everyone,
    "auth.Permission": everyone,
    "auth.User": everyone,
    "stores.AfterShipAccount": by_routes("pk"),
    "stores.Brand": everyone,
    "stores.BrandLogo": everyone,
    "stores.CarrierMapping": by_mapping_scope,
    "stores.Channel": by_project("project"),
    "stores.Courier": everyone,
    "stores.CustomType": by_project("project"),
    "stores.Project": by_project("pk"),
    "stores.RateBudget": by_routes("account"),
    "stores.Revision": nobody,
    "stores.Route": by_routing_scope,
    "stores.StatusRule": everyone,
    "stores.Store": by_store("pk"),
    "tracking.Attempt": by_code,
    "tracking.BlockedAddress": nobody,
    "tracking.Change": nobody,
    "tracking.Checkpoint": by_tracking(),
    "tracking.Contact": by_order(),
    "tracking.Erasure": nobody,
    "tracking.Export": nobody,
    "tracking.ExportPart": nobody,
    "tracking.HashKey": nobody,
    "tracking.Heartbeat": everyone,
    "tracking.IgnoredCarrier": by_store("store"),
    "tracking.Job": by_code,
    "tracking.LookupCount": nobody,
    "tracking.KnownNumber": nobody,
    "tracking.Mailer": everyone,
    "tracking.Message": by_order(),
    "tracking.NumberForm": everyone,
    "tracking.Order": by_store("store"),
    "tracking.Outage": everyone,
    "tracking.Parcel": by_order(),
    "tracking.Problem": by_narrowest_link,
    "tracking.Promotion": everyone,
    "tracking.Pulse": nobody,
    "tracking.Receipt": by_code_or_news,
    "tracking.Refusal": nobody,
    "tracking.Remap": by_every_item,
    "tracking.RemapItem": by_parcel(),
    "tracking.Role": nobody,
    "tracking.Run": nobody,
    "tracking.SavedView": everyone,
    "tracking.SeenCode": everyone,
    "tracking.ShopperCount": by_store("store"),
    "tracking.StaffAction": by_order_or_parcel,
    "tracking.StoreLimit": nobody,
    "tracking.Tracking": by_tracking("pk"),
    "tracking.Usual": everyone,
    "tracking.WaitDay": everyone,
    "tracking.Write": by_order(),
}


def add_rule(label: str, rule: Rule) -> None:
    """For the models of apps that stand on this one: ``add_rule("analytics.Fact", by_store("store"))``."""
    RULES[label] = rule
