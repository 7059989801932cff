"""Carrier mappings as CSV in a real browser: out, changed, and in again, without a mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.urls import reverse

from stores.models import CarrierMapping, Revision
from tests import factories as make
from tests.browser.conftest import Window

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("window", [1400, 390], indirect=True)
def test_mappings_are_imported_as_they_were_shown(window: Window, tmp_path: Path) -> None:
    make.make_courier("austrian-post")
    mapping = make.make_carrier_mapping(make.make_courier("dhl-germany"), carrier="Post & Söhne <b>")
    page = window.open(reverse("admin:stores_carriermapping_import_csv"))

    def look_at(text: str) -> None:
        (tmp_path / "mappings.csv").write_bytes(text.encode())
        page.set_input_files("#id_file", tmp_path / "mappings.csv")
        page.get_by_role("button", name="Look at it").press("Enter")

    look_at("\rcarrier;courier\r--;ups\r")
    page.get_by_text("2 faults: nothing was imported.").wait_for()
    look_at('\ncarrier;courier\nPost & Söhne <b>;austrian-post\n"A; B";dhl-germany\n')
    page.get_by_text("1 new, 1 changed, 0 unchanged.").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_label("Reason").fill("new contract")
    page.get_by_role("button", name="Import 2 mappings").press("Enter")
    page.get_by_text("Saved as revision").wait_for()
    assert page.get_by_text(f"Saved as revision #{Revision.objects.get().pk}.").is_visible()
    mapping.refresh_from_db()
    assert mapping.courier.slug == "austrian-post"
    assert CarrierMapping.objects.filter(carrier="A; B", courier__slug="dhl-germany").exists()


def test_export_is_downloaded_and_imported_as_unchanged(window: Window, tmp_path: Path) -> None:
    make.make_carrier_mapping(carrier="=1+1", extra_fields={"tracking_key": "0123"})
    page = window.open(reverse("admin:stores_carriermapping_changelist"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").press("Enter")
    download.value.save_as(tmp_path / "mappings.csv")
    page.get_by_role("link", name="Import CSV").press("Enter")
    page.set_input_files("#id_file", tmp_path / "mappings.csv")
    page.get_by_role("button", name="Look at it").press("Enter")
    page.get_by_text("0 new, 0 changed, 1 unchanged.").wait_for()
    assert page.get_by_label("Reason").count() == 0
