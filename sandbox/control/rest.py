"""What every API has in common: authentication, project, API switched on, permission, errors.

Checked in this order, before a method's own handler sees the request. Owns no resource.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import errors, iam
from sandbox.errors import ApiError
from sandbox.state import Cloud, Json, Policy, Project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.datastructures import QueryParams
    from starlette.requests import Request


class Method(NamedTuple):
    """One row of an API's table."""

    verb: str
    path: str
    permissions: str
    """separated by spaces; all are needed, and a method without any is public"""
    handler: Callable[[Call], Json]
    action: str = ""
    """what follows the resource where the HTTP verb does not say it all, as in `:undelete`"""


@dataclass(frozen=True)
class Api:
    """An API: its host, what Google calls it, its methods, and where it differs from the others."""

    host: str
    title: str
    methods: tuple[Method, ...]
    project: Callable[[Cloud, Mapping[str, str]], Project | None] = lambda cloud, path: (
        cloud.project(path["project"])
    )
    policy: Callable[[Cloud, str], Policy | None] = lambda _cloud, _resource: None
    """the allow policy of the resource itself, beside its project's"""
    refusal: Callable[[str, str], ApiError] | None = None
    """the words of an older API for a permission that is missing on a resource"""


@dataclass(frozen=True)
class Call:
    """One request that may proceed."""

    api: Api
    cloud: Cloud
    who: iam.Caller
    project: Project
    policy: Policy | None
    resource: str
    """what is asked for, with its project's id: projects/ID/…"""
    path: Mapping[str, str]
    query: QueryParams
    body: Json

    def require(self, permissions: str, resource: str = "") -> None:
        """ApiError 403 unless the caller holds all of the permissions."""
        policies = [p for p in (self.project.policy, self.policy) if p is not None]
        resource = resource or self.resource
        name = f"{self.api.host}/{resource}"
        for permission in permissions.split():
            if self.api.refusal is None:
                iam.require(self.cloud, self.who, permission, name, policies)
            elif not iam.decide(self.cloud, self.who, permission, name, policies):
                raise self.api.refusal(permission, resource)


def app(cloud: Cloud, api: Api) -> Starlette:
    """The API as a web application."""
    # Actions first: the name at the end of a path would swallow them.
    methods = sorted(api.methods, key=lambda m: not m.action)
    return Starlette(
        routes=[
            Route(m.path + m.action, _endpoint(cloud, api, m), methods=[m.verb]) for m in methods
        ],
        exception_handlers={ApiError: errors.answer, HTTPException: _not_modelled},
    )


def _endpoint(cloud: Cloud, api: Api, method: Method) -> Callable[[Request], object]:
    async def serve(request: Request) -> Response:
        who = iam.caller(cloud, request.headers)
        if who.member is None:
            raise ApiError(401, "Request is missing required authentication credential.")
        path = request.path_params
        reference = path.get("project", "")
        # An unknown project is one in which nobody may do anything: 403, never 404.
        project = api.project(cloud, path) or Project(reference, "0")
        if project.id in cloud.projects:
            require_enabled(project, api.host, api.title)
        resource = re.sub(r"^/(compute/)?[^/]+/", "", request.url.path).removesuffix(method.action)
        resource = resource.replace(f"projects/{reference}", f"projects/{project.id}", 1)
        policy, query = api.policy(cloud, resource), request.query_params
        body = _body(await request.body())
        call = Call(api, cloud, who, project, policy, resource, path, query, body)
        call.require(method.permissions)
        return JSONResponse(method.handler(call))

    return serve


def _body(data: bytes) -> Json:
    try:
        body = json.loads(data or b"{}")
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON payload received. {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "Invalid JSON payload received. Root element must be a message.")
    return body


async def _not_modelled(request: Request, _error: Exception) -> JSONResponse:
    what = f"{request.method} {request.url.path}"
    return ApiError(404, f"{what} is not modelled by the local cloud.").response()


def require_enabled(project: Project, service: str, title: str) -> None:
    """ApiError 403 SERVICE_DISABLED unless the API is on in the project.

    https://docs.cloud.google.com/service-usage/docs/enable-disable
    """
    if service in project.services:
        return
    consumer, number = f"projects/{project.number}", project.number
    url = f"https://console.developers.google.com/apis/api/{service}/overview?project={number}"
    raise ApiError(
        403,
        f"{title} has not been used in project {number} before or it is disabled. Enable it by "
        f"visiting {url} then retry. If you enabled this API recently, wait a few minutes for "
        "the action to propagate to our systems and retry.",
        reason="accessNotConfigured",
        details=[
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {"service": service, "consumer": consumer, "activationUrl": url},
            }
        ],
    )


def not_found() -> ApiError:
    """What the newer APIs say of a resource that is not there."""
    return ApiError(404, "Requested entity was not found.")


def get_policy(call: Call) -> Json:
    """Read the allow policy of any resource; ApiError 404 if there is no such resource."""
    if call.policy is None:
        raise not_found()
    return call.policy.as_json()


def set_policy(call: Call) -> Json:
    """Replace it; ApiError 400 for a member that does not exist, 409 for an etag of the past."""
    if call.policy is None:
        raise not_found()
    wanted = call.body.get("policy") or {}
    iam.check_bindings(call.cloud, call.policy, wanted)
    iam.replace(call.policy, wanted)
    return call.policy.as_json()


def timestamp(cloud: Cloud, seconds: float | None = None) -> str:
    """A moment on the cloud's clock (default: now) as RFC 3339."""
    moment = datetime.fromtimestamp(cloud.now() if seconds is None else seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def known(body: Json, fields: frozenset[str]) -> Json:
    """The message itself; ApiError 400 naming every field that the API does not have."""
    if unknown := sorted(body.keys() - fields):
        names = ", ".join(f'"{name}"' for name in unknown)
        message = f"Invalid JSON payload received. Unknown name {names}: Cannot find field."
        raise ApiError(400, message)
    return body


def masked(current: Json, body: Json, mask: str, fields: frozenset[str]) -> Json:
    """A resource after PATCH: what the mask names is taken from the body, where absent: cleared.

    https://docs.cloud.google.com/apis/design/standard_methods#update
    """
    result = dict(current)
    for name in mask.split(",") if mask else fields & body.keys():
        path = re.sub(r"_(\w)", lambda m: m[1].upper(), name.strip()).split(".")
        if path[0] not in fields:
            raise ApiError(400, f"Invalid update mask: {name!r} is not an updatable field.")
        _assign(result, body, path)
    return result


def _assign(result: Json, body: Json, path: list[str]) -> None:
    head, *rest = path
    if rest:
        result[head] = dict(result.get(head) or {})
        _assign(result[head], body.get(head) or {}, rest)
    elif head in body:
        result[head] = body[head]
    else:
        result.pop(head, None)
