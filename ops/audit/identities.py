"""Identity pools, their providers, and keys of accounts, against what the stack deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.audit.finding import Finding, Kind, not_read
from ops.google_api import NOT_FOUND, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ops.google_api import GoogleApi, Json
    from ops.stack_state import Deployed

IAM: Final = "iam.googleapis.com/v1"
DEPLOYED: Final = "pulumi up --refresh --stack {stack}"

_PROVIDER: Final[Mapping[str, str]] = {
    "attributeCondition": "who may use the model",
    "attributeMapping": "by what the grants know a workload",
    "oidc": "whose tokens it accepts",
    "disabled": "whether it accepts tokens",
}
"""By property of a provider, what it decides."""


def providers(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Each provider as deployed, and no other one in its pool."""
    declared = {
        str(each.properties.get("name")): each
        for each in resources
        if each.type.endswith(":WorkloadIdentityPoolProvider")
    }
    for pool in sorted({name.rpartition("/providers/")[0] for name in declared}):
        try:
            present = {
                str(each["name"]): each
                for each in api.pages(f"{IAM}/{pool}/providers", "workloadIdentityPoolProviders")
            }
        except ApiError as error:
            yield not_read(
                f"which providers the pool {pool.rpartition('/')[2]} has", error, project
            )
            continue
        own = {name: each for name, each in declared.items() if name.startswith(f"{pool}/")}
        for name in sorted(present.keys() - own.keys()):
            yield _another(name)
        for name, each in sorted(own.items()):
            yield from _changed(name, each.properties, present.get(name))


def _another(name: str) -> Finding:
    pool, _, provider = name.rpartition("/providers/")
    pool = pool.rpartition("/")[2]
    return Finding(
        kind=Kind.DIFFERENCE,
        what=f"the pool {pool} has another provider, {provider}",
        means="the identities of a pool are the same whichever provider gives them: its condition"
        " decides, too, who gets the model",
        fix=f"gcloud iam workload-identity-pools providers delete {provider}"
        f" --workload-identity-pool {pool} --location global",
    )


def _changed(name: str, deployed: Mapping[str, Any], present: Json | None) -> Iterator[Finding]:
    provider = name.rpartition("/")[2]
    if present is None:
        yield Finding(
            kind=Kind.DIFFERENCE,
            what=f"the provider {provider} is gone",
            means="no workload is given a model",
            fix=DEPLOYED,
        )
        return
    for key, decides in _PROVIDER.items():
        before, now = deployed.get(key) or None, present.get(key) or None
        if before != now:
            yield Finding(
                kind=Kind.DIFFERENCE,
                what=f"{key} of the provider {provider} was changed by hand: got"
                f" {_short(now)}, deployed was {_short(before)}",
                means=f"it decides {decides}",
                fix=DEPLOYED,
            )


def _short(value: object) -> str:
    text = "nothing" if value is None else " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST: Final = 120


def keys(api: GoogleApi, resources: Iterable[Deployed], project: str) -> Iterator[Finding]:
    """Accounts as deployed, without keys of their own, which need no attestation."""
    for each in resources:
        if not each.type.endswith(":Account"):
            continue
        name = str(each.properties.get("name", each.id))
        email = name.rpartition("/")[2]
        try:
            account = api.get(f"{IAM}/{name}")
            found = api.get(f"{IAM}/{name}/keys", keyTypes="USER_MANAGED").get("keys", ())
        except ApiError as error:
            if error.status == NOT_FOUND:
                yield Finding(
                    kind=Kind.DIFFERENCE,
                    what=f"the account {email} is gone",
                    means="nobody can act as it, and a new one has none of its grants",
                    fix=DEPLOYED,
                )
            else:
                yield not_read(f"which keys the account {email} has", error, project)
            continue
        disabled = bool(each.properties.get("disabled"))
        if bool(account.get("disabled")) != disabled:
            yield Finding(
                kind=Kind.DIFFERENCE,
                what=f"the account {email} is {'enabled' if disabled else 'disabled'}",
                means="it decides whether anybody can act as it",
                fix=DEPLOYED,
            )
        for key in found:
            identifier = str(key["name"]).rpartition("/")[2]
            yield Finding(
                kind=Kind.DIFFERENCE,
                what=f"the account {email} has a key of its own, {identifier}",
                means="whoever has its file acts as the account, from anywhere, for years",
                fix=f"gcloud iam service-accounts keys delete {identifier} --iam-account {email}",
            )
