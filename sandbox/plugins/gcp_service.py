"""APIs that a project uses: switched on if they are off, and off again only if the program says so.

https://docs.cloud.google.com/service-usage/docs/reference/rest/v1/services
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.plugins.gcp_resource import GcpResource

if TYPE_CHECKING:
    from sandbox.plugins.provider import Json

ROOT = "https://serviceusage.googleapis.com/v1"


class Service(GcpResource):
    """One API of one project; its id is project/service."""

    def insert(self, inputs: Json) -> str:
        """Enable it, unless it is."""
        identity = f"{self.api.place('project', inputs)}/{inputs['service']}"
        if self.find(identity, inputs) is None:
            self._switch(identity, "enable", {})
        return identity

    def find(self, identity: str, state: Json) -> Json | None:
        """The API, if it is among those that are on."""
        del state
        project, _, service = identity.partition("/")
        url, doing = f"{ROOT}/projects/{project}/services", "reading services"
        page: Json = {"filter": "state:ENABLED"}
        while True:
            found = self.api.call("GET", url, doing, params=page)
            for each in found.get("services", []):
                if each["name"].rpartition("/")[2] == service:
                    return {"project": project, "service": service}
            if not found.get("nextPageToken"):
                return None
            page["pageToken"] = found["nextPageToken"]

    def outputs(self, identity: str, live: Json, given: Json) -> Json:
        """The outputs."""
        return super().outputs(identity, live, given) | live

    def remove(self, identity: str, state: Json) -> None:
        """Disable it, if the program says so; others in the project may need it."""
        if state.get("disableOnDestroy"):
            dependents = state.get("disableDependentServices", False)
            self._switch(identity, "disable", {"disableDependentServices": dependents})

    def _switch(self, identity: str, method: str, body: Json) -> None:
        project, _, service = identity.partition("/")
        url, doing = f"{ROOT}/projects/{project}/services/{service}:{method}", f"{method} {service}"
        operation = self.api.call("POST", url, doing, json=body)
        self.api.wait(operation, lambda name: f"{ROOT}/{name}", doing)
