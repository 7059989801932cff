"""“Why did it go there?”: the rules that were tried on a parcel, what they saw, and what they would say now."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tracking.admin.base import Facts, Page, Table
from tracking.admin.display import BAD, DOUBTFUL, GOOD, NOTHING, WAITING, age, badge, lines, link, two_lines, when
from tracking.models import Parcel, Remap, StaffAction
from tracking.services.why import Now, Tried, Why, now, why

FACT_NAMES = {
    "project": gettext_lazy("Project"),
    "store": gettext_lazy("Store"),
    "country": gettext_lazy("Destination"),
    "carrier": gettext_lazy("Carrier text"),
    "is_return": gettext_lazy("Return"),
    "supply_channels": gettext_lazy("Supply channels"),
    "distribution_channels": gettext_lazy("Distribution channels"),
    "fields": gettext_lazy("Custom fields"),
}
DIFFERENCES = {
    "route": gettext_lazy("Route"),
    "account": gettext_lazy("AfterShip account"),
    "courier": gettext_lazy("Courier"),
}
CHOICES = DIFFERENCES | {"number": gettext_lazy("Number")}


def address_of(parcel: Parcel) -> str:
    """The page that answers for this parcel."""
    return reverse("admin:tracking_parcel_why", args=[parcel.pk])


def why_link(parcel: Parcel) -> SafeString:
    return format_html('<a class="tb-link" href="{}">{}</a>', address_of(parcel), _("Why did it go there?"))


def now_link(parcel: Parcel) -> SafeString:
    return format_html('<a class="tb-link" href="{}">{}</a>', address_of(parcel), _("What would the rules say now?"))


def blocks(found: Why) -> list[Table | Facts]:
    """What was decided: also on the parcel's own page."""
    shown: list[Table | Facts] = [
        trace_block(_("Why did it go there?"), found.tried),
        facts_block(_("What the rules saw"), found.facts),
    ]
    if found.courier:
        shown.append(courier_block(found))
    if found.chosen or found.actions:
        shown.append(choices_block(found))
    return shown


def page(parcel: Parcel) -> Page:
    """What was decided, beside what the rules would say now. Nothing is saved by looking."""
    asked, found = now(parcel), why(parcel)
    courier = asked.decision.courier
    return Page(
        headline=headline(asked),
        facts=[
            (_("Parcel"), link(parcel)),
            (_("Order"), link(parcel.order)),
            (_("Route"), str(parcel.route or NOTHING)),
            (_("Tracking"), link(parcel.tracking)),
            (_("Decided"), when(found.at)),
        ],
        blocks=[
            differences_block(asked),
            *blocks(found),
            trace_block(_("What the rules would say now"), asked.tried),
            facts_block(_("What they would see now"), asked.facts),
            Facts(_("Courier now"), [(_("Because"), courier.because if courier else _("Nothing would be tracked."))]),
        ],
    )


def headline(asked: Now) -> SafeString:
    """Whether anything would change, in one line."""
    if asked.differences:
        return format_html("{} {}", badge(_("Differs"), DOUBTFUL), _("The rules would decide otherwise now."))
    return format_html("{} {}", badge(_("The same"), GOOD), _("The rules would decide the same now."))


def trace_block(title: Any, tried: tuple[Tried, ...]) -> Table:
    """Each rule in the order in which it was tried."""
    return Table(
        title,
        [_("Rule"), _("Result"), _("Values seen"), _("Version")],
        [
            [
                two_lines(link(one.route, one.route.title) if one.route else _("removed since"), f"#{one.rule}"),
                badge(_("matches"), GOOD) if one.hit else badge(_("does not match"), WAITING),
                one.reason,
                version_of(one),
            ]
            for one in tried
        ],
        _("The rules have not been asked yet: a parcel without a number waits."),
    )


def version_of(one: Tried) -> SafeString:
    """The version that was looked at, and whether the rule has changed since."""
    if one.route is None:
        return two_lines(one.version, badge(_("removed since"), BAD))
    changed = badge(_("changed since, now %(n)d") % {"n": one.route.version}, DOUBTFUL) if one.is_changed else ""
    return two_lines(one.version, changed)


def facts_block(title: Any, facts: dict[str, Any]) -> Facts:
    """What the rules could ask for, as far as it was there."""
    return Facts(title, [(words, value_of(facts[name])) for name, words in FACT_NAMES.items() if name in facts])


def value_of(value: Any) -> Any:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if not isinstance(value, list):
        return value
    if value and isinstance(value[0], list):
        return lines([f"{name}: {', '.join(values)}" for name, values in value])
    return ", ".join(value)


def courier_block(found: Why) -> Facts:
    return Facts(
        _("Courier"),
        [
            (_("Asked for"), found.courier["slug"] or _("left to AfterShip's detection")),
            (_("Because"), found.courier["because"]),
            (_("Mapping"), mapping_of(found)),
        ],
    )


def mapping_of(found: Why) -> SafeString | str:
    if found.mapping is None and found.courier.get("mapping_id"):
        return _("removed since")
    return link(found.mapping)


def choices_block(found: Why) -> Table:
    """What people chose instead of the rules, and what else they did."""
    rows = [[_("in force"), lines(choices_of(found)), NOTHING, NOTHING]] if found.chosen else []
    for one in found.actions:
        rows.append([age(one.made_at), action_of(one), one.actor_name or NOTHING, one.reason or NOTHING])
    return Table(_("Chosen by hand"), [_("When"), _("What"), _("Who"), _("Why")], rows, _("Nobody chose otherwise."))


def choices_of(found: Why) -> list[str]:
    """``Courier: dhl-germany``: one per thing that was chosen."""
    chosen = dict(found.chosen)
    if "route" in chosen:
        chosen["route"] = found.chosen_route or _("removed since")
    return [f"{words}: {chosen[name] or _('AfterShip detects')}" for name, words in CHOICES.items() if name in chosen]


def action_of(action: StaffAction) -> SafeString:
    """What was done, with its remap where that has a page."""
    remap = ""
    if action.remap:
        name = _("Remap %(n)s") % {"n": action.remap}
        remap = link(action.remap, name) if admin.site.is_registered(Remap) else name
    return two_lines(f"{action.get_kind_display()}: {action.summary}", remap)


def differences_block(asked: Now) -> Table:
    return Table(
        _("What would be different"),
        [_("What"), _("Stands"), _("Rules say now")],
        [[DIFFERENCES[one.what], one.stands or NOTHING, one.now or NOTHING] for one in asked.differences],
        _("Nothing: route, account and courier would be the same."),
    )
