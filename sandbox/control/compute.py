"""compute.googleapis.com: projects, operations and Google's Confidential Space images.

Networks, subnetworks and firewalls are `control.networks`, machines are `control.instances`.
https://docs.cloud.google.com/compute/docs/reference/rest/v1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control import instances, networks, operations, rest
from sandbox.control.instances import Machines
from sandbox.control.resources import ROOT, refusal
from sandbox.control.rest import Api, Call, Method

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from sandbox.state import Cloud, Json

__all__ = ["Machines", "app"]


def _project(call: Call) -> Json:
    return {"kind": "compute#project", "id": call.project.number, "name": call.project.id}


def _image(call: Call) -> Json:
    return instances.image(call.resource)


def _operations(scope: str, kind: str) -> Method:
    path = f"{ROOT}/{scope}/operations/{{operation}}"
    return Method("GET", path, f"compute.{kind}Operations.get", operations.get)


METHODS = (
    Method("GET", ROOT, "compute.projects.get", _project),
    Method("GET", f"{ROOT}/global/images/family/{{image}}", "", _image),
    Method("GET", f"{ROOT}/global/images/{{image}}", "", _image),
    _operations("global", "global"),
    _operations("regions/{region}", "region"),
    _operations("zones/{zone}", "zone"),
    *networks.METHODS,
)


def app(cloud: Cloud, machines: Machines) -> Starlette:
    """The API; `machines` is told of every machine that starts and stops."""
    methods = (*METHODS, *instances.methods(machines))
    api = Api("compute.googleapis.com", "Compute Engine API", methods, refusal=refusal)
    return rest.app(cloud, api)
