"""compute.googleapis.com: projects and operations; which modules have the rest of the API.

Networks, subnetworks and firewalls are `control.networks`, machines are `control.instances`.
https://docs.cloud.google.com/compute/docs/reference/rest/v1
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.control import instances, networks, standard
from sandbox.control.instances import Machines
from sandbox.control.resources import ROOT, refusal
from sandbox.control.rest import Api, Call, Method

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from sandbox.state import Cloud, Json

__all__ = ["Machines", "app"]


def _project(call: Call) -> Json:
    return {"kind": "compute#project", "id": call.project.number, "name": call.project.id}


OPERATIONS = {"global": "global", "regions/{region}": "region", "zones/{zone}": "zone"}
METHODS = (
    Method("GET", ROOT, "compute.projects.get", _project),
    *(
        Method(
            "GET",
            f"{ROOT}/{scope}/operations/{{operation}}",
            f"compute.{kind}Operations.get",
            standard.operation,
        )
        for scope, kind in OPERATIONS.items()
    ),
    *networks.METHODS,
)


def app(cloud: Cloud, machines: Machines) -> Starlette:
    """The API; `machines` is told of every machine that starts and stops."""
    methods = (*METHODS, *instances.methods(machines))
    return Api("compute.googleapis.com", "Compute Engine API", methods, refusal=refusal).app(cloud)
