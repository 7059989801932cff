"""Every closed vocabulary of the road. What an upstream may extend at will (subtags, messages) stays text."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from stores.statuses import ParcelStatus

# Nothing more is to come, as a rule; AfterShip may know better.
FINISHED = frozenset(
    {
        ParcelStatus.DELIVERED,
        ParcelStatus.RETURNED,
        ParcelStatus.LOST,
        ParcelStatus.DISPOSED,
        ParcelStatus.CANCELLED,
        ParcelStatus.EXPIRED,
    }
)

UNSCANNED = [ParcelStatus.PENDING, ParcelStatus.INFO_RECEIVED]  # no carrier has had it in hand
ON_ITS_WAY = [  # the carrier has it and more news is to come
    ParcelStatus.IN_TRANSIT,
    ParcelStatus.OUT_FOR_DELIVERY,
    ParcelStatus.ATTEMPT_FAILED,
    ParcelStatus.DELAYED,
    ParcelStatus.EXCEPTION,
    ParcelStatus.RETURNING,
]
EXPECTED = [*UNSCANNED, *(status for status in ON_ITS_WAY if status != ParcelStatus.RETURNING)]  # the shopper waits


class Actor(models.TextChoices):
    """Who can act on a problem state."""

    CARRIER = "carrier", _("Carrier")
    MERCHANT = "merchant", _("Merchant")
    SHOPPER = "shopper", _("Shopper")
    CUSTOMS = "customs", _("Customs")
    WEATHER = "weather", _("Nobody: weather or outside cause")


class Source(models.TextChoices):
    """The two upstreams."""

    COMMERCETOOLS = "commercetools", "commercetools"
    AFTERSHIP = "aftership", "AfterShip"


class ReceiptState(models.TextChoices):
    """pending → done | ignored | quarantined. The last three are ends; replay makes any of them pending again."""

    PENDING = "pending", _("Pending")
    DONE = "done", _("Done")
    IGNORED = "ignored", _("Ignored")
    QUARANTINED = "quarantined", _("Quarantined")


class ReceiptEffect(models.TextChoices):
    """What an applied webhook of AfterShip changed."""

    CHANGED = "changed", _("Changed what we write")
    UNWRITTEN = "unwritten", _("Newer, but nothing that we write changed")
    REPEATED = "repeated", _("Repeated what was applied")
    LATE = "late", _("Older than what was applied")


class JobKind(models.TextChoices):
    """One thing to do upstream. The subject of each is one row: an order, a tracking, an account or a project."""

    COLLECT = "collect", _("Read the order")
    PUSH = "push", _("Open the tracking at AfterShip")
    UPDATE = "update", _("Tell AfterShip what changed on the order")
    RETIRE = "retire", _("Retire the tracking at AfterShip")
    WRITE_BACK = "write_back", _("Write to commercetools")
    IMPORT_COURIERS = "import_couriers", _("Import AfterShip's couriers")
    POLL = "poll", _("Read what AfterShip changed")
    POLL_PROJECT = "poll_project", _("Read what commercetools changed")
    RECONCILE_ORDERS = "reconcile_orders", _("Compare the project's orders")
    RECONCILE_TRACKINGS = "reconcile_trackings", _("Compare the account's trackings")
    IMPORT_REGISTRY = "import_registry", _("Import the project's stores and channels")
    EXAMINE = "examine", _("Look into trackings without news")
    REMAP = "remap", _("Move parcels by hand")
    APPLY_STATUS_RULES = "apply_status_rules", _("Apply changed status rules")
    CONFIRM_SUBSCRIPTION = "confirm_subscription", _("Confirm the SNS subscription")
    DOCTOR = "doctor", _("Examine everything")
    WATCH = "watch", _("Look for parcels that are stuck")
    NOTIFY = "notify", _("Tell the shopper")
    COMMERCE = "commerce", _("Send the order to AfterShip")
    EXPORT = "export", _("Write an export")
    FACTS = "facts", _("Bring figures up to date")
    SUMMARY = "summary", _("Send the summary")
    REFRESH = "refresh", _("Read the tracking from AfterShip")
    RETRACK = "retrack", _("Have AfterShip track it again")
    COMPLETE = "complete", _("Tell AfterShip how it ended")
    CORRECT = "correct", _("Correct the number in commercetools")
    ERASE = "erase", _("Erase a person")


ABOUT_TRACKINGS = [  # whose subject is a tracking
    JobKind.PUSH,
    JobKind.UPDATE,
    JobKind.RETIRE,
    JobKind.REFRESH,
    JobKind.RETRACK,
    JobKind.COMPLETE,
]


class RunKind(models.TextChoices):
    """Long work that walks many rows, can be interrupted and goes on where it stood."""

    BACKFILL = "backfill", _("Backfill")
    RECONCILE = "reconcile", _("Reconcile")
    REGISTRY = "registry", _("Import from upstream")
    STATUS_RULES = "status_rules", _("Apply changed status rules")
    DOCTOR = "doctor", _("Examination")
    LEARN = "learn", _("Learn what is usual")
    WATCH = "watch", _("Look for parcels that are stuck")
    EXPORT = "export", _("Export")
    FACTS = "facts", _("Rebuild figures")


class Measure(models.TextChoices):
    """What is measured of each parcel, in hours of working days at its destination."""

    FIRST_SCAN = "first_scan", _("From opening to the first scan")
    LONGEST_GAP = "longest_gap", _("The longest wait between two scans")


class Health(models.TextChoices):
    """How well a thing that was examined is."""

    FINE = "fine", _("Fine")
    WARNING = "warning", _("Warning")
    BROKEN = "broken", _("Broken")


class Area(models.TextChoices):
    """What an examination looks at."""

    CONNECTION = "connection", _("Connection")
    CREDENTIALS = "credentials", _("Credentials")
    TOKEN = "token", _("Token life")
    SCOPES = "scopes", _("Scopes")
    TYPES = "types", _("Types")
    SUBSCRIPTION = "subscription", _("Subscription")
    LAST_MESSAGE = "last_message", _("Last message")
    SIGNATURE = "signature", _("Signatures")
    DOOR = "door", _("Webhook address")
    LIMITS = "limits", _("Plan limits")
    CARRIERS = "carriers", _("Carriers")
    STORE = "store", _("Store")
    ORDERS = "orders", _("Newest orders")
    ROUTES = "routes", _("Routes")
    BRAND = "brand", _("Brand and words")
    CLOCK = "clock", _("Clock")
    ADDRESS = "address", _("Public address")
    DATABASE = "database", _("Database")
    QUEUE = "queue", _("Queue")
    MAIL = "mail", _("Mail")


class ProblemKind(models.TextChoices):
    UNROUTED = "unrouted", _("No route")
    UNMAPPED_CARRIER = "unmapped_carrier", _("Carrier not recognised")
    CARRIER_MISMATCH = "carrier_mismatch", _("Carrier corrected by AfterShip")
    CARRIER_DOUBTFUL = "carrier_doubtful", _("Carrier is doubtful")
    OUTSIDE_COURIER_SET = "outside_courier_set", _("Courier outside the route's set")
    BAD_NUMBER = "bad_number", _("Tracking number not usable")
    MISSING_FIELD = "missing_field", _("Courier needs more fields")
    REFUSED = "refused", _("Refused upstream")
    FOREIGN_TYPE = "foreign_type", _("Another Type is set")
    TYPE_MISSING = "type_missing", _("Types not set up")
    UNKNOWN_STATUS = "unknown_status", _("Unknown status")
    UPSTREAM_PAUSED = "upstream_paused", _("Upstream refuses our credentials")
    UPSTREAM_DOWN = "upstream_down", _("Upstream does not answer")
    UNSUBSCRIBED = "unsubscribed", _("No longer subscribed")
    MESSAGES_OFF = "messages_off", _("Messages are switched off")
    NUMBER_REUSED = "number_reused", _("Number was used before")
    DRIFT = "drift", _("Upstreams disagree")
    NO_SCAN = "no_scan", _("Stuck before the first scan")
    SILENT = "silent", _("Silent in transit")
    ATTEMPTS_FAILED = "attempts_failed", _("Delivery attempts failed")
    ADDRESS = "address", _("Address trouble")
    AWAITING_PICKUP = "awaiting_pickup", _("Waits for its shopper to collect it")
    RETURNING = "returning", _("On its way back")
    LOST = "lost", _("Lost or damaged")
    COURIER_OUTAGE = "courier_outage", _("Courier outage")
    TWO_SENDERS = "two_senders", _("Two would write to the shopper")
    MAIL_UNSURE = "mail_unsure", _("Unsure whether a message was sent")
    MAIL_REFUSED = "mail_refused", _("Message came back")
    DEAD_LETTER = "dead_letter", _("Gave up")


class MessageChannel(models.TextChoices):
    """The ways to a shopper. To add one: a sender in tracking/notifications/channels.py."""

    EMAIL = "email", _("E-mail")


class MessageState(models.TextChoices):
    """planned ⇄ held; planned → sending → sent | unsure | failed; sent → bounced | complained; anything not sent →
    skipped. A refusal that may pass (the server is busy) leads from sending back to planned.
    """

    PLANNED = "planned", _("Planned")
    HELD = "held", _("Held")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    UNSURE = "unsure", _("Unsure")
    SKIPPED = "skipped", _("Not sent")
    FAILED = "failed", _("Refused")
    BOUNCED = "bounced", _("Came back")
    COMPLAINED = "complained", _("Called spam")


class BlockReason(models.TextChoices):
    """Why nothing is sent to an address any more."""

    BOUNCED = "bounced", _("A message came back")
    COMPLAINED = "complained", _("The shopper called a message spam")
    UNSUBSCRIBED = "unsubscribed", _("The shopper unsubscribed")
    BY_HAND = "by_hand", _("Blocked by hand")


class ContactCause(models.TextChoices):
    """What was the matter with an order when its shopper asked: the gravest of its parcels."""

    NOT_RECEIVED = "not_received", _("Delivered, not received")
    PROBLEM = "problem", _("Exception, lost or on its way back")
    ATTEMPT = "attempt", _("Attempt failed or waits for pickup")
    NOT_SCANNED = "not_scanned", _("Not scanned yet")
    STALLED = "stalled", _("No news for long")
    LATE = "late", _("Late")
    SPLIT = "split", _("Only a part has arrived")
    NOT_SHIPPED = "not_shipped", _("Not shipped yet")
    NONE = "none", _("Nothing was wrong")
    UNKNOWN_ORDER = "unknown_order", _("Order not known here")


class RemapState(models.TextChoices):
    """running ⇄ stopped; running → done; done or stopped → undoing → undone."""

    RUNNING = "running", _("Running")
    STOPPED = "stopped", _("Stopped")
    DONE = "done", _("Done")
    UNDOING = "undoing", _("Being undone")
    UNDONE = "undone", _("Undone")


class RemapItemState(models.TextChoices):
    """waiting → moved | skipped; moved → undone | kept (it was moved again since, so undoing leaves it)."""

    WAITING = "waiting", _("Waiting")
    MOVED = "moved", _("Moved")
    SKIPPED = "skipped", _("Skipped")
    UNDONE = "undone", _("Undone")
    KEPT = "kept", _("Left as it is")


class AtTarget(models.TextChoices):
    """What AfterShip sees of the place that a parcel moves to."""

    OPENED = "opened", _("a new tracking is opened")
    USED = "used", _("a tracking that is there is used")
    SAME = "same", _("the tracking stays")
    NONE = "none", _("nothing is tracked any more")
    TOLD = "told", _("the tracking stays, and AfterShip is told what was corrected")
    COMPLETED = "completed", _("AfterShip is told how it ended, and asks the courier no more")
    RETRACKED = "retracked", _("AfterShip asks the courier again")
    HERE_ONLY = "here_only", _("only here: AfterShip had the tracking before us, or does not have it")


class AtSource(models.TextChoices):
    """What becomes of the tracking that the parcel leaves."""

    KEPT = "kept", _("the old one is retired now, and deleted when undoing is over")
    DELETED = "deleted", _("the old one is retired now, and deleted once the new one is open: it would go on mailing")
    SHARED = "shared", _("the old one stays: other parcels show it")
    ADOPTED = "adopted", _("the old one is retired here and left at AfterShip, which had it before us")
    NONE = "none", _("there is no old one to retire")


class ToShopper(models.TextChoices):
    """Whether AfterShip itself would write to the shopper."""

    SILENT = "silent", _("AfterShip does not write to the shopper")
    MAILED = "mailed", _("AfterShip writes to the shopper about the new tracking")
    QUIET = "quiet", _("AfterShip is not given the address: the shopper was told already, and nobody is told twice")


class StaffActionKind(models.TextChoices):
    """What people do in the console that changes what happens to parcels."""

    REMAP = "remap", _("Remapped")
    UNDO_REMAP = "undo_remap", _("Undid a remap")
    CHANGE_RULES = "change_rules", _("Changed rules")
    MAP_CARRIER = "map_carrier", _("Mapped a carrier")
    RETRACK = "retrack", _("Tracked again")
    COMPLETE = "complete", _("Marked as completed")
    STOP = "stop", _("Stopped tracking")
    SYNC = "sync", _("Read again")
    REPLAY = "replay", _("Replayed a receipt")
    REQUEUE = "requeue", _("Requeued a job")
    ASSIGN = "assign", _("Assigned a problem")
    NOTE = "note", _("Wrote a note")
    CORRECT = "correct", _("Corrected")
    MARK = "mark", _("Marked")
    UNDO = "undo", _("Undid")
    HOLD = "hold", _("Held messages")
    RESEND = "resend", _("Sent again")
    READDRESS = "readdress", _("Changed the address for messages")
    BLOCK = "block", _("Blocked an address")
    EXPORT = "export", _("Exported")
    ERASE = "erase", _("Erased a person")
    WITHDRAW = "withdraw", _("Withdrew the shopper's link")


class Flag(models.TextChoices):
    """What to know of a parcel or order beside its status, the gravest first; see tracking/services/flags.py."""

    CANCELLED = "cancelled", _("Order cancelled")
    NUMBER_REUSED = "number_reused", _("Number used before")
    NOT_TRACKED = "not_tracked", _("Not tracked")
    DAMAGED = "damaged", _("Damaged")
    ADDRESS = "address", _("Address trouble")
    REFUSED = "refused", _("Refused by the recipient")
    NOT_COLLECTED = "not_collected", _("Not collected in time")
    PAYMENT = "payment", _("Held for payment")
    DOCUMENTS = "documents", _("Documents missing")
    CUSTOMS = "customs", _("At customs")
    WEATHER = "weather", _("Weather or outside cause")
    ATTEMPTS_FAILED = "attempts_failed", _("Delivery attempts failed")
    AWAITING_PICKUP = "awaiting_pickup", _("Waits to be collected")
    STUCK = "stuck", _("Stuck before the first scan")
    SILENT = "silent", _("Silent in transit")
    COURIER_OUTAGE = "courier_outage", _("Courier outage")
    LATE = "late", _("Late")
    ESTIMATE_MOVED = "estimate_moved", _("Estimate moved later")
    WRONG_CARRIER = "wrong_carrier", _("Wrong carrier?")
    SYNC_FAILING = "sync_failing", _("Not in step")
    MAIL_TROUBLE = "mail_trouble", _("Message did not arrive")
    NEIGHBOUR = "neighbour", _("Left with a neighbour")
    LATE_NEWS = "late_news", _("News after the delivery")
    NUMBER_CORRECTED = "number_corrected", _("Number corrected")
    SHARED = "shared", _("One box, several orders")
    SPLIT = "split", _("Several parcels")
    NOT_ALL_SHIPPED = "not_all_shipped", _("Not all shipped yet")
    RETURN = "return", _("Customer return")


class ShopperEvent(models.TextChoices):
    """What of shoppers is counted."""

    VIEW = "view", _("Looked at their order")
    SHOWN = "shown", _("Was shown the promotion")
    CLICK = "click", _("Followed the promotion")


class ShopperPlace(models.TextChoices):
    """Where it happened."""

    PAGE = "page", _("Tracking page")
    EMBED = "embed", _("In the storefront")
    MAIL = "mail", _("Mail")
