from tracking.models.changes import Change
from tracking.models.contacts import Contact, HashKey
from tracking.models.inbox import Receipt, Refusal
from tracking.models.learned import IgnoredCarrier, NumberForm, SeenCode
from tracking.models.messages import BlockedAddress, Mailer, Message
from tracking.models.orders import Order, Parcel
from tracking.models.outbox import Attempt, Heartbeat, Job
from tracking.models.people import Export, ExportPart, SavedView, StoreLimit
from tracking.models.pieces import KnownNumber
from tracking.models.problems import Problem
from tracking.models.roles import Role
from tracking.models.runs import Run
from tracking.models.shoppers import LookupCount, Promotion, ShopperCount
from tracking.models.staff import Erasure, Remap, RemapItem, StaffAction
from tracking.models.trackings import Checkpoint, Tracking
from tracking.models.usual import Outage, Pulse, Usual, WaitDay
from tracking.models.writes import Write

__all__ = [
    "Attempt",
    "BlockedAddress",
    "Change",
    "Checkpoint",
    "Contact",
    "Erasure",
    "Export",
    "ExportPart",
    "HashKey",
    "Heartbeat",
    "IgnoredCarrier",
    "Job",
    "KnownNumber",
    "LookupCount",
    "Mailer",
    "Message",
    "NumberForm",
    "Order",
    "Outage",
    "Parcel",
    "Problem",
    "Promotion",
    "Pulse",
    "Receipt",
    "Refusal",
    "Remap",
    "RemapItem",
    "Role",
    "Run",
    "SavedView",
    "SeenCode",
    "ShopperCount",
    "StaffAction",
    "StoreLimit",
    "Tracking",
    "Usual",
    "WaitDay",
    "Write",
]
