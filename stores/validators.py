"""Forms of values that several rows share."""

from __future__ import annotations

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, URLValidator
from django.utils.translation import gettext_lazy as _

key_validator = RegexValidator(r"^[A-Za-z0-9_-]{2,256}\Z", _("2 to 256 letters, digits, _ or -."))
colour_validator = RegexValidator(r"^#[0-9a-fA-F]{6}\Z", _("A colour such as #0b5fff."))
one_line_validator = RegexValidator(r"^[^\x00-\x1f\x7f\u2028\u2029]*\Z", _("One line, without control characters."))
web_validator = URLValidator(schemes=["https", "http"], message=_("An address such as https://shop.example.com."))
ORDER_PLACE = "{number}"


ORIGIN = re.compile(r"https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?\Z")


def origins_validator(value: object) -> None:
    """A list of origins as browsers send them: scheme, host and perhaps a port, nothing after it."""
    if not isinstance(value, list) or not all(isinstance(one, str) and ORIGIN.match(one) for one in value):
        raise ValidationError(_("Origins such as https://shop.example.com, without a path, in small letters."))


def order_url_validator(value: str) -> None:
    """An address of the web with {number} where the order's number belongs."""
    if value.count(ORDER_PLACE) != 1:
        raise ValidationError(_("The address needs {number} once, where the order's number belongs."))
    web_validator(value.replace(ORDER_PLACE, "1"))
    if ORDER_PLACE in "/".join(value.split("/", 3)[:3]):
        raise ValidationError(_("{number} cannot be a part of the host."))
