"""The APIs of a project, and the accounts as which they act.

https://docs.cloud.google.com/service-usage/docs/reference/rest
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins.gcp_resource import GcpResource

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json


class Service(GcpResource):
    """An API that a project uses, enabled if it is not; its id is project/service.

    https://docs.cloud.google.com/service-usage/docs/reference/rest/v1/services
    """

    def insert(self, properties: Json) -> str:
        """Enable it, unless it is enabled."""
        identity = f"{properties['project']}/{properties['service']}"
        if self.find(identity, properties) is None:
            self._switch(identity, "enable")
        return identity

    def find(self, identity: str, properties: Json) -> Json | None:
        """The API, if it is enabled."""
        del properties
        project, _, service = identity.partition("/")
        page: Json = {"filter": "state:ENABLED", "pageToken": None}
        while True:
            url = f"{self.root}/projects/{project}/services"
            answer = self.api.call("GET", url, "reading services", params=page)
            for each in answer.get("services", []):
                if each["name"].endswith(f"/{service}"):
                    return {}
            if not answer.get("nextPageToken"):
                return None
            page["pageToken"] = answer["nextPageToken"]

    def delete(self, identity: str, state: Json) -> None:
        """Disable it, if the program says so: others in the project may need it."""
        if state.get("disableOnDestroy"):
            self._switch(identity, "disable")

    def _switch(self, identity: str, method: str) -> None:
        project, _, service = identity.partition("/")
        path, doing = f"projects/{project}/services/{service}:{method}", f"{method} {service}"
        self.send("POST", path, identity, doing, json={})


class ServiceIdentity(GcpResource):
    """The account as which an API acts in a project; it can be neither read nor deleted.

    https://docs.cloud.google.com/iam/docs/create-service-agents
    """

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Have Google make the account, if there is none."""
        properties = self.placed(inputs, self.api.places())
        identity, doing = "projects/{project}/services/{service}", f"creating {self.title}"
        identity = identity.format_map(properties)
        url = f"{self.root}/{identity}:generateServiceIdentity"
        operation = self.api.call("POST", url, doing)
        response = self.api.wait(f"{self.root}/{operation['name']}", doing)
        if email := response.get("email"):
            properties |= {"email": email, "member": f"serviceAccount:{email}"}
        return identity, properties

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """What is recorded."""
        return (state, inputs) if state else super().read(identity, state, inputs)

    def delete(self, identity: str, state: Json) -> None:
        """No request."""
