"""Brands in the console: their look with contrast checked, their logo, their words, and what it all looks like."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminColorInputWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from stores import branding
from stores.admin import NOTHING, CommaListField, ConsoleAdmin, words
from stores.models import Brand
from stores.pictures import MOST_BYTES, BadPictureError, Picture, read_picture
from tracking.notifications.render import logo_url
from tracking.words.languages import LANGUAGES

LEGAL = {f"legal_{code}": code for code in LANGUAGES}
CODES = ", ".join(LANGUAGES)
OPTIONAL_COLOURS = ("on_colour", "dark_colour", "dark_on_colour")
COLOURS = [*branding.LIGHT, *(f"dark_{name}" for name in branding.DARK)]


def legal_field(code: str) -> forms.CharField:
    widget = UnfoldAdminTextareaWidget({"rows": 3, "lang": code})
    return forms.CharField(label=LANGUAGES[code], required=False, max_length=2000, widget=widget)


LegalForm = type("LegalForm", (forms.ModelForm,), {name: legal_field(code) for name, code in LEGAL.items()})


class BrandForm(LegalForm):  # type: ignore[misc, valid-type]
    """Colours that are left out are those that a brand begins with; the legal footer has one field per language."""

    locales = CommaListField(
        label=_("Languages"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Separated by commas, best first: de, en. Spoken are: %(codes)s.")
        % {"codes": ", ".join(LANGUAGES)},
    )
    storefront_origins = CommaListField(
        label=_("Storefronts that embed"),
        required=False,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_("Sites that may show orders in their own pages, separated by commas: https://www.example.com"),
    )
    logo_file = forms.FileField(
        label=_("Logo"),
        required=False,
        widget=UnfoldAdminFileFieldWidget({"accept": "image/png,image/jpeg"}),
        help_text=_("PNG or JPEG, up to 200 KB; shown 40 pixels high on the colour. SVG is not taken."),
    )
    remove_logo = forms.BooleanField(label=_("Take the logo away"), required=False)

    class Meta:
        widgets = {
            **{name: UnfoldAdminColorInputWidget() for name in COLOURS if name not in OPTIONAL_COLOURS},
            **{name: UnfoldAdminTextInputWidget({"placeholder": "#rrggbb"}) for name in OPTIONAL_COLOURS},
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        kept = self.instance.legal if isinstance(self.instance.legal, dict) else {}
        for name, code in LEGAL.items():
            self.initial.setdefault(name, kept.get(code, ""))
        for name in (*COLOURS, "radius", "font", "mails_per_minute"):
            if name in self.fields and name != "colour":
                self.fields[name].required = False

    def clean_logo_file(self) -> Picture | None:
        """The picture that was chosen; what is none is refused with the reason."""
        file = self.cleaned_data["logo_file"]
        if not file:
            return None
        try:
            return read_picture(file.read(MOST_BYTES + 1))
        except BadPictureError as error:
            raise forms.ValidationError(_("This is %(why)s.") % {"why": error}) from None

    def clean(self) -> dict[str, Any]:
        """What was left empty is what a brand begins with."""
        facts = super().clean() or self.cleaned_data
        for name in (*COLOURS, "radius", "font", "mails_per_minute"):
            if name in facts and facts[name] in (None, ""):
                facts[name] = Brand._meta.get_field(name).default
        return facts

    def _post_clean(self) -> None:
        self.instance.legal = {code: text for name, code in LEGAL.items() if (text := self.legal_text(name))}
        super()._post_clean()

    def legal_text(self, name: str) -> str:
        return (self.cleaned_data.get(name) or "").strip()

    def save(self, commit: bool = True) -> Brand:
        """Also puts the logo on the brand, which keeps it when it is saved."""
        if picture := self.cleaned_data.get("logo_file"):
            self.instance.logo = picture
        elif self.cleaned_data.get("remove_logo"):
            self.instance.logo = Picture()
        return super().save(commit)


@admin.register(Brand)
class BrandAdmin(ConsoleAdmin):
    """How storefronts look, and how they speak."""

    form = BrandForm
    list_display = ["name", "key", "swatch", "shown_locales", "sender", "routes_count", "preview"]
    ordering = ["key"]
    search_fields = ["name", "key"]
    search_help_text = _("Name or key")
    readonly_fields = ["preview", "shown_logo", "readability"]
    fieldsets = [
        (None, {"fields": ["key", "name", "locales", "preview"]}),
        (_("Look"), {"fields": [*branding.LIGHT, "radius", "font", "readability"]}),
        (_("On dark screens"), {"fields": [f"dark_{name}" for name in branding.DARK]}),
        (_("Logo"), {"fields": ["shown_logo", "logo_file", "remove_logo"]}),
        (_("Mails"), {"fields": ["sender_name", "sender_address", "reply_to"]}),
        (_("When mails go out"), {"fields": ["quiet_from", "quiet_until", "mails_per_minute", "offers_unsubscribe"]}),
        (_("Help"), {"fields": ["support_url", "support_email", "support_phone"]}),
        (_("Storefront"), {"fields": ["storefront_url", "order_url", "storefront_origins"]}),
        (_("Legal footer"), {"fields": [*LEGAL]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Brand]:
        return super().get_queryset(request).annotate(routes_number=Count("routes"))

    @admin.display(description=_("colour"))
    def swatch(self, brand: Brand) -> SafeString:
        return swatch(brand.colour)

    @admin.display(description=_("languages"))
    def shown_locales(self, brand: Brand) -> str:
        return words(brand.locales)

    @admin.display(description=_("sender"))
    def sender(self, brand: Brand) -> str:
        return brand.sender_address or settings.DEFAULT_FROM_EMAIL

    @admin.display(description=_("routes"))
    def routes_count(self, brand: Brand) -> int:
        return brand.routes_number

    @admin.display(description=_("preview"))
    def preview(self, brand: Brand) -> SafeString | str:
        if not brand.pk:
            return NOTHING
        address = f"{reverse('preview')}?{urlencode({'brand': brand.key})}"
        return format_html('<a class="tb-link" href="{}">{}</a>', address, _("Messages and page"))

    @admin.display(description=_("now"))
    def shown_logo(self, brand: Brand) -> SafeString | str:
        if not brand.pk or not brand.logo:
            return NOTHING
        style = f"background:{brand.colour};padding:0.75rem;max-inline-size:100%"
        return format_html('<img src="{}" alt="{}" style="{}">', logo_path(brand), brand.name, style)

    @admin.display(description=_("contrast"))
    def readability(self, brand: Brand) -> SafeString | str:
        """What stands on what, as it is saved."""
        found = []
        for is_dark, where in ((False, _("light")), (True, _("dark"))):
            look = brand.palette(is_dark=is_dark)
            pairs = [(look.on_colour, look.colour), (look.text, look.surface), (look.link, look.surface)]
            found += [(where, *pair, f"{branding.contrast(*pair):.1f}") for pair in pairs]
        return format_html(
            "".join(['<span class="tb-line">{}: {} {} {}</span>'] * len(found)),
            *(part for where, text, ground, ratio in found for part in (where, swatch(text), swatch(ground), ratio)),
        )


def swatch(colour: str) -> SafeString:
    return format_html('<span class="tb-swatch" style="background:{}"></span> {}', colour, colour)


def logo_path(brand: Brand) -> str:
    """The logo's address on the host that shows this page."""
    return logo_url(brand).removeprefix(settings.PUBLIC_URL)
