from django.urls import path

from tracking.api.contacts import ContactsView
from tracking.api.orders import LinkView, TrackView
from tracking.api.views import StoryView

urlpatterns = [
    path("orders/<str:project>/<str:order>/link/", LinkView.as_view(), name="link-api"),
    path("track/<str:token>/", TrackView.as_view(), name="track-api"),
    path("stories/<str:code>/", StoryView.as_view(), name="story-api"),
    path("contacts/", ContactsView.as_view(), name="contacts-api"),
]
