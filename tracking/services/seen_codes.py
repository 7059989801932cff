"""Every code that couriers send is counted once per scan: what is unknown or vague shows itself, with a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from tracking.models import Checkpoint

UPSERT = """
INSERT INTO tracking_seencode (courier, raw_tag, tag, subtag, count, sample_id, first_seen_at, last_seen_at)
VALUES {rows}
ON CONFLICT (courier, raw_tag, tag, subtag) DO UPDATE SET
    count = tracking_seencode.count + excluded.count,
    sample_id = excluded.sample_id,
    last_seen_at = excluded.last_seen_at
"""


def count_codes(checkpoints: Iterable[Checkpoint]) -> None:
    """Count the codes of these new scans, in the caller's transaction; one statement."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    samples = {}
    for one in checkpoints:
        code = (one.courier, one.raw_tag, one.tag, one.subtag)
        counts[code] += 1
        samples[code] = one.tracking_id
    if not counts:
        return
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    values: list[object] = []
    for code in sorted(counts):  # one order for everybody: no deadlock between two pumps
        values += [*code, counts[code], samples[code], now, now]
    rows = ", ".join(["(" + ", ".join(["%s"] * 8) + ")"] * len(counts))
    with connection.cursor() as cursor:
        cursor.execute(UPSERT.format(rows=rows), values)
