from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking.payloads.errors import PayloadError
from tracking.payloads.from_commercetools import Destination
from tracking.payloads.to_aftership import (
    TrackingRequest,
    clean_number,
    country_alpha3,
    digest,
    language,
    missing_fields,
    tracking_fields,
    update_fields,
)

BERLIN = Destination(country="DE", state="BE", city="Berlin", postal_code="10115")


class TestNumber:
    @pytest.mark.parametrize(
        ("raw", "number"),
        [
            ("1Z999AA10123456784", "1Z999AA10123456784"),
            (" 0034 0434\t1234\n5678 9012 ", "00340434123456789012"),
            ("1z999aa1\u200b0123\u00a0456784\ufeff", "1Z999AA10123456784"),
            ("\u202a003404341234\u202c", "003404341234"),
            ("AB\u00adCD", "ABCD"),
            ("itod-1-4711_x/y.z", "ITOD-1-4711_X/Y.Z"),
            ("abcd", "ABCD"),
            ("a" * 100, "A" * 100),
        ],
    )
    def test_spaces_and_case_are_cleaned(self, raw, number):
        assert clean_number(raw) == number

    def test_group_separator_of_a_barcode_scanner_is_white_space(self):
        assert clean_number("0034\x1d1234") == "00341234"

    @pytest.mark.parametrize(
        ("raw", "cause"),
        [
            ("", "empty"),
            (" \u200b\t", "empty"),
            ("abc", "3 characters long; 4 to 100 are possible"),
            ("a" * 101, "101 characters long; 4 to 100 are possible"),
            ("12#34", 'has "#" (number sign); only letters, digits and - . _ / are possible'),
            ("1234+5", 'has "+" (plus sign); only letters, digits and - . _ / are possible'),
            ("1234–5", 'has "–" (en dash); only letters, digits and - . _ / are possible'),
            ("ß1234", 'has "ß" (latin small letter sharp s); only letters, digits and - . _ / are possible'),
            ("\u212a1234", 'has "\u212a" (kelvin sign); only letters, digits and - . _ / are possible'),
            ("١٢٣٤", 'has "١" (arabic-indic digit one); only letters, digits and - . _ / are possible'),
            ("12␀34", 'has "␀" (symbol for null); only letters, digits and - . _ / are possible'),
            ("12\x0734", "has U+0007; only letters, digits and - . _ / are possible"),
            ("1234,5678", 'has "," (comma); only letters, digits and - . _ / are possible'),
            ("http://x.example/1Z", 'has ":" (colon); only letters, digits and - . _ / are possible'),
        ],
    )
    def test_what_aftership_would_refuse_is_refused_in_plain_words(self, raw, cause):
        with pytest.raises(PayloadError) as caught:
            clean_number(raw)
        assert (caught.value.path, caught.value.cause) == ("trackingData.trackingId", cause)

    @given(st.text(max_size=110))
    def test_any_text_gives_a_valid_number_or_a_payload_error(self, raw):
        try:
            number = clean_number(raw)
        except PayloadError:
            return
        assert 4 <= len(number) <= 100
        assert set(number) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._/")
        assert clean_number(number) == number


@pytest.mark.parametrize(
    ("alpha2", "alpha3"),
    [
        ("DE", "DEU"),
        ("de", "DEU"),
        ("GB", "GBR"),
        ("CH", "CHE"),
        ("US", "USA"),
        ("XX", None),
        ("", None),
        ("DEU", None),
    ],
)
def test_country_is_translated(alpha2, alpha3):
    assert country_alpha3(alpha2) == alpha3


@pytest.mark.parametrize(
    ("locale", "code"),
    [
        ("de", "de"),
        ("de-CH", "de"),
        ("de_CH", "de"),
        ("EN-us", "en"),
        ("zh-Hant-TW", "zh"),
        ("nb-NO", "nb"),
        ("gsw-CH", None),
        ("xx", None),
        ("", None),
        ("-", None),
    ],
)
def test_language_is_the_bare_code(locale, code):
    assert language(locale) == code


class TestFields:
    def test_everything_known_is_sent(self):
        request = TrackingRequest(
            id="8d0f3a1c5b7e4a429b3d1f6c2e9a7b01",
            tracking_number="00340434123456789012",
            courier="dhl-germany",
            order_id="7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001",
            order_number="CT-1001",
            order_date=datetime(2026, 11, 21, 18, 4, 11, 120000, UTC),
            destination=BERLIN,
            locale="de-DE",
            ship_date=date(2026, 11, 22),
            notify_email="erika@example.com",
            promised_date=date(2026, 11, 24),
        )
        assert tracking_fields(request) == {
            "id": "8d0f3a1c5b7e4a429b3d1f6c2e9a7b01",
            "tracking_number": "00340434123456789012",
            "slug": "dhl-germany",
            "order_id": "7c1f9c62-6c9e-4b0e-8a55-2d1c5a9e0001",
            "order_number": "CT-1001",
            "order_date": "2026-11-21T18:04:11+00:00",
            "language": "de",
            "tracking_ship_date": "2026-11-22",
            "order_promised_delivery_date": {"promised_delivery_date": "2026-11-24"},
            "customers": [{"role": "buyer", "email": "erika@example.com", "language": "de"}],
            "destination_country_region": "DEU",
            "destination_state": "BE",
            "destination_city": "Berlin",
            "destination_postal_code": "10115",
        }

    def test_blanks_are_left_out(self):
        destination = Destination(country="XX", city=" ")
        request = TrackingRequest(
            id="a", tracking_number="ABCD", destination=destination, locale="gsw", extra_fields={"tracking_key": ""}
        )
        assert tracking_fields(request) == {"id": "a", "tracking_number": "ABCD"}

    def test_no_customer_is_sent_unless_aftership_shall_write_to_them(self):
        fields = tracking_fields(TrackingRequest(id="a", tracking_number="ABCD", destination=BERLIN, locale="de"))
        assert "customers" not in fields

    def test_an_update_takes_away_what_messages_need_and_a_put_can_clear(self):
        request = TrackingRequest(id="a", tracking_number="ABCD")
        cleared = {"destination_state": "", "destination_city": "", "destination_postal_code": ""}
        cleared |= {"shipment_direction": "forward"}
        assert update_fields(request, settles_messages=False) == cleared
        assert update_fields(request, settles_messages=True) == cleared | {
            "customers": [],
            "order_promised_delivery_date": {"promised_delivery_date": None},
        }

    def test_what_is_cleared_is_the_same_to_us_as_what_was_never_there(self):
        request = TrackingRequest(id="a", tracking_number="ABCD")
        known = digest(tracking_fields(request))
        assert digest(update_fields(request, settles_messages=True)) == known
        shown = {"order_promised_delivery_date": {"promised_delivery_date": None, "promised_delivery_date_min": None}}
        assert digest(shown) == known
        promised = TrackingRequest(id="a", tracking_number="ABCD", promised_date=date(2026, 11, 24))
        assert digest(tracking_fields(promised)) != known

    def test_customer_without_a_language(self):
        request = TrackingRequest(id="a", tracking_number="ABCD", notify_email="a@example.com")
        assert tracking_fields(request)["customers"] == [{"role": "buyer", "email": "a@example.com"}]

    def test_return_comes_from_the_shopper_and_nobody_is_told(self):
        request = TrackingRequest(
            id="a", tracking_number="ABCD", destination=BERLIN, is_return=True, notify_email="a@example.com"
        )
        assert tracking_fields(request) == {
            "id": "a",
            "tracking_number": "ABCD",
            "shipment_direction": "return",
            "origin_country_region": "DEU",
            "origin_state": "BE",
            "origin_city": "Berlin",
            "origin_postal_code": "10115",
        }

    @pytest.mark.parametrize(
        ("postal_code", "is_sent"),
        [("SW1A 1AA", True), ("12345-6789", True), ("12345-67890", False), ("10115/Berlin", False), ("1010Ö", False)],
    )
    def test_postal_code_that_aftership_refuses_is_left_out(self, postal_code, is_sent):
        request = TrackingRequest(id="a", tracking_number="ABCD", destination=Destination(postal_code=postal_code))
        assert ("destination_postal_code" in tracking_fields(request)) is is_sent

    def test_extra_fields_win_but_never_over_which_tracking_it_is(self):
        extra = {
            "destination_postal_code": "1234AB",
            "tracking_key": "k",
            "id": "x",
            "tracking_number": "x",
            "slug": "x",
        }
        request = TrackingRequest(
            id="a", tracking_number="ABCD", courier="postnl", destination=BERLIN, extra_fields=extra
        )
        fields = tracking_fields(request)
        assert (fields["destination_postal_code"], fields["tracking_key"]) == ("1234AB", "k")
        assert (fields["id"], fields["tracking_number"], fields["slug"]) == ("a", "ABCD", "postnl")

    @pytest.mark.parametrize(
        ("wanted", "sent"),
        [({}, "2026-11-02"), ({"tracking_ship_date": "YYYYMMDD"}, "20261102")],
    )
    def test_ship_date_is_iso_unless_the_mapping_asks_for_the_other_form(self, wanted, sent):
        request = TrackingRequest(id="a", tracking_number="ABCD", ship_date=date(2026, 11, 2), extra_fields=wanted)
        assert tracking_fields(request)["tracking_ship_date"] == sent

    def test_form_of_the_ship_date_is_never_sent_for_a_date(self):
        request = TrackingRequest(
            id="a", tracking_number="ABCD", extra_fields={"tracking_ship_date": "YYYYMMDD", "tracking_key": "k"}
        )
        assert tracking_fields(request) == {"id": "a", "tracking_number": "ABCD", "tracking_key": "k"}

    def test_missing_fields_are_named_in_the_courier_s_order(self):
        fields = {"destination_postal_code": "10115", "tracking_key": " ", "slug": "x"}
        required = ["tracking_ship_date", "destination_postal_code", "tracking_key"]
        assert missing_fields(required, fields) == ["tracking_ship_date", "tracking_key"]
        assert missing_fields([], fields) == []
