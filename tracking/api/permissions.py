"""Who may read what of the API: Django's own permissions, as in the console."""

from __future__ import annotations

from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView


class MayViewOrders(IsAuthenticated):
    """Staff with ``tracking.view_order``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return super().has_permission(request, view) and request.user.has_perm("tracking.view_order")
