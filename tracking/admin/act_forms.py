"""What each act asks for before its preview: small forms, each of which gives the target of a remap."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from stores.models import Courier
from tracking.models import Parcel
from tracking.payloads.errors import PayloadError
from tracking.payloads.to_aftership import POSTAL_CODE, clean_number, country_alpha3
from tracking.services.marks import SKEW
from tracking.services.whose_clock import clock_of_store

CORRECT_THERE = "tracking.correct_in_commercetools"
MINUTE = "%Y-%m-%dT%H:%M"


class ActForm(forms.Form):
    """Without fields: there is nothing to choose, the preview comes at once."""

    def __init__(self, *args: Any, request: HttpRequest, parcel: Parcel | None, **kwargs: Any) -> None:
        """``parcel`` is the only one, where there is only one."""
        super().__init__(*args, **kwargs)
        self.request, self.parcel = request, parcel
        for name, field in self.fields.items():
            field.widget.attrs.update({"autocomplete": "off", "id": f"tb-{name}"})
            if field.help_text:
                field.widget.attrs["aria-describedby"] = f"tb-{name}-help"

    def target(self) -> dict[str, Any]:
        """Of a valid form: the target as `start_remap` takes it."""
        raise NotImplementedError

    @property
    def options(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """Lists that inputs offer: (id, [(value, words)])."""
        return []


class RetrackForm(ActForm):
    def target(self) -> dict[str, Any]:
        return {"retrack": True}


class StopForm(ActForm):
    def target(self) -> dict[str, Any]:
        return {"stop": True}


class MarkForm(ActForm):
    """When it happened: now, unless it is said; by the clock of the parcel's store, as its order's page shows times."""

    status = ""
    at = forms.DateTimeField(
        label=_("When it happened"),
        required=False,
        help_text=_("Empty: now."),
        input_formats=[MINUTE, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=MINUTE),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.clock = clock_of_store(self.parcel.order) if self.parcel else timezone.get_current_timezone()
        self.fields["at"].help_text = _("Empty: now. By the clock of %(zone)s.") % {"zone": self.clock}

    def full_clean(self) -> None:
        with timezone.override(self.clock):
            super().full_clean()

    def clean_at(self) -> Any:
        at = self.cleaned_data["at"]
        if at and at > timezone.now() + SKEW:
            raise forms.ValidationError(_("It cannot have happened in the future."))
        return at

    def target(self) -> dict[str, Any]:
        at = self.cleaned_data["at"] or timezone.now()
        return {"mark": self.status, "at": timezone.localtime(at, self.clock).isoformat(timespec="seconds")}


class DeliveredForm(MarkForm):
    status = "delivered"


class LostForm(MarkForm):
    status = "lost"


class ReturnedForm(MarkForm):
    status = "returned"


class CourierForm(ActForm):
    """Another courier, of those that AfterShip has; none lets AfterShip detect it."""

    courier = forms.CharField(
        label=_("Courier"),
        max_length=64,
        required=False,
        help_text=_("Type a part of its name: AfterShip's couriers are offered. Empty: AfterShip detects it."),
        widget=forms.TextInput(attrs={"list": "tb-couriers"}),
    )

    @property
    def options(self) -> list[tuple[str, list[tuple[str, str]]]]:
        return [("tb-couriers", list(Courier.objects.order_by("slug").values_list("slug", "name")))]

    def clean_courier(self) -> str:
        slug = self.cleaned_data["courier"].strip().lower()
        if slug and not Courier.objects.filter(slug=slug).exists():
            raise forms.ValidationError(_("AfterShip has no courier %(slug)s."), params={"slug": slug})
        return slug

    def target(self) -> dict[str, Any]:
        return {"courier": self.cleaned_data["courier"]}


class NumberForm(ActForm):
    """Another tracking number, in commercetools too where the parcel is there and the person may write it."""

    number = forms.CharField(
        label=_("Tracking number"),
        max_length=120,
        help_text=_("Here it holds until the number on the parcel itself is changed in commercetools."),
    )
    upstream = forms.BooleanField(
        label=_("In commercetools, too"),
        required=False,
        help_text=_("The parcel's own number is written there. Everything else of its tracking data stays as it is."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_there = self.parcel is not None and self.parcel.is_in_commercetools
        if not is_there or not self.request.user.has_perm(CORRECT_THERE):
            del self.fields["upstream"]

    def clean_number(self) -> str:
        try:
            return clean_number(self.cleaned_data["number"])
        except PayloadError as error:
            raise forms.ValidationError(
                _("This number cannot be used: %(cause)s."), params={"cause": error.cause}
            ) from None

    def target(self) -> dict[str, Any]:
        upstream = {"upstream": True} if self.cleaned_data.get("upstream") else {}
        return {"number": self.cleaned_data["number"]} | upstream


class PlaceForm(ActForm):
    """What couriers ask for besides the number. Empty ones stay as they are."""

    postal_code = forms.CharField(label=_("Postcode"), max_length=10, required=False)
    country = forms.CharField(label=_("Country"), max_length=2, required=False, help_text=_("Two letters, such as NL."))
    state = forms.CharField(label=_("State or province"), max_length=100, required=False)
    tracking_key = forms.CharField(label=_("Tracking key"), max_length=100, required=False)
    account_number = forms.CharField(label=_("Account number at the courier"), max_length=512, required=False)

    NAMES = {
        "postal_code": "destination_postal_code",
        "country": "destination_country_region",
        "state": "destination_state",
        "tracking_key": "tracking_key",
        "account_number": "tracking_account_number",
    }

    def clean_postal_code(self) -> str:
        text = self.cleaned_data["postal_code"].strip()
        if text and not POSTAL_CODE.fullmatch(text):
            raise forms.ValidationError(_("AfterShip takes up to 10 letters, digits, spaces, + and -."))
        return text

    def clean_country(self) -> str:
        text = self.cleaned_data["country"].strip().upper()
        if text and not country_alpha3(text):
            raise forms.ValidationError(_("There is no country %(code)s."), params={"code": text})
        return country_alpha3(text) or ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not any(cleaned.get(name) for name in self.NAMES):
            raise forms.ValidationError(_("Give at least one of these."))
        return cleaned

    def target(self) -> dict[str, Any]:
        given = {theirs: self.cleaned_data[name].strip() for name, theirs in self.NAMES.items()}
        return {"fields": {name: value for name, value in given.items() if value}}
