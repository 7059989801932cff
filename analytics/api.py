"""``/api/v1/analytics/``: the figures of the pages for programs, with the same filters, from the same function."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.exports import ALL_KPIS, figure_rows, score_rows
from analytics.filters import COHORTS, COMPARISONS, SLICED, FilterError
from analytics.totals import DIMENSIONS
from analytics.views import SEE_FIGURES, filters_of

REFUSALS = {
    400: OpenApiResponse(description="A filter is wrong: by name, with the cause."),
    401: OpenApiResponse(description="Neither logged in nor with a token."),
    403: OpenApiResponse(description="Without the permission to see figures."),
}
PARAMETERS = [
    OpenApiParameter("kpi", str, many=True, enum=[*ALL_KPIS], description="Which figures; all where left out."),
    OpenApiParameter("by", str, enum=[by for by in DIMENSIONS if by], description="Grouped by; whole where left out."),
    OpenApiParameter("from", str, description="First day, such as 2026-10-01; 28 days up to `to` where left out."),
    OpenApiParameter("to", str, description="Last day; today where left out."),
    OpenApiParameter("cohort", str, enum=list(COHORTS), description="The day that parcels are counted on."),
    OpenApiParameter("compare", str, enum=list(COMPARISONS), description="Fills `before`."),
    OpenApiParameter("lane", str, enum=["outbound", "returns"]),
    *(OpenApiParameter(name, str, many=True, description="Any of these.") for name in SLICED),
]


class MaySeeFigures(IsAuthenticated):
    """Who has ``analytics.view_parcelfact``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.user.has_perm(SEE_FIGURES)


class FigureSerializer(serializers.Serializer):
    """One figure of one group. ``value`` is null where there is nothing to measure."""

    kpi = serializers.CharField()
    version = serializers.IntegerField(help_text="Of its definition.")
    title = serializers.CharField()
    unit = serializers.CharField(help_text="share, count, ratio, hours, days, seconds or per_10_000.")
    group = serializers.CharField(allow_blank=True, help_text="An ISO day, a key, or an id; empty for the whole.")
    group_name = serializers.CharField(allow_blank=True)
    value = serializers.FloatField(allow_null=True)
    numerator = serializers.FloatField()
    denominator = serializers.IntegerField()
    low = serializers.FloatField(allow_null=True, help_text="Of the 95 % interval of a rate.")
    high = serializers.FloatField(allow_null=True)
    before = serializers.FloatField(allow_null=True, help_text="Of the period compared with.")
    left_out = serializers.IntegerField()
    undecided = serializers.IntegerField(help_text="Parcels that may still count: not attempted yet, or under way.")
    parts = serializers.DictField(
        child=serializers.FloatField(allow_null=True),
        help_text="Numbers beside the value, or what it splits into.",
    )
    cohort = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """``from`` is a word of Python's."""
        return super().get_fields() | {"from": serializers.DateField(), "to": serializers.DateField()}


class DefinitionSerializer(serializers.Serializer):
    """What a figure is: every word of it."""

    key = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()
    unit = serializers.CharField()
    section = serializers.CharField()
    definition = serializers.CharField()
    numerator = serializers.CharField()
    denominator = serializers.CharField()
    sample = serializers.CharField(help_text="What the denominator counts, in a word.")
    left_out = serializers.CharField(allow_blank=True)
    undecided = serializers.CharField(source="undecided.words", default="", help_text="What may still count.")
    better = serializers.CharField(allow_blank=True, help_text="more, less, or empty where neither is.")


class FiguresView(APIView):
    """``GET /api/v1/analytics/figures/``."""

    permission_classes = (MaySeeFigures,)

    @extend_schema(
        operation_id="figures_list", parameters=PARAMETERS, responses={200: FigureSerializer(many=True)} | REFUSALS
    )
    def get(self, request: Request) -> Response:
        """Figures of a period, whole or by a grouping: the numbers of the pages and of the CSV."""
        query = dict(request.query_params.lists())
        keys = [key for key in query.get("kpi", []) if key] or list(ALL_KPIS)
        try:
            rows = figure_rows(filters_of(query, request.user), keys, by=request.query_params.get("by", ""))
        except FilterError as wrong:
            raise ValidationError({wrong.name: [wrong.words]}) from wrong
        return Response(FigureSerializer(rows, many=True).data)


class ScoreSerializer(serializers.Serializer):
    """One figure of one courier, scored against all couriers on the same destinations."""

    courier = serializers.CharField(allow_blank=True)
    overall = serializers.FloatField(allow_null=True, help_text="Mean of its scores by weight; null: not ranked.")
    parcels = serializers.IntegerField()
    kpi = serializers.CharField()
    weight = serializers.IntegerField()
    score = serializers.FloatField(allow_null=True, help_text="Standard deviations better than expected.")
    value = serializers.FloatField(allow_null=True)
    numerator = serializers.FloatField()
    denominator = serializers.IntegerField()
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class ScorecardView(APIView):
    """``GET /api/v1/analytics/scorecard/``."""

    permission_classes = (MaySeeFigures,)

    @extend_schema(
        operation_id="scorecard_list",
        parameters=[one for one in PARAMETERS if one.name not in ("kpi", "by", "compare")],
        responses={200: ScoreSerializer(many=True)} | REFUSALS,
    )
    def get(self, request: Request) -> Response:
        """Couriers, the best first, each figure with its score: the numbers of the page and of the CSV."""
        try:
            rows = score_rows(filters_of(dict(request.query_params.lists()), request.user))
        except FilterError as wrong:
            raise ValidationError({wrong.name: [wrong.words]}) from wrong
        return Response(ScoreSerializer(rows, many=True).data)


class DefinitionsView(APIView):
    """``GET /api/v1/analytics/kpis/``."""

    permission_classes = (MaySeeFigures,)

    @extend_schema(operation_id="kpis_list", responses={200: DefinitionSerializer(many=True)} | REFUSALS)
    def get(self, request: Request) -> Response:
        """What each figure is: definition, numerator, denominator, what is left out, version."""
        return Response(DefinitionSerializer(ALL_KPIS.values(), many=True).data)


urlpatterns = [
    path("figures/", FiguresView.as_view(), name="figures-api"),
    path("scorecard/", ScorecardView.as_view(), name="scorecard-api"),
    path("kpis/", DefinitionsView.as_view(), name="kpis-api"),
]
