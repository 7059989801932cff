"""Whose clock is wrong: seen in the upstreams' answers of this very examination."""

from __future__ import annotations

from stores.models import AfterShipAccount, Project
from tracking.enums import Area
from tracking.services.connections import CLOCK_LIMIT_SECONDS
from tracking.services.doctor.findings import Findings, broken, fine, warning


def clock(connection: Project | AfterShipAccount) -> Findings:
    """How far the upstream's clock is from ours, as last noted."""
    skew = type(connection).objects.values_list("clock_skew_seconds", flat=True).get(pk=connection.pk)
    if skew is None:
        yield warning(Area.CLOCK, "Its clock was not seen yet.", "Check again once it answers.")
    elif abs(skew) > CLOCK_LIMIT_SECONDS:
        side = "ahead of" if skew > 0 else "behind"
        words = f"Its clock is {abs(skew):,.0f} seconds {side} ours: what counts as late is wrong."
        yield broken(Area.CLOCK, words, "Set this machine's clock by NTP; then look at the upstream's.")
    else:
        yield fine(Area.CLOCK, "Its clock and ours agree.")
