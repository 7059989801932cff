"""Users and groups in the console's dress. The queue's own pages are taken out: its rows are hints without meaning.

So are those of API tokens: theirs would show a secret in a message. `manage.py api_token` makes, lists and ends them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django_q.models import Failure, OrmQ, Schedule, Success
from knox.models import AuthToken
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from stores.admin import ConsoleAdmin
from stores.models import Store
from tracking.models import StoreLimit
from tracking.services.scope import store_ids_of

for model in (User, Group, Failure, OrmQ, Schedule, Success, AuthToken):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class StoreLimits(TabularInline):
    """The stores whose orders this person sees. None: all of them."""

    model = StoreLimit
    extra = 0
    verbose_name_plural = _("Only the orders of these stores (none: of all stores)")
    hide_title = True

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> ModelChoiceField | None:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field and db_field.name == "store":
            field.queryset = Store.objects.select_related("project").order_by("project__key", "key")
            field.label_from_instance = lambda store: f"{store.project} / {store}"
        return field


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ConsoleAdmin):
    """Who may log in, and to what. Only superusers make superusers, or touch the log-in of one."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return [StoreLimits] if obj else []

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        own = list(super().get_readonly_fields(request, obj))
        return own if request.user.is_superuser else [*own, "is_superuser"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and store_ids_of(request.user) is None

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Of log-ins that somebody may not touch, nothing can be selected for an action either."""
        rows: QuerySet[User] = super().get_queryset(request)
        is_action = request.method == "POST" and "action" in request.POST
        return rows if request.user.is_superuser or not is_action else rows.filter(is_superuser=False)


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Superusers are changed by superusers; whoever is limited to stores changes nobody, themselves least of all."""
    if store_ids_of(request.user) is not None:
        return False
    return user is None or request.user.is_superuser or not user.is_superuser


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ConsoleAdmin):
    """Roles: what their members may look at and do. Who is limited to stores changes none."""

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_change_permission(request, obj) and store_ids_of(request.user) is None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and store_ids_of(request.user) is None

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return super().has_delete_permission(request, obj) and store_ids_of(request.user) is None
