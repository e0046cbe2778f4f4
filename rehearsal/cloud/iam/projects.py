"""cloudresourcemanager.googleapis.com v1: projects and their allow policies.

Projects are not created here: they exist before the first stack is deployed.
https://docs.cloud.google.com/resource-manager/reference/rest/v1/projects
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.http import conventions
from rehearsal.cloud.http.rest import Api, Call, Method
from rehearsal.cloud.iam import access

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


def _test_permissions(call: Call) -> Json:
    """Those of the asked permissions that the caller has; asking needs no permission."""
    asked = [str(each) for each in call.body.get("permissions", ())]
    policies = [call.project.policy]
    granted = [each for each in asked if access.is_allowed(call.cloud, call.caller, each, policies)]
    return {"permissions": granted} if granted else {}


def _organization_policy(call: Call) -> Json:
    """The effective policy of a constraint; without one, a list allows every value."""
    constraint = str(call.body.get("constraint", ""))
    policy = call.project.organization_policies.get(constraint, {"allValues": "ALLOW"})
    return {"constraint": constraint, "listPolicy": policy}


METHODS = (
    Method("GET", PROJECT, f"{PERMISSION}get", _get),
    Method("POST", PROJECT, f"{PERMISSION}getIamPolicy", conventions.get_policy, ":getIamPolicy"),
    Method("POST", PROJECT, f"{PERMISSION}setIamPolicy", conventions.set_policy, ":setIamPolicy"),
    Method("POST", PROJECT, "", _test_permissions, ":testIamPermissions"),
    Method("POST", PROJECT, "orgpolicy.policy.get", _organization_policy, ":getEffectiveOrgPolicy"),
)
HOST, TITLE = "cloudresourcemanager.googleapis.com", "Cloud Resource Manager API"
API = Api(HOST, TITLE, METHODS, policy=_policy)
