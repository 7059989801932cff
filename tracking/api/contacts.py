"""``POST /api/v1/contacts/``: a helpdesk tells of each ticket, so that figures show why people ask."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from stores.models import Project
from tracking.enums import ContactCause
from tracking.models import Contact, Order
from tracking.services.contacts import Ticket, take_ticket
from tracking.services.scope import visible

AHEAD = timedelta(minutes=5)  # what a helpdesk's clock may be ahead of ours


class MayAddContacts(IsAuthenticated):
    """Who has ``tracking.add_contact``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.user.has_perm("tracking.add_contact")


class TicketSerializer(serializers.Serializer):
    """One ticket. The order is named by any of its number, a tracking number or the writer's address (not kept)."""

    source = serializers.RegexField(r"^[a-z0-9_-]{1,40}\Z", help_text="The helpdesk: 1 to 40 of a-z, 0-9, _ and -.")
    ticket = serializers.CharField(max_length=128, help_text="Its own id of the ticket: unique within the source.")
    project = serializers.SlugRelatedField("key", queryset=Project.objects.all(), help_text="Key of the project.")
    opened_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(required=False, allow_null=True)
    order_number = serializers.CharField(max_length=256, required=False)
    tracking_number = serializers.CharField(max_length=100, required=False)
    email = serializers.EmailField(max_length=320, required=False, help_text="Looked up as a keyed hash; not kept.")

    def validate(self, ticket: dict[str, Any]) -> dict[str, Any]:
        project = visible(self.context["request"].user, Project.objects.filter(pk=ticket["project"].pk))
        if not project.exists():
            raise serializers.ValidationError({"project": f"Object with key={ticket['project'].key} does not exist."})
        for name in ("opened_at", "closed_at"):
            if ticket.get(name) and ticket[name] > timezone.now() + AHEAD:
                raise serializers.ValidationError({name: "In the future."})
        if ticket.get("closed_at") and ticket["closed_at"] < ticket["opened_at"]:
            raise serializers.ValidationError({"closed_at": "Before opened_at."})
        return ticket


class ContactSerializer(serializers.ModelSerializer):
    """What became of it: the order that was found, and what was the matter with it then."""

    order_number = serializers.CharField(source="order.order_number", default="", read_only=True)
    cause = serializers.CharField(help_text=f"One of: {', '.join(ContactCause.values)}.")

    class Meta:
        model = Contact
        fields = ["source", "ticket", "order_number", "cause", "status", "warned_at", "opened_at", "closed_at"]


class ContactsView(APIView):
    """Tickets, one at a time, as often as the helpdesk likes."""

    permission_classes = (MayAddContacts,)

    @extend_schema(
        operation_id="contacts_create",
        request=TicketSerializer,
        responses={
            201: ContactSerializer,
            200: OpenApiResponse(ContactSerializer, description="Known already; only a new closed_at was taken."),
            400: OpenApiResponse(description="A field is missing or wrong: by name, with the cause."),
            401: OpenApiResponse(description="Neither logged in nor with a token."),
            403: OpenApiResponse(description="Without the permission to add contacts."),
        },
    )
    def post(self, request: Request) -> Response:
        """Tell of a ticket. A repeat changes nothing but when it was closed."""
        given = TicketSerializer(data=request.data, context={"request": request})
        given.is_valid(raise_exception=True)
        facts = dict(given.validated_data)
        project, orders = facts.pop("project"), visible(request.user, Order.objects.all())
        contact, is_new = take_ticket(project, Ticket(**facts), orders)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(ContactSerializer(contact).data, status=code)
