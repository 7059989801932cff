"""How a storefront looks and speaks: a Brand, and its logo. Colours are looked after in ``stores/branding.py``."""

from __future__ import annotations

from email.utils import formataddr
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from stores import branding
from stores.pictures import Picture
from stores.validators import (
    ORDER_PLACE,
    colour_validator,
    key_validator,
    one_line_validator,
    order_url_validator,
    origins_validator,
    web_validator,
)

WIDEST_RADIUS = 24


def colour_field(name: Any, default: str = "", help_text: Any = "") -> models.CharField:
    """A colour as ``#rrggbb``; empty where one is found by itself."""
    return models.CharField(
        name, max_length=7, blank=not default, default=default, validators=[colour_validator], help_text=help_text
    )


def address_field(name: Any, help_text: Any = "") -> models.CharField:
    return models.CharField(
        name, max_length=500, blank=True, default="", validators=[web_validator], help_text=help_text
    )


def leads_to_the_web(name: str) -> Q:
    """Whatever wrote it: a link of a brand is one of the web, or none."""
    return Q(**{name: ""}) | Q(**{f"{name}__startswith": "https://"}) | Q(**{f"{name}__startswith": "http://"})


class Brand(models.Model):
    """How a storefront looks to its shoppers, and how it speaks to them.

    The design tokens are a handful of colours, the corners and the font; for dark screens a second set, where an empty
    token is found by itself. That texts can be read on their grounds (WCAG AA) is checked by ``clean``.
    """

    class Font(models.TextChoices):
        SYSTEM = "system", _("As the device writes")
        HUMANIST = "humanist", _("Humanist")
        GEOMETRIC = "geometric", _("Geometric")
        SERIF = "serif", _("Serif")
        SLAB = "slab", _("Slab serif")

    key = models.CharField(max_length=64, unique=True, validators=[key_validator])
    name = models.CharField(max_length=200, validators=[one_line_validator])
    locales = models.JSONField(
        default=list,
        blank=True,
        help_text=_("Languages of this brand, best first: who speaks none of them gets the first."),
    )

    colour = colour_field(_("colour"), branding.LIGHT["colour"], _("Of bars and buttons."))
    on_colour = colour_field(_("text on the colour"), help_text=_("Empty: black or white, whichever is read better."))
    background = colour_field(_("background"), branding.LIGHT["background"], _("Behind everything."))
    surface = colour_field(_("surface"), branding.LIGHT["surface"], _("Of the sheet that texts stand on."))
    text = colour_field(_("text"), branding.LIGHT["text"])
    dark_colour = colour_field(_("colour, dark"), help_text=_("Empty: the same colour."))
    dark_on_colour = colour_field(_("text on the colour, dark"), help_text=_("Empty: black or white."))
    dark_background = colour_field(_("background, dark"), branding.DARK["background"])
    dark_surface = colour_field(_("surface, dark"), branding.DARK["surface"])
    dark_text = colour_field(_("text, dark"), branding.DARK["text"])
    radius = models.PositiveSmallIntegerField(
        _("corners"), default=8, validators=[MaxValueValidator(WIDEST_RADIUS)], help_text=_("Pixels; 0 is square.")
    )
    font = models.CharField(max_length=12, choices=Font, default=Font.SYSTEM, help_text=_("Nothing is downloaded."))
    logo_type = models.CharField(max_length=20, blank=True, default="", editable=False)
    logo_digest = models.CharField(max_length=16, blank=True, default="", editable=False)

    sender_name = models.CharField(
        max_length=200, blank=True, default="", validators=[one_line_validator], help_text=_("Empty: the brand's name.")
    )
    sender_address = models.EmailField(blank=True, default="", help_text=_("Mails come from it. Empty: EMAIL_FROM."))
    reply_to = models.EmailField(blank=True, default="", help_text=_("Where answers go. Empty: to the sender."))
    support_url = address_field(_("help page"))
    support_email = models.EmailField(_("help by e-mail"), blank=True, default="")
    support_phone = models.CharField(
        _("help by phone"), max_length=60, blank=True, default="", validators=[one_line_validator]
    )
    storefront_url = address_field(_("storefront"), _("Where the logo leads."))
    storefront_origins = models.JSONField(
        _("storefronts that embed"),
        default=list,
        blank=True,
        validators=[origins_validator],
        help_text=_("Their pages may show orders beside the storefront's own: https://www.example.com"),
    )
    order_url = models.CharField(
        _("order page of the storefront"),
        max_length=500,
        blank=True,
        default="",
        validators=[order_url_validator],
        help_text=_("Mails lead there instead of to our tracking page: https://shop.example.com/orders/{number}"),
    )
    legal = models.JSONField(
        _("legal footer"), default=dict, blank=True, help_text=_("By language: company, register, address.")
    )

    quiet_from = models.TimeField(
        null=True, blank=True, help_text=_("From then on, in the shopper's own time, what can wait is not sent.")
    )
    quiet_until = models.TimeField(null=True, blank=True, help_text=_("The end of the quiet hours."))
    mails_per_minute = models.PositiveIntegerField(
        default=120, validators=[MinValueValidator(1)], help_text=_("The mail budget, of all workers together.")
    )
    offers_unsubscribe = models.BooleanField(
        default=False,
        help_text=_("Mails carry List-Unsubscribe. News of one's own delivery need none in most countries."),
    )

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None) | Q(quiet_from__isnull=False, quiet_until__isnull=False),
                name="brand_quiet_hours_have_two_ends",
            ),
            models.CheckConstraint(condition=Q(mails_per_minute__gte=1), name="brand_mail_budget_positive"),
            models.CheckConstraint(condition=Q(radius__lte=WIDEST_RADIUS), name="brand_radius_small"),
            models.CheckConstraint(
                condition=Q(logo_type="", logo_digest="") | ~Q(logo_type="") & ~Q(logo_digest=""),
                name="brand_logo_has_type_and_digest",
            ),
            models.CheckConstraint(
                condition=leads_to_the_web("support_url")
                & leads_to_the_web("storefront_url")
                & leads_to_the_web("order_url"),
                name="brand_addresses_lead_to_the_web",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError for texts that cannot be read, naming both colours and their contrast."""
        found: dict[str, str] = dict(branding.faults(self.tokens()))
        dark = branding.faults(self.tokens(is_dark=True), is_dark=True)
        found |= {f"dark_{name}": words for name, words in dark.items()}
        if found:
            raise ValidationError({name: f"{words}." for name, words in found.items()})

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Also keeps a logo that was set: see ``logo``."""
        picture = self.__dict__.pop("_new_logo", None)
        if kwargs.get("update_fields") is not None and "logo" in kwargs["update_fields"]:
            kwargs["update_fields"] = {*kwargs["update_fields"], "logo_type", "logo_digest"} - {"logo"}
        with transaction.atomic():
            super().save(*args, **kwargs)
            if picture:
                BrandLogo.objects.update_or_create(brand=self, defaults={"content": picture.content})
            elif picture is not None:
                BrandLogo.objects.filter(brand=self).delete()

    @property
    def logo(self) -> Picture:
        """Its logo, without the bytes. One that is set (a Picture just read, or an empty one) is kept by ``save``."""
        return Picture(self.logo_type, self.logo_digest)

    @logo.setter
    def logo(self, picture: Picture) -> None:
        self.logo_type, self.logo_digest = picture.type, picture.digest
        self.__dict__["_new_logo"] = picture

    def tokens(self, *, is_dark: bool = False) -> dict[str, str]:
        """The five colours as staff chose them; on dark screens the colour is the same unless another is given."""
        if not is_dark:
            return {name: getattr(self, name) for name in branding.LIGHT}
        chosen = {name: getattr(self, f"dark_{name}") for name in branding.DARK}
        return chosen | {"colour": chosen["colour"] or self.colour}

    def palette(self, *, is_dark: bool = False) -> branding.Palette:
        """Colours that can be read, whatever was saved."""
        return branding.palette_of(**self.tokens(is_dark=is_dark), is_dark=is_dark)

    @property
    def fonts(self) -> str:
        """For ``font-family``: fonts that devices have."""
        return branding.FONTS.get(self.font, branding.FONTS["system"])

    @property
    def sender(self) -> str:
        """For ``From``."""
        return formataddr((self.sender_name or self.name, self.sender_address or settings.DEFAULT_FROM_EMAIL))

    def order_address(self, number: str) -> str:
        """The order's page in the storefront; empty where the storefront has none."""
        return self.order_url.replace(ORDER_PLACE, quote(number, safe="", errors="replace")) if number else ""


class BrandLogo(models.Model):
    """The bytes of a brand's logo, apart from the brand: they are read only to be shown."""

    brand = models.OneToOneField(Brand, models.CASCADE, related_name="picture")
    content = models.BinaryField()
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return str(self.brand)
