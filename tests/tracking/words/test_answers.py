"""The answer to "where is my order?": there for every status, flag and language, and word for word where it matters."""

from __future__ import annotations

from datetime import date
from itertools import combinations

import pytest

from tracking.enums import Flag, ParcelStatus
from tracking.payloads.from_aftership import KNOWN_SUBTAGS
from tracking.words.answers import answer, parcel_words
from tracking.words.facts import Item, OrderFacts, ParcelFacts
from tracking.words.languages import LANGUAGES, day
from tracking.words.states import BY_SUBTAG, OF_RETURNS, STATES, State, state_of

TODAY = date(2026, 12, 1)
SOON = date(2026, 12, 3)
BEFORE = date(2026, 11, 27)
BOOT = Item(sku="BOOT-42", names={"en": "Hiking boot", "de": "Wanderschuh"}, quantity=2)
SOCK = Item(sku="SOCK", names={"en": "Socks"}, quantity=1)
SPOKEN_OF = [Flag.LATE, Flag.STUCK, Flag.SILENT, Flag.COURIER_OUTAGE, Flag.NUMBER_REUSED]
ENGLISH = {"the", "your", "parcel", "carrier", "please", "has", "been", "delivery", "return", "with", "yet"}


def parcel(status: ParcelStatus | None = ParcelStatus.IN_TRANSIT, **facts: object) -> ParcelFacts:
    return ParcelFacts(status=status, number="JD014600", carrier="DHL", **facts)  # type: ignore[arg-type]


def order(*parcels: ParcelFacts, **facts: object) -> OrderFacts:
    return OrderFacts(number="N-10102", today=TODAY, parcels=parcels, **facts)  # type: ignore[arg-type]


def is_sound(text: str, language: str, least: int, most: int) -> None:
    """Nothing left open, nothing of the machine, nothing in English where another language is spoken."""
    assert least <= len(text) <= most, text
    assert "None" not in text
    assert "%" not in text
    assert "{" not in text
    assert "  " not in text.replace("\n\n", "")
    assert text == text.strip()
    if language != "en":
        words = {word.strip(".,:;()?!«»").lower() for word in text.split()}
        assert not words & ENGLISH, text


def test_every_state_has_words_and_every_word_a_state() -> None:
    assert set(STATES) == set(State)
    assert set(OF_RETURNS) == set(ParcelStatus)
    assert {subtag for _, subtag in BY_SUBTAG} <= KNOWN_SUBTAGS
    assert {State(status.value) for status in ParcelStatus} <= set(STATES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("is_return", [False, True])
def test_an_answer_exists_for_every_status_flag_and_language(language: str, is_return: bool) -> None:
    for status in [None, *ParcelStatus]:
        for subtag in ["", *sorted(KNOWN_SUBTAGS)]:
            one = parcel(status, subtag=subtag, is_return=is_return)
            is_sound(answer(order(one), language), language, 20, 400)
        cases = [(flags, {}) for flags in combinations(SPOKEN_OF, 2)]
        cases += [((flag,), dates) for flag in Flag for dates in ({}, {"eta": SOON, "promised": BEFORE})]
        cases += [((), dates) for dates in ({"eta": BEFORE}, {"promised": SOON}, {"promised": BEFORE})]
        for flags, dates in cases:
            one = parcel(status, flags=frozenset(flags), is_return=is_return, seen_on=BEFORE, **dates)
            is_sound(answer(order(one), language, "long"), language, 20, 700)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_state_is_told_with_headline_meaning_and_next_step(language: str) -> None:
    cases = [(status, "", False) for status in [None, *ParcelStatus]]
    cases += [(status, subtag, False) for status, subtag in BY_SUBTAG]
    cases += [(status, "", True) for status in [None, *ParcelStatus]]
    seen = set()
    for status, subtag, is_return in cases:
        words = parcel_words(parcel(status, subtag=subtag, is_return=is_return), language, TODAY)
        seen.add(words.state)
        is_sound(words.headline, language, 3, 40)
        is_sound(words.meaning, language, 15, 110)
        is_sound(words.next_step, language, 15, 160)
        assert words.headline[-1] != "."
        assert words.meaning[-1] == "."
    assert seen == set(State)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_order_of_several_parcels_is_told_in_every_language(language: str) -> None:
    parcels = [parcel(status, items=(BOOT, SOCK)) for status in ParcelStatus]
    for form, most in (("short", 1200), ("long", 9000)):
        is_sound(answer(order(*parcels, unshipped=(SOCK,)), language, form).replace("Socks", ""), language, 50, most)  # type: ignore[arg-type]
    for empty in (order(), order(promised=SOON), order(promised=BEFORE), order(is_cancelled=True)):
        is_sound(answer(empty, language), language, 20, 300)


def test_a_parcel_on_its_way_says_when_it_comes() -> None:
    assert answer(order(parcel(eta=SOON)), "en") == (
        "The parcel is on its way to you. Expected delivery: Thursday, December 3."
    )
    assert answer(order(parcel(eta=SOON)), "de-AT") == (
        "Das Paket ist auf dem Weg zu Ihnen. Voraussichtliche Lieferung: Donnerstag, 3. Dezember."
    )
    assert answer(order(parcel(eta=SOON)), "pl") == (
        "Paczka jest w drodze do Państwa. Przewidywane doręczenie: czwartek, 3 grudnia."
    )


def test_without_any_date_it_says_so() -> None:
    assert answer(order(parcel()), "en").endswith("There is no delivery date yet.")
    assert answer(order(parcel(promised=SOON)), "en").endswith("Planned delivery: by Thursday, December 3.")


def test_no_day_is_named_where_none_holds_or_the_parcel_is_at_the_door() -> None:
    for subtag in (
        "Exception_002",
        "Exception_003",
        "Exception_006",
        "Exception_007",
        "Exception_008",
        "Exception_012",
    ):
        for dates in ({}, {"eta": SOON}, {"promised": BEFORE}):
            said = answer(order(parcel(ParcelStatus.EXCEPTION, subtag=subtag, **dates)), "en")
            assert "elivery date" not in said, said
            assert "xpected delivery" not in said, said
            assert "planned" not in said, said
    said = answer(order(parcel(ParcelStatus.OUT_FOR_DELIVERY, subtag="OutForDelivery_004")), "en")
    assert said == "The carrier has set an appointment for the delivery."
    assert "Expected delivery" in answer(order(parcel(ParcelStatus.EXCEPTION, eta=SOON)), "en")


def test_that_it_was_registered_is_no_scan() -> None:
    for status in (ParcelStatus.PENDING, ParcelStatus.INFO_RECEIVED):
        for is_return in (False, True):
            assert "Latest scan" not in answer(order(parcel(status, seen_on=BEFORE, is_return=is_return)), "en", "long")
    assert "Latest scan: Friday, November 27." in answer(order(parcel(seen_on=BEFORE)), "en", "long")


def test_late_is_said_with_the_day_that_was_planned_and_why() -> None:
    late = parcel(ParcelStatus.DELAYED, subtag="Exception_017", eta=BEFORE, flags=frozenset({Flag.LATE}))
    assert answer(order(late), "en") == (
        "Severe weather is delaying the parcel. "
        "It is later than planned (planned day: Friday, November 27). We are sorry."
    )
    moved = parcel(eta=SOON, promised=BEFORE)
    assert "Expected delivery: Thursday, December 3, later than planned (Friday, November 27)." in answer(
        order(moved), "en"
    )


def test_an_outage_explains_silence_and_is_said_alone() -> None:
    silent = frozenset({Flag.SILENT, Flag.COURIER_OUTAGE})
    said = answer(order(parcel(flags=silent)), "en")
    assert said.endswith("The carrier has technical problems at the moment, so updates arrive late.")
    assert "anything new" not in said


def test_news_of_an_earlier_parcel_with_this_number_is_not_told() -> None:
    reused = parcel(ParcelStatus.DELIVERED, flags=frozenset({Flag.NUMBER_REUSED}), delivered_on=BEFORE, seen_on=BEFORE)
    assert state_of(reused) == State.PENDING
    said = answer(order(reused), "en", "long")
    assert "delivered" not in said
    assert "The carrier has no information about this parcel yet." in said


def test_a_return_is_never_on_its_way_to_the_shopper() -> None:
    for status in ParcelStatus:
        said = answer(order(parcel(status, is_return=True)), "en", "long")
        assert "to you." not in said.replace("sent back to you.", "")
        assert "Your return: " in said


def test_a_split_order_counts_what_arrived_and_tells_the_rest() -> None:
    split = order(
        parcel(ParcelStatus.DELIVERED), parcel(ParcelStatus.DELIVERED), parcel(ParcelStatus.OUT_FOR_DELIVERY, eta=TODAY)
    )
    assert answer(split, "en") == (
        "Parcels delivered: 2 of 3. "
        "Parcel 3 of 3: The parcel is on the delivery vehicle. Expected delivery: Tuesday, December 1."
    )
    everything = order(parcel(ParcelStatus.DELIVERED), parcel(ParcelStatus.DELIVERED), unshipped=(BOOT,))
    assert answer(everything, "en") == (
        "All 2 parcels have been delivered. 2 items of your order have not been shipped yet."
    )


def test_a_shipment_that_was_called_off_does_not_count() -> None:
    one = order(parcel(ParcelStatus.CANCELLED), parcel(ParcelStatus.DELIVERED, delivered_on=BEFORE))
    assert answer(one, "en") == (
        "According to the carrier, the parcel has been delivered. Day of delivery: Friday, November 27."
    )


def test_the_long_form_names_items_in_the_shoppers_language() -> None:
    said = answer(order(parcel(items=(BOOT, SOCK)), unshipped=(SOCK,)), "de", "long")
    assert said.startswith("Zu Ihrer Bestellung N-10102:\n\nDas Paket ist auf dem Weg zu Ihnen.")
    assert "In diesem Paket: 2 × Wanderschuh, 1 × Socks." in said
    assert said.endswith("Noch nicht verschickt: 1 × Socks.")


def test_what_the_shopper_has_to_do_is_said_even_when_short() -> None:
    address = parcel(ParcelStatus.EXCEPTION, subtag="Exception_007")
    assert "Please send us the right address soon" in answer(order(address), "en")
    pickup = parcel(ParcelStatus.AVAILABLE_FOR_PICKUP, pickup_where="Kiosk Meyer", pickup_until=SOON)
    assert answer(order(pickup), "en") == (
        "The parcel is waiting for you at a pickup point. Pickup point: Kiosk Meyer. "
        "Last day for collection: Thursday, December 3. "
        "Please collect it in time, otherwise it will come back to us. You may need proof of identity."
    )


def test_a_rule_that_overruled_the_status_overrules_the_subtag() -> None:
    ruled = parcel(ParcelStatus.IN_TRANSIT, subtag="Exception_007")
    assert state_of(ruled) == State.IN_TRANSIT


def test_the_same_facts_give_the_same_words() -> None:
    facts = order(parcel(eta=SOON, items=(BOOT,)), parcel(ParcelStatus.LOST))
    assert len({answer(facts, "fr", "long") for _ in range(5)}) == 1


def test_days_are_written_as_each_language_writes_them() -> None:
    assert {language: day(SOON, language, TODAY) for language in [*LANGUAGES, "en-GB"]} == {
        "en": "Thursday, December 3",
        "de": "Donnerstag, 3. Dezember",
        "fr": "jeudi 3 décembre",
        "es": "jueves, 3 de diciembre",
        "it": "giovedì 3 dicembre",
        "nl": "donderdag 3 december",
        "pl": "czwartek, 3 grudnia",
        "sv": "torsdag 3 december",
        "en-GB": "Thursday 3 December",
    }
    assert day(date(2027, 1, 4), "sv", TODAY) == "måndag 4 januari 2027"
