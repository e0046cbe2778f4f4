"""cloudresourcemanager.googleapis.com v1: projects and their allow policies.

Projects are not created here: they exist before the first stack is deployed.
https://docs.cloud.google.com/resource-manager/reference/rest/v1/projects
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.http import conventions
from rehearsal.cloud.http.rest import Api, Call, Method

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud, Json, Policy

PROJECT, PERMISSION = "/v1/projects/{project}", "resourcemanager.projects."


def _get(call: Call) -> Json:
    project = call.project
    names = {"projectId": project.id, "projectNumber": project.number, "name": project.id}
    return {**names, "lifecycleState": "ACTIVE"}


def _policy(cloud: Cloud, resource: str) -> Policy | None:
    project = cloud.project(resource.removeprefix("projects/"))
    return project.policy if project else None


METHODS = (
    Method("GET", PROJECT, f"{PERMISSION}get", _get),
    Method("POST", PROJECT, f"{PERMISSION}getIamPolicy", conventions.get_policy, ":getIamPolicy"),
    Method("POST", PROJECT, f"{PERMISSION}setIamPolicy", conventions.set_policy, ":setIamPolicy"),
)
HOST, TITLE = "cloudresourcemanager.googleapis.com", "Cloud Resource Manager API"
API = Api(HOST, TITLE, METHODS, policy=_policy)
