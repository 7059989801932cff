"""Orders for a merchant's own systems: the link of a shopper, and what its page says, for the storefront to show."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.api.permissions import MayViewOrders
from tracking.enums import ShopperEvent, ShopperPlace
from tracking.models import Order
from tracking.pages.answers import finished
from tracking.pages.labels import labels
from tracking.pages.language import language_for
from tracking.pages.look import look_of
from tracking.pages.rows import Rows, load
from tracking.pages.shown import shown
from tracking.pages.storefront import origins_of
from tracking.services.links import LinkState, link_token, open_link, track_url
from tracking.services.promotions import Where, count, offer_for
from tracking.services.scope import visible


class LinkSerializer(serializers.Serializer):
    """The shopper's link. Whoever has it sees the order: hand it to its shopper alone."""

    url = serializers.URLField(help_text="The order's page.")
    token = serializers.CharField(help_text="For `<trackbridge-order token=…>` and `/api/v1/track/{token}/`.")
    api_url = serializers.URLField(help_text="The same as JSON.")


class LinkView(APIView):
    """``GET /api/v1/orders/{project}/{order}/link/``."""

    permission_classes = (MayViewOrders,)

    @extend_schema(
        operation_id="order_link",
        parameters=[
            OpenApiParameter("project", str, "path", description="Key of the commercetools project."),
            OpenApiParameter("order", str, "path", description="The order's number, or its id in commercetools."),
        ],
        responses={
            200: LinkSerializer,
            401: OpenApiResponse(description="Neither logged in nor with a token."),
            403: OpenApiResponse(description="Without the permission to view orders."),
            404: OpenApiResponse(description="No such order, or none that you may see."),
        },
    )
    def get(self, request: Request, project: str, order: str) -> Response:
        """The link of one order, from server to server: the storefront shows it, or puts it into its own page."""
        named = Order.objects.filter(Q(commercetools_id=order) | Q(order_number=order), project__key=project)
        found = visible(request.user, named.filter(deleted_at=None)).order_by("-created_at").first()
        if found is None:
            raise NotFound("There is no such order.")
        token = link_token(found)
        api_url = f"{settings.PUBLIC_URL}{reverse('track-api', args=[token])}"
        link = {"url": track_url(found), "token": token, "api_url": api_url}
        return Response(LinkSerializer(link).data, headers={"Cache-Control": "private, no-store"})


class ItemSerializer(serializers.Serializer):
    quantity = serializers.IntegerField()
    name = serializers.CharField()


class StepSerializer(serializers.Serializer):
    label = serializers.CharField()
    state = serializers.CharField(help_text="done, now or todo.")


class ScanSerializer(serializers.Serializer):
    milestone = serializers.CharField(help_text="What it means, in the shopper's language.")
    time = serializers.CharField(help_text="Clock on the wall where it happened; empty where only the day is known.")
    at = serializers.CharField(help_text="As the carrier gave it.")
    place = serializers.CharField()
    words = serializers.CharField(help_text="The carrier's own words, in the carrier's language, without people.")


class DaySerializer(serializers.Serializer):
    day = serializers.CharField()
    scans = ScanSerializer(many=True)


class ShownParcelSerializer(serializers.Serializer):
    """A parcel as the shopper's page shows it, in the shopper's language: see `tracking.pages.shown`."""

    title = serializers.CharField()
    status = serializers.CharField(help_text="Our status; empty where nothing tracks it.")
    tone = serializers.CharField(help_text="good, calm, attention or trouble.")
    is_return = serializers.BooleanField()
    headline = serializers.CharField()
    meaning = serializers.CharField()
    details = serializers.ListField(child=serializers.CharField())
    next_step = serializers.CharField()
    steps = StepSerializer(many=True)
    carrier = serializers.CharField()
    number = serializers.CharField()
    carrier_url = serializers.CharField()
    expected_on = serializers.DateField(allow_null=True)
    items = ItemSerializer(many=True)
    pickup_location = serializers.CharField()
    pickup_note = serializers.CharField()
    recent = DaySerializer(many=True)
    older = DaySerializer(many=True)


class OfferSerializer(serializers.Serializer):
    headline = serializers.CharField()
    text = serializers.CharField()
    button = serializers.CharField()
    url = serializers.URLField(help_text="Counts the click, and leads on.")


class ShownOrderSerializer(serializers.Serializer):
    """What the order's page says, ready to be shown: every text is plain text, in one language."""

    order_number = serializers.CharField()
    language = serializers.CharField()
    direction = serializers.CharField(help_text="ltr or rtl.")
    brand = serializers.CharField()
    state = serializers.CharField(help_text="The order's status; empty before there is a parcel.")
    answer = serializers.CharField(help_text="Where is my order: one paragraph.")
    is_cancelled = serializers.BooleanField()
    is_paused = serializers.BooleanField(help_text="No news can come in just now: it may be out of date.")
    updated_at = serializers.DateTimeField(allow_null=True)
    updated = serializers.CharField()
    parcels = ShownParcelSerializer(many=True)
    returns = ShownParcelSerializer(many=True)
    unshipped = ItemSerializer(many=True)
    more_parcels = serializers.IntegerField()
    offer = OfferSerializer(allow_null=True)
    url = serializers.URLField(help_text="The order's page.")
    labels = serializers.DictField(child=serializers.CharField(), help_text="Words between the texts.")
    look = serializers.DictField(child=serializers.CharField(), help_text="The brand's colours, as CSS values.")


class GoneError(APIException):
    status_code = 410
    default_detail = "This link is no longer valid."
    default_code = "gone"


class TrackView(APIView):
    """``GET /api/v1/track/{token}/``. The token is all the proof there is: no session, no cookie is looked at."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="track",
        auth=[],
        parameters=[
            OpenApiParameter("token", str, "path", description="Of the shopper's link."),
            OpenApiParameter("lang", str, description="The language to answer in, if the brand speaks it."),
            OpenApiParameter("refresh", OpenApiTypes.BOOL, description="Asked again by itself: not counted as a view."),
        ],
        responses={
            200: ShownOrderSerializer,
            304: OpenApiResponse(description="As you know it (`If-None-Match`)."),
            403: OpenApiResponse(description="The asking site is no storefront of the order's brand."),
            404: OpenApiResponse(description="No such link."),
            410: OpenApiResponse(description="The link was withdrawn, or has ended."),
        },
    )
    def get(self, request: Request, token: str) -> HttpResponseBase:
        """What the order's page says, for the storefront's own page. Browsers of the brand's storefronts may ask."""
        opened = open_link(token)
        if opened.order is None:
            raise NotFound("There is nothing at this address.") if opened.state == LinkState.UNKNOWN else GoneError
        rows = load(opened.order)
        origin = allowed_origin(request, rows)
        document, language = self.document(request, rows)
        # Rendered here and not by the framework: its answer is made after headers and 304 are decided.
        response = Response(ShownOrderSerializer(document).data)
        response = self.finalize_response(request, response)
        response.render()
        if origin:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "ETag"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        patch_vary_headers(response, ["Origin"])
        return finished(request._request, response, language)

    def document(self, request: Request, rows: Rows) -> tuple[dict[str, Any], str]:
        """The order as JSON, and its language. Counts the view."""
        language = language_for(request._request, rows.brand, rows.order.locale)
        order = shown(rows, language)
        where = Where(ShopperPlace.EMBED, order.state, rows.order.store_id)
        offer = offer_for(rows.brand, language, where)
        if request.method == "GET" and "refresh" not in request.GET:
            count(ShopperEvent.VIEW, where)
            if offer:
                count(ShopperEvent.SHOWN, where, offer.promotion)
        more = {
            "offer": offer,
            "url": track_url(rows.order, language),
            "labels": labels(language),
            "look": look_of(rows.brand),
        }
        return asdict(order) | more, language


def allowed_origin(request: Request, rows: Rows) -> str:
    """The asking site where it is a storefront of the brand, "" where no browser asks. Raises PermissionDenied."""
    origin = request.headers.get("Origin", "")
    if not origin:
        return ""
    if origin.lower() not in origins_of(rows.brand):
        raise PermissionDenied("This site is no storefront of the brand: its origin has to be added to the brand.")
    return origin
