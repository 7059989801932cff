"""AWS SQS by Amazon's own library: a standard queue that commercetools, or an SNS topic, sends to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from config.redaction import redact_text
from tracking.clients.errors import AccountStopped, RetryLater

UPSTREAM = "sqs"
AT_ONCE = 10  # the most that SQS gives in one answer
REFUSALS = frozenset(
    {"AccessDenied", "AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch", "InvalidAccessKeyId"}
)
CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Letter:
    """One message of a queue: its body, and the handle by which it is deleted."""

    body: bytes
    handle: str


class SqsQueue:
    """One queue. Without an access key, the machine's role is used. Every method raises UpstreamError subclasses."""

    def __init__(
        self, *, queue_url: str, region: str, access_key_id: str = "", secret: str = "", endpoint_url: str = ""
    ) -> None:
        self._url = queue_url
        self._client = boto3.session.Session().client(
            "sqs",
            region_name=region,
            endpoint_url=endpoint_url or None,
            aws_access_key_id=access_key_id or None,
            aws_secret_access_key=secret if access_key_id else None,
            config=CONFIG,
        )

    def receive(self, wait_seconds: int) -> list[Letter]:
        """Up to ten messages, hidden from others for the queue's visibility timeout; waits so long for the first."""
        with verdicts():
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=AT_ONCE, WaitTimeSeconds=wait_seconds
            )
        found = answer.get("Messages", [])
        return [Letter(one["Body"].encode("utf-8", "surrogatepass"), one["ReceiptHandle"]) for one in found]

    def delete(self, letters: Sequence[Letter]) -> None:
        """For good. One that SQS could not delete comes again, which is harmless."""
        entries = [{"Id": str(number), "ReceiptHandle": letter.handle} for number, letter in enumerate(letters)]
        with verdicts():
            self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)


@contextmanager
def verdicts() -> Iterator[None]:
    """The library's errors as ours."""
    try:
        yield
    except ClientError as error:
        told, status = error.response.get("Error", {}), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        code, words = str(told.get("Code", "")), redact_text(str(told.get("Message", "")))[:500]
        kind = AccountStopped if status in (401, 403) or code in REFUSALS else RetryLater
        raise kind(UPSTREAM, code, words, status) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise AccountStopped(UPSTREAM, "no_credentials", "Neither an access key nor a role of the machine.") from error
    except BotoCoreError as error:
        raise RetryLater(UPSTREAM, "unreachable", redact_text(str(error))[:500]) from error
