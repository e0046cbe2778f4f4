"""Pulls messages from Pub/Sub by its REST API, in three calls; docs/adr/0057 says why not gRPC.

https://docs.cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import requests
from google.api_core.exceptions import RetryError
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from workload import retries, storage
from workload.errors import Failure, WorkloadError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.api_core.retry import Retry
    from google.auth.credentials import Credentials

SCOPE: Final = "https://www.googleapis.com/auth/pubsub"
API: Final = "https://pubsub.googleapis.com/v1"
ANSWER_SECONDS: Final = 120
"""Timeout of one answer: Pub/Sub waits for a message before it answers that there is none."""
EXTENSION_TIMEOUT: Final = 10
"""Timeout of the answer to an extension: a third one must follow before a lease ends."""
BUSY: Final = retries.BUSY | {499}
"""Pub/Sub's own list has one more: https://docs.cloud.google.com/pubsub/docs/reference/error-codes"""
GATEWAY_TIMEOUT: Final = 504
"""Stands for an answer that does not come; it is among those that are retried."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A message that this machine has until its deadline."""

    ack_id: str
    message: Mapping[str, Any]
    """as Pub/Sub's REST API shows it"""
    attempt: int | None = None
    """how often it was delivered, about; None without dead letters"""


class _AnswerError(Exception):
    """Pub/Sub refused a request."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Subscription:
    """One subscription; every method raises SUBSCRIPTION_NOT_USABLE. Thread-safe."""

    def __init__(self, name: str, credentials: Credentials, grant_seconds: float = 0) -> None:
        """Retries `grant_seconds` until the first pull is granted."""
        self._url = f"{API}/{name}"
        self._session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # google-auth is typed in part
        self._retry_until_granted = retries.retry_until_granted(_busy, _forbidden, grant_seconds)
        self._retry = retries.retry_while_busy(_busy)

    def pull(self, most: int, *, wait: bool) -> list[Delivery]:
        """At most so many messages; `wait` for the first, for as long as Pub/Sub does.

        May return none.
        """
        # Google discourages `returnImmediately` for those who poll with it. The worker sends it
        # only to take what else is there, when it already has a message.
        asked = {"maxMessages": most} | ({} if wait else {"returnImmediately": True})
        answer = self._send("pull", asked, self._retry_until_granted)
        self._retry_until_granted = self._retry
        return [
            Delivery(
                ack_id=each["ackId"],
                message=each.get("message") or {},
                attempt=each.get("deliveryAttempt"),
            )
            for each in answer.get("receivedMessages") or ()
        ]

    def acknowledge(self, ack_ids: Sequence[str]) -> None:
        """Removes messages for good; nothing happens to those that another machine has by now."""
        self._send("acknowledge", {"ackIds": list(ack_ids)}, self._retry)

    def extend(self, ack_ids: Sequence[str], seconds: int) -> None:
        """This machine has the messages for so many seconds from now; 0 gives them back.

        Neither retries nor waits: the caller extends again soon, or the machine ends in a moment.
        """
        body = {"ackIds": list(ack_ids), "ackDeadlineSeconds": seconds}
        self._send("modifyAckDeadline", body, timeout=EXTENSION_TIMEOUT)

    def _send(
        self,
        method: str,
        body: Mapping[str, Any],
        retry: Retry | None = None,
        timeout: float | None = None,
    ) -> dict[str, Any]:
        try:
            return (retry(self._sent) if retry else self._sent)(
                method, body, timeout or ANSWER_SECONDS
            )
        except (
            *storage.CONNECTION_ERRORS,
            *(RetryError, _AnswerError, requests.RequestException, GoogleAuthError, ValueError),
        ) as error:
            raise WorkloadError(Failure.SUBSCRIPTION_NOT_USABLE) from error

    def _sent(self, method: str, body: Mapping[str, Any], timeout: float) -> dict[str, Any]:
        url = f"{self._url}:{method}"
        try:
            answer = self._session.post(url, json=body, timeout=timeout)
        except requests.ReadTimeout:
            if method == "pull":  # as if there were no messages
                return {}
            raise _AnswerError(GATEWAY_TIMEOUT) from None
        if not answer.ok:
            raise _AnswerError(answer.status_code)
        parsed: dict[str, Any] = answer.json()
        return parsed


def _busy(error: Exception) -> bool:
    if isinstance(error, _AnswerError):
        return error.status in BUSY
    return storage.is_connection_error(error)


def _forbidden(error: Exception) -> bool:
    return isinstance(error, _AnswerError) and error.status == retries.FORBIDDEN
