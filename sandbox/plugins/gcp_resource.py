"""Any resource of the gcp package, as far as its table says it all: check, diff, preview, read.

Asking the cloud is left to the subclasses.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from typing import TYPE_CHECKING

from sandbox.plugins import gcp_arguments
from sandbox.plugins.gcp_difference import changes, narrowed, overlaid
from sandbox.plugins.gcp_kind import at
from sandbox.plugins.gcp_rules import broken
from sandbox.plugins.provider import (
    DEFAULTS,
    UNKNOWN,
    Change,
    Difference,
    ProviderError,
    Resource,
)

if TYPE_CHECKING:
    from sandbox.plugins.gcp_api import Api
    from sandbox.plugins.gcp_kind import Kind
    from sandbox.plugins.provider import Json

ATTRIBUTION = {"goog-pulumi-provisioned": "true"}
"""https://www.pulumi.com/registry/packages/gcp/how-to-guides/8-0-migration/"""


class GcpResource(Resource):
    """A resource type; `token` is its Pulumi type, `kind` its table."""

    def __init__(self, api: Api, token: str, kind: Kind) -> None:
        self.api = api
        self.token = token
        self.kind = kind
        self.title = token.rpartition(":")[2]

    def check(self, name: str, news: Json, olds: Json, seed: bytes) -> tuple[Json, list[str]]:
        """Refuse what the genuine plugin refuses; make up a name where it would."""
        inputs, failures = gcp_arguments.check(self.token, name, news)
        own = self.kind.autoname
        if own and own not in inputs:
            if own in olds.get(DEFAULTS, []):
                inputs[own] = olds[own]
            else:
                unique = hashlib.sha256((seed or secrets.token_bytes(8)) + name.encode())
                short = name.lower()[: self.kind.longest - 8]
                inputs[own] = f"{short}-{unique.hexdigest()[:7]}"
            inputs[DEFAULTS] = [own]
        one = self.kind.exactly_one
        if one and sum(key in inputs for key in one) != 1:
            names = ",".join(map(gcp_arguments.snake, one))
            failures.append(f"Invalid combination of arguments: one of `{names}` must be specified")
        return inputs, failures or list(broken(self.kind.rules, inputs))

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """What is not as asked for, and whether it can be changed in place."""
        del old_inputs
        found = dict(changes(self.kind, state, news))
        project = news.get("project") or self.api.project
        if "project" in self.kind.replace and state.get("project") not in {None, project}:
            found["project"] = Change("UPDATE", replaces=True)
        first = self.kind.delete_first
        if first is None:
            first = self.kind.autoname not in news.get(DEFAULTS, [])
        return Difference(found, delete_before_replace=first)

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """What a preview shows: outputs that only the cloud knows are unknown for a new one."""
        inputs = without_names(inputs)
        self.kind.sendable(inputs)
        given: Json = {**self.kind.defaults, **inputs}
        if state is not None:
            gone = self.kind.properties.keys() - given.keys() - self.kind.keep
            stays = {key: value for key, value in state.items() if key not in gone}
            merged: Json = overlaid(stays, given)
            return merged | self.labels(given, None)
        places = {"project": self.api.project} if "project" in self.kind.properties else {}
        unknown = dict.fromkeys({*self.kind.outputs, *self.kind.keep} - {"project"}, UNKNOWN)
        unknown = {key: value for key, value in unknown.items() if "." not in key}
        return {**unknown, **places, **given} | self.labels(given, None)

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs, from the REST resource and what was sent (or recorded) before."""
        found: Json = {}
        for key, prop in self.kind.properties.items():
            value = given.get(key) if prop.read is None else at(live, prop.rest)
            if value is not None and prop.read is not None:
                value = prop.read(value)
            if value is None:
                value = self.kind.defaults.get(key)
            if value is not None:
                found[key] = value
        found |= {k: at(live, p) for k, p in self.kind.outputs.items() if at(live, p) is not None}
        if "project" in self.kind.properties:
            found["project"] = given.get("project") or self.api.project
        known = {k: v for k, v in places(identity).items() if k in self.kind.properties}
        return found | known | self.labels(given, live.get("labels") or {})

    def labels(self, given: Json, live: Json | None) -> Json:
        """The three views of labels: the program's, with Pulumi's own, and all there are."""
        if "labels" not in self.kind.properties:
            return {}
        own = given.get("labels", {})
        if own == UNKNOWN:
            return dict.fromkeys(("labels", "pulumiLabels", "effectiveLabels"), UNKNOWN)
        pulumis = self.api.attribution | own
        if live is None:
            return {"labels": own, "pulumiLabels": pulumis, "effectiveLabels": pulumis}
        return {
            "labels": {key: live[key] for key in own if key in live},
            "pulumiLabels": {key: live[key] for key in pulumis if key in live},
            "effectiveLabels": live,
        }

    def insert(self, inputs: Json) -> str:
        """Ask the cloud for a new one; its id."""
        raise NotImplementedError

    def find(self, identity: str, state: Json) -> Json | None:
        """The REST resource; None if it is gone."""
        raise NotImplementedError

    def patch(self, identity: str, state: Json, inputs: Json, fields: list[str]) -> None:
        """Change what is at `fields` of the REST resource."""
        raise NotImplementedError

    def remove(self, identity: str, state: Json) -> None:
        """Delete it; return quietly if it is gone."""
        raise NotImplementedError

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Insert and read."""
        inputs = without_names(inputs)
        identity = self.insert(inputs)
        return identity, self.outputs(identity, self._there(identity, inputs), inputs)

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Change what is not as asked for, and read."""
        inputs = places(identity) | without_names(inputs)
        self.kind.sendable(inputs)
        keys = {re.split(r"[.\[]", path)[0] for path, _ in changes(self.kind, state, inputs)}
        fields = [self.kind.properties[key].rest for key in sorted(keys)]
        if any(fields):
            self.patch(identity, state, inputs, [rest for rest in fields if rest])
        return self.outputs(identity, self._there(identity, inputs), inputs)

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """Read what is there."""
        live = self.find(identity, state)
        if live is None:
            return None
        outputs = self.outputs(identity, live, state)
        return outputs, self.described(outputs, inputs)

    def delete(self, identity: str, state: Json) -> None:
        """Remove it, unless the program says otherwise."""
        policy = state.get("deletionPolicy")
        if policy == "PREVENT":
            raise ProviderError(
                f"Error deleting {self.title} {identity}: got deletionPolicy PREVENT, expected "
                "DELETE. Nothing was deleted; change it in the program and run `pulumi up` first."
            )
        if policy != "ABANDON":
            self.remove(identity, state)

    def _there(self, identity: str, given: Json) -> Json:
        live = self.find(identity, given)
        if live is None:
            raise ProviderError(f"Error reading {self.title}: {identity} is gone")
        return live

    def body(self, inputs: Json) -> Json:
        """The REST resource to send."""
        body = self.kind.body(inputs)
        if "labels" in self.kind.properties:
            body["labels"] = self.api.attribution | inputs.get("labels", {})
        return body

    def described(self, outputs: Json, inputs: Json) -> Json:
        """The inputs that describe what is there: the recorded ones, where it is still so."""
        if inputs:
            names = {DEFAULTS: inputs[DEFAULTS]} if DEFAULTS in inputs else {}
            return {
                key: narrowed(key, outputs[key], value)
                for key, value in inputs.items()
                if key in outputs
            } | names
        return {
            key: outputs[key]
            for key in self.kind.properties
            if outputs.get(key, self.kind.defaults.get(key)) != self.kind.defaults.get(key)
        }


def without_names(inputs: Json) -> Json:
    """The inputs without the note of which of them were made up."""
    return {key: value for key, value in inputs.items() if key != DEFAULTS}


def places(identity: str) -> Json:
    """Where a resource is, from its id: project, region, zone, location."""
    own = identity.partition("/roles/")[0]  # a grant's member may be in another project
    found = re.findall(r"(project|region|zone|location)s/([^/]+)", own)
    return {place: name for place, name in found if (place, name) != ("location", "global")}
