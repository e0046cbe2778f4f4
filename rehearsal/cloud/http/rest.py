"""The checks that most of Google's APIs share: credentials, project, API enabled, permissions.

They are made in this order, before a method's own handler sees the request.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.routing import Route
from rehearsal.cloud.iam import access
from rehearsal.cloud.state import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.datastructures import QueryParams

    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.state import Cloud, Json, Policy


class Method(NamedTuple):
    """One row of an API's table."""

    verb: str
    path: str
    permissions: str
    """separated by spaces; all are needed"""
    handler: Callable[[Call], Json]
    action: str = ""
    """the suffix of a custom method, as in `:setIamPolicy`"""


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
    """the error of an older API for a missing permission on a resource"""

    def routes(self) -> tuple[Route, ...]:
        """The API's table of routes."""
        # Custom methods first: the last parameter of another path would match their suffix, too.
        methods = sorted(self.methods, key=lambda method: not method.action)
        return tuple(Route(m.verb, m.path + m.action, partial(self._serve, m)) for m in methods)

    def _serve(self, method: Method, request: Request) -> Json:
        cloud, path, caller = request.cloud, request.path, request.caller
        if caller.member is None:
            raise ApiError(401, "Request is missing required authentication credential.")
        reference = path.get("project", "")
        # Nobody has a permission in an unknown project: 403, never 404.
        project = self.project(cloud, path) or Project(reference, "0")
        if project.id in cloud.projects:
            require_enabled(cloud, project, self.host, self.title)
        resource = re.sub(r"^/(compute/)?[^/]+/", "", unquote(request.url_path))
        resource = resource.removesuffix(method.action)
        resource = resource.replace(f"projects/{reference}", f"projects/{project.id}", 1)
        policy = self.policy(cloud, resource)
        call = Call(
            self, cloud, caller, project, policy, resource, path, request.query, request.body
        )
        call.require(method.permissions)
        return method.handler(call)


@dataclass(frozen=True)
class Call:
    """One request to a method, with the project and the policy that it concerns."""

    api: Api
    cloud: Cloud
    caller: access.Caller
    project: Project
    policy: Policy | None
    resource: str
    """the requested resource, with its project's id: projects/ID/…"""
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
                access.require(self.cloud, self.caller, permission, name, policies)
            elif not access.decide(self.cloud, self.caller, permission, name, policies):
                raise self.api.refusal(permission, resource)


def require_enabled(cloud: Cloud, project: Project, service: str, title: str) -> None:
    """ApiError 403 SERVICE_DISABLED unless the API is enabled in the project, and known to be.

    https://docs.cloud.google.com/service-usage/docs/enable-disable
    """
    latest = cloud.now() - cloud.propagation.get(service, 0.0)
    if service in project.services and project.enabled_at.get(service, latest) <= latest:
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
    """The error of the newer APIs for a resource that does not exist."""
    return ApiError(404, "Requested entity was not found.")


def timestamp(cloud: Cloud) -> str:
    """This moment on the cloud's clock, as RFC 3339."""
    moment = datetime.fromtimestamp(cloud.now(), UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
