"""The roles: groups with the permissions that each one's work needs. The table is in docs/roles.md.

    migrate ─> permissions are there ─> keep_roles: groups are made, and get what they were never given before

What an administrator adds to a group, or takes away from it, stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps as every_app
from django.db import DEFAULT_DB_ALIAS, transaction

OURS = ("stores", "tracking", "analytics")
PEOPLE = ("auth.add_user", "auth.change_user", "auth.delete_user", "auth.view_user", "auth.view_group")
GROUPS = ("auth.add_group", "auth.change_group", "auth.delete_group")
TOKENS = ("knox.add_authtoken", "knox.change_authtoken", "knox.delete_authtoken", "knox.view_authtoken")
# Models that tell of the staff, or of shoppers only.
NOT_FOR_LOOKING = ("storelimit", "role", "savedview", "export", "erasure", "blockedaddress", "hashkey")

AGENT = {
    "tracking.see_people",
    *(f"tracking.change_{model}" for model in ("order", "parcel", "tracking", "problem", "message", "contact")),
    *(f"tracking.{verb}_parcel" for verb in ("remap", "mark", "retrack", "stop")),
    *(f"tracking.{verb}_problem" for verb in ("assign", "note", "close")),
    *(f"tracking.{verb}_message" for verb in ("hold", "resend", "readdress")),
}
LEAD = {
    "tracking.remap_in_bulk",
    "tracking.undo_others",
    "tracking.correct_in_commercetools",
    "tracking.declare_outage",
    "tracking.block_address",
    "tracking.view_blockedaddress",
    "tracking.requeue_job",
    "tracking.change_receipt",
    "tracking.change_job",
    "tracking.export",
    *(f"stores.{verb}_carriermapping" for verb in ("add", "change", "delete")),
}
OPERATIONS = {
    *(
        f"stores.{verb}_{rule}"
        for rule in ("route", "carriermapping", "statusrule")
        for verb in ("add", "change", "delete")
    ),
    *(f"stores.{verb}_{model}" for model in ("store", "channel", "courier") for verb in ("add", "change")),
    *(f"tracking.change_{model}" for model in ("order", "receipt", "job", "remap")),
    *(f"tracking.{verb}_promotion" for verb in ("add", "change", "delete")),
    "tracking.remap_parcel",
    "tracking.remap_in_bulk",
    "tracking.undo_others",
    "tracking.declare_outage",
    "tracking.requeue_job",
    "tracking.examine_connections",
    "tracking.export",
}


def for_looking(permission: str) -> bool:
    """Views of our rows, but for those about people alone."""
    app, _dot, codename = permission.partition(".")
    verb, _line, model = codename.partition("_")
    return app in OURS and verb == "view" and model not in NOT_FOR_LOOKING


def for_administrators(permission: str) -> bool:
    """Everything of ours, users and groups, and tokens of the API."""
    return permission.partition(".")[0] in OURS or permission in (*PEOPLE, *GROUPS, *TOKENS)


# Which of all permissions (``app.codename``) belong to a role.
ROLES: dict[str, Callable[[str], bool]] = {
    "viewer": for_looking,
    "agent": lambda one: for_looking(one) or one in AGENT,
    "lead": lambda one: for_looking(one) or one in AGENT | LEAD,
    "operations": lambda one: for_looking(one) or one in OPERATIONS,
    "administrator": for_administrators,
}


def keep_roles(*, apps: Any = every_app, using: str = DEFAULT_DB_ALIAS, **_signal: Any) -> None:
    """Make each role's group, and give it the permissions that are new since it was last given any.

    Called after every migration. Safe to repeat; does nothing where the tables of this state of the migrations lack.
    """
    try:
        role_model = apps.get_model("tracking", "Role")
        group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    except LookupError:
        return
    found = permission_model.objects.using(using).values_list("content_type__app_label", "codename", "pk")
    every = {f"{app}.{codename}": pk for app, codename, pk in found}
    roles = {role.key: role for role in role_model.objects.using(using).select_related("group")}
    for key, belongs in ROLES.items():
        wanted = {permission for permission in every if belongs(permission)}
        role = roles.get(key)
        if role and not wanted - set(role.given):
            continue
        with transaction.atomic(using=using):
            if role is None:
                group, _is_new = group_model.objects.using(using).get_or_create(name=key)
                role = role_model.objects.using(using).create(key=key, group=group)
            give(role, wanted - set(role.given), every)


def give(role: Any, new: Iterable[str], ids: dict[str, int]) -> None:
    """Add these permissions to the role's group, if it is there still, and note that they were given."""
    if role.group:
        role.group.permissions.add(*(ids[permission] for permission in new))
    role.given = sorted({*role.given, *new})
    role.save(update_fields=["given"])
