"""A plan in words, for a terminal. A secret is only ever "set", "changed", "unchanged" or "removed"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models

from stores.config_file.plan import Action, Change, Difference, Plan, label

SECRETS = {
    "client_id": "client_id",  # no secret, but half of a pair that is
    "client_secret": "client_secret",
    "inbound_secret": "inbound.secret",
    "api_key": "api_key",
    "webhook_secret": "webhook_secrets[0]",
    "previous_webhook_secret": "webhook_secrets[1]",
}
FILE_NAMES = {
    "inbound_type": "inbound.type",
    "inbound_options": "inbound",
    "is_default": "default",
    **{f"dark_{name}": f"dark.{name}" for name in ("colour", "on_colour", "background", "surface", "text")},
    **{f"support_{name}": f"support.{name}" for name in ("url", "email", "phone")},
    "sender_name": "sender.name",
    "sender_address": "sender.address",
    "reply_to": "sender.reply_to",
    "field_name": "field.name",
    "field_values": "field.values",
}
IN_LABEL = {
    *("key", "slug", "project", "store", "channel", "carrier", "origin"),
    *("channel_role", "countries", "carriers", "field_name", "field_values", "direction", "is_default"),
    *("code_kind", "code"),
}
UNSAID = {"do_not_track": False}  # of a new row; most routes track
DONE = {Action.CREATE: "created", Action.CHANGE: "changed", Action.REMOVE: "removed"}


def describe(plan: Plan, *, is_applied: bool) -> str:
    """The whole plan: its changes, its notes, and how many of each; "Nothing to do." where there are none."""
    lines = [line for change in plan.changes for line in change_lines(change)]
    lines += [f"note: {note}" for note in plan.notes]
    if not plan.changes:
        return "\n".join([*lines, "Nothing to do."])
    if is_applied:
        counts = ", ".join(f"{plan.count(action)} {DONE[action]}" for action in Action)
        return "\n".join([*lines, f"Applied: {counts}."])
    counts = ", ".join(f"{plan.count(action)} to {action}" for action in Action)
    return "\n".join([*lines, f"Plan: {counts}. Nothing was written."])


def change_lines(change: Change) -> Iterator[str]:
    """One line for the row, one for each field that is worth a look."""
    yield f"{change.action} {label(change.row)}" + (" (was made in the console)" if change.is_takeover else "")
    for difference in change.differences:
        if words := difference_words(change.action, difference):
            name = SECRETS.get(difference.name) or FILE_NAMES.get(difference.name, difference.name)
            yield f"    {name}: {words}"


def difference_words(action: Action, difference: Difference) -> str:
    """What happens to one field; "" where it is not worth a line."""
    if difference.name in SECRETS:
        return secret_words(difference)
    if action == Action.CREATE:
        is_told = (
            difference.name in IN_LABEL or is_blank(difference.after) or difference.after == UNSAID.get(difference.name)
        )
        return "" if is_told else shown(difference.after)
    if not difference.is_change or difference.name == "origin":
        return ""
    return f"{shown(difference.before)} → {shown(difference.after)}"


def secret_words(difference: Difference) -> str:
    if difference.before == difference.after:
        return "unchanged" if difference.after else ""
    if not difference.after:
        return "removed" if difference.before else ""
    return "changed" if difference.before else "set"


def is_blank(value: Any) -> bool:
    return value is None or value in ("", [], {})


def shown(value: Any) -> str:
    if is_blank(value):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, models.Model):
        return str(getattr(value, "key", "") or getattr(value, "slug", ""))
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={item}" for name, item in sorted(value.items()))  # databases keep no order
    return str(value)
