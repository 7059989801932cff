"""Addresses under /analytics/."""

from django.urls import path

from analytics import views

urlpatterns = [
    path("", views.first_page, name="figures-first"),
    path("figures.csv", views.figures_csv, name="figures-csv"),
    path("scorecard.csv", views.scorecard_csv, name="scorecard-csv"),
    path("parcels.csv", views.parcels_csv, name="parcels-csv"),
    path("<slug:slug>/", views.figures, name="figures"),
]
