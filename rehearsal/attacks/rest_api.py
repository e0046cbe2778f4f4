"""Google's REST APIs, called in process as a company's administrator calls them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rehearsal.attacks.gates import Refused
from rehearsal.cloud.http.server import hosts

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from rehearsal.attacks.deployment import Target
    from rehearsal.attacks.gates import Gate
    from rehearsal.cloud.state import Instance

OUTSIDER = "user:somebody@elsewhere.example"
OPERATOR = "user:deployer@secundus.example"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
OWNER = "user:deployer@primus.example"


class _Switches:
    """A power switch that starts no machine."""

    def start(self, instance: Instance) -> None:
        """Do nothing: the machine stays off."""

    def stop(self, instance: Instance) -> None:
        """Do nothing: the machine is off."""

    def begin_shutdown(self, instance: Instance) -> None:
        """Do nothing: the machine is off."""


def ask(
    target: Target, member: str | None, verb: str, url: str, gate: Gate, body: object = None
) -> None:
    """One request of a member, or of nobody; Refused, by `gate`, if the answer is an error."""
    status, content = asyncio.run(_request(target, member, verb, url, body))
    if status >= 400:
        raise Refused(gate, str(json.loads(content)["error"]["message"]))


async def _request(
    target: Target, member: str | None, verb: str, url: str, body: object
) -> tuple[int, bytes]:
    split = urlsplit("https://" + url)
    headers = [(b"host", split.netloc.encode()), (b"content-type", b"application/json")]
    if member is not None:
        headers.append((b"authorization", f"Bearer {target.cloud.mint(member)}".encode()))
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": verb,
        "scheme": "https",
        "path": split.path,
        "raw_path": split.path.encode(),
        "query_string": split.query.encode(),
        "headers": headers,
    }
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": json.dumps(body).encode() if body else b""}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await hosts(target.cloud, target.issuer, _Switches())(scope, receive, send)
    return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])
