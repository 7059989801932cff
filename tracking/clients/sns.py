"""Amazon SNS: the one call that says yes to a subscription. The caller has made sure that ``host`` is Amazon's."""

from __future__ import annotations

from collections.abc import Mapping

from tracking.clients.errors import Refused, RetryLater, UpstreamError
from tracking.clients.http import Answer, Http, retry_after_seconds

UPSTREAM = "sns"


def confirm_subscription(host: str, query: Mapping[str, str]) -> None:
    """Safe to repeat. Raises UpstreamError: Refused where the token is out of date (after three days) or not SNS's."""
    amazon = Http(UPSTREAM, host, _by_status, speaks_json=False)
    amazon.call("GET", "/", endpoint="GET ConfirmSubscription", params=dict(query), headers={"Accept": "*/*"})


def _by_status(answer: Answer) -> UpstreamError | None:
    if answer.status < 300:
        return None
    words = f"The subscription was not confirmed: {answer.text[:500]}"
    if answer.status == 429 or answer.status >= 500:
        wish = retry_after_seconds(answer.headers)
        return RetryLater(UPSTREAM, str(answer.status), words, answer.status, retry_after_seconds=wish)
    return Refused(UPSTREAM, str(answer.status), words, answer.status)
