"""Rows of lists are drawn by our own tag, for time: each exactly as unfold itself would draw it."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client
from django.utils.safestring import SafeString
from unfold.templatetags.unfold_list import results

from config.people import looking_as
from tests import factories as make
from tests.tracking.admin.test_pages import FACTORIES, address
from tracking.admin.list_rows import console_rows
from tracking.models import Order, Parcel

pytestmark = pytest.mark.django_db


def cells(rows: list[str]) -> list[list[str]]:
    """Each row's cells. Classes are compared as they stand, white space between the cells and the seconds are not."""
    found = [re.findall(r"<t[dh].*?</t[dh]>", row, re.DOTALL) for row in rows]
    return [[re.sub(r">\d+\xa0(s|min) ago<", ">now<", cell) for cell in row] for row in found]


@pytest.mark.parametrize("model", FACTORIES, ids=lambda model: model.__name__)
def test_every_list_has_the_cells_that_unfold_draws(model: type[Model], admin_client: Client) -> None:
    for _ in range(2):
        FACTORIES[model]()
    response = admin_client.get(address(model, "changelist"))
    changes, request = response.context["cl"], response.wsgi_request
    with looking_as(request):
        theirs = [SafeString("".join(str(cell) for cell in row)) for row in results(changes)]
        ours = console_rows({"request": request}, changes)["rows"]
    assert len(ours) == len(changes.result_list) >= 2
    assert cells(ours) == cells(theirs)
    assert "".join(cells(ours)[0]) in re.sub(r">\d+\xa0(s|min) ago<", ">now<", response.content.decode())


def test_what_upstreams_wrote_is_escaped(admin_client: Client) -> None:
    order = make.make_order(order_number='<b>"1"</b>')
    make.make_parcel(order, make.make_tracking(last_message="<script>alert(1)</script>"))
    page = admin_client.get(address(Order, "changelist")).content.decode()
    assert "&lt;b&gt;&quot;1&quot;&lt;/b&gt;" in page
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_rows_lead_to_their_pages_and_keep_the_filters(admin_client: Client) -> None:
    parcel = make.make_parcel(make.make_order(), make.make_tracking())
    page = admin_client.get(address(Parcel, "changelist"), {"life": "live"}).content.decode()
    assert f'<a href="{address(Parcel, "change", parcel.pk)}?_changelist_filters=life%3Dlive"' in page


def test_choosing_in_a_window_of_its_own_is_left_to_unfold(admin_client: Client) -> None:
    order = make.make_order()
    page = admin_client.get(address(Order, "changelist"), {"_popup": "1"}).content.decode()
    assert f'data-popup-opener="{order.pk}"' in page
    assert admin.site._registry[Order].get_changelist(HttpRequest())
