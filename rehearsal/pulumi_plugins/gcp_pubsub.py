"""Topics and subscriptions: created by PUT, changed by a PATCH that wraps the resource.

https://docs.cloud.google.com/pubsub/docs/reference/rest
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.pulumi_plugins.gcp_resource import GcpResource

if TYPE_CHECKING:
    from rehearsal.pulumi_plugins.provider import Json

FIXED = frozenset({"name", "topic"})


class PubSubResource(GcpResource):
    """A topic or a subscription; its id is its full name."""

    def insert(self, properties: Json) -> str:
        """PUT."""
        collection = self.type.collection.path.format_map(properties)
        identity, body = f"{collection}/{properties['name']}", self.body(properties)
        del body["name"]
        self.send("PUT", identity, identity, f"creating {self.title}", json=body)
        return identity

    def body(self, properties: Json) -> Json:
        """The REST resource; a topic is named in full."""
        body = super().body(properties)
        if "/" not in body.get("topic", "/"):
            body["topic"] = f"projects/{properties['project']}/topics/{body['topic']}"
        return body

    def patch(self, identity: str, state: Json, properties: Json, fields: list[str]) -> None:
        """PATCH with the whole resource; the mask is in the query.

        Danger, as in the genuine plugin: this clears each field that the mask names and the body
        lacks. A program that drops its dead letters has none from then on.
        """
        del state
        body = {key: value for key, value in self.body(properties).items() if key not in FIXED}
        params = {"updateMask": ",".join(fields)}
        doing = f"updating {self.title}"
        self.send("PATCH", identity, identity, doing, json={self.title: body}, params=params)
