"""What must hold for an account or an identity pool that others have made.

Whoever else can act as the account that reads the model, or give identities of its pool, gets the
model without any attestation.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from infra import naming
from infra.attestation.release_policy import BUILT_HERE, CONFIGURED
from infra.existing.found import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from infra.config.problems import Problem
    from infra.existing.found import Found

ACTS_AS: Final = (
    "roles/editor",
    "roles/iam.serviceAccountKeyAdmin",
    "roles/iam.serviceAccountTokenCreator",
    "roles/iam.serviceAccountUser",
    "roles/iam.workloadIdentityUser",
    "roles/owner",
)
"""Roles on an account whose members get a token of it, a key, or a machine that runs as it:
https://docs.cloud.google.com/iam/docs/service-account-permissions"""

_ACCOUNTS: Final = "gcloud iam service-accounts"
_POOLS: Final = "gcloud iam workload-identity-pools"
_MODES: Final = (None, "", "MODE_UNSPECIFIED", "FEDERATION_ONLY")


def account_problems(found: Found) -> Iterator[Problem]:
    """Everything that must be changed before the stack may use a service account."""
    email = naming.service_account(found.resource.name, found.project)
    if found.answer.get("disabled"):
        yield found.problem(
            got="a disabled account",
            expected="an enabled one",
            consequence="Google would give nobody a token of it",
            fix=f"{_ACCOUNTS} enable {email}",
        )
    if found.policy is None:
        yield found.not_readable(
            "who may act as it",
            f"{_ACCOUNTS} add-iam-policy-binding {email} --role roles/iam.securityReviewer"
            " --member MEMBER   # whoever runs this preview",
        )
        return
    reads_model = bool(found.resource.pool)
    for role, member in found.members():
        if _acts_unattested(found, role, member) if reads_model else member in PUBLIC:
            yield found.problem(
                got=f"an account as which {member} may act, by {role}",
                expected="one as which only attested workloads may act"
                if reads_model
                else "one as which not everybody may act",
                consequence="they would read the model without any attestation"
                if reads_model
                else "anybody could read every picture",
                fix=f"{_ACCOUNTS} remove-iam-policy-binding {email} --role {role}"
                f" --member '{member}'",
            )


def _acts_unattested(found: Found, role: str, member: str) -> bool:
    """Whether a grant lets somebody act as the account beside the grants that this stack makes.

    A custom role could have any permission.
    """
    if member.startswith("deleted:") or (role.startswith("roles/") and role not in ACTS_AS):
        return False
    attributes = "|".join(map(re.escape, (CONFIGURED, BUILT_HERE)))
    # The id of a pool that this stack has created ends with a suffix.
    own = naming.attested(
        re.escape(found.project_number),
        f"{re.escape(found.resource.pool)}(-[0-9a-f]+)?",
        f"({attributes})",
        naming.DIGEST,
    )
    return not re.fullmatch(own, member)


def pool_problems(found: Found) -> Iterator[Problem]:
    """Everything that must be changed before the stack may put its provider into a pool."""
    answer, pool = found.answer, _pool(found)
    if answer.get("disabled"):
        yield found.problem(
            got="a disabled pool",
            expected="an enabled one",
            consequence="Google would refuse every attested workload",
            fix=f"{_POOLS} update {pool} --no-disabled",
        )
    if answer.get("mode") not in _MODES:
        yield found.problem(
            got=f"a pool of mode {answer['mode']}",
            expected="mode FEDERATION_ONLY",
            consequence="others than its provider could give identities of it",
            fix=found.rename(),
        )
    if found.providers is None:
        yield found.not_readable(
            "which providers it has",
            f"gcloud projects add-iam-policy-binding {found.project} --role"
            " roles/iam.workloadIdentityPoolViewer --member MEMBER   # whoever runs this preview",
        )
    for provider in found.providers or ():
        yield from _provider_problems(found, provider)


def _provider_problems(found: Found, provider: Mapping[str, Any]) -> Iterator[Problem]:
    name = str(provider.get("name", "")).rpartition("/")[2]
    deleted, own = provider.get("state") == "DELETED", found.resource.provider
    providers = f"{_POOLS} providers {{}} {name} --workload-identity-pool {_pool(found)}"
    if name != own and not deleted:
        yield found.problem(
            got=f"a pool with another provider, {name}",
            expected=f"a pool whose only provider is {own}, which this stack makes",
            consequence="the identities of a pool are the same whichever provider gives them, so"
            " that one, too, would decide who gets the model",
            fix=f"{providers.format('delete')}\n    or:          {found.rename()}",
        )
    if name == own and deleted:
        yield found.problem(
            key="names.provider",
            got=f"{own!r}, the id of a deleted provider of this pool",
            expected="an id that is free: Google reserves that of a deleted provider for 30 days",
            consequence="Google would refuse the new provider in the middle of an update",
            fix=found.set("names.provider", f"{own[:30]}-2"),
        )


def _pool(found: Found) -> str:
    return f"{found.resource.name} --location global --project {found.project}"
