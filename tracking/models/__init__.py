from tracking.models.inbox import Receipt, Refusal
from tracking.models.orders import Order, Parcel
from tracking.models.outbox import Attempt, Heartbeat, Job
from tracking.models.problems import Problem
from tracking.models.runs import Run
from tracking.models.trackings import Checkpoint, Tracking
from tracking.models.writes import Write

__all__ = [
    "Attempt",
    "Checkpoint",
    "Heartbeat",
    "Job",
    "Order",
    "Parcel",
    "Problem",
    "Receipt",
    "Refusal",
    "Run",
    "Tracking",
    "Write",
]
