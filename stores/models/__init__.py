"""Who ships: the connections to both upstreams, the storefronts, and the rules that join them.

Project ──< Store, Channel                     read from commercetools
AfterShipAccount ──< RateBudget                one organisation at AfterShip, its key and its request rates
Route: conditions on a parcel → account, brand   first match wins
CarrierMapping: carrier text (+ scope) → Courier
StatusRule: a courier's own code → our status
Revision                                      every change of these three rules, so that it can be explained and undone
"""

from stores.brands import Brand, BrandLogo
from stores.models.connections import AfterShipAccount, CustomType, Project, RateBudget, Upstream
from stores.models.registered import Channel, Courier, Registered, Store
from stores.models.revisions import Revision
from stores.models.routes import Route
from stores.models.rules import CarrierMapping, Origin, Rule, StatusRule

__all__ = [
    "AfterShipAccount",
    "Brand",
    "BrandLogo",
    "CarrierMapping",
    "Channel",
    "Courier",
    "CustomType",
    "Origin",
    "Project",
    "RateBudget",
    "Registered",
    "Revision",
    "Route",
    "Rule",
    "StatusRule",
    "Store",
    "Upstream",
]
