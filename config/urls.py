"""Every address. `/healthz` and `/readyz` are answered before this by `config.health.HealthMiddleware`."""

import anymail.urls
from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from analytics.admin import parcels_page
from tracking.notifications.unsubscribe import unsubscribe

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),
    path("admin/", include("tracking.admin.urls")),
    path("admin/figures/<slug:key>/<slug:part>/", admin.site.admin_view(parcels_page), name="figure-parcels"),
    path("admin/", admin.site.urls),
    path("", include("tracking.pages.urls")),
    path("analytics/", include("analytics.urls")),
    path("webhooks/", include("tracking.webhooks.urls")),
    path("unsubscribe/<str:token>/", unsubscribe, name="unsubscribe"),
    path("api/v1/", include("tracking.api.urls")),
    path("api/v1/analytics/", include("analytics.api")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]
if settings.MAIL_PROVIDER and settings.ANYMAIL.get("WEBHOOK_SECRET"):  # else anybody could say that a mail came back
    names = {f"{settings.MAIL_PROVIDER}_tracking_webhook", f"{settings.MAIL_PROVIDER}_webhook"}
    events = [pattern for pattern in anymail.urls.urlpatterns if pattern.name in names]
    urlpatterns.append(path("webhooks/anymail/", include((events, "anymail"))))
handler400 = "config.errors.bad_request"
handler403 = "config.errors.permission_denied"
handler404 = "config.errors.page_not_found"
handler500 = "config.errors.server_error"
