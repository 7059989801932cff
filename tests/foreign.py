"""Rows of a store that somebody must not see: of every model, made by its fields, with marks that can be looked for.

A model that is added tomorrow gets its row here by itself; where its constraints want more, a line in FACTS gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Any

from django.apps import apps
from django.contrib.auth.models import User
from django.db import models
from django.utils import timezone

from stores.models import Project, Store
from tests import factories as make
from tracking.enums import JobKind, ProblemKind, ReceiptState
from tracking.services.scope import RULES, everyone

MARK = "zzforeign"
FIRST_KEY = 9_876_500_000
KEYS = "98765000"  # how each of these keys begins
APPS = ("stores", "tracking", "analytics")
OF_A_PROJECT = ("stores.Project", "stores.Channel", "stores.CustomType")
LEFT_OUT = {"tracking.StoreLimit", "tracking.Role"}
CODE = "ZZFRGN01"


def facts() -> dict[str, dict[str, Any]]:
    """What a row needs besides marks."""
    now = timezone.now()
    change = {"what": "order", "name": "tb_status", "before": None, "after": MARK}
    return {
        "stores.Route": {"is_default": False, "do_not_track": False, "field_name": "", "direction": "all"},
        "stores.CarrierMapping": {"channel": None, "carrier": MARK},
        "tracking.Order": {"order_state": "Open", "customer_email": f"{MARK}@example.org"},
        "tracking.Parcel": {"carrier": f"{MARK} express"},
        "tracking.Tracking": {"opened_at": now, "requested_courier": "", "courier": "", "status_rule": None},
        "tracking.Checkpoint": {"local_time": "2026-11-20T10:00:00", "time_text": "2026-11-20T10:00:00"},
        "tracking.Job": {
            "subject": key_of("tracking.Order"),
            "dead_at": now,
            "kind": JobKind.COLLECT,
            "want": 1,
            "done": 0,
            "attempts": 3,
        },
        "tracking.Problem": {"kind": ProblemKind.UNROUTED, "closed_at": None, "closed_reason": "", "job": None},
        "tracking.Receipt": {"body": f'{{"id": "{MARK}"}}'.encode(), "state": ReceiptState.DONE},
        "tracking.Write": {"changes": [change], "version_before": 1, "version_after": 2},
        "tracking.Remap": {"finished_at": now, "undo_until": now + timedelta(days=1), "state": "done"},
        "tracking.RemapItem": {"state": "moved"},
        "tracking.Contact": {"status": "", "closed_at": None},
        "tracking.Export": {"list": "tracking.Order", "query": "", "expires_at": now + timedelta(days=1)},
        "tracking.Run": {"finished_at": now},
    }


def key_of(label: str) -> Callable[[Foreign], str]:
    """The key of another foreign row, once there is one."""
    return lambda foreign: str(foreign.row(apps.get_model(label)).pk)


class Foreign:
    """A store, and one row of every model that belongs to it. ``rows`` by label, e.g. ``tracking.Order``."""

    def __init__(self, store: Store) -> None:
        self.numbers = count(1)
        self.facts = facts()
        self.rows: dict[str, models.Model] = {"stores.Store": store, "stores.Project": store.project}
        for label in ordered_labels():
            if label not in LEFT_OUT:
                self.row(apps.get_model(label))

    def row(self, model: type[models.Model]) -> models.Model:
        """The row of this model, made where there is none yet."""
        label = model._meta.label
        if label not in self.rows:
            facts = self.facts.get(label, {})
            given = {name: value(self) if callable(value) else value for name, value in facts.items()}
            made = {one.name: self.value(one) for one in model._meta.concrete_fields if one.name not in given}
            row = model(**given | {name: value for name, value in made.items() if value is not models.NOT_PROVIDED})
            row.save(force_insert=True)
            self.rows[label] = row
        return self.rows[label]

    def value(self, field: models.Field) -> Any:
        """A mark where the field holds text; NOT_PROVIDED where its default will do."""
        is_common = is_of_all(field.model._meta.label)
        if isinstance(field, models.AutoField):
            return models.NOT_PROVIDED if is_common else FIRST_KEY + next(self.numbers)
        if field.is_relation:
            return self.linked(field)
        if field.choices:
            return models.NOT_PROVIDED if field.has_default() else field.choices[0][0]
        if field.name == "correlation_id":
            return CODE
        if isinstance(field, models.CharField | models.TextField) and (field.editable or not field.has_default()):
            longest = field.max_length or 200
            if is_common:
                return f"common{next(self.numbers)}"[:longest]
            return f"{MARK}{next(self.numbers)}" if longest >= len(MARK) + 3 else models.NOT_PROVIDED
        if (
            field.has_default()
            or field.null
            or getattr(field, "auto_now_add", False)
            or getattr(field, "auto_now", False)
        ):
            return models.NOT_PROVIDED
        return plain(field)

    def linked(self, field: Any) -> Any:
        target = field.remote_field.model
        if target is User and not field.null:
            return User.objects.get_or_create(username="somebody else")[0]
        if target is field.model or (target._meta.app_label not in APPS):
            return models.NOT_PROVIDED
        if field.null and is_of_all(target._meta.label) and target._meta.label not in self.rows:
            return models.NOT_PROVIDED
        return self.row(target)


def plain(field: models.Field) -> Any:
    """Any value that the field takes."""
    now = timezone.now()
    kinds: list[tuple[Any, Any]] = [
        (models.DateTimeField, now), (models.DateField, now.date()), (models.BooleanField, False),
        (models.JSONField, {}), (models.BinaryField, MARK.encode()), (models.FloatField, 1.0),
        (models.IntegerField, 1), (models.DecimalField, 1), (models.DurationField, timedelta(1)),
    ]  # fmt: skip
    return next(value for kind, value in kinds if isinstance(field, kind))


def ordered_labels() -> Iterator[str]:
    for app in APPS:
        labels = (model._meta.label for model in apps.get_app_config(app).get_models())
        yield from (label for label in labels if not is_of_all(label))


def is_of_all(label: str) -> bool:
    """Rows that tell of no store: for everyone, or of a whole project. They bear no marks."""
    return RULES.get(label) is everyone or label in OF_A_PROJECT


def make_foreign(project: Project) -> Foreign:
    """A store of the project and its rows. Made after the rows that are to be seen: SQLite counts keys upwards."""
    store = make.make_store(project, pk=FIRST_KEY, key=f"{MARK}-store", name={"en": MARK})
    return Foreign(store)
