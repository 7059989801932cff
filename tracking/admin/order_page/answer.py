"""The answer to send to the shopper: in their language or another that the shop speaks, short or long, to copy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.http import urlencode
from django.utils.translation import gettext as _

from tracking.admin.order_registry import ANSWER, Block, Part, ShownOrder, order_section
from tracking.services.order_facts import facts_from
from tracking.services.scope import may_see_people
from tracking.words.answers import answer
from tracking.words.facts import OrderFacts
from tracking.words.languages import LANGUAGES, base, choose, direction, tag


@order_section(ANSWER)
def answer_section(shown: ShownOrder) -> Block:
    """The answer in both lengths, in the language asked for, else the shopper's, else the first enabled one."""
    enabled = languages_of(shown)
    asked = shown.request.GET.get("language", "")
    language = asked if asked in LANGUAGES else choose([shown.order.locale], enabled)
    facts = facts_from(shown.order, shown.live_parcels, shown.conditions, shown.today)
    if not may_see_people(shown.request.user):
        facts = without_places(facts)
    parts: dict[str, Any] = {
        "short": answer(facts, language, form="short"),
        "long": answer(facts, language, form="long"),
        "language": tag(language),
        "direction": direction(language),
        "languages": [language_link(shown, one, language) for one in offered(enabled)],
    }
    return Part(_("Answer"), "admin/tracking/order/answer.html", parts)


def without_places(facts: OrderFacts) -> OrderFacts:
    """For who may not know where a shopper lives: the last scan is near there."""
    parcels = (replace(one, seen_where="", pickup_where="", carrier_words="") for one in facts.parcels)
    return replace(facts, parcels=tuple(parcels))


def languages_of(shown: ShownOrder) -> list[str]:
    """The languages of the order's brand, best first; all that we speak where no route names a brand."""
    brands = [parcel.route.brand for parcel in shown.live_parcels if parcel.route and parcel.route.brand]
    return list(brands[0].locales) if brands and brands[0].locales else list(LANGUAGES)


def offered(enabled: list[str]) -> list[str]:
    """The brand's languages, then those that we speak besides: none twice under one name (en-GB, en)."""
    spoken = {base(one) for one in enabled}
    return [*enabled, *(one for one in LANGUAGES if one not in spoken)]


def language_link(shown: ShownOrder, language: str, chosen: str) -> dict[str, Any]:
    query = {name: value for name, value in shown.request.GET.items() if name != "language"}
    name = LANGUAGES.get(language) or LANGUAGES.get(language.partition("-")[0], language)
    return {
        "url": f"?{urlencode(query | {'language': language})}",
        "name": name,
        "tag": tag(language),
        "is_chosen": language == chosen,
    }
