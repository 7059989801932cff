"""About fifty couriers with AfterShip's real slugs and required fields, and detection by the look of a number.

Detection is a hint, not an answer: a bare run of digits looks like the number of several couriers, and the first in
this order wins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

EXTRA_FIELDS = (
    "tracking_account_number",
    "destination_postal_code",
    "destination_state",
    "tracking_key",
    "origin_country_region",
    "destination_country_region",
    "tracking_ship_date",
)
POSTCODE = ("destination_postal_code",)


@dataclass(frozen=True)
class Courier:
    """One courier: what AfterShip calls it, how its numbers look, what it needs besides the number."""

    slug: str
    name: str
    pattern: str
    country: str = ""
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    def matches(self, tracking_number: str) -> bool:
        """Whether the number has this courier's form."""
        return re.fullmatch(self.pattern, tracking_number) is not None

    def document(self) -> dict[str, Any]:
        """The courier as the API shows it."""
        return {
            "slug": self.slug,
            "name": self.name,
            "phone": None,
            "other_name": None,
            "web_url": f"https://www.example.com/couriers/{self.slug}",
            "required_fields": list(self.required),
            "optional_fields": list(self.optional),
            "default_language": "en",
            "support_languages": ["en"],
            "service_from_country_regions": [self.country] if self.country else [],
            "credentials": {"fields": []},
        }


ALL = (
    Courier("testing-courier", "Testing Courier", r"(?:[ITODEFA](?:\d{3})?){1,10}-\d{1,2}-\w+"),
    Courier("ups", "UPS", r"1Z[0-9A-Z]{16}", "USA"),
    Courier("usps", "USPS", r"9[1-5]\d{18,24}|[A-Z]{2}\d{9}US", "USA"),
    Courier("dhl-germany", "Deutsche Post DHL", r"00340\d{15}|JJD\d{12,20}", "DEU", optional=POSTCODE),
    Courier("deutsch-post", "Deutsche Post Mail", r"[A-Z]{2}\d{9}DE", "DEU"),
    Courier("dpd-de", "DPD Germany", r"(?:01|09)\d{12}", "DEU"),
    Courier("hermes-de", "Hermes Germany", r"H\d{19}|\d{14}", "DEU"),
    Courier("dhl", "DHL Express", r"\d{10}", optional=("origin_country_region", "destination_country_region")),
    Courier("fedex", "FedEx", r"\d{12}|\d{15}", "USA"),
    Courier("dhl-global-mail", "DHL eCommerce Solutions", r"GM\d{16,20}", "USA"),
    Courier("dhlparcel-nl", "DHL Parcel NL", r"JVGL\d{16,20}|JVGL\w{12,20}", "NLD"),
    Courier("dhlparcel-uk", "DHL Parcel UK", r"JD00\d{14}", "GBR"),
    Courier("dhl-poland", "DHL Poland Domestic", r"2\d{10}", "POL"),
    Courier("dpd", "DPD", r"05\d{12}"),
    Courier("dpd-uk", "DPD UK", r"15\d{12}|15\d{8}", "GBR"),
    Courier("dpd-poland", "DPD Poland", r"13\d{11}[A-Z]|0000\d{9}[A-Z]", "POL"),
    Courier("gls", "GLS", r"\d{11}|[A-Z0-9]{8}"),
    Courier("gls-netherlands", "GLS Netherlands", r"NLGLS\d{8,12}", "NLD", POSTCODE),
    Courier("gls-spain", "GLS Spain", r"ESGLS\d{8,12}", "ESP", POSTCODE),
    Courier("gls-italy", "GLS Italy", r"[A-Z]\d{9}", "ITA"),
    Courier("myhermes-uk", "Evri", r"[HT]0\d[A-Z0-9]{13}", "GBR"),
    Courier("royal-mail", "Royal Mail", r"[A-Z]{2}\d{9}GB", "GBR"),
    Courier("parcel-force", "Parcel Force", r"PF\d{7,11}", "GBR"),
    Courier("yodel", "Yodel Domestic", r"JD\d{16}", "GBR"),
    Courier("tnt", "TNT", r"GD\d{9}(?:GB|WW)?|\d{9}"),
    Courier("postnl", "PostNL Domestic", r"3S[A-Z0-9]{9,13}", "NLD", POSTCODE),
    Courier("postnl-3s", "PostNL International 3S", r"3S[A-Z0-9]{9,13}", "NLD", POSTCODE),
    Courier("postnl-international", "PostNL International", r"[A-Z]{2}\d{9}NL", "NLD"),
    Courier("bpost", "Bpost", r"32\d{22}|[A-Z]{2}\d{9}BE", "BEL"),
    Courier("colissimo", "Colissimo", r"[6-9][A-Z]\d{11}", "FRA"),
    Courier("chronopost-france", "Chronopost France", r"X[A-Z]\d{9}(?:[A-Z]{2})?", "FRA"),
    Courier("mondialrelay", "Mondial Relay", r"\d{8}", "FRA", POSTCODE),
    Courier("austrian-post", "Austrian Post", r"10\d{20}|[A-Z]{2}\d{9}AT", "AUT"),
    Courier("swiss-post", "Swiss Post", r"99\d{16}|[A-Z]{2}\d{9}CH", "CHE"),
    Courier("poste-italiane", "Poste Italiane", r"[A-Z]{2}\d{9}IT", "ITA"),
    Courier("brt-it", "BRT Bartolini", r"BRT\d{9,12}", "ITA"),
    Courier("spain-correos-es", "Correos de España", r"PQ[A-Z0-9]{21}|[A-Z]{2}\d{9}ES", "ESP"),
    Courier("nacex-spain", "Nacex Spain", r"NX\d{8,10}", "ESP", POSTCODE),
    Courier("inpost-paczkomaty", "InPost Paczkomaty", r"6\d{23}", "POL"),
    Courier("poczta-polska", "Poczta Polska", r"00[5-9]\d{17}|[A-Z]{2}\d{9}PL", "POL"),
    Courier("packeta", "Packeta", r"Z\d{10}", "CZE"),
    Courier("postnord", "PostNord Logistics", r"00[1-2]\d{17}|[A-Z]{2}\d{9}DK", "DNK"),
    Courier("sweden-posten", "PostNord Sweden", r"00373\d{15}|[A-Z]{2}\d{9}SE", "SWE"),
    Courier("posti", "Itella Posti", r"JJFI\d{14,18}|[A-Z]{2}\d{9}FI", "FIN"),
    Courier("an-post", "An Post", r"CE\d{9}IE|[A-Z]{2}\d{9}IE", "IRL"),
    Courier("canada-post", "Canada Post", r"\d{16}|[A-Z]{2}\d{9}CA", "CAN"),
    Courier("australia-post", "Australia Post", r"[A-Z]{2}\d{9}AU|[A-Z0-9]{3}\d{20}", "AUS"),
    Courier("star-track-courier", "StarTrack Courier", r"STC\d{9}", "AUS", ("destination_state",)),
    Courier("amazon-logistics", "Amazon Logistics", r"TB[ABC]\d{12}", "USA", ("tracking_key",)),
    Courier("vnpost-api", "VNPost API", r"[A-Z]{2}\d{9}VN", "VNM", ("tracking_ship_date",)),
    Courier("yunexpress", "YunExpress", r"YT\d{16}", "CHN"),
    Courier("cainiao", "Cainiao", r"LP\d{14,16}", "CHN"),
    Courier("sf-express", "SF Express", r"SF\d{12,13}", "CHN"),
    Courier("china-post", "China Post", r"[A-Z]{2}\d{9}CN", "CHN"),
)
UNRECOGNIZED = Courier("unrecognized", "Unrecognized", r"(?!)")  # what AfterShip says where it finds no courier
BY_SLUG = {courier.slug: courier for courier in ALL}


def missing_fields(courier: Courier, fields: Mapping[str, Any]) -> list[str]:
    """Required extra fields that are absent or blank."""
    return [name for name in courier.required if not fields.get(name)]


def in_group(slug: str, group: str) -> bool:
    """Whether a courier belongs to a slug group (``dpd-group`` holds ``dpd`` and everything named ``dpd-…``)."""
    family = group.removesuffix("-group")
    return slug == family or slug.startswith((f"{family}-", f"{family}parcel-"))


def detect(tracking_number: str, slugs: Iterable[str], group: str | None = None) -> list[Courier]:
    """The couriers among ``slugs`` (and of the group) whose numbers look like this one."""
    allowed = set(slugs)
    found = [courier for courier in ALL if courier.slug in allowed and courier.matches(tracking_number)]
    return [courier for courier in found if group is None or in_group(courier.slug, group)]
