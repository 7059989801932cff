"""One commercetools project: may we, can we, are we told, and do we understand what it says?"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import partial
from typing import Any

from django.utils import timezone

from stores.carriers import normalise_carrier
from stores.models import CarrierMapping, Courier, Project
from tracking.clients.commercetools import CommercetoolsClient, Grant
from tracking.clients.errors import AccountStopped, NotFound
from tracking.enums import Area, Source
from tracking.models import Order, Parcel
from tracking.payloads import subscriptions
from tracking.payloads.errors import PayloadError
from tracking.services import connections, scopes
from tracking.services.doctor import doors
from tracking.services.doctor.clocks import clock
from tracking.services.doctor.findings import Findings, broken, fine, tried, warning
from tracking.services.setup import OUR_TYPES, lacking

SHORT_TOKEN = timedelta(minutes=15)
QUIET, SILENT = timedelta(days=1), timedelta(days=7)
ORDERS_LOOKED_AT, MOST_NAMED = 1_000, 5
SET_UP = "Run: manage.py setup_commercetools {key}"


def examine_project(project: Project) -> Findings:
    """Everything about one project. Calls commercetools, and our own door."""
    if not project.is_active:
        yield warning(Area.CONNECTION, "It is switched off.", "Switch it on to go live.")
        return
    client = connections.commercetools(project)
    yield from tried(Area.CREDENTIALS, lambda: with_token(project, client))
    yield from tried(Area.LAST_MESSAGE, lambda: last_message(project))
    yield from tried(Area.DOOR, lambda: doors.project_door(project))
    yield from tried(Area.CARRIERS, lambda: carriers(project))
    yield from tried(Area.CLOCK, lambda: clock(project))


def with_token(project: Project, client: CommercetoolsClient) -> Findings:
    """Credentials first; the rest can only be looked at with a token."""
    try:
        grant = client.check_credentials()
    except AccountStopped as error:
        step = "Enter the client's id and secret anew; a client may also have been deleted, or have run out."
        yield broken(Area.CREDENTIALS, f"The auth host refuses id and secret: {error.message}", step)
        yield warning(Area.TYPES, "Scopes, Types and Subscription were not looked at.", "Mend the credentials first.")
        return
    yield fine(Area.CREDENTIALS, "Client id and secret are accepted.")
    yield from token_life(grant)
    yield from granted(project, grant)
    if scopes.has(project, grant.scopes, "view_types"):
        for key in OUR_TYPES:
            yield from tried(Area.TYPES, partial(our_type, project, client, key))
    yield from tried(Area.SUBSCRIPTION, lambda: subscription(project, client, grant))


def token_life(grant: Grant) -> Findings:
    minutes = int(grant.lifetime.total_seconds() // 60)
    if grant.lifetime < SHORT_TOKEN:
        step = "Make an API client with a longer accessTokenValiditySeconds; 48 hours are usual."
        yield warning(Area.TOKEN, f"A token lives only {minutes} minutes.", step)
    else:
        yield fine(Area.TOKEN, f"A token lives {minutes // 60} h {minutes % 60} min.")


def granted(project: Project, grant: Grant) -> Findings:
    """Scopes of the daily work. Those for setting up may be gone again."""
    missing = scopes.lacking(project, grant.scopes)
    daily = [one for one in missing if not one.is_for_setup]
    if daily:
        step = "Make an API client with these scopes too: those of a client cannot be changed."
        yield broken(Area.SCOPES, f"Missing: {scopes.in_words(daily)}.", step)
    elif missing:
        yield fine(Area.SCOPES, f"All of the daily work. Only setting up would need {scopes.in_words(missing)}.")
    else:
        yield fine(Area.SCOPES, "All that are needed, those for setting up included.")


def our_type(project: Project, client: CommercetoolsClient, key: str) -> Findings:
    """Whether the Type ``key`` is there and has all our fields, of our types."""
    set_up = SET_UP.format(key=project.key)
    try:
        missing = lacking(client.get_type_by_key(key))
    except NotFound:
        yield broken(Area.TYPES, f"The Type {key} is missing: no status can be written.", set_up)
    except PayloadError as error:
        step = "The type of a field can never be changed: remove that field from the Type, then set up again."
        yield broken(Area.TYPES, f"In the Type {key}, {error.cause}.", f"{step} {set_up}")
    else:
        names = ", ".join(action["fieldDefinition"]["name"] for action in missing)
        if names:
            yield broken(Area.TYPES, f"The Type {key} lacks {names}.", set_up)
        else:
            yield fine(Area.TYPES, f"The Type {key} has all our fields.")


def subscription(project: Project, client: CommercetoolsClient, grant: Grant) -> Findings:
    """Whether any Subscription tells of parcels, and gets through."""
    if project.inbound_type == Project.Inbound.POLL:
        yield fine(Area.SUBSCRIPTION, "None is needed: we ask.")
        return
    if not scopes.has(project, grant.scopes, "manage_subscriptions"):
        words = "It cannot be looked at: there is no scope to view Subscriptions but manage_subscriptions."
        yield warning(Area.SUBSCRIPTION, words, "Look at its status in the Merchant Center, and at the last message.")
        return
    telling = [one for one in client.list_subscriptions() if subscriptions.tells_of_parcels(one)]
    for document in telling:
        yield from delivery(project, client, document)
    if telling:
        return
    words = "No Subscription of the project tells of parcels and their numbers."
    if project.inbound_type in subscriptions.DESTINATIONS and project.poll == Project.Poll.OFF:
        yield broken(Area.SUBSCRIPTION, words, SET_UP.format(key=project.key))
    else:
        step = f"Make one with these messages: {', '.join(sorted(subscriptions.ESSENTIAL))}."
        yield warning(Area.SUBSCRIPTION, words, step)


def delivery(project: Project, client: CommercetoolsClient, document: dict[str, Any]) -> Findings:
    """One Subscription, by commercetools' own probe."""
    name, status = document.get("key") or document["id"], document.get("status", "unknown")
    answer = client.subscription_health(document["id"])
    if answer == 200:
        yield fine(Area.SUBSCRIPTION, f"{name} delivers.")
    elif answer == 503:
        step = "Wait: commercetools tries again. If it stays, look at the destination."
        yield warning(Area.SUBSCRIPTION, f"{name} has a passing fault ({status}).", step)
    elif status == "ManuallySuspended":
        step = "Ask commercetools' support why, and have it lifted."
        yield broken(Area.SUBSCRIPTION, f"{name} is suspended: messages are lost.", step)
    elif status == "ConfigurationErrorDeliveryStopped":
        step = "Mend the rights on the destination, then " + SET_UP.format(key=project.key).lower()
        step += "; load what was missed with: manage.py backfill"
        yield broken(Area.SUBSCRIPTION, f"{name} was stopped ({status}): messages are lost.", step)
    else:
        step = "Let commercetools write to the destination again: what waits is delivered then."
        yield broken(Area.SUBSCRIPTION, f"{name} cannot deliver ({status}).", step)


def last_message(project: Project) -> Findings:
    """When the project last told us anything, and what was turned away."""
    newest = doors.newest(Source.COMMERCETOOLS, project.key)
    last_at = max(filter(None, [project.heard_at, newest]), default=None)
    step = "Write a parcel to a test order; see whether the broker sends its message, and look under Turned away."
    if last_at is None:
        yield warning(Area.LAST_MESSAGE, "It has never told us anything.", step)
    else:
        age = timezone.now() - last_at
        words = f"Last heard of {age.days} days ago." if age.days else f"Last heard of {age.seconds // 60} min ago."
        if age > SILENT:
            yield broken(Area.LAST_MESSAGE, words, step)
        elif age > QUIET:
            yield warning(Area.LAST_MESSAGE, words, step)
        else:
            yield fine(Area.LAST_MESSAGE, words)
    yield from doors.refusals(Source.COMMERCETOOLS, project.key, last_at)


def carriers(project: Project) -> Findings:
    """How many parcels of the newest orders name a carrier that something maps."""
    orders = Order.objects.filter(project=project).order_by("-created_at")[:ORDERS_LOOKED_AT]
    parcels = Parcel.objects.filter(order__in=list(orders.values_list("pk", flat=True)), removed_at=None)
    texts = Counter(parcels.exclude(tracking_number="").values_list("carrier", flat=True))
    if not texts:
        yield fine(Area.CARRIERS, "No parcel has a number yet.")
        return
    unmapped = not_mapped(texts)
    if not unmapped:
        yield fine(Area.CARRIERS, f"All {texts.total():,} parcels of the newest orders name a carrier that is mapped.")
        return
    most = ", ".join(f"{text or 'none'} ({number:,})" for text, number in unmapped.most_common(MOST_NAMED))
    counted = f"{unmapped.total():,} of {texts.total():,} parcels of the newest orders"
    step = "Map these texts at the carrier workbench; until then AfterShip has to guess."
    yield warning(Area.CARRIERS, f"{counted} name a carrier that nothing maps: {most}.", step)


def not_mapped(texts: Counter[str]) -> Counter[str]:
    """Those of the texts that no mapping of any scope knows, and that are no courier's own name."""
    keys = {text: normalise_carrier(text) for text in texts}
    known = set(CarrierMapping.objects.filter(carrier_key__in=keys.values()).values_list("carrier_key", flat=True))
    slugs = set(Courier.objects.filter(slug__in=texts).values_list("slug", flat=True))
    return Counter({text: number for text, number in texts.items() if keys[text] not in known and text not in slugs})
