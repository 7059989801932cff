"""Foreign documents ↔ our words. Pure functions and frozen dataclasses: no network, no database, no settings.

from_commercetools   message or order document  → OrderMessage, OrderSnapshot
to_aftership         TrackingRequest            → body of POST /trackings
from_aftership       webhook or tracking        → WebhookEvent, TrackingSnapshot, ParcelStatus
to_commercetools     desired and carried fields → update actions, roll-up, shipment state
"""
