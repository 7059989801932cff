"""The console's sidebar. An entry shows for those who may view its rows, so that nobody is led to a refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def may_view(permission: str) -> Callable[[HttpRequest], bool]:
    """A callback for unfold: may the user of this request view it? ``permission`` is ``app.view_model``."""
    return lambda request: request.user.has_perm(permission)


def entry(title: Any, app: str, model: str, icon: str) -> dict[str, Any]:
    """One entry, leading to the list of ``app``'s ``model``."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{app}_{model}_changelist"),
        "permission": may_view(f"{app}.view_{model}"),
    }


HOME = {"title": _("Home"), "icon": "home", "link": reverse_lazy("admin:index")}
OPEN_PROBLEMS = {"badge": "tracking.admin.dashboard.open_problems_badge"}
SIDEBAR: list[dict[str, Any]] = [
    {
        "title": _("Support"),
        "items": [
            HOME,
            entry(_("Orders"), "tracking", "order", "receipt_long"),
            entry(_("Parcels"), "tracking", "parcel", "package_2"),
            entry(_("Trackings"), "tracking", "tracking", "local_shipping"),
            entry(_("Problems"), "tracking", "problem", "report") | OPEN_PROBLEMS,
        ],
    },
    {
        "title": _("Inbox & jobs"),
        "separator": True,
        "items": [
            entry(_("Receipts"), "tracking", "receipt", "inbox"),
            entry(_("Jobs"), "tracking", "job", "schedule"),
            entry(_("Calls"), "tracking", "attempt", "history"),
            entry(_("Turned away"), "tracking", "refusal", "block"),
        ],
    },
    {
        "title": _("Routing"),
        "separator": True,
        "items": [
            entry(_("Routes"), "stores", "route", "alt_route"),
            entry(_("Carrier mappings"), "stores", "carriermapping", "swap_horiz"),
            entry(_("Couriers"), "stores", "courier", "directions_car"),
            entry(_("Stores"), "stores", "store", "storefront"),
            entry(_("Channels"), "stores", "channel", "hub"),
            entry(_("Brands"), "stores", "brand", "palette"),
        ],
    },
    {
        "title": _("Connections"),
        "separator": True,
        "items": [
            entry(_("Projects"), "stores", "project", "shopping_cart"),
            entry(_("AfterShip accounts"), "stores", "aftershipaccount", "key"),
            entry(_("Custom types"), "stores", "customtype", "data_object"),
        ],
    },
    {
        "title": _("System"),
        "separator": True,
        "items": [
            entry(_("Users"), "auth", "user", "group"),
            entry(_("Groups"), "auth", "group", "groups"),
            entry(_("Workers"), "tracking", "heartbeat", "monitor_heart"),
        ],
    },
]
