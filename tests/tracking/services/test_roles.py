"""The roles are groups that migrations make and keep current, without touching what administrators made of them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission, User

from tracking.models import Role
from tracking.services.roles import ROLES, keep_roles

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def member(role: str) -> User:
    user = User.objects.create_user(f"one {role}", is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


def test_migrations_make_them() -> None:
    assert set(ROLES) == {"viewer", "agent", "lead", "operations", "administrator"}
    assert set(Role.objects.values_list("group__name", flat=True)) == set(ROLES)


MAY: dict[str, dict[str, bool]] = {
    "viewer": {
        "tracking.view_order": True,
        "stores.view_route": True,
        "tracking.see_people": False,
        "tracking.change_order": False,
        "tracking.remap_parcel": False,
        "tracking.export": False,
        "tracking.view_blockedaddress": False,
    },
    "agent": {
        "tracking.see_people": True,
        "tracking.change_order": True,
        "tracking.remap_parcel": True,
        "tracking.assign_problem": True,
        "tracking.note_problem": True,
        "tracking.remap_in_bulk": False,
        "tracking.undo_others": False,
        "tracking.requeue_job": False,
        "tracking.export": False,
        "stores.change_carriermapping": False,
    },
    "lead": {
        "tracking.see_people": True,
        "tracking.remap_in_bulk": True,
        "tracking.undo_others": True,
        "tracking.requeue_job": True,
        "tracking.export": True,
        "stores.add_carriermapping": True,
        "stores.change_route": False,
        "stores.change_project": False,
        "auth.change_user": False,
    },
    "operations": {
        "tracking.see_people": False,
        "stores.change_route": True,
        "stores.change_statusrule": True,
        "tracking.examine_connections": True,
        "tracking.change_receipt": True,
        "tracking.requeue_job": True,
        "stores.change_project": False,
        "auth.view_user": False,
    },
    "administrator": {
        "tracking.see_people": True,
        "stores.change_project": True,
        "stores.change_aftershipaccount": True,
        "auth.change_user": True,
        "auth.change_group": True,
        "tracking.erase_customer": True,
        "tracking.add_storelimit": True,
    },
}


@pytest.mark.parametrize("role", MAY)
def test_each_may_what_its_work_needs_and_no_more(role: str) -> None:
    user = member(role)
    assert {permission: user.has_perm(permission) for permission in MAY[role]} == MAY[role]
    assert not user.is_superuser


def test_each_role_has_a_row_here() -> None:
    assert set(MAY) == set(ROLES)


def test_keeping_them_again_changes_nothing() -> None:
    before = {group.name: set(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}
    keep_roles()
    after = {group.name: set(group.permissions.values_list("pk", flat=True)) for group in Group.objects.all()}
    assert after == before


def test_a_new_permission_is_given_once() -> None:
    role = Role.objects.get(key="agent")
    new = Permission.objects.get(codename="see_people")
    role.group.permissions.remove(new)
    role.given = [one for one in role.given if one != "tracking.see_people"]
    role.save()
    keep_roles()
    assert member("agent").has_perm("tracking.see_people")


def test_what_an_administrator_took_away_stays_away_and_what_they_added_stays() -> None:
    group = Group.objects.get(name="agent")
    group.permissions.remove(Permission.objects.get(codename="remap_parcel"))
    group.permissions.add(Permission.objects.get(codename="export"))
    keep_roles()
    user = member("agent")
    assert not user.has_perm("tracking.remap_parcel")
    assert user.has_perm("tracking.export")


def test_a_renamed_group_is_kept_and_a_deleted_one_is_not_made_again() -> None:
    Group.objects.filter(name="lead").update(name="Teamleitung")
    Group.objects.get(name="viewer").delete()
    keep_roles()
    assert set(Group.objects.values_list("name", flat=True)) == {"agent", "Teamleitung", "operations", "administrator"}
