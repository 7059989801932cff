"""The ways in which a project's messages reach us, and what each needs besides its secret: known in one place.

The configuration file, the console's form and the doors themselves read it here. The values stand in
``Project.inbound_options``; none of them is a secret.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

LONGEST = 500


@dataclass(frozen=True)
class Option:
    """One value of a way: its form, and in words what is expected."""

    label: str | Promise
    pattern: re.Pattern[str]
    expected: str | Promise
    help: str | Promise


@dataclass(frozen=True)
class Way:
    """``needed`` and ``optional`` name options; those of one ``together`` are given all or none.

    ``proof`` says what shows who sends: the ``options``, the ``secret``, or ``either`` of the secret and the options of
    ``together``.
    """

    needed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    proof: str = "options"

    @property
    def options(self) -> tuple[str, ...]:
        return (*self.needed, *self.together, *self.optional)

    @property
    def takes_secret(self) -> bool:
        return self.proof != "options" or "access_key_id" in self.options


OPTIONS = {
    "audience": Option(
        _("Audience"),
        re.compile(r"[!-~]+"),
        _("text without spaces is expected, as the token's audience is set"),
        _("The audience that the sender's tokens are made for. Any other is refused."),
    ),
    "service_account": Option(
        _("Service account"),
        re.compile(r"[^@\s]+@[^@\s]+"),
        _("the e-mail address of a service account is expected"),
        _("The account whose tokens are accepted: its e-mail address."),
    ),
    "subscription": Option(
        _("Subscription"),
        re.compile(r"projects/[^/\s]+/subscriptions/[^/\s]+"),
        _("projects/…/subscriptions/… is expected"),
        _("Optional: only messages of this subscription are accepted (projects/…/subscriptions/…)."),
    ),
    "topic_arn": Option(
        _("Topic ARN"),
        re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+"),
        _("the ARN of an SNS topic is expected, such as arn:aws:sns:eu-central-1:123456789012:trackbridge"),
        _("Only messages of this topic are accepted."),
    ),
    "header": Option(
        _("Header"),
        re.compile(r"[A-Za-z0-9-]{1,100}"),
        _("the name of an HTTP header is expected"),
        _("The header that carries the key (EventBridge) or the body's HMAC-SHA256 (Connect)."),
    ),
    "tenant": Option(
        _("Tenant"),
        re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
        _("the tenant's id is expected, in lower case such as 72f988bf-86f1-41af-91ab-2d7cd011db47"),
        _("The Entra tenant that issues the tokens: its id. Leave it empty to use a secret in the address instead."),
    ),
    "queue_url": Option(
        _("Queue address"),
        re.compile(r"https?://[^\s?#]+"),
        _("the address of an SQS queue is expected"),
        _("The queue's address, as AWS shows it."),
    ),
    "region": Option(
        _("Region"),
        re.compile(r"[a-z0-9-]+"),
        _("a region such as eu-central-1 is expected"),
        _("The region of the queue, or of the event bus that setup_commercetools sends to."),
    ),
    "project_id": Option(
        _("Google project"),
        re.compile(r"[a-z0-9:.-]+"),
        _("the id of a Google Cloud project is expected"),
        _("Optional: the project of the topic that setup_commercetools sends to."),
    ),
    "topic": Option(
        _("Topic"),
        re.compile(r"[A-Za-z][A-Za-z0-9._~+%-]*"),
        _("the name of a topic is expected, without its project"),
        _("Optional: the topic that setup_commercetools sends to."),
    ),
    "account_id": Option(
        _("AWS account"),
        re.compile(r"[0-9]{12}"),
        _("an AWS account's twelve digits are expected"),
        _("Optional: the account whose event bus setup_commercetools sends to."),
    ),
    "uri": Option(
        _("Topic endpoint"),
        re.compile(r"https://[^\s?#]+"),
        _("the https address of an Event Grid topic is expected"),
        _("Optional: the Event Grid topic that setup_commercetools sends to."),
    ),
    "access_key_id": Option(
        _("Access key id"),
        re.compile(r"[A-Za-z0-9]+"),
        _("an access key id is expected"),
        _("Optional: the key's id, with its secret above. Empty: the role of this machine."),
    ),
    "endpoint_url": Option(
        _("Endpoint"),
        re.compile(r"https?://[^\s?#]+"),
        _("an address is expected"),
        _("Optional: another address of the service, for tests."),
    ),
}
WAYS = {
    "bearer": Way(proof="secret"),
    "pubsub": Way(needed=("audience", "service_account"), optional=("subscription", "project_id", "topic")),
    "sns": Way(needed=("topic_arn",)),
    "eventbridge": Way(optional=("header", "account_id", "region"), proof="secret"),
    "eventgrid": Way(together=("tenant", "audience"), optional=("uri",), proof="either"),
    "connect": Way(together=("audience", "service_account"), optional=("header",), proof="either"),
    "sqs": Way(needed=("queue_url", "region"), optional=("access_key_id", "endpoint_url")),
    "poll": Way(),
}
PULLED = ("sqs", "poll")
KEY_HEADER = "x-api-key"  # where no other is set


def ways_with(option: str) -> list[str]:
    """The types that take this option."""
    return [name for name, way in WAYS.items() if option in way.options]


def faults(kind: str, options: Any) -> dict[str, str]:
    """What is wrong with the options of a type: name → words, "" for the whole. A missing secret is no fault."""
    way = WAYS.get(kind)
    if way is None:
        return {"": gettext("unknown type")}
    if not isinstance(options, dict):
        return {"": gettext("names and values are expected")}
    found = {name: gettext("not an option of %s") % kind for name in options if name not in way.options}
    for name in way.options:
        if name not in options:
            continue
        value = options[name]
        if not isinstance(value, str) or len(value) > LONGEST or not OPTIONS[name].pattern.fullmatch(value):
            found[name] = str(OPTIONS[name].expected)
    given = [name for name in way.together if name in options]
    required = (*way.needed, *(way.together if given else ()))
    return found | {name: gettext("missing; %s needs it") % kind for name in required if name not in options}


def can_prove(kind: str, options: Any, secret: str) -> bool:
    """Whether a sender can show who it is; without, the door stays shut. False also where nobody sends anything.

    Options that are left over from another type do no harm.
    """
    way = WAYS.get(kind)
    if way is None or kind in PULLED or not isinstance(options, dict):
        return False
    options = {name: options[name] for name in way.options if name in options}
    if faults(kind, options):
        return False
    is_by_options = way.proof != "secret" and all(name in options for name in way.together)
    return bool(secret) or is_by_options
