"""The way that comes to mind first: for each webhook in order of arrival, GET the order and POST what the webhook says.

Eight threads, as our workers have; a 409 is met by reading again. Nothing is compared and nothing remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.conf import settings
from django.db import close_old_connections
from django.db import connections as databases

from stores.models import Project
from tracking.clients.errors import Conflict
from tracking.models import Parcel
from tracking.payloads import from_aftership, json_text, to_commercetools
from tracking.payloads.from_aftership import TrackingSnapshot
from tracking.services import connections


def write_each(project: Project, bodies: Sequence[bytes]) -> None:
    """Handle all webhooks; returns when the last is written."""
    with ThreadPoolExecutor(settings.JOB_THREADS) as pool:
        list(pool.map(partial(write_one, project), bodies))
        list(pool.map(lambda _: databases.close_all(), range(settings.JOB_THREADS)))


def write_one(project: Project, body: bytes) -> None:
    """One webhook: one GET and one POST, again after each conflict."""
    close_old_connections()
    snapshot = from_aftership.parse_webhook(json_text.loads(body)).snapshot
    parcel = Parcel.objects.select_related("order").get(tracking__aftership_id=snapshot.aftership_id)
    client = connections.commercetools(project)
    action = {
        "action": "setParcelCustomType",
        "parcelId": parcel.commercetools_id,
        "type": {"typeId": "type", "key": to_commercetools.PARCEL_TYPE_KEY},
        "fields": fields_of(snapshot),
    }
    while True:
        order = client.get_order(parcel.order.commercetools_id)
        try:
            client.update_order(order["id"], order["version"], [action])
        except Conflict:
            continue
        return


def fields_of(snapshot: TrackingSnapshot) -> dict[str, object]:
    newest = from_aftership.newest_checkpoint(snapshot.checkpoints)
    fields = to_commercetools.parcel_fields(
        status=snapshot.status,
        tag=snapshot.tag,
        subtag=snapshot.subtag,
        message=newest.message if newest else "",
        location=newest.location if newest else "",
        checkpoint_at=newest.time_text if newest else "",
        updated_at=snapshot.updated_at,
        eta=snapshot.eta,
        delivered_at=snapshot.delivered_at_text,
        courier=snapshot.courier,
        tracking_id=snapshot.aftership_id,
        tracking_url=snapshot.tracking_url,
    )
    return {name: value for name, value in fields.items() if value is not None}
