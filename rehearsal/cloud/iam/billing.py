"""cloudbilling.googleapis.com: whether a project has a billing account.

https://docs.cloud.google.com/billing/docs/reference/rest/v1/projects/getBillingInfo
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rehearsal.cloud.http.rest import Api, Call, Method

if TYPE_CHECKING:
    from rehearsal.cloud.state import Json


def _get(call: Call) -> Json:
    project = call.project
    return {
        "name": f"projects/{project.id}/billingInfo",
        "projectId": project.id,
        "billingAccountName": project.billing_account,
        "billingEnabled": bool(project.billing_account),
    }


METHODS = (
    Method("GET", "/v1/projects/{project}/billingInfo", "resourcemanager.projects.get", _get),
)
API = Api("cloudbilling.googleapis.com", "Cloud Billing API", METHODS)
