from django.urls import path

from tracking.api.contacts import ContactsView
from tracking.api.views import StoryView

urlpatterns = [
    path("stories/<str:code>/", StoryView.as_view(), name="story-api"),
    path("contacts/", ContactsView.as_view(), name="contacts-api"),
]
