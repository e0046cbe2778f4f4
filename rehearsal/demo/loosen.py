"""A careless change by Primus' administrator, by hand, after which the demonstration must fail.

A demonstration that cannot fail shows nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rehearsal.administrator import Admin

CONDITION = "assertion.swname == 'CONFIDENTIAL_SPACE'"
"""Any Confidential Space workload, whatever its code."""

GUARDS = ("condition", "grant")


def condition(admin: Admin, provider: str) -> str:
    """Replace the deployed condition; `provider` is its full resource name."""
    url = f"iam.googleapis.com/v1/{provider}?updateMask=attributeCondition"
    admin.call("PATCH", url, {"attributeCondition": CONDITION})
    return f"the deployed condition is now: {CONDITION}"


def grant(admin: Admin, provider: str, reader: str) -> str:
    """Let every identity of the pool act as the model's reader, instead of one image digest."""
    pool = provider.partition("/providers/")[0]
    member = f"principalSet://iam.googleapis.com/{pool}/*"
    account = f"iam.googleapis.com/v1/projects/-/serviceAccounts/{reader}"
    admin.bind(account, "roles/iam.workloadIdentityUser", member)
    return f"{reader} may now be impersonated by {member}"
