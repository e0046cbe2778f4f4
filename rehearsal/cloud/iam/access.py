"""Authentication and authorization: access tokens, and allow policies with the stacks' roles."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops import cel_engine
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam.roles import ROLES
from rehearsal.cloud.state import AuditEntry, Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rehearsal.cloud.state import Binding, Cloud, Json


@dataclass(frozen=True)
class Caller:
    """The identity behind a request; `member` is None for an anonymous one."""

    member: str | None
    members: frozenset[str]
    machine: str = ""
    """the id of the machine that got the token; no policy looks at it"""

    def __str__(self) -> str:
        """The name in Google's refusals."""
        return "Anonymous caller" if self.member is None else self.member.split(":", 1)[-1]


_MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(user|group|domain|serviceAccount|deleted|principal|"
    r"principalSet|projectOwner|projectEditor|projectViewer):.+"
)
"""https://docs.cloud.google.com/iam/docs/principal-identifiers"""

_POOL_OF_MEMBER = re.compile(r"principal(?:Set)?://iam\.googleapis\.com/(.+?/[^/]+Pools/[^/]+)/")

_SERVICE_AGENT = re.compile(
    r"service-(\d+)@(?:gcp-sa-[a-z-]+|gs-project-accounts)\.iam\.gserviceaccount\.com"
)
"""An account of Google's own for one API in one project.
https://docs.cloud.google.com/iam/docs/service-agents"""

ANONYMOUS = Caller(None, frozenset({"allUsers"}))


def caller(cloud: Cloud, headers: Mapping[str, str]) -> Caller:
    """The identity of a request's bearer token; ApiError 401 for an unknown or expired one."""
    authorization = headers.get("authorization", "")
    if not authorization:
        return ANONYMOUS
    return caller_of_token(cloud, authorization.removeprefix("Bearer ").strip())


def caller_of_token(cloud: Cloud, token: str) -> Caller:
    """The identity of an access token; ApiError 401 if it, or its account, is not valid now."""
    known_token = cloud.tokens.get(token)
    account = known_token and cloud.service_accounts.get(
        known_token.member.removeprefix("serviceAccount:")
    )
    if known_token is None or known_token.expires <= cloud.now() or (account and account.disabled):
        raise ApiError(
            401,
            "Request had invalid authentication credentials. Expected OAuth 2 access token, "
            "login cookie or other valid authentication credential.",
        )
    members = known_token.members | {"allUsers", "allAuthenticatedUsers"}
    return Caller(known_token.member, members, known_token.machine)


def role_includes(role: str, permission: str) -> bool:
    """Whether a role includes a permission."""
    return any(fnmatch.fnmatchcase(permission, pattern) for pattern in ROLES.get(role, ()))


def is_allowed(
    cloud: Cloud,
    who: Caller,
    permission: str,
    policies: Iterable[Policy],
    resource: Json | None = None,
) -> bool:
    """Whether any binding of the policies grants the permission to the caller."""
    return any(
        role_includes(binding["role"], permission)
        and who.members.intersection(_known(cloud, policy, binding))
        and _applies(binding.get("condition"), resource or {})
        for policy in policies
        for binding in policy.bindings
    )


def _known(cloud: Cloud, policy: Policy, binding: Binding) -> list[str]:
    """The members of a binding, but for those that not every system knows yet."""
    role = binding["role"]
    delay = cloud.propagation.get(role, 0.0)
    if not delay:
        return binding["members"]
    latest = cloud.now() - delay
    return [m for m in binding["members"] if policy.granted_at.get((role, m), latest) <= latest]


def _applies(condition: Json | None, resource: Json) -> bool:
    return condition is None or cel_engine.holds(condition["expression"], {"resource": resource})


def decide(
    cloud: Cloud,
    who: Caller,
    permission: str,
    resource: str,
    policies: Iterable[Policy],
    attributes: Json | None = None,
) -> bool:
    """Whether a policy grants the permission; the audit log gets an entry."""
    verdict = is_allowed(cloud, who, permission, policies, {"name": resource, **(attributes or {})})
    cloud.audit.append(AuditEntry(who.member, permission, resource, verdict))
    return verdict


def require(
    cloud: Cloud,
    who: Caller,
    permission: str,
    resource: str,
    policies: Iterable[Policy],
    *,
    named: bool = True,
) -> None:
    """Return if allowed; else ApiError 403 in the words of Google's newer APIs.

    `named`: whether the refusal names the resource; the one of IAM credentials does not.
    """
    if decide(cloud, who, permission, resource, policies):
        return
    if who.member is None:
        raise ApiError(401, "Request is missing required authentication credential.")
    metadata = {"permission": permission} | ({"resource": resource} if named else {})
    on = f"resource '//{resource}'" if named else "resource"
    raise ApiError(
        403,
        f"Permission '{permission}' denied on {on} (or it may not exist).",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "IAM_PERMISSION_DENIED",
                "domain": "iam.googleapis.com",
                "metadata": metadata,
            }
        ],
    )


def check_bindings(cloud: Cloud, policy: Policy, new_policy: Json) -> None:
    """ApiError 400 for an unknown role, or for a new member that does not exist.

    A member that is in the policy already may stay, although its account was deleted.
    """
    for binding in new_policy.get("bindings", ()):
        if binding["role"] not in ROLES:
            raise ApiError(400, f"Role {binding['role']} is not supported for this resource.")
        for member in set(binding["members"]) - policy.members(binding["role"]):
            _check_member(cloud, member)


def _check_member(cloud: Cloud, member: str) -> None:
    kind, _, name = member.partition(":")
    pool = _POOL_OF_MEMBER.match(member)
    if not _MEMBER.fullmatch(member):
        raise ApiError(
            400,
            f"The member {member} is of an unknown type. "
            "Please set a valid type prefix for the member.",
        )
    agent = _SERVICE_AGENT.fullmatch(name)
    if agent and cloud.project(agent[1]):
        return
    if kind == "serviceAccount" and name not in cloud.service_accounts:
        raise ApiError(400, f"Service account {name} does not exist.")
    if pool and (pool[1] not in cloud.pools or cloud.pools[pool[1]].deleted_at is not None):
        raise ApiError(
            400,
            f"Identity Pool does not exist ({pool[1]}). Please check that you specified a valid "
            "resource name as returned in the `name` attribute in the configuration API.",
        )


def replace(cloud: Cloud, policy: Policy, new_policy: Json) -> None:
    """Write a policy, as setIamPolicy does; ApiError 409 if it changed since it was read."""
    etag = new_policy.get("etag")
    if etag and etag != policy.etag:
        raise ApiError(
            409,
            "There were concurrent policy changes. Please retry the whole read-modify-write "
            "with exponential backoff.",
            status="ABORTED",
        )
    before = _pairs(policy)
    policy.bindings = [b for b in new_policy.get("bindings", []) if b.get("members")]
    policy.granted_at = {
        pair: policy.granted_at.get(pair, 0.0) if pair in before else cloud.now()
        for pair in _pairs(policy)
    }
    policy.revision += 1


def _pairs(policy: Policy) -> set[tuple[str, str]]:
    return {(each["role"], member) for each in policy.bindings for member in each["members"]}
