"""What shoppers asked about: tickets of a helpdesk, joined with the state of their parcel at that moment."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from stores.fields import EncryptedTextField
from stores.statuses import ParcelStatus
from tracking.enums import ContactCause

# Causes of tickets that ask about trouble of a parcel.
ABOUT_TROUBLE = frozenset({ContactCause.PROBLEM, ContactCause.STALLED, ContactCause.LATE})


class HashKey(models.Model):
    """The key of one kind of keyed hash. Made once; a change would make strangers of all who are known.

    Encrypted like every secret, so that FIELD_ENCRYPTION_KEYS can change and the hashes stay.
    """

    name = models.CharField(primary_key=True, max_length=40)
    secret = EncryptedTextField()

    def __str__(self) -> str:
        return self.name


class Contact(models.Model):
    """One ticket. Of its text and its writer nothing is kept; ``cause`` is the state of the order when it was opened.

    A ticket about no order that we know is kept as well, so that the rate of contacts is not flattered.
    """

    source = models.CharField(max_length=40, help_text="The helpdesk's name, such as zendesk.")
    ticket = models.CharField(max_length=128)
    project = models.ForeignKey("stores.Project", models.PROTECT, related_name="contacts")
    order = models.ForeignKey("tracking.Order", models.SET_NULL, null=True, blank=True, related_name="contacts")
    parcel = models.ForeignKey("tracking.Parcel", models.SET_NULL, null=True, blank=True, related_name="contacts")
    cause = models.CharField(max_length=20, choices=ContactCause)
    status = models.CharField(max_length=24, blank=True, default="", help_text="Of its parcel then; empty: none.")
    warned_at = models.DateTimeField(
        null=True, blank=True, help_text="When we had told the shopper of that very matter, before they asked."
    )
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(fields=["source", "ticket"], name="contact_once_per_ticket"),
            models.CheckConstraint(condition=~Q(source="") & ~Q(ticket=""), name="contact_is_named"),
            models.CheckConstraint(condition=Q(cause__in=ContactCause.values), name="contact_cause_known"),
            models.CheckConstraint(
                condition=Q(status="") | Q(status__in=ParcelStatus.values), name="contact_status_known"
            ),
            models.CheckConstraint(
                condition=Q(warned_at=None) | Q(warned_at__lte=models.F("opened_at")), name="contact_warned_before"
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_at__gte=models.F("opened_at")), name="contact_not_closed_before"
            ),
        ]
        indexes = [models.Index(fields=["opened_at"], name="contact_opened")]

    def __str__(self) -> str:
        return f"{self.source} {self.ticket}"
