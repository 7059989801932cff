"""Users and groups in the console's dress. The queue's own pages are taken out: its rows are hints without meaning.

So are those of API tokens: theirs would show a secret in a message. `manage.py api_token` makes, lists and ends them.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
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
    """Who may log in, and to what."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_filter = ["is_staff", "is_superuser", "is_active", "groups"]

    def get_inlines(self, request: HttpRequest, obj: User | None) -> list[Any]:
        return [StoreLimits] if obj else []


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ConsoleAdmin):
    """Roles: what their members may look at and do."""
