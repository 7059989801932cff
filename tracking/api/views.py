"""Reading by programs. Every view names its permission, and answers what the console shows."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracking.api.permissions import MayViewOrders
from tracking.api.serializers import StorySerializer
from tracking.services.story_of import story_of


class StoryView(APIView):
    """``GET /api/v1/stories/{code}/``."""

    permission_classes = (MayViewOrders,)

    @extend_schema(
        operation_id="story",
        responses={
            200: StorySerializer,
            401: OpenApiResponse(description="Neither logged in nor with a token."),
            403: OpenApiResponse(description="Without the permission to view orders."),
            404: OpenApiResponse(description="Nothing is known under this code."),
        },
    )
    def get(self, request: Request, code: str) -> Response:
        """Everything that happened under a correlation code (or the code a webhook was answered with), in order."""
        story = story_of(code, viewer=request.user)
        if story is None:
            raise NotFound(f"Nothing is known under the code {code[:40]}.")
        return Response(StorySerializer(story).data)
