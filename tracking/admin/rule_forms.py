"""Forms of routes and carrier mappings: a mistake is named at its field, in words, before anything is tried out."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from stores.admin import CommaListField
from stores.carriers import normalise_carrier
from stores.models import CarrierMapping, Courier, Project, Route, Store
from stores.rule_set import FIELDS, LINKS
from stores.statuses import MessageKind
from tracking.payloads.to_aftership import country_alpha3

FIELD_NAME_HELP = gettext_lazy("Its name in commercetools. Without values: orders where it is set at all.")


class DaysByCountryField(forms.Field):
    """``AT 4, CH 6`` as one line; stored as ``{"AT": 4, "CH": 6}``."""

    def prepare_value(self, value: Any) -> str:
        return ", ".join(f"{name} {days}" for name, days in value.items()) if isinstance(value, dict) else value or ""

    def to_python(self, value: Any) -> dict[str, int]:
        pairs = [part.replace(":", " ").split() for part in str(value or "").split(",") if part.strip()]
        if any(len(pair) != 2 or not pair[1].isdecimal() or len(pair[1]) > 3 for pair in pairs):
            raise ValidationError(_("A country and its days each, such as AT 4, CH 6."))
        return {country.upper(): int(days) for country, days in pairs}

    def has_changed(self, initial: Any, data: Any) -> bool:
        return data != self.prepare_value(initial)


class SendersField(forms.Field):
    """``delivered off, delayed aftership`` as one line; stored as ``{"delivered": "off", "delayed": "aftership"}``."""

    def prepare_value(self, value: Any) -> str:
        return ", ".join(f"{kind} {who}" for kind, who in value.items()) if isinstance(value, dict) else value or ""

    def to_python(self, value: Any) -> dict[str, str]:
        pairs = [part.replace(":", " ").split() for part in str(value or "").split(",") if part.strip()]
        for pair in pairs:
            if len(pair) != 2 or pair[0] not in MessageKind.values or pair[1] not in Route.Notify.values:
                words = _("A status and who tells it, such as delivered off. Statuses: %(kinds)s. Who: %(who)s.")
                known = {"kinds": ", ".join(MessageKind.values), "who": ", ".join(Route.Notify.values)}
                raise ValidationError(words % known)
        return dict(pairs)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return data != self.prepare_value(initial)


def line(label: Any, help_text: Any) -> dict[str, Any]:
    """A field that may be empty, as one line of text."""
    return {"label": label, "help_text": help_text, "required": False, "widget": UnfoldAdminTextInputWidget()}


class RuleForm(forms.ModelForm):
    """What both rules share: the version that the person saw, and stores and channels told apart by their project."""

    version_seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    scope_fields = ("store", "channel")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "version_seen" in self.fields:
            self.fields["version_seen"].initial = self.instance.version if self.instance.pk else None
        for name in self.scope_fields:
            if name in self.fields:
                field = self.fields[name]
                field.queryset = field.queryset.select_related("project")
                field.label_from_instance = lambda row: f"{row.project} / {row}"

    def check_scope(self, facts: dict[str, Any]) -> None:
        """A store or channel is one of the rule's project."""
        for name in self.scope_fields:
            row = facts.get(name)
            if row and facts.get("project") and row.project_id != facts["project"].pk:
                words = {
                    "store": _("This store belongs to project %(key)s."),
                    "channel": _("This channel belongs to project %(key)s."),
                }
                self.add_error(name, words[name] % {"key": row.project.key})

    def drafted(self) -> dict[str, Any]:
        """The rule in words, as the form has it. Only of a form without errors."""
        names = FIELDS["route" if isinstance(self.instance, Route) else "carrier_mapping"]
        words = {name: self.cleaned_data.get(name, getattr(self.instance, name)) for name in names}
        return {name: getattr(value, LINKS[name], None) if name in LINKS else value for name, value in words.items()}


class RouteForm(RuleForm):
    """Says which rule is there already, rather than which constraint was violated."""

    countries = CommaListField(
        **line(gettext_lazy("Countries"), gettext_lazy("Destinations, such as DE, AT. Empty: everywhere."))
    )
    carriers = CommaListField(
        **line(
            gettext_lazy("Carriers"),
            gettext_lazy("Texts as they stand on parcels, separated by commas; spelling does not matter."),
        )
    )
    field_values = CommaListField(
        **line(gettext_lazy("Values of the field"), gettext_lazy("Any of these, exactly. Empty: any value."))
    )
    couriers = CommaListField(
        **line(
            gettext_lazy("Courier set"),
            gettext_lazy(
                "AfterShip's slugs, such as dhl-germany, gls. A single one is taken where a carrier is not mapped."
            ),
        )
    )
    promise_days_by_country = DaysByCountryField(
        **line(gettext_lazy("Promise by country"), gettext_lazy("Where it differs, such as AT 4, CH 6."))
    )

    notify_by_status = SendersField(
        **line(
            gettext_lazy("Notify by status"),
            gettext_lazy("Where somebody else tells a status, such as delivered off, delayed aftership."),
        )
    )

    class Meta:
        model = Route
        exclude = ["origin"]
        help_texts = {"field_name": FIELD_NAME_HELP}

    def clean_countries(self) -> list[str]:
        countries = [country.upper() for country in self.cleaned_data["countries"]]
        refuse_unknown(countries)
        return countries

    def clean_promise_days_by_country(self) -> dict[str, int]:
        days: dict[str, int] = self.cleaned_data["promise_days_by_country"]
        refuse_unknown(days)
        return days

    def clean_carriers(self) -> list[str]:
        carriers: list[str] = self.cleaned_data["carriers"]
        for text in carriers:
            refuse_empty_carrier(text)
        return carriers

    def clean_couriers(self) -> list[str]:
        """Slugs that we know. While AfterShip's list was never imported, any will do."""
        slugs: list[str] = self.cleaned_data["couriers"]
        known = dict(Courier.objects.values_list("slug", "imported_at"))
        if any(known.values()):
            for slug in slugs:
                if slug not in known:
                    raise ValidationError(unknown_courier(slug, known))
        return slugs

    def clean(self) -> dict[str, Any]:
        """What no single field knows: a default has no conditions, a field has a name, no second rule asks the same."""
        facts = super().clean() or self.cleaned_data
        self.check_scope(facts)
        if facts.get("is_default") and (asked := self.conditions_of_default(facts)):
            words = _("A default is for everything that no other rule takes. Empty its conditions: %(fields)s.")
            self.add_error("is_default", words % {"fields": ", ".join(asked)})
        if not facts.get("do_not_track") and "account" not in self.errors and not facts.get("account"):
            self.add_error("account", _("Choose an account, or that these parcels are not tracked."))
        if facts.get("field_values") and not facts.get("field_name"):
            self.add_error("field_name", _("Which field has these values?"))
        if not self.errors:
            self.refuse_second(facts)
        return facts

    def conditions_of_default(self, facts: dict[str, Any]) -> list[str]:
        names = ("store", "channel", "countries", "carriers", "field_name", "field_values")
        asked = [name for name in names if facts.get(name)]
        if facts.get("direction") != Route.Direction.ALL:
            asked.append("direction")
        return [str(self.fields[name].label) for name in asked]

    def refuse_second(self, facts: dict[str, Any]) -> None:
        """Add an error that names the rule which has the same conditions, or is the project's default already."""
        others = Route.objects.filter(project=facts["project"]).exclude(pk=self.instance.pk)
        others = others.select_related("project", "store", "account")
        drafted = Route(**{name: facts[name] for name in FIELDS["route"] if name in facts})
        if facts["is_default"] and (rival := others.filter(is_default=True).first()):
            words = _("The project has a default already: #%(id)s %(route)s.")
            self.add_error("is_default", words % {"id": rival.pk, "route": rival})
        elif rival := others.filter(conditions_key=drafted.key_of_conditions()).first():
            words = _("A rule with these conditions is there already: #%(id)s %(route)s.")
            self.add_error(None, words % {"id": rival.pk, "route": rival})


class CarrierMappingForm(RuleForm):
    """A store or channel brings its project along; the same carrier text may stand once per scope."""

    class Meta:
        model = CarrierMapping
        exclude = ["origin", "carrier_key"]
        widgets = {"extra_fields": UnfoldAdminTextareaWidget({"rows": 3})}
        help_texts = {
            "project": gettext_lazy("Empty: everywhere."),
            "store": gettext_lazy("Empty: every store of the project."),
            "channel": gettext_lazy("Empty: every channel. The narrowest mapping wins: channel, store, project."),
        }

    def clean_carrier(self) -> str:
        carrier: str = self.cleaned_data["carrier"]
        refuse_empty_carrier(carrier)
        return carrier

    def clean_extra_fields(self) -> dict[str, str]:
        fields = self.cleaned_data["extra_fields"] or {}
        if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
            raise ValidationError(_('Names and texts such as {"tracking_account_number": "4711"}.'))
        return fields

    def clean(self) -> dict[str, Any]:
        facts = super().clean() or self.cleaned_data
        self.check_scope(facts)
        store, channel = facts.get("store"), facts.get("channel")
        if store and channel:
            self.add_error("channel", _("For a store or for a channel, not for both."))
        if (narrow := store or channel) and not self.errors:
            facts["project"] = narrow.project
        if (carrier := facts.get("carrier")) and not self.errors:
            self.refuse_second(carrier, facts.get("project"), store, channel)
        return facts

    def refuse_second(self, carrier: str, project: Project | None, store: Store | None, channel: Any) -> None:
        """Add an error to the carrier that names the mapping which is there already."""
        rivals = CarrierMapping.objects.filter(
            carrier_key=normalise_carrier(carrier), project=project, store=store, channel=channel
        )
        if rival := rivals.exclude(pk=self.instance.pk).select_related("courier").first():
            scope = channel or store or project or _("everywhere")
            words = _("There is a mapping for this text already (%(scope)s): %(rival)s.")
            self.add_error("carrier", words % {"scope": scope, "rival": rival})


def refuse_unknown(countries: Iterable[str]) -> None:
    """Raises ValidationError with those that are no country's ISO code."""
    if unknown := [country for country in countries if len(country) != 2 or not country_alpha3(country)]:
        words = _("%(codes)s: no such country. Two letters each, such as DE, AT.")
        raise ValidationError(words % {"codes": ", ".join(unknown)})


def refuse_empty_carrier(text: str) -> None:
    if not normalise_carrier(text):
        raise ValidationError(_("This text has no letter or digit that a carrier could be recognised by."))


def unknown_courier(slug: str, known: Iterable[str]) -> str:
    """That there is no such courier, with those that look alike."""
    alike = get_close_matches(slug.lower(), known, 3, 0.6)
    words = _("AfterShip has no courier %(slug)s.") % {"slug": slug}
    return f"{words} " + _("Did you mean %(alike)s?") % {"alike": ", ".join(alike)} if alike else words
