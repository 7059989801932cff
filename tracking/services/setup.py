"""Make a commercetools project ready for our writes: its Types, its stores and channels.

Safe to repeat: what is there is left as it is, what is missing is added, nothing is ever removed or replaced.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from stores.models import Project
from tracking.clients.commercetools import CommercetoolsClient
from tracking.clients.errors import Conflict, NotFound, Refused
from tracking.payloads import to_commercetools
from tracking.payloads.to_commercetools import ORDER_FIELDS, ORDER_TYPE_KEY, PARCEL_FIELDS, PARCEL_TYPE_KEY
from tracking.services import connections, registry
from tracking.services.write_back import remember_type, retry_after_setup

MOST_TRIES = 3
FIELDS_OF_RESOURCE = {"order-parcel": PARCEL_FIELDS, "order": ORDER_FIELDS}


def set_up(project: Project, *, extend: tuple[str, ...] = ()) -> Iterator[str]:
    """Make or extend our Types, extend the merchant's own Types named in ``extend``, import stores and channels.

    Yields a line of words per step as it is done. Raises UpstreamError, NotFound for a Type of ``extend`` that is not
    there, and PayloadError where a Type has one of our names with another field type.
    """
    client = connections.commercetools(project)
    for key in (PARCEL_TYPE_KEY, ORDER_TYPE_KEY):
        yield ensure_type(project, client, key)
    for key in extend:
        yield extend_type(project, client, key)
    run = registry.import_registry(project.pk)
    yield from registry.in_words(run)
    if waiting := retry_after_setup(project):
        yield f"{waiting} orders waited for a Type and are written now"


def ensure_type(project: Project, client: CommercetoolsClient, key: str) -> str:
    """Our Type of this key, made or extended; says what was done."""
    try:
        client.get_type_by_key(key)
    except NotFound:
        try:
            remember_type(project, client.create_type(to_commercetools.type_draft(key)))
        except Refused as error:
            if error.code != "DuplicateField":  # somebody else made it in this moment: then it is only extended
                raise
        else:
            return f"Type {key}: made"
    return extend_type(project, client, key)


def extend_type(project: Project, client: CommercetoolsClient, key: str) -> str:
    """Add what the Type lacks of our fields for the resources that it is for; says what was added."""
    for _ in range(MOST_TRIES):
        document = client.get_type_by_key(key)
        actions = lacking(document)
        if actions:
            try:
                document = client.update_type(document["id"], document["version"], actions)
            except Conflict:
                continue
        remember_type(project, document)
        added = ", ".join(action["fieldDefinition"]["name"] for action in actions)
        return f"Type {key}: {f'added {added}' if added else 'has all our fields'}"
    raise Conflict("commercetools", "ConcurrentModification", f"Type {key} kept being changed by somebody else.")


def lacking(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The actions that add our missing fields, each once, for every resource of the Type that we write to."""
    resources = [one for one in document["resourceTypeIds"] if one in FIELDS_OF_RESOURCE]
    wanted = {name: kind for one in resources for name, kind in FIELDS_OF_RESOURCE[one].items()}
    return to_commercetools.missing_field_actions(document, wanted)
