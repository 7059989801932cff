"""How a story looks as JSON. The names are those of ``tracking.services.story_of``; ``kind`` tells entries apart."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema_field
from rest_framework import serializers

from stores.statuses import MessageKind
from tracking.enums import JobKind, MessageState, ProblemKind, ReceiptState, Source, StaffActionKind
from tracking.services.story_of import Entry, Story


class EntrySerializer(serializers.Serializer):
    """What all entries have."""

    kind = serializers.CharField()
    at = serializers.DateTimeField()
    row = serializers.IntegerField(help_text="Key of the row that tells it.")


class ReceiptEntrySerializer(EntrySerializer):
    """Something came in, and what became of it."""

    source = serializers.CharField(help_text=f"One of: {', '.join(Source.values)}.")
    endpoint = serializers.CharField(help_text="Key of the project or account.")
    event = serializers.CharField(allow_blank=True)
    state = serializers.CharField(help_text=f"One of: {', '.join(ReceiptState.values)}.")
    outcome = serializers.CharField(allow_blank=True, help_text="What it changed, or why it did not.")
    processed_at = serializers.DateTimeField(allow_null=True)
    request_id = serializers.CharField(help_text="The code that the sender was answered with.")


class LookSerializer(serializers.Serializer):
    """One look at one routing rule."""

    rule = serializers.IntegerField()
    hit = serializers.BooleanField()
    reason = serializers.CharField(help_text="The values seen, against those asked for.")
    version = serializers.IntegerField(help_text="Of the rule, when it was looked at.")


class DecisionEntrySerializer(EntrySerializer):
    """What a parcel's rules and carrier text led to. Empty courier: AfterShip detects it."""

    parcel = serializers.CharField(help_text="End of its number.")
    carrier = serializers.CharField(allow_blank=True, help_text="As written in commercetools.")
    account = serializers.CharField(allow_blank=True)
    asked_courier = serializers.CharField(allow_blank=True)
    courier = serializers.CharField(allow_blank=True)
    trace = LookSerializer(many=True)
    because = serializers.CharField(allow_blank=True, help_text="Why this courier.")
    facts = serializers.DictField(help_text="What the rules saw; of custom fields only the names.")
    chosen = serializers.ListField(
        child=serializers.CharField(), help_text="What a person chose instead: route, account, courier, number."
    )


class JobEntrySerializer(EntrySerializer):
    """A job was first wished for, or gave up."""

    job = serializers.CharField(help_text=f"One of: {', '.join(JobKind.values)}.")
    upstream = serializers.CharField()
    state = serializers.CharField(help_text="waiting, done or dead (as it is now), or gave_up.")
    attempts = serializers.IntegerField(help_text="Since it last worked.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    code = serializers.CharField(allow_blank=True, help_text="Of its last error.")
    words = serializers.CharField(allow_blank=True)


class AttemptEntrySerializer(EntrySerializer):
    """One upstream call. Excerpts are redacted and cut."""

    upstream = serializers.CharField()
    method = serializers.CharField()
    path = serializers.CharField()
    status = serializers.IntegerField(allow_null=True, help_text="None: no answer.")
    outcome = serializers.CharField(help_text="ok, retry, conflict, stopped or refused.")
    code = serializers.CharField(allow_blank=True)
    words = serializers.CharField(allow_blank=True)
    duration_ms = serializers.IntegerField()
    wait_seconds = serializers.FloatField(allow_null=True, help_text="How long its job waited then.")
    request_excerpt = serializers.CharField(allow_blank=True)
    response_excerpt = serializers.CharField(allow_blank=True)


class ChangeSerializer(serializers.Serializer):
    """One field, before and after; null where it is absent. Carriers' words are hidden."""

    what = serializers.CharField(help_text="End of the parcel's number, or: order.")
    name = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)


class WriteEntrySerializer(EntrySerializer):
    """commercetools took a write of ours."""

    version_before = serializers.IntegerField()
    version_after = serializers.IntegerField()
    changes = ChangeSerializer(many=True)


class MessageEntrySerializer(EntrySerializer):
    """A message to the shopper: sent, planned, or not sent and why."""

    message = serializers.CharField(help_text=f"One of: {', '.join(MessageKind.values)}.")
    state = serializers.CharField(help_text=f"One of: {', '.join(MessageState.values)}.")
    brand = serializers.CharField(allow_blank=True)
    language = serializers.CharField(allow_blank=True)
    parcel = serializers.CharField(allow_blank=True, help_text="End of its number; empty: the whole order.")
    words = serializers.CharField(allow_blank=True, help_text="Why it is in this state.")


class ProblemEntrySerializer(EntrySerializer):
    """A problem opened, or closed."""

    step = serializers.CharField(help_text="opened or closed.")
    problem = serializers.CharField(help_text=f"One of: {', '.join(ProblemKind.values)}.")
    subject = serializers.CharField()
    words = serializers.CharField(help_text="Its cause, or why it was closed.")
    next_step = serializers.CharField(allow_blank=True)


class StaffEntrySerializer(EntrySerializer):
    """Somebody of the staff did something by hand."""

    action = serializers.CharField(help_text=f"One of: {', '.join(StaffActionKind.values)}.")
    actor = serializers.CharField(allow_blank=True, help_text="Who: the name in the console.")
    words = serializers.CharField(help_text="What was done, in one sentence.")
    reason = serializers.CharField(allow_blank=True)
    parcel = serializers.CharField(allow_blank=True, help_text="End of its number, where it is about one.")
    outcome = serializers.CharField(allow_blank=True, help_text="What a remap came to for the parcel.")


ENTRIES: dict[str, type[EntrySerializer]] = {
    "receipt": ReceiptEntrySerializer,
    "decision": DecisionEntrySerializer,
    "job": JobEntrySerializer,
    "attempt": AttemptEntrySerializer,
    "write": WriteEntrySerializer,
    "message": MessageEntrySerializer,
    "problem": ProblemEntrySerializer,
    "staff": StaffEntrySerializer,
}


@extend_schema_field(
    PolymorphicProxySerializer(component_name="StoryEntry", serializers=ENTRIES, resource_type_field_name="kind")
)
class AnyEntryField(serializers.Field):
    """An entry as its kind has it."""

    def to_representation(self, entry: Entry) -> dict[str, Any]:
        return dict(ENTRIES[entry.kind](entry).data)


class StorySerializer(serializers.Serializer):
    """Everything that happened under one code, oldest first."""

    code = serializers.CharField()
    orders = serializers.SerializerMethodField(help_text="Ids in commercetools.")
    trackings = serializers.SerializerMethodField(help_text="Ids that we gave AfterShip.")
    related_codes = serializers.ListField(child=serializers.CharField(), help_text="Stories that share a tracking.")
    is_cut = serializers.BooleanField(help_text="Of some kind only the newest 500 are here.")
    entries = serializers.ListField(child=AnyEntryField())

    def get_orders(self, story: Story) -> list[str]:
        return [order.commercetools_id for order in story.orders]

    def get_trackings(self, story: Story) -> list[str]:
        return [tracking.pk for tracking in story.trackings]
