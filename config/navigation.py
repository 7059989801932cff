"""The console's sidebar and colour. An entry shows for those who may view its rows: nobody is led to a refusal."""

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


# Tailwind's blue, as unfold wants it: one value per weight.
BLUE = {
    "50": "oklch(97% .014 254.604)",
    "100": "oklch(93.2% .032 255.585)",
    "200": "oklch(88.2% .059 254.128)",
    "300": "oklch(80.9% .105 251.813)",
    "400": "oklch(70.7% .165 254.624)",
    "500": "oklch(62.3% .214 259.815)",
    "600": "oklch(54.6% .245 262.881)",
    "700": "oklch(48.8% .243 264.376)",
    "800": "oklch(42.4% .199 265.638)",
    "900": "oklch(37.9% .146 265.522)",
    "950": "oklch(28.2% .091 267.935)",
}


def page(title: Any, name: str, icon: str, permission: str, *arguments: str) -> dict[str, Any]:
    """One entry, leading to a page that is no list. ``permission``: a name, or the path of a function that is asked."""
    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(name, args=arguments),
        "permission": may_view(permission) if permission.count(".") == 1 else permission,
    }


OPEN_PROBLEMS = {"badge": "tracking.admin.dashboard.open_problems_badge"}
SIDEBAR: list[dict[str, Any]] = [
    {
        "title": _("Support"),
        "items": [
            entry(_("Orders"), "tracking", "order", "receipt_long"),
            entry(_("Parcels"), "tracking", "parcel", "package_2"),
            entry(_("Trackings"), "tracking", "tracking", "local_shipping"),
            page(_("Queues"), "queues", "inbox_customize", "tracking.view_problem") | OPEN_PROBLEMS,
            entry(_("Problems"), "tracking", "problem", "report"),
            page(_("Courier outages"), "outages", "cloud_off", "tracking.view_problem"),
            page(_("Unrouted parcels"), "unrouted", "wrong_location", "tracking.view_problem"),
            page(_("Stories"), "story", "timeline", "tracking.view_order"),
            entry(_("Tickets"), "tracking", "contact", "support_agent"),
            entry(_("Messages"), "tracking", "message", "mail"),
            entry(_("Blocked addresses"), "tracking", "blockedaddress", "unsubscribe"),
            entry(_("What staff did"), "tracking", "staffaction", "supervisor_account"),
        ],
    },
    {
        "title": _("Figures"),
        "separator": True,
        "items": [
            page(_("Delivery figures"), "figures", "monitoring", "analytics.view_parcelfact", "overview"),
            page(_("Weekly summaries"), "admin:analytics_summary_changelist", "mail", "analytics.view_parcelfact"),
        ],
    },
    {
        "title": _("Inbox & jobs"),
        "separator": True,
        "items": [
            entry(_("Receipts"), "tracking", "receipt", "inbox"),
            entry(_("Jobs"), "tracking", "job", "schedule"),
            page(_("Dead letters"), "dead-letters", "move_to_inbox", "tracking.view_job"),
            entry(_("Calls"), "tracking", "attempt", "history"),
            entry(_("Writes"), "tracking", "write", "edit_note"),
            entry(_("Runs"), "tracking", "run", "sync"),
            entry(_("Turned away"), "tracking", "refusal", "block"),
        ],
    },
    {
        "title": _("Routing"),
        "separator": True,
        "items": [
            entry(_("Routes"), "stores", "route", "alt_route"),
            entry(_("Carrier mappings"), "stores", "carriermapping", "swap_horiz"),
            page(_("Courier codes"), "courier-codes", "barcode", "stores.view_statusrule"),
            page(_("Carrier workbench"), "carriers", "conveyor_belt", "stores.view_carriermapping"),
            entry(_("Versions of rules"), "stores", "revision", "history_edu"),
            page(_("Check rules"), "rules-check", "rule", "tracking.admin.revisions.may_check_rules"),
            entry(_("Remaps"), "tracking", "remap", "move_down"),
            entry(_("Couriers"), "stores", "courier", "directions_car"),
            entry(_("Stores"), "stores", "store", "storefront"),
            entry(_("Channels"), "stores", "channel", "hub"),
            entry(_("Brands"), "stores", "brand", "palette"),
            page(_("Preview"), "preview", "preview", "stores.view_brand"),
            entry(_("Promotions"), "tracking", "promotion", "campaign"),
            entry(_("What shoppers did"), "tracking", "shoppercount", "ads_click"),
        ],
    },
    {
        "title": _("Connections"),
        "separator": True,
        "items": [
            entry(_("Projects"), "stores", "project", "shopping_cart"),
            entry(_("AfterShip accounts"), "stores", "aftershipaccount", "key"),
            entry(_("Custom types"), "stores", "customtype", "data_object"),
            page(_("Doctor"), "doctor", "stethoscope", "tracking.admin.doctor.may_ask"),
        ],
    },
    {
        "title": _("System"),
        "separator": True,
        "items": [
            entry(_("Users"), "auth", "user", "group"),
            entry(_("Groups"), "auth", "group", "groups"),
            entry(_("Erased people"), "tracking", "erasure", "person_off"),
            entry(_("Workers"), "tracking", "heartbeat", "monitor_heart"),
        ],
    },
]
