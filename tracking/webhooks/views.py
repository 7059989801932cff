"""The two doors: ``/webhooks/aftership/{account-key}/`` and ``/webhooks/commercetools/{project-key}/``.

Raw bytes, proof, one INSERT, 200. No content is judged here: what is authentic is kept as it came and answered 200, so
that the sender stops; a worker finds out what it means. Only our own trouble is answered 5xx: then it comes again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import structlog
from django.db import Error as AnyDatabaseError
from django.http import HttpResponse, JsonResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, MethodNotAllowed, ParseError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stores.models import Project
from tracking.enums import Source
from tracking.payloads.envelopes import unwrap
from tracking.services.receive import store_receipts
from tracking.tasks import kick
from tracking.webhooks.authentication import AfterShipSignature, CommercetoolsSender

logger = structlog.get_logger("trackbridge.webhooks")

ORIGIN = re.compile(r"[A-Za-z0-9.-]{1,253}")


class NotStored(APIException):
    status_code = 503
    default_detail = "The message could not be stored. Send it again."
    default_code = "not_stored"


class AcceptedSerializer(serializers.Serializer):
    """What the sender is told: how many messages came, how many of them were new, and the code to ask about them."""

    received = serializers.IntegerField(help_text="Messages in this request.")
    new = serializers.IntegerField(help_text="Messages that had not come before.")
    correlation_id = serializers.CharField(help_text="The code of this request in logs and console.")


ANSWERS = {
    200: AcceptedSerializer,
    401: OpenApiResponse(description="Not authentic. Nothing was stored."),
    404: OpenApiResponse(description="No such endpoint."),
    413: OpenApiResponse(description="Larger than 1 MiB. Nothing was stored."),
    503: OpenApiResponse(description="Could not be stored, or not be checked now: send it again."),
}


class AlwaysJson(BaseContentNegotiation):
    """What a sender would rather read is no reason to refuse its message."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser | None:
        return None

    def select_renderer(
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class WebhookView(APIView):
    """Store what came in, answer, wake a worker."""

    source: Source
    http_method_names = ("post",)
    permission_classes = ()
    throttle_classes = ()
    parser_classes = ()
    renderer_classes = (JSONRenderer,)
    content_negotiation_class = AlwaysJson

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Proof is asked of a POST only: whoever just looks is told so, and is no refusal to be counted."""
        if request.method != "POST":
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)

    def handle_exception(self, exc: Exception) -> Response:
        """Where the database does not answer, be it for the secret or for the message: 503, so that it comes again."""
        if isinstance(exc, AnyDatabaseError):
            logger.error("a message could not be stored", source=self.source.value, exc_info=exc)
            exc = NotStored()
        return super().handle_exception(exc)

    def split(self, body: bytes) -> list[bytes]:
        return [body]

    def post(self, request: Request, key: str) -> JsonResponse:
        bodies = self.split(request.auth)
        correlation_id = request._request.correlation_id  # type: ignore[attr-defined]
        new = store_receipts(self.source, key, bodies, request.headers, correlation_id)
        if new:
            kick()
        logger.info("received", source=self.source.value, endpoint=key, received=len(bodies), new=new)
        return JsonResponse({"received": len(bodies), "new": new, "correlation_id": correlation_id})


class AfterShipWebhookView(WebhookView):
    """AfterShip posts tracking updates here."""

    source = Source.AFTERSHIP
    authentication_classes = (AfterShipSignature,)

    @extend_schema(
        operation_id="receive_aftership_webhook",
        tags=["webhooks"],
        parameters=[OpenApiParameter("aftership-hmac-sha256", str, OpenApiParameter.HEADER, required=True)],
        request={"application/json": OpenApiTypes.OBJECT},
        responses=ANSWERS,
    )
    def post(self, request: Request, key: str) -> JsonResponse:
        return super().post(request, key)


class CommercetoolsMessageView(WebhookView):
    """commercetools messages come here: plain, in the envelope of Pub/Sub, SNS, EventBridge or CloudEvents, or a list.

    How the sender proves itself depends on the project's type (docs/connecting.md). OPTIONS is answered where the type
    is Event Grid, which asks first whether its events are welcome.
    """

    source = Source.COMMERCETOOLS
    authentication_classes = (CommercetoolsSender,)
    http_method_names = ("post", "options")
    allowed_methods = ("POST",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method != "OPTIONS":
            super().initial(request, *args, **kwargs)

    def options(self, request: Request, key: str) -> HttpResponse:
        """Event Grid's handshake (CloudEvents web hooks, section 4). It proves nothing: each event has to."""
        if not Project.objects.filter(key=key, is_active=True, inbound_type=Project.Inbound.EVENTGRID).exists():
            raise MethodNotAllowed("OPTIONS")
        origin = request.META.get("HTTP_WEBHOOK_REQUEST_ORIGIN", "")
        if not ORIGIN.fullmatch(origin):
            raise ParseError("The header WebHook-Request-Origin is missing, or no host name.")
        return HttpResponse(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})

    def split(self, body: bytes) -> list[bytes]:
        return unwrap(body)

    @extend_schema(
        operation_id="receive_commercetools_message",
        tags=["webhooks"],
        request={"application/json": OpenApiTypes.OBJECT},
        responses=ANSWERS,
    )
    def post(self, request: Request, key: str) -> JsonResponse:
        return super().post(request, key)
