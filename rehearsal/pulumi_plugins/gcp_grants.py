"""Grants: one member and one role in the allow policy of a bucket, repository, project or account.

A grant is added to the policy, or removed from it; the grants of others stay. The policy is read,
changed and written back with its etag, and all of that again if another writer came first.
https://docs.cloud.google.com/iam/docs/granting-changing-revoking-access#concurrency
"""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins import gcp_types_grants as types
from rehearsal.pulumi_plugins.gcp_api import GONE, ApiError
from rehearsal.pulumi_plugins.gcp_resource import GcpResource

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.pulumi_plugins.provider import Json

ATTEMPTS = 8
CONFLICTS = frozenset({409, 412})
VERSION = 3
"""Of the policy format: without it, an API returns bindings without their conditions."""

_ONE_AT_A_TIME: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

V1 = {"params": {"options.requestedPolicyVersion": VERSION}}
STORAGE = {"params": {"optionsRequestedPolicyVersion": VERSION}}
PROJECTS = {"json": {"options": {"requestedPolicyVersion": VERSION}}}
GET_POLICY: dict[str, tuple[str, str, Json]] = {
    types.BUCKET_MEMBER.token: ("GET", "/iam", STORAGE),
    types.REPOSITORY_MEMBER.token: ("GET", ":getIamPolicy", V1),
    types.PROJECT_MEMBER.token: ("POST", ":getIamPolicy", PROJECTS),
    types.ACCOUNT_MEMBER.token: ("POST", ":getIamPolicy", V1),
    types.TOPIC_MEMBER.token: ("GET", ":getIamPolicy", {}),
    types.SUBSCRIPTION_MEMBER.token: ("GET", ":getIamPolicy", {}),
}
"""How to read a policy from each API: verb, suffix of the resource's path, version."""

PROJECT_MASK = {"updateMask": "bindings,etag,auditConfigs"}


class Grant(GcpResource):
    """A grant; its id is resource/role/member."""

    def insert(self, properties: Json) -> str:
        """Add the member to the binding of the role, or add a binding."""

        def add(bindings: list[Json]) -> None:
            binding = _binding(bindings, properties)
            if binding is None:
                bindings.append(_identity(properties) | {"members": [properties["member"]]})
            elif properties["member"] not in binding["members"]:
                binding["members"].append(properties["member"])

        self._change(properties, add)
        title = (properties.get("condition") or {}).get("title")
        parts = [self._resource(properties), properties["role"], properties["member"], title]
        return "/".join(part for part in parts if part)

    def find(self, identity: str, properties: Json) -> Json | None:
        """The policy, if it holds the grant."""
        try:
            policy = self._policy(self._resource(properties), f"reading the policy for {identity}")
        except ApiError as error:
            if error.code == GONE:
                return None
            raise
        binding = _binding(policy.get("bindings", []), properties)
        return policy if binding and properties["member"] in binding["members"] else None

    def delete(self, identity: str, state: Json) -> None:
        """Remove the member from the binding; no error if the resource does not exist."""
        del identity

        def take(bindings: list[Json]) -> None:
            binding = _binding(bindings, state)
            if binding is not None:
                binding["members"] = [m for m in binding["members"] if m != state["member"]]
                if not binding["members"]:
                    bindings.remove(binding)

        try:
            self._change(state, take)
        except ApiError as error:
            if error.code != GONE:
                raise

    def _resource(self, properties: Json) -> str:
        path = self.type.collection.path.format_map(properties)
        # Topics and subscriptions are given by their names or by their full names.
        return re.sub(r"^projects/[^/]+/\w+/(?=projects/)", "", path)

    def _policy(self, resource: str, doing: str) -> Json:
        verb, suffix, parts = GET_POLICY[self.type.token]
        return self.api.call(verb, f"{self.root}/{resource}{suffix}", doing, **parts)

    def _change(self, properties: Json, change: Callable[[list[Json]], None]) -> None:
        resource = self._resource(properties)
        url, doing = f"{self.root}/{resource}", f"setting IAM policy for {resource}"
        with _ONE_AT_A_TIME[resource]:
            for attempt in range(ATTEMPTS):
                policy = {"bindings": [], **self._policy(resource, doing), "version": VERSION}
                change(policy["bindings"])
                try:
                    if self.type is types.BUCKET_MEMBER:  # the older API's way
                        self.api.call("PUT", f"{url}/iam", doing, json=policy)
                    else:
                        mask = PROJECT_MASK if self.type is types.PROJECT_MEMBER else {}
                        body = {"policy": policy} | mask
                        self.api.call("POST", f"{url}:setIamPolicy", doing, json=body)
                except ApiError as error:
                    if error.code not in CONFLICTS or attempt == ATTEMPTS - 1:
                        raise
                else:
                    return
                time.sleep(0.05 * 2**attempt)


def _identity(properties: Json) -> Json:
    condition = properties.get("condition")
    return {"role": properties["role"]} | ({"condition": condition} if condition else {})


def _binding(bindings: list[Json], properties: Json) -> Json | None:
    """The binding of the grant's role under the grant's condition, if there is one."""
    identity = _identity(properties)
    return next((b for b in bindings if b == {**identity, "members": b["members"]}), None)
