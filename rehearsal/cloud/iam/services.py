"""serviceusage.googleapis.com: which APIs are enabled in a project.

A person must enable Service Usage itself, and Resource Manager, beforehand.
https://docs.cloud.google.com/service-usage/docs/reference/rest/v1/services
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.http import conventions
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Api, Call, Method

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rehearsal.cloud.state import Cloud, Json, Project

SERVICES = "/v1/projects/{project}/services"
BETA = "/v1beta1/projects/{project}/services"
PERMISSION = "serviceusage.services."
OPERATION = "acat.p2-"
"""An operation names its project by number: operations/acat.p2-NUMBER-…"""

APIS = (
    "artifactregistry cloudbilling cloudkms cloudresourcemanager compute confidentialcomputing iam "
    "iamcredentials logging pubsub serviceusage storage sts"
)
KNOWN = tuple(f"{name}.googleapis.com" for name in APIS.split())
"""Every API that can be enabled here."""

AGENTS = {"pubsub.googleapis.com": "gcp-sa-pubsub"}
"""The domain of an API's own account."""


def _render(project: Project, service: str) -> Json:
    return {
        "name": f"projects/{project.number}/services/{service}",
        "parent": f"projects/{project.number}",
        "config": {"name": service},
        "state": "ENABLED" if service in project.services else "DISABLED",
    }


def _list(call: Call) -> Json:
    state = call.query.get("filter", "").removeprefix("state:")
    services = [_render(call.project, service) for service in KNOWN]
    return {"services": [s for s in services if state in ("", s["state"])]}


def _enable(call: Call, services: Iterable[str]) -> list[Json]:
    if unknown := ", ".join(s for s in services if s not in KNOWN):
        raise ApiError(403, f"Not found or permission denied for service(s): {unknown}.")
    for service in services:
        if service not in call.project.services:
            call.project.enabled_at[service] = call.cloud.now()
    call.project.services.update(services)
    return [_render(call.project, service) for service in services]


def _enable_one(call: Call) -> Json:
    enabled = _enable(call, [call.path["service"]])
    return _done(call, "EnableServiceResponse", {"service": enabled[0]})


def _enable_all(call: Call) -> Json:
    enabled = _enable(call, call.body.get("serviceIds", []))
    return _done(call, "BatchEnableServicesResponse", {"services": enabled})


def _disable(call: Call) -> Json:
    service = call.path["service"]
    if service not in call.project.services:
        raise ApiError(400, f"{service} is not enabled.", status="FAILED_PRECONDITION")
    call.project.services.remove(service)
    return _done(call, "DisableServiceResponse", {"service": _render(call.project, service)})


def _identify(call: Call) -> Json:
    """The account as which an API acts in a project: it exists from now on, at the latest.

    https://docs.cloud.google.com/iam/docs/create-service-agents
    """
    service = call.path["service"]
    if service not in AGENTS:
        raise ApiError(400, f"Got {service}, expected one of {', '.join(AGENTS)}: not modelled.")
    domain, number = AGENTS[service], call.project.number
    email = f"service-{number}@{domain}.iam.gserviceaccount.com"
    prefix, kind = f"{OPERATION}{number}-", "api.serviceusage.v1beta1.ServiceIdentity"
    return conventions.finished_operation(call, "", kind, {"email": email}, prefix)


def _done(call: Call, kind: str, response: Json) -> Json:
    prefix = f"{OPERATION}{call.project.number}-"
    return conventions.finished_operation(call, "", f"api.serviceusage.v1.{kind}", response, prefix)


def _project(cloud: Cloud, path: Mapping[str, str]) -> Project | None:
    number = path.get("operation", "").removeprefix(OPERATION).split("-")[0]
    return cloud.project(path.get("project", number))


READ, ENABLE = "serviceusage.operations.get", f"{PERMISSION}enable"
METHODS = (
    Method("GET", SERVICES, f"{PERMISSION}list", _list),
    Method("POST", SERVICES, ENABLE, _enable_all, ":batchEnable"),
    Method("POST", f"{SERVICES}/{{service}}", ENABLE, _enable_one, ":enable"),
    Method("POST", f"{SERVICES}/{{service}}", f"{PERMISSION}disable", _disable, ":disable"),
    Method("POST", f"{BETA}/{{service}}", ENABLE, _identify, ":generateServiceIdentity"),
    Method("GET", "/v1/operations/{operation}", READ, conventions.get_operation),
    Method("GET", "/v1beta1/operations/{operation}", READ, conventions.get_operation),
)
API = Api("serviceusage.googleapis.com", "Service Usage API", METHODS, _project)
