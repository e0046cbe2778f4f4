"""iamcredentials.googleapis.com: access tokens of service accounts, by impersonation.

https://docs.cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.routing import Route
from rehearsal.cloud.iam import access

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Cloud, Json

GET_ACCESS_TOKEN = "iam.serviceAccounts.getAccessToken"  # noqa: S105  a permission, no secret
LIFETIME = 3600
"""The longest life of an access token, in seconds."""


def generate_access_token(cloud: Cloud, who: Caller, email: str, body: Json) -> Json:
    """An access token of a service account, if its allow policy admits the caller; ApiError."""
    lent = cloud.service_accounts.get(email)
    policies = (lent.policy, cloud.projects[lent.project].policy) if lent else ()
    permission, resource = GET_ACCESS_TOKEN, f"projects/-/serviceAccounts/{email}"
    access.require(cloud, who, permission, resource, policies, named=False)
    lifetime = re.fullmatch(r"(\d+)s", body.get("lifetime", f"{LIFETIME}s"))
    if not body.get("scope") or not lifetime or not 0 < int(lifetime[1]) <= LIFETIME:
        raise ApiError(400, "Request contains an invalid argument.")
    if lent is not None and lent.disabled:
        raise ApiError(400, "Precondition check failed.", status="FAILED_PRECONDITION")
    until = datetime.fromtimestamp(cloud.now() + int(lifetime[1]), UTC)
    return {
        "accessToken": cloud.mint(f"serviceAccount:{email}", float(lifetime[1])),
        # google-auth parses this format only.
        "expireTime": until.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _generate(request: Request) -> Json:
    return generate_access_token(request.cloud, request.caller, request.path["email"], request.body)


def _allowed_locations(request: Request) -> Json:
    """google-auth asks this for every service account; 0x0 means "no boundary"."""
    access.caller(request.cloud, request.headers)
    return {"locations": [], "encodedLocations": "0x0"}


ACCOUNT = "/v1/projects/-/serviceAccounts/{email}"
ROUTES = (
    Route("POST", ACCOUNT + ":generateAccessToken", _generate),
    Route("GET", ACCOUNT + "/allowedLocations", _allowed_locations),
)
