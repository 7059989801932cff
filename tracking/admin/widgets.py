"""Secrets in forms: written, never read. The page says only whether one is set.

left empty    the stored value stays
filled in     replaces it
"Remove"      takes it away, where the field may be empty
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.widgets import CheckboxInput
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminPasswordWidget

REMOVE = object()


class SecretInput(UnfoldAdminPasswordWidget):
    """An empty password input, and a box to remove what is set where that is allowed. Never renders a value."""

    can_remove = False

    def __init__(self) -> None:
        super().__init__({"autocomplete": "new-password", "spellcheck": "false"}, render_value=False)

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        field = super().render(name, None, attrs, renderer)
        if not self.can_remove:
            return field
        box = CheckboxInput().render(f"{name}-remove", False, {"id": f"id_{name}-remove"}, renderer)
        return format_html('{}<label class="tb-remove">{} {}</label>', field, box, _("Remove it"))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if self.can_remove and CheckboxInput().value_from_datadict(data, files, f"{name}-remove"):
            return REMOVE
        return super().value_from_datadict(data, files, name)


class SecretField(forms.CharField):
    """A secret as typed, "" to keep the stored one, or REMOVE."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=SecretInput(), strip=True, **kwargs)

    def to_python(self, value: Any) -> Any:
        return value if value is REMOVE else super().to_python(value)

    def validate(self, value: Any) -> None:
        if value is not REMOVE:
            super().validate(value)

    def run_validators(self, value: Any) -> None:
        if value is not REMOVE:
            super().run_validators(value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data)


class SecretsForm(forms.ModelForm):
    """A form whose ``secret_fields`` are SecretFields. An empty one keeps its value; no value reaches the page."""

    secret_fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = {name: getattr(self.instance, name) or "" for name in self.secret_fields}
        for name in self.secret_fields:
            self.initial.pop(name, None)
            if name in self.fields:
                self.describe(name, is_set=bool(self.stored[name]))

    def describe(self, name: str, *, is_set: bool) -> None:
        """Say whether the secret is set, and ask for it only where it must be and is not."""
        field = self.fields[name]
        may_be_empty = self._meta.model._meta.get_field(name).blank
        field.required = not is_set and not may_be_empty
        field.widget.is_required = field.required
        field.widget.can_remove = is_set and may_be_empty
        field.help_text = _("Set. Leave empty to keep it.") if is_set else _("Not set.")

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or self.cleaned_data
        for name in self.secret_fields:
            if facts.get(name) is REMOVE:
                facts[name] = ""
            elif name in facts and not facts[name]:
                facts[name] = self.stored[name]
        return facts
