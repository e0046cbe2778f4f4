"""Resources in a REST collection that are made, read, changed and deleted in the standard way.

Identity pools and their providers, repositories, networks, subnetworks, firewall rules; service
accounts nearly so. https://docs.cloud.google.com/apis/design/standard_methods
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox.plugins.gcp_arguments import snake
from sandbox.plugins.gcp_resource import GcpResource
from sandbox.plugins.provider import UNKNOWN

if TYPE_CHECKING:
    from sandbox.plugins.gcp_api import Api
    from sandbox.plugins.gcp_kind import Kind
    from sandbox.plugins.provider import Json

COMPUTE = "https://compute.googleapis.com/compute/beta"
PLACES = ("project", "region", "zone", "location")


class Path(NamedTuple):
    """Where a collection is: `parent` has {places} and {inputs}, `own` is the input with the name.

    `query` is the parameter that names a new resource; without it, the name is in the body.
    """

    root: str
    parent: str
    own: str
    query: str = ""


class Collection(GcpResource):
    """A resource type whose id is its path below `path.root`."""

    def __init__(self, api: Api, token: str, kind: Kind, path: Path) -> None:
        super().__init__(api, token, kind)
        self.path = path

    def located(self, inputs: Json) -> Json:
        """The inputs with the places that the provider's configuration adds."""
        wanted = [place for place in PLACES if f"{{{place}}}" in self.path.parent]
        return inputs | {place: self.api.place(place, inputs) for place in wanted}

    def insert(self, inputs: Json) -> str:
        """POST to the collection."""
        inputs = self.located(inputs)
        own, query = inputs[self.path.own], self.path.query
        collection = self.path.parent.format_map(inputs)
        identity = f"{collection}/{own}"
        params = {query: own} if query else {}
        body = self.body(inputs)
        self.send("POST", collection, identity, f"creating {self.title}", json=body, params=params)
        return identity

    def send(self, verb: str, path: str, identity: str, doing: str, **parts: Any) -> None:  # noqa: ANN401
        """Make a change, and wait for the end of the operation that it starts."""
        answer = self.api.call(verb, f"{self.path.root}/{path}", doing, **parts)
        self.wait(answer, identity, doing)

    def wait(self, answer: Json, identity: str, doing: str) -> None:
        """Wait for an operation, which Compute Engine keeps in the place of its resource."""
        if self.path.root == COMPUTE:
            scope = identity.rsplit("/", 2)[0]
            answer = answer | {"name": f"{scope}/operations/{answer['name']}"}
        self.api.wait(answer, lambda name: f"{self.path.root}/{name}", doing)

    def find(self, identity: str, state: Json) -> Json | None:
        """GET; a pool that is deleted, with only its id still taken, is gone."""
        del state
        live = self.api.unless_gone("GET", f"{self.path.root}/{identity}", f"reading {self.title}")
        return None if live is None or live.get("state") == "DELETED" else live

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs, with the inputs that only the id holds (a provider's pool)."""
        pairs = zip(self.path.parent.split("/"), identity.split("/"), strict=False)
        named = {part[1:-1]: value for part, value in pairs if part.startswith("{")}
        own = {self.path.own: identity.rpartition("/")[2]}
        return super().outputs(identity, live, given | named | own)

    def patch(self, identity: str, state: Json, inputs: Json, fields: list[str]) -> None:
        """PATCH with the whole resource and a mask of what changed.

        What the mask names and the body lacks is cleared: an attribute condition taken out of the
        program leaves a provider that admits everyone. The genuine plugin does just so.
        """
        del state
        params = {} if self.path.root == COMPUTE else {"updateMask": ",".join(fields)}
        body, doing = self.body(inputs), f"updating {self.title}"
        self.send("PATCH", identity, identity, doing, json=body, params=params)

    def remove(self, identity: str, state: Json) -> None:
        """DELETE."""
        del state
        doing = f"deleting {self.title}"
        answer = self.api.unless_gone("DELETE", f"{self.path.root}/{identity}", doing)
        if answer is not None:
            self.wait(answer, identity, doing)


class Repository(Collection):
    """An Artifact Registry repository, which calls itself by its short name."""

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs, with the address under which images are pushed and pulled."""
        found = super().outputs(identity, live, given)
        region, project, name = found["location"], found["project"], found["repositoryId"]
        uri = f"{region}-{found['format'].lower()}.pkg.dev/{project}/{name}"
        return {"registryUri": uri} | found | {"name": name}


class Network(Collection):
    """A network or what belongs to one; it is named by path."""

    def body(self, inputs: Json) -> Json:
        """The REST resource, with a network's bare name written out."""
        body = super().body(inputs)
        if "/" not in body.get("network", "/"):
            body["network"] = f"projects/{inputs['project']}/global/networks/{body['network']}"
        return body

    def patch(self, identity: str, state: Json, inputs: Json, fields: list[str]) -> None:
        """A subnetwork's private access is switched by a method of its own."""
        switch = "privateIpGoogleAccess"
        if fields == [switch]:
            path, body = f"{identity}/setPrivateIpGoogleAccess", {switch: inputs.get(switch, False)}
            self.send("POST", path, identity, f"updating {self.title}", json=body)
        else:
            super().patch(identity, state, inputs, fields)


class Account(Collection):
    """A service account: known by its e-mail, switched off and on by methods of their own."""

    def insert(self, inputs: Json) -> str:
        """POST; the answer is the account itself."""
        inputs = self.located(inputs)
        body = {"accountId": inputs["accountId"], "serviceAccount": self._account(inputs)}
        url = f"{self.path.root}/{self.path.parent.format_map(inputs)}"
        doing = "creating service account"
        identity: str = self.api.call("POST", url, doing, json=body)["name"]
        if inputs.get("disabled"):
            self._switch(identity, "disable")
        return identity

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs, as a member of allow policies too."""
        account = identity.rpartition("/")[2].partition("@")[0]
        found = super().outputs(identity, live, given) | {"accountId": account}
        return found | {"member": f"serviceAccount:{live['email']}"}

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The e-mail follows from the inputs, so a preview knows it."""
        found = super().plan(inputs, state)
        if UNKNOWN not in {found["accountId"], found["project"]}:
            email = f"{found['accountId']}@{found['project']}.iam.gserviceaccount.com"
            found |= {"email": email, "member": f"serviceAccount:{email}"}
        return found

    def patch(self, identity: str, state: Json, inputs: Json, fields: list[str]) -> None:
        """PATCH with the etag; disable and enable."""
        if "disabled" in fields:
            self._switch(identity, "disable" if inputs.get("disabled") else "enable")
        texts = [field for field in fields if field != "disabled"]
        if texts:
            live = self.find(identity, state) or {}
            account = dict.fromkeys(texts, "") | self._account(inputs) | {"etag": live.get("etag")}
            body = {"serviceAccount": account, "updateMask": ",".join(map(snake, texts))}
            self.api.call(
                "PATCH", f"{self.path.root}/{identity}", "updating service account", json=body
            )

    def _account(self, inputs: Json) -> Json:
        return {key: value for key, value in self.body(inputs).items() if key != "disabled"}

    def _switch(self, identity: str, method: str) -> None:
        self.api.call(
            "POST", f"{self.path.root}/{identity}:{method}", f"{method} service account", json={}
        )

    def wait(self, answer: Json, identity: str, doing: str) -> None:
        """Service accounts come and go without operations."""
