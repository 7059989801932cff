"""Routes and carrier mappings, once more: a saved rule is tried at once on the parcels that wait for one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import ngettext

from stores import admin as stores_admin
from stores.models import CarrierMapping, Project, Route
from tracking import tasks
from tracking.admin.mappings_csv import CsvButtons
from tracking.services.reapply import reapply_rules


class TriedAtOnce:
    """After a rule was saved, orders that wait for a route or a carrier are read again."""

    def save_model(self, request: HttpRequest, obj: Route | CarrierMapping, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        number = reapply_rules([obj.project] if obj.project else list(Project.objects.all()))
        if number:
            transaction.on_commit(tasks.kick)
            words = (
                "%(n)d order that waits for a rule is read again.",
                "%(n)d orders that wait for a rule are read again.",
            )
            self.message_user(request, ngettext(*words, number) % {"n": number}, messages.INFO)


admin.site.unregister([Route, CarrierMapping])


@admin.register(Route)
class RouteAdmin(TriedAtOnce, stores_admin.RouteAdmin):
    """Routes that take effect on waiting parcels."""


@admin.register(CarrierMapping)
class CarrierMappingAdmin(CsvButtons, TriedAtOnce, stores_admin.CarrierMappingAdmin):
    """Mappings that take effect on waiting parcels."""
