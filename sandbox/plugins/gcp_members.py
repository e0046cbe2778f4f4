"""Grants: one member and one role in the allow policy of a bucket, repository, project or account.

A grant is added to and taken out of the policy that is there; what others granted stays. The policy
is read, changed and written back with its etag, and all of it again if somebody else was faster.
https://docs.cloud.google.com/iam/docs/granting-changing-revoking-access#concurrency
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import TYPE_CHECKING, ClassVar

from sandbox.plugins.gcp_api import GONE, ApiError
from sandbox.plugins.gcp_resource import GcpResource
from sandbox.plugins.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.plugins.provider import Json

ATTEMPTS = 8
CONFLICTS = frozenset({409, 412})
VERSION = 3
"""Of the policy format: the one with conditions."""

_ONE_AT_A_TIME: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)


class Member(GcpResource):
    """A grant; the subclasses say on what, and how that gives out its policy and takes it back."""

    root = ""
    ask = "POST"
    asked: ClassVar[Json] = {"params": {"options.requestedPolicyVersion": VERSION}}
    """Without it, bindings with a condition come without it."""
    mask: ClassVar[Json] = {}

    def resource(self, inputs: Json) -> str:
        """The resource that the policy belongs to: the beginning of the grant's id."""
        raise NotImplementedError

    def get_policy(self, resource: str, doing: str) -> Json:
        """The policy."""
        url = f"{self.root}/{resource}:getIamPolicy"
        return self.api.call(self.ask, url, doing, **self.asked)

    def set_policy(self, resource: str, policy: Json, doing: str) -> None:
        """Write the policy."""
        url = f"{self.root}/{resource}:setIamPolicy"
        self.api.call("POST", url, doing, json={"policy": policy} | self.mask)

    def insert(self, inputs: Json) -> str:
        """Add the member to the binding of the role, or add a binding."""

        def add(bindings: list[Json]) -> None:
            binding = _binding(bindings, inputs)
            if binding is None:
                bindings.append(_empty(inputs) | {"members": [inputs["member"]]})
            elif inputs["member"] not in binding["members"]:
                binding["members"].append(inputs["member"])

        self._change(inputs, add)
        title = (inputs.get("condition") or {}).get("title")
        parts = [
            self.resource(inputs),
            inputs["role"],
            inputs["member"],
            *([title] if title else []),
        ]
        return "/".join(parts)

    def find(self, identity: str, state: Json) -> Json | None:
        """The policy, if the grant is in it."""
        if not state:
            raise ProviderError(f"got the id {identity} alone, expected a recorded grant")
        try:
            policy = self.get_policy(self.resource(state), f"reading the policy for {identity}")
        except ApiError as error:
            if error.code == GONE:
                return None
            raise
        binding = _binding(policy.get("bindings", []), state)
        return policy if binding and state["member"] in binding["members"] else None

    def remove(self, identity: str, state: Json) -> None:
        """Take the member out of the binding; return quietly if the resource is gone."""
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

    def _change(self, inputs: Json, change: Callable[[list[Json]], None]) -> None:
        resource = self.resource(inputs)
        doing = f"setting IAM policy for {resource}"
        with _ONE_AT_A_TIME[resource]:
            for attempt in range(ATTEMPTS):
                policy = {"bindings": [], **self.get_policy(resource, doing), "version": VERSION}
                change(policy["bindings"])
                try:
                    return self.set_policy(resource, policy, doing)
                except ApiError as error:
                    if error.code not in CONFLICTS or attempt == ATTEMPTS - 1:
                        raise
                time.sleep(0.05 * 2**attempt)
        return None


class BucketMember(Member):
    """A grant on a bucket, in the older API's way."""

    root = "https://storage.googleapis.com/storage/v1"

    def resource(self, inputs: Json) -> str:
        """b/NAME."""
        return f"b/{inputs['bucket'].removeprefix('b/')}"

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs, with the bucket's longer name."""
        return super().outputs(identity, live, given) | {"bucket": self.resource(given)}

    def get_policy(self, resource: str, doing: str) -> Json:
        """GET."""
        params = {"optionsRequestedPolicyVersion": VERSION}
        return self.api.call("GET", f"{self.root}/{resource}/iam", doing, params=params)

    def set_policy(self, resource: str, policy: Json, doing: str) -> None:
        """PUT."""
        self.api.call("PUT", f"{self.root}/{resource}/iam", doing, json=policy)


class RepositoryMember(Member):
    """A grant on an Artifact Registry repository."""

    root = "https://artifactregistry.googleapis.com/v1"
    ask = "GET"

    def resource(self, inputs: Json) -> str:
        """projects/P/locations/L/repositories/R."""
        if "/" in inputs["repository"]:
            return str(inputs["repository"])
        project, location = (self.api.place(kind, inputs) for kind in ("project", "location"))
        return f"projects/{project}/locations/{location}/repositories/{inputs['repository']}"

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs, with the repository's full name."""
        return super().outputs(identity, live, given) | {"repository": self.resource(given)}


class ProjectMember(Member):
    """A grant on a project."""

    root = "https://cloudresourcemanager.googleapis.com/v1/projects"
    asked: ClassVar[Json] = {"json": {"options": {"requestedPolicyVersion": VERSION}}}
    mask: ClassVar[Json] = {"updateMask": "bindings,etag,auditConfigs"}

    def resource(self, inputs: Json) -> str:
        """The project's id."""
        return str(inputs["project"]).removeprefix("projects/")


class AccountMember(Member):
    """A grant to act as a service account."""

    root = "https://iam.googleapis.com/v1"

    def resource(self, inputs: Json) -> str:
        """projects/P/serviceAccounts/E."""
        return str(inputs["serviceAccountId"])


def _empty(inputs: Json) -> Json:
    condition = inputs.get("condition")
    return {"role": inputs["role"], **({"condition": condition} if condition else {})}


def _binding(bindings: list[Json], inputs: Json) -> Json | None:
    """The binding of the grant's role under the grant's condition, if there is one."""
    wanted = _empty(inputs)
    for binding in bindings:
        if {key: value for key, value in binding.items() if key != "members"} == wanted:
            return binding
    return None
