"""The four measures that stop an operator, each by one or two requests, each independent.

Disabling the provider alone would let everybody go on who holds a token already: for an hour a
federated one, for another hour one of the reader's. The other measures end that.
https://docs.cloud.google.com/iam/docs/best-practices-for-using-workload-identity-federation
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ops.google_api import NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.google_api import GoogleApi, Json
    from ops.stop.admission import Admission

IAM: Final = "iam.googleapis.com/v1"
STORAGE: Final = "storage.googleapis.com/storage/v1/b"
CONFLICTS: Final = (409, 412)
"""Somebody else changed the policy between the two requests."""
ATTEMPTS: Final = 5
GONE: Final = "is not there"


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure, and how it went."""

    what: str
    done: str = ""
    """what is true now; empty if the measure failed"""
    error: str = ""
    """why it failed"""


def taken(api: GoogleApi, admission: Admission, *, own_reader: bool) -> Iterator[Measure]:
    """Take every measure, whatever becomes of the others; what others have made stays enabled.

    The one that takes effect first comes first. Repeating them changes nothing.
    """
    reader = f"{IAM}/projects/-/serviceAccounts/{admission.reader}"
    yield _measure(
        f"the grants of {admission.reader} on gs://{admission.bucket}",
        lambda: _without_grants(
            lambda: api.get(f"{STORAGE}/{admission.bucket}/iam", optionsRequestedPolicyVersion="3"),
            lambda policy: api.put(f"{STORAGE}/{admission.bucket}/iam", policy),
            f"serviceAccount:{admission.reader}".__eq__,
        ),
    )
    yield _measure(
        f"the grants to act as {admission.reader}",
        lambda: _without_grants(
            lambda: api.post(f"{reader}:getIamPolicy", {"options": {"requestedPolicyVersion": 3}}),
            lambda policy: api.post(f"{reader}:setIamPolicy", {"policy": policy}),
            # principal://… and principalSet://… of any attribute.
            lambda member: f"//{IAM.partition('/')[0]}/{admission.pool}/" in member,
        ),
    )
    if own_reader:
        yield _measure(
            f"the account {admission.reader}",
            lambda: _disabled(api.post(f"{reader}:disable", {})),
        )
    yield _measure(
        f"the provider {admission.provider}",
        lambda: _disabled(
            api.patch(f"{IAM}/{admission.provider}?updateMask=disabled", {"disabled": True})
        ),
    )


def _measure(what: str, take: Callable[[], str]) -> Measure:
    try:
        return Measure(what=what, done=take())
    except ApiError as error:
        if error.status == NOT_FOUND:
            return Measure(what=what, done=GONE)
        return Measure(what=what, error=str(error))


def _disabled(_answer: Json) -> str:
    return "disabled"


def _without_grants(
    read: Callable[[], Json], write: Callable[[Json], Json], theirs: Callable[[str], bool]
) -> str:
    """Remove some members from a policy; the policy's etag keeps what others change meanwhile."""
    for attempt in range(1, ATTEMPTS + 1):
        policy = read()
        before = policy.get("bindings", [])
        after = [
            {**each, "members": [m for m in each["members"] if not theirs(m)]} for each in before
        ]
        removed = sum(len(each["members"]) for each in before) - sum(
            len(each["members"]) for each in after
        )
        if not removed:
            return "there is none"
        try:
            # Binding by binding, because a policy can have two of one role with two conditions.
            write({**policy, "bindings": [each for each in after if each["members"]]})
        except ApiError as error:
            if error.status not in CONFLICTS or attempt == ATTEMPTS:
                raise
        else:
            return f"{removed} removed"
    raise AssertionError  # the last attempt returns or raises
