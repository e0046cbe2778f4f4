"""The metadata server of one virtual machine: its description, and tokens of its service account.

As on Google Cloud, each process that can reach it can act as the machine. The launcher serves it on
a loopback port. https://docs.cloud.google.com/compute/docs/metadata/overview
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from rehearsal.cloud.http.routing import Route

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.state import Cloud, Instance, Json

FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}
LIFETIME = 3600
"""How long a token lives, in seconds."""


def routes(instance: Instance) -> tuple[Route, ...]:
    """The metadata server as this machine sees it."""
    entry = partial(_entry, instance)
    return (Route("GET", "/", _root), Route("GET", "/computeMetadata/v1/{path:path}", entry))


def _root(_request: Request) -> Response:
    return PlainTextResponse("computeMetadata/\n", headers=FLAVOR)


def _entry(instance: Instance, request: Request) -> Response:
    if request.headers.get("metadata-flavor") != "Google":
        # So that a process that is tricked into fetching a URL does not reveal a token.
        return PlainTextResponse("Missing Metadata-Flavor:Google header.", 403, FLAVOR)
    recursive = request.query.get("recursive") == "true"
    node: Any = _tree(request.cloud, instance)
    for step in filter(None, request.path["path"].split("/")):
        node = node.get(step) if isinstance(node, dict) else None
    if node is None:
        return PlainTextResponse("Not Found", 404, FLAVOR)
    if callable(node):
        return JSONResponse(node(), headers=FLAVOR)
    if isinstance(node, dict) and recursive:
        shown = {name: value for name, value in node.items() if not callable(value)}
        return JSONResponse(shown, headers=FLAVOR)
    if isinstance(node, dict):
        node = [f"{name}/" if isinstance(node[name], dict) else name for name in node]
    return PlainTextResponse("\n".join(node) if isinstance(node, list) else node, 200, FLAVOR)


def _tree(cloud: Cloud, instance: Instance) -> Json:
    number = cloud.projects[instance.project].number
    return {
        "instance": {
            "attributes": instance.metadata,
            "hostname": f"{instance.name}.{instance.zone}.c.{instance.project}.internal",
            "id": instance.id,
            "name": instance.name,
            "service-accounts": _accounts(cloud, instance),
            "zone": f"projects/{number}/zones/{instance.zone}",
        },
        "project": {"numeric-project-id": number, "project-id": instance.project},
        "universe": {"universe-domain": "googleapis.com"},
    }


def _accounts(cloud: Cloud, instance: Instance) -> Json:
    email = instance.service_account
    if email is None:
        return {}

    def token() -> Json:
        access_token = cloud.mint(f"serviceAccount:{email}", LIFETIME, machine=instance.id)
        return {"access_token": access_token, "expires_in": LIFETIME - 1, "token_type": "Bearer"}

    scopes = instance.doc["serviceAccounts"][0].get("scopes", [])
    account = {"aliases": ["default"], "email": email, "scopes": scopes, "token": token}
    return {"default": account, email: account}
