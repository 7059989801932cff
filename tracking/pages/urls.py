from django.urls import path

from tracking.pages.brand import brand_style
from tracking.pages.logo import brand_logo
from tracking.pages.views import find_page, go, track_page

urlpatterns = [
    path("track/", find_page, name="find"),
    path("track/find/<str:brand>/", find_page, name="find-of-brand"),
    path("track/<str:token>/", track_page, name="track"),
    path("go/<str:token>/", go, name="go"),
    path("brand/<str:key>/logo-<str:digest>.<str:extension>", brand_logo, name="brand-logo"),
    path("brand/<str:key>.css", brand_style, name="brand-style"),
]
