"""Subjects and openings of the messages, one per kind. What a parcel's state means stands in ``tracking/words``."""

from __future__ import annotations

from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from stores.statuses import MessageKind


class Subject(NamedTuple):
    """Of a mail about the whole order, and about one of several parcels. ``%(number)s`` is the order's number."""

    whole: str | Promise
    part: str | Promise


class Opening(NamedTuple):
    """Headline and first sentence, where the parcel's state alone does not say it."""

    headline: str | Promise
    lead: str | Promise


SUBJECTS: dict[MessageKind, Subject] = {
    MessageKind.SHIPPED: Subject(
        _("Your order %(number)s has been shipped"), _("A parcel of your order %(number)s has been shipped")
    ),
    MessageKind.IN_TRANSIT: Subject(
        _("Your order %(number)s is on its way"), _("A parcel of your order %(number)s is on its way")
    ),
    MessageKind.OUT_FOR_DELIVERY: Subject(
        _("Your order %(number)s is out for delivery"), _("A parcel of your order %(number)s is out for delivery")
    ),
    MessageKind.AVAILABLE_FOR_PICKUP: Subject(
        _("Your order %(number)s is ready for collection"),
        _("A parcel of your order %(number)s is ready for collection"),
    ),
    MessageKind.ATTEMPT_FAILED: Subject(
        _("Your order %(number)s could not be delivered yet"),
        _("A parcel of your order %(number)s could not be delivered yet"),
    ),
    MessageKind.DELIVERED: Subject(
        _("Your order %(number)s has been delivered"), _("A parcel of your order %(number)s has been delivered")
    ),
    MessageKind.DELAYED: Subject(
        _("Your order %(number)s is taking longer than planned"),
        _("A parcel of your order %(number)s is taking longer than planned"),
    ),
    MessageKind.EXCEPTION: Subject(
        _("Your order %(number)s: there is a problem with the delivery"),
        _("Your order %(number)s: there is a problem with a parcel"),
    ),
    MessageKind.RETURNING: Subject(
        _("Your order %(number)s is on its way back to us"),
        _("A parcel of your order %(number)s is on its way back to us"),
    ),
    MessageKind.RETURNED: Subject(
        _("Your order %(number)s has come back to us"), _("A parcel of your order %(number)s has come back to us")
    ),
    MessageKind.ALL_ARRIVED: Subject(
        _("Everything from your order %(number)s has arrived"), _("Everything from your order %(number)s has arrived")
    ),
    MessageKind.RETURN_IN_TRANSIT: Subject(
        _("Your return for order %(number)s is on its way"), _("Your return for order %(number)s is on its way")
    ),
    MessageKind.RETURN_DELIVERED: Subject(
        _("Your return for order %(number)s has arrived"), _("Your return for order %(number)s has arrived")
    ),
}
OPENINGS: dict[MessageKind, Opening] = {
    MessageKind.SHIPPED: Opening(_("Your parcel has been shipped"), _("We have sent off a parcel for you.")),
    MessageKind.DELAYED: Opening(_("It is taking a little longer"), _("The parcel is taking longer than planned.")),
    MessageKind.ALL_ARRIVED: Opening(
        _("Everything has arrived"), _("According to the carrier, all parcels of your order have been delivered.")
    ),
}
# Everything that was shipped so far in one mail: which box has what.
SPLIT_SUBJECT = _("Your order %(number)s is coming in several parcels")
SPLIT = Opening(
    _("Your order is coming in several parcels"),
    _("They may arrive on different days. Here is what is in each parcel."),
)
# The second message about a parcel that waits at a pickup point.
REMINDER_SUBJECT = Subject(
    _("Your order %(number)s is still waiting to be collected"),
    _("A parcel of your order %(number)s is still waiting to be collected"),
)
REMINDER = Opening(_("Have you collected your parcel?"), _("It is still waiting for you at the pickup point."))
# Of customer returns: never "your order is on its way".
OF_RETURNS = frozenset({MessageKind.RETURN_IN_TRANSIT, MessageKind.RETURN_DELIVERED})
# Bad news takes a warmer colour, and never a promotion.
OF_TROUBLE = frozenset(
    {MessageKind.ATTEMPT_FAILED, MessageKind.DELAYED, MessageKind.EXCEPTION, MessageKind.RETURNING}
    | {MessageKind.RETURNED}
)
