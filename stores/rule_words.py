"""Rules as people read them: conditions, targets, and what a change did to each field. Takes a rule's own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Field
from django.utils.translation import gettext as _

from stores.models import Route
from stores.rule_set import FIELDS, KINDS
from stores.statuses import MessageKind

NOTHING = "–"
NAMES_ONLY = "extra_fields"  # its values are what a carrier asks for as a log-in: only the names are shown
Words = Mapping[str, Any]


def condition_words(words: Words) -> list[str]:
    """What a route asks of a parcel, beside its project; one text per condition."""
    if words["is_default"]:
        return [_("everything that no other rule takes")]
    said = []
    if words["store"] is not None:
        said.append(_("store %(key)s") % {"key": words["store"]})
    if words["channel"] is not None:
        role = {"supply": _("supply channel %(key)s"), "distribution": _("distribution channel %(key)s")}
        said.append(role.get(words["channel_role"], _("channel %(key)s")) % {"key": words["channel"]})
    if words["direction"] != Route.Direction.ALL:
        said.append(_("returns only") if words["direction"] == Route.Direction.RETURNS else _("no returns"))
    if words["countries"]:
        said.append(_("to %(countries)s") % {"countries": one_of(words["countries"])})
    if words["carriers"]:
        said.append(_("carrier %(carriers)s") % {"carriers": one_of(words["carriers"])})
    if words["field_name"]:
        asked = {"name": words["field_name"], "values": one_of(words["field_values"])}
        said.append(
            (_("field %(name)s is %(values)s") if words["field_values"] else _("field %(name)s is set")) % asked
        )
    return said or [_("every parcel")]


def target_words(words: Words) -> list[str]:
    """Where a route leads, and what goes with it; one text each."""
    if words["do_not_track"]:
        return [_("not tracked")]
    said = [_("account %(key)s") % {"key": words["account"]}]
    if words["brand"]:
        said.append(_("brand %(key)s") % {"key": words["brand"]})
    if words["couriers"]:
        said.append(_("ships with %(couriers)s") % {"couriers": ", ".join(words["couriers"])})
    if promise := promise_words(words):
        said.append(promise)
    return said + sender_words(words)


def sender_words(words: Words) -> list[str]:
    """Who writes to the shopper, and about which statuses somebody else does; words of old lack the exceptions."""
    said = []
    if words["notify"] != Route.Notify.OFF:
        said.append(_("%(who)s writes to the shopper") % {"who": Route.Notify(words["notify"]).label})
    for kind, who in sorted(words.get("notify_by_status", {}).items()):
        if who != words["notify"]:
            told = {"who": Route.Notify(who).label, "status": MessageKind(kind).label}
            said.append(_("%(who)s writes about: %(status)s") % told)
    return said


def promise_words(words: Words) -> str:
    days = [str(words["promise_days"])] if words["promise_days"] is not None else []
    days += [f"{country} {number}" for country, number in sorted(words["promise_days_by_country"].items())]
    return _("promises %(days)s days") % {"days": ", ".join(days)} if days else ""


def one_of(values: Any) -> str:
    """``DE, AT or CH``."""
    *first, last = map(str, values) if values else [""]
    return _("%(first)s or %(last)s") % {"first": ", ".join(first), "last": last} if first else last


def changed_fields(kind: str, before: Words | None, after: Words | None) -> list[tuple[str, str, str]]:
    """(field, value before, value after) of each field that differs, as the form names them."""
    rows = []
    for name in FIELDS[kind]:
        old, new = (before or {}).get(name), (after or {}).get(name)
        field: Field[Any, Any] = KINDS[kind]._meta.get_field(name)
        shown = value_words(field, old), value_words(field, new)
        if name == NAMES_ONLY:
            shown = (", ".join(old or {}) or NOTHING, _("%(names)s: new values") % {"names": ", ".join(new or {})})
        if (old or None) != (new or None) and name != "origin":
            rows.append((str(field.verbose_name), *shown))
    return rows


def value_words(field: Field[Any, Any], value: Any) -> str:
    """A field's value in words; a dash for none."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value in (None, "", [], {}):
        return NOTHING
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{name}: {one}" for name, one in sorted(value.items()))
    return str(dict(field.flatchoices).get(value, value))
