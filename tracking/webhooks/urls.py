from django.urls import path

from tracking.webhooks.views import AfterShipWebhookView, CommercetoolsMessageView

urlpatterns = [
    path("aftership/<slug:key>/", AfterShipWebhookView.as_view(), name="aftership-webhook"),
    path("commercetools/<slug:key>/", CommercetoolsMessageView.as_view(), name="commercetools-messages"),
]
