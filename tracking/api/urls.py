from django.urls import path

from tracking.api.views import StoryView

urlpatterns = [path("stories/<str:code>/", StoryView.as_view(), name="story-api")]
