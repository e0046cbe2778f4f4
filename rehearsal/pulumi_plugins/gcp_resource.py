"""A resource of the gcp package that Google's standard methods and its table describe completely.

https://docs.cloud.google.com/apis/design/standard_methods
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from rehearsal.pulumi_plugins import gcp_arguments
from rehearsal.pulumi_plugins.gcp_difference import changes, refreshed_inputs
from rehearsal.pulumi_plugins.gcp_resource_type import set_at, unchanged, value_at
from rehearsal.pulumi_plugins.provider import (
    UNKNOWN,
    Difference,
    PartlyCreatedError,
    ProviderError,
    Resource,
)

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.gcp_api import Api
    from rehearsal.pulumi_plugins.gcp_resource_type import ResourceType
    from rehearsal.pulumi_plugins.provider import Json

ATTRIBUTION = {"goog-pulumi-provisioned": "true"}
"""https://www.pulumi.com/registry/packages/gcp/how-to-guides/8-0-migration/"""


class GcpResource(Resource):
    """A resource type in a REST collection; its id is its path below the API's root."""

    def __init__(self, api: Api, resource_type: ResourceType) -> None:
        self.api = api
        self.type = resource_type
        self.root = resource_type.collection.root
        self.title = (
            re.sub("([A-Z])", r" \1", resource_type.token.rpartition(":")[2]).strip().lower()
        )

    def check(self, name: str, news: Json) -> tuple[Json, list[str]]:
        """Validate as the genuine plugin does."""
        inputs, failures = gcp_arguments.check(self.type.token, name, news)
        return inputs, failures or list(self.type.broken(inputs))

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """The differences of the state from the inputs, and whether they replace the resource."""
        del old_inputs
        defaults = {key: v for key, v in self.type.defaults.items() if key in state}
        if "project" in state:
            defaults["project"] = self.api.project
        differing = dict(changes(self.type, state, defaults | news))
        # Only where the plugin replaces: with `replace_on_changes` the program chooses the order.
        replaced = any(change.replaces for change in differing.values())
        return Difference(differing, delete_before_replace=replaced and self.type.delete_first)

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The outputs in a preview: those that only the cloud knows are unknown at first."""
        self.type.sendable(inputs)
        if state is not None:
            return {**state, **inputs}
        return dict.fromkeys(self.type.outputs, UNKNOWN) | self.placed(inputs, self.api.places())

    def placed(self, inputs: Json, places: Json) -> Json:
        """The inputs, completed by defaults and by the provider's configuration."""
        found = {
            key: place for key, place in places.items() if place and key in self.type.local_inputs
        }
        return {**self.type.defaults, **found, **inputs}

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Insert and read."""
        properties = self.placed(inputs, self.api.places())
        if missing := sorted(
            (self.api.places().keys() & self.type.local_inputs) - properties.keys()
        ):
            raise ProviderError(
                f"{', '.join(missing)}: required field is not set. Set it on the resource or on "
                "the provider (`pulumi config set gcp:project …`, gcp:region, gcp:zone)."
            )
        identity = self.insert(properties)
        try:
            return identity, self._there(identity, properties)
        except ProviderError as error:
            # It exists in the cloud, so the state must have it, too: with its inputs.
            raise PartlyCreatedError(str(error), identity, properties) from error

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Patch what differs, and read."""
        self.type.sendable(inputs)
        places = {key: state[key] for key in self.api.places() if key in state}
        properties = self.placed(inputs, places)
        keys = {re.split(r"[.\[]", path)[0] for path, _ in changes(self.type, state, properties)}
        if fields := [
            self.type.rest_paths[key] for key in sorted(keys & self.type.rest_paths.keys())
        ]:
            self.patch(identity, state, properties, fields)
        return self._there(identity, properties)

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """Read the live resource: of the state, or of an id alone, for `get` and `import`."""
        known = state or self.named(identity)
        live = self.find(identity, known)
        if live is None:
            return None
        outputs = self.outputs(live, known)
        if state:
            return outputs, refreshed_inputs(inputs, outputs)
        # Not the labels: the plugin cannot know which ones a program will set.
        keys = self.type.inputs & outputs.keys() - {"labels"}
        return outputs, {key: outputs[key] for key in keys}

    def named(self, identity: str) -> Json:
        """The inputs that are in an id; ProviderError for a kind that cannot be imported here."""
        path, own = self.type.collection.path, self.type.collection.own
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + f"/(?P<{own}>[^/]+)"
        found = re.fullmatch(pattern, identity) if own else None
        if found is None:
            raise ProviderError(
                f"got the id {identity} alone, expected a recorded {self.title}: this stand-in for "
                "the gcp plugin imports no such resource. Use the genuine plugin."
            )
        return found.groupdict()

    def delete(self, identity: str, state: Json) -> None:
        """DELETE."""
        del state
        self.send("DELETE", identity, identity, f"deleting {self.title}")

    def insert(self, properties: Json) -> str:
        """POST to the collection; the new resource's id."""
        _, path, own, query = self.type.collection
        collection, name = path.format_map(properties), properties[own]
        identity, params = f"{collection}/{name}", {query: name} if query else {}
        doing = f"creating {self.title}"
        self.send("POST", collection, identity, doing, json=self.body(properties), params=params)
        return identity

    def find(self, identity: str, properties: Json) -> Json | None:
        """GET; None if it does not exist, or if only its id is still reserved (a deleted pool)."""
        del properties
        live = self.api.unless_gone("GET", f"{self.root}/{identity}", f"reading {self.title}")
        return None if live is None or live.get("state") == "DELETED" else live

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """PATCH with the whole resource and a mask of what changed.

        Danger: this clears each field that the mask names and the body lacks. If a program drops
        its attribute condition, the provider admits everyone. The genuine plugin does the same.
        """
        del state
        if not self.type.collection.query:  # accounts and networks have other methods
            raise self.not_in_place(fields)
        body, params = self.body(properties), {"updateMask": ",".join(fields)}
        doing = f"updating {self.title}"
        self.send("PATCH", identity, identity, doing, json=body, params=params)

    def not_in_place(self, fields: list[str]) -> ProviderError:
        """The error for changes that this stand-in does not make in place."""
        return ProviderError(
            f"got a change of {', '.join(fields)}, which this stand-in for the gcp plugin cannot "
            f"make in place: nothing was changed. Replace the {self.title} (`pulumi up --replace "
            "URN`), or use the genuine plugin."
        )

    def send(self, verb: str, path: str, identity: str, doing: str, **parts: Any) -> Json:  # noqa: ANN401
        """Send a change, and wait for the operation that it starts, if any."""
        call = self.api.unless_gone if verb == "DELETE" else self.api.call
        answer = call(verb, f"{self.root}/{path}", doing, **parts) or {}
        operation = answer.get("name", "")
        if answer.get("kind") == "compute#operation":  # stored in its resource's location
            operation = f"{identity.rsplit('/', 2)[0]}/operations/{operation}"
        if re.search("(^|/)operations/", operation):
            self.api.wait(f"{self.root}/{operation}", doing)
        return answer

    def body(self, properties: Json) -> Json:
        """The REST resource to send."""
        body = self.type.body(properties)
        if "labels" in self.type.rest_paths:
            labels = ATTRIBUTION | properties.get("labels", {})
            set_at(body, self.type.rest_paths["labels"], labels)
        return body

    def outputs(self, live: Json, properties: Json) -> Json:
        """The outputs, from the REST resource and the inputs (or the recorded outputs)."""
        found = {key: properties[key] for key in self.type.local_inputs if key in properties}
        for key, path in {**self.type.rest_paths, **self.type.outputs}.items():
            if key not in self.type.local_inputs and (value := value_at(live, path)) is not None:
                found[key] = self.type.from_rest.get(key, unchanged)(value)
        if "labels" in found:  # without those that others attached
            own = properties.get("labels", {})
            found["labels"] = {key: v for key, v in found["labels"].items() if key in own}
        return found

    def _there(self, identity: str, properties: Json) -> Json:
        live = self.find(identity, properties)
        if live is None:
            raise ProviderError(f"Error reading {self.title}: {identity} is gone")
        return self.outputs(live, properties)
