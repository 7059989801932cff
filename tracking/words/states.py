"""What each state of a parcel is called, what it means, and what happens next: in plain words, by who has to act.

status + subtag + direction ─ state_of → State ─ STATES → Words

Tables only. A sentence that needs a value stands in ``sentences.py``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tracking.enums import Flag, ParcelStatus
from tracking.words.facts import ParcelFacts


class State(StrEnum):
    """Everything that shoppers are told apart. The second half is of parcels that they send back."""

    PENDING = "pending"
    INFO_RECEIVED = "info_received"
    IN_TRANSIT = "in_transit"
    IN_CUSTOMS = "in_customs"
    REDIRECTED = "redirected"
    OUT_FOR_DELIVERY = "out_for_delivery"
    APPOINTMENT = "appointment"
    ATTEMPT_FAILED = "attempt_failed"
    NOBODY_THERE = "nobody_there"
    BUSINESS_CLOSED = "business_closed"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERED = "delivered"
    COLLECTED = "collected"
    SIGNED = "signed"
    NEIGHBOUR = "neighbour"
    DELAYED = "delayed"
    DELAYED_CUSTOMS = "delayed_customs"
    DELAYED_OUTSIDE = "delayed_outside"
    DELAYED_CARRIER = "delayed_carrier"
    DELAYED_WEATHER = "delayed_weather"
    DELAYED_FLIGHT = "delayed_flight"
    EXCEPTION = "exception"
    MOVED = "moved"
    ADDRESS = "address"
    REFUSED = "refused"
    PAYMENT = "payment"
    UNCOLLECTED = "uncollected"
    NOT_ACCEPTED = "not_accepted"
    DAMAGED = "damaged"
    DOCUMENTS = "documents"
    RETURNING = "returning"
    RETURNED = "returned"
    LOST = "lost"
    DISPOSED = "disposed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    UNTRACKED = "untracked"

    RETURN_ANNOUNCED = "return_announced"
    RETURN_MOVING = "return_moving"
    RETURN_ARRIVING = "return_arriving"
    RETURN_ARRIVED = "return_arrived"
    RETURN_DELAYED = "return_delayed"
    RETURN_PROBLEM = "return_problem"
    RETURN_SENT_BACK = "return_sent_back"
    RETURN_LOST = "return_lost"
    RETURN_CANCELLED = "return_cancelled"
    RETURN_SILENT = "return_silent"
    RETURN_UNKNOWN = "return_unknown"
    RETURN_UNTRACKED = "return_untracked"


# A subtag says more than its status, and only while the parcel has that status: a status rule may have overruled it.
BY_SUBTAG: dict[tuple[ParcelStatus, str], State] = {
    (ParcelStatus.IN_TRANSIT, "InTransit_006"): State.IN_CUSTOMS,
    (ParcelStatus.IN_TRANSIT, "InTransit_009"): State.REDIRECTED,
    (ParcelStatus.OUT_FOR_DELIVERY, "OutForDelivery_004"): State.APPOINTMENT,
    (ParcelStatus.ATTEMPT_FAILED, "AttemptFail_002"): State.NOBODY_THERE,
    (ParcelStatus.ATTEMPT_FAILED, "AttemptFail_003"): State.BUSINESS_CLOSED,
    (ParcelStatus.DELIVERED, "Delivered_002"): State.COLLECTED,
    (ParcelStatus.DELIVERED, "Delivered_003"): State.SIGNED,
    (ParcelStatus.DELIVERED, "Delivered_005"): State.NEIGHBOUR,
    (ParcelStatus.DELAYED, "Exception_004"): State.DELAYED_CUSTOMS,
    (ParcelStatus.DELAYED, "Exception_005"): State.DELAYED_OUTSIDE,
    (ParcelStatus.DELAYED, "Exception_016"): State.DELAYED_CARRIER,
    (ParcelStatus.DELAYED, "Exception_017"): State.DELAYED_WEATHER,
    (ParcelStatus.DELAYED, "Exception_019"): State.DELAYED_FLIGHT,
    (ParcelStatus.EXCEPTION, "Exception_002"): State.MOVED,
    (ParcelStatus.EXCEPTION, "Exception_003"): State.REFUSED,
    (ParcelStatus.EXCEPTION, "Exception_006"): State.PAYMENT,
    (ParcelStatus.EXCEPTION, "Exception_007"): State.ADDRESS,
    (ParcelStatus.EXCEPTION, "Exception_008"): State.UNCOLLECTED,
    (ParcelStatus.EXCEPTION, "Exception_009"): State.NOT_ACCEPTED,
    (ParcelStatus.EXCEPTION, "Exception_012"): State.DAMAGED,
    (ParcelStatus.EXCEPTION, "Exception_018"): State.DOCUMENTS,
}
OF_RETURNS: dict[ParcelStatus, State] = {
    ParcelStatus.PENDING: State.RETURN_ANNOUNCED,
    ParcelStatus.INFO_RECEIVED: State.RETURN_ANNOUNCED,
    ParcelStatus.IN_TRANSIT: State.RETURN_MOVING,
    ParcelStatus.OUT_FOR_DELIVERY: State.RETURN_ARRIVING,
    ParcelStatus.AVAILABLE_FOR_PICKUP: State.RETURN_ARRIVING,
    ParcelStatus.ATTEMPT_FAILED: State.RETURN_PROBLEM,
    ParcelStatus.DELIVERED: State.RETURN_ARRIVED,
    ParcelStatus.DELAYED: State.RETURN_DELAYED,
    ParcelStatus.EXCEPTION: State.RETURN_PROBLEM,
    ParcelStatus.RETURNING: State.RETURN_SENT_BACK,
    ParcelStatus.RETURNED: State.RETURN_SENT_BACK,
    ParcelStatus.LOST: State.RETURN_LOST,
    ParcelStatus.DISPOSED: State.RETURN_LOST,
    ParcelStatus.CANCELLED: State.RETURN_CANCELLED,
    ParcelStatus.EXPIRED: State.RETURN_SILENT,
    ParcelStatus.UNKNOWN: State.RETURN_UNKNOWN,
}


class Words(NamedTuple):
    """A state's name in a few words, what it means in one sentence, and what happens next or who has to do what."""

    headline: str | Promise
    meaning: str | Promise
    next_step: str | Promise


NOTHING_TO_DO = _("There is nothing you need to do.")
CARRIER_WORKS = _("The carrier is working on it. There is nothing you need to do.")
TRIES_AGAIN = _(
    "As a rule the carrier tries again on the next working day, or leaves a note saying where to collect it."
)
TELL_THE_ADDRESS = _("Please send us the right address soon, otherwise the parcel will come back to us.")
WE_TAKE_CARE = _("We are sorting this out with the carrier. If you have questions, please contact us.")
FIND_A_SOLUTION = _("Please contact us, so that we can find a solution.")
IF_QUESTIONS = _("If you have questions, please contact us.")
IF_UNEXPECTED = _("If you did not expect this, please contact us.")
IF_STILL_WANTED = _("If you still want your order, please contact us.")
IF_NOT_FOUND = _("If you cannot find it, please ask your household and your neighbours, then contact us.")
IF_CUSTOMS_ASKS = _("Customs has to release it. You will be contacted if anything is needed from you.")
HAVE_THE_RECEIPT = _("Please contact us, and have the proof of posting at hand.")
NO_TRACKING = _("No tracking available")
BEING_CLARIFIED = _("Status being clarified")
DELAYED = _("Delayed")

STATES: dict[State, Words] = {
    State.PENDING: Words(
        _("Waiting for the carrier"),
        _("The carrier has no information about this parcel yet."),
        _("As a rule this changes within a day or two. There is nothing you need to do."),
    ),
    State.INFO_RECEIVED: Words(
        _("Registered with the carrier"),
        _("The parcel is registered with the carrier, who has not scanned it yet."),
        _("There will be more news with its first scan. There is nothing you need to do."),
    ),
    State.IN_TRANSIT: Words(_("On its way"), _("The parcel is on its way to you."), NOTHING_TO_DO),
    State.IN_CUSTOMS: Words(
        _("In customs clearance"), _("The parcel is being cleared through customs."), IF_CUSTOMS_ASKS
    ),
    State.REDIRECTED: Words(
        _("Redirected"),
        _("The parcel has been redirected to another address."),
        _("If you did not ask for this, please contact us."),
    ),
    State.OUT_FOR_DELIVERY: Words(
        _("Out for delivery"),
        _("The parcel is on the delivery vehicle."),
        _("Please make sure that someone can take it in."),
    ),
    State.APPOINTMENT: Words(
        _("Delivery appointment made"),
        _("The carrier has set an appointment for the delivery."),
        _("Please make sure that someone can take the parcel in at that time."),
    ),
    State.ATTEMPT_FAILED: Words(
        _("Delivery attempt failed"), _("The carrier could not deliver the parcel."), TRIES_AGAIN
    ),
    State.NOBODY_THERE: Words(
        _("Nobody was there"),
        _("The carrier could not deliver the parcel, because nobody was there to take it in."),
        TRIES_AGAIN,
    ),
    State.BUSINESS_CLOSED: Words(
        _("Business was closed"),
        _("The carrier could not deliver the parcel, because the business was closed."),
        TRIES_AGAIN,
    ),
    State.AVAILABLE_FOR_PICKUP: Words(
        _("Ready for collection"),
        _("The parcel is waiting for you at a pickup point."),
        _("Please collect it in time, otherwise it will come back to us. You may need proof of identity."),
    ),
    State.DELIVERED: Words(_("Delivered"), _("According to the carrier, the parcel has been delivered."), IF_NOT_FOUND),
    State.COLLECTED: Words(
        _("Collected"),
        _("According to the carrier, the parcel has been collected."),
        _("If this was not done by you or on your behalf, please contact us."),
    ),
    State.SIGNED: Words(
        _("Delivered against signature"),
        _("According to the carrier, the parcel has been delivered and signed for."),
        IF_NOT_FOUND,
    ),
    State.NEIGHBOUR: Words(
        _("Left with a neighbour"),
        _("According to the carrier, the parcel has been left with a neighbour."),
        _("Please look for the carrier's note and ask your neighbours. If you cannot find the parcel, contact us."),
    ),
    State.DELAYED: Words(DELAYED, _("The parcel is taking longer than planned."), CARRIER_WORKS),
    State.DELAYED_CUSTOMS: Words(
        _("Delayed in customs"), _("Customs is taking longer than usual with this parcel."), IF_CUSTOMS_ASKS
    ),
    State.DELAYED_OUTSIDE: Words(
        DELAYED, _("Something outside the carrier's control is delaying the parcel."), CARRIER_WORKS
    ),
    State.DELAYED_CARRIER: Words(
        _("Delayed at the carrier"), _("The parcel is held up in the carrier's network."), CARRIER_WORKS
    ),
    State.DELAYED_WEATHER: Words(
        _("Delayed by the weather"),
        _("Severe weather is delaying the parcel."),
        _("It will continue as soon as the weather allows. There is nothing you need to do."),
    ),
    State.DELAYED_FLIGHT: Words(_("Flight delayed"), _("A late flight is delaying the parcel."), CARRIER_WORKS),
    State.EXCEPTION: Words(
        _("Problem on the way"),
        _("The carrier reports a problem with this parcel."),
        _("The carrier is working on it. If nothing changes within two days, please contact us."),
    ),
    State.MOVED: Words(
        _("Recipient not found at the address"),
        _("The carrier could not find you at the address on the parcel."),
        TELL_THE_ADDRESS,
    ),
    State.ADDRESS: Words(
        _("Problem with the address"), _("The address on the parcel is wrong or incomplete."), TELL_THE_ADDRESS
    ),
    State.REFUSED: Words(
        _("Delivery refused"),
        _("According to the carrier, somebody refused to accept the parcel."),
        _("As a rule it comes back to us. If this is a mistake, please contact us."),
    ),
    State.PAYMENT: Words(
        _("Payment due"),
        _("The carrier is holding the parcel until duties or charges are paid."),
        _("Please follow the carrier's request for payment. If you did not receive one, please contact us."),
    ),
    State.UNCOLLECTED: Words(
        _("Not collected in time"), _("The parcel was not collected within the time limit."), IF_STILL_WANTED
    ),
    State.NOT_ACCEPTED: Words(
        _("Not accepted by the carrier"), _("The carrier has not accepted the parcel."), WE_TAKE_CARE
    ),
    State.DAMAGED: Words(_("Damaged"), _("The parcel was damaged on the way."), FIND_A_SOLUTION),
    State.DOCUMENTS: Words(_("Documents missing"), _("Documents for this parcel are missing or wrong."), WE_TAKE_CARE),
    State.RETURNING: Words(
        _("On its way back to us"),
        _("The parcel could not be delivered and is on its way back to us."),
        IF_STILL_WANTED,
    ),
    State.RETURNED: Words(
        _("Back with us"), _("The parcel could not be delivered and has come back to us."), IF_STILL_WANTED
    ),
    State.LOST: Words(_("Lost"), _("The carrier reports the parcel as lost."), FIND_A_SOLUTION),
    State.DISPOSED: Words(
        _("Disposed of by the carrier"),
        _("The carrier could neither deliver nor return the parcel and has disposed of it."),
        FIND_A_SOLUTION,
    ),
    State.CANCELLED: Words(_("Shipment cancelled"), _("This shipment has been cancelled."), IF_UNEXPECTED),
    State.EXPIRED: Words(
        _("No news from the carrier"),
        _("The carrier has not reported anything about this parcel for a long time."),
        _("If the parcel has not arrived, please contact us."),
    ),
    State.UNKNOWN: Words(
        BEING_CLARIFIED, _("The carrier's latest report does not say clearly where the parcel is."), IF_QUESTIONS
    ),
    State.UNTRACKED: Words(
        NO_TRACKING,
        _("This parcel has no tracking, so we cannot follow its way."),
        _("If the parcel does not arrive, please contact us."),
    ),
    State.RETURN_ANNOUNCED: Words(
        _("Return registered"),
        _("Your return is registered with the carrier, who has not scanned it yet."),
        _("Once you have handed it in, please keep the proof of posting until your return is completed."),
    ),
    State.RETURN_MOVING: Words(_("Return on its way"), _("Your return is on its way to us."), NOTHING_TO_DO),
    State.RETURN_ARRIVING: Words(_("Return almost there"), _("Your return is about to reach us."), NOTHING_TO_DO),
    State.RETURN_ARRIVED: Words(
        _("Return arrived"),
        _("According to the carrier, your return has reached us."),
        _("Next, we will check what you sent back. There is nothing you need to do."),
    ),
    State.RETURN_DELAYED: Words(_("Return delayed"), _("Your return is taking longer than planned."), CARRIER_WORKS),
    State.RETURN_PROBLEM: Words(
        _("Problem with the return"), _("The carrier reports a problem with your return."), HAVE_THE_RECEIPT
    ),
    State.RETURN_SENT_BACK: Words(
        _("Return sent back"),
        _("Your return could not be delivered to us and is being sent back to you."),
        FIND_A_SOLUTION,
    ),
    State.RETURN_LOST: Words(_("Return lost"), _("The carrier reports your return as lost."), HAVE_THE_RECEIPT),
    State.RETURN_CANCELLED: Words(_("Return cancelled"), _("This return shipment has been cancelled."), IF_UNEXPECTED),
    State.RETURN_SILENT: Words(
        _("No news about the return"),
        _("The carrier has not reported anything about your return for a long time."),
        HAVE_THE_RECEIPT,
    ),
    State.RETURN_UNKNOWN: Words(
        BEING_CLARIFIED, _("The carrier's latest report does not say clearly where your return is."), IF_QUESTIONS
    ),
    State.RETURN_UNTRACKED: Words(
        NO_TRACKING, _("Your return has no tracking, so we cannot follow its way."), IF_QUESTIONS
    ),
}


def state_of(parcel: ParcelFacts) -> State:
    """What the shopper is told about this parcel. News of an earlier parcel with its number is none."""
    status = parcel.status
    if status is None:
        return State.RETURN_UNTRACKED if parcel.is_return else State.UNTRACKED
    if Flag.NUMBER_REUSED in parcel.flags:
        status = ParcelStatus.PENDING
    if parcel.is_return:
        return OF_RETURNS[status]
    return BY_SUBTAG.get((status, parcel.subtag), State(status.value))
