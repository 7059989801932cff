"""What Amazon SNS says about the subscription itself: it was made, and waits for our yes, or it was ended.

    SubscriptionConfirmation ─ receipt ─> job ─> GET SubscribeURL ─> messages come, the problem closes
    UnsubscribeConfirmation ── receipt ─> problem: nothing will come by this way any more

The door has checked signature and topic; the address that is called is checked here once more.
"""

from __future__ import annotations

from typing import Any

from stores.models import Project
from tracking.clients import sns
from tracking.enums import JobKind, ProblemKind, ReceiptState
from tracking.models import Receipt
from tracking.payloads import json_text
from tracking.payloads.errors import PayloadError
from tracking.payloads.from_sns import SUBSCRIBE, confirmation_of, control_type
from tracking.services import connections, jobs
from tracking.services.apply_update import end
from tracking.services.problems import close_problems, open_problem
from tracking.services.story import tell


def upstream_of(project_key: str) -> str:
    """What the confirming job runs under: a pause of commercetools does not hold it up."""
    return f"{sns.UPSTREAM}:{project_key}"


def note_control(receipt: Receipt, document: dict[str, Any]) -> None:
    """Take in one message about the subscription, in the caller's transaction. Sets state and outcome, unsaved."""
    kind = receipt.event = control_type(document)
    project = Project.objects.filter(key=receipt.endpoint, inbound_type=Project.Inbound.SNS).first()
    if project is None:  # it came with another proof than its own signature
        end(receipt, ReceiptState.QUARANTINED, "Type: not expected, the project's messages do not come by SNS")
    elif kind == SUBSCRIBE:
        wish = jobs.Wish(
            JobKind.CONFIRM_SUBSCRIPTION, str(receipt.pk), upstream_of(project.key), receipt.correlation_id
        )
        jobs.want([wish])
        end(receipt, ReceiptState.DONE, "the subscription will be confirmed")
    else:
        words = "The SNS subscription was ended: no messages come by this way any more."
        subject = connections.upstream_key(project)
        open_problem(ProblemKind.UNSUBSCRIBED, subject, words, correlation_id=receipt.correlation_id)
        end(receipt, ReceiptState.DONE, "the subscription was ended: see the problem")


def confirm_subscription(receipt_id: int) -> None:
    """Say yes. Raises UpstreamError, PayloadError where the address is not Amazon's for the project's topic."""
    receipt = Receipt.objects.get(pk=receipt_id)
    project = Project.objects.get(key=receipt.endpoint)
    document = json_text.loads(bytes(receipt.body))
    if project.inbound_type != Project.Inbound.SNS:
        raise PayloadError("Type", "the project's messages do not come by SNS any more")
    host, query = confirmation_of(document, project.inbound_options.get("topic_arn", ""))
    sns.confirm_subscription(host, query)
    close_problems([ProblemKind.UNSUBSCRIBED], connections.upstream_key(project), "It is subscribed again.")
    tell("SNS subscription confirmed", project=project.key)
