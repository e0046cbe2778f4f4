"""Each row in the tables of the APIs needs credentials, and the permissions that it names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import requests

from rehearsal.cloud.compute import compute_api
from rehearsal.cloud.iam import billing, projects, service_accounts, services
from rehearsal.cloud.registry import repositories
from tests.cloud.rest_requests import ANYBODY

if TYPE_CHECKING:
    from rehearsal.cloud.http.rest import Api, Method
    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud, Instance

NUMBER = "1" * 12
PARAMETERS = {
    "account": "sa@primus-models.iam.gserviceaccount.com",
    "operation": f"acat.p2-{NUMBER}-1",
    "project": "primus-models",
    "version": "v1",
    "zone": "us-west1-b",
}
"""What the parameters of paths are replaced with; any other one is replaced with its name."""


class Machines:
    """Machines that are never powered on."""

    def start(self, instance: Instance) -> None:
        """Leave it off."""

    def stop(self, instance: Instance) -> None:
        """It is off."""

    def begin_shutdown(self, instance: Instance) -> None:
        """It is off."""


APIS = (
    compute_api.api(Machines()),
    billing.API,
    projects.API,
    repositories.API,
    service_accounts.API,
    services.API,
)
METHODS = [
    pytest.param(api, method, id=f"{method.verb} {method.path}{method.action}")
    for api in APIS
    for method in api.methods
    if method.permissions  # everybody may ask which permissions they have
]


def send(cloud: Cloud, api: Api, method: Method, token: str | None) -> tuple[int, str]:
    """Status and message of the answer to a request without a body."""
    cloud.projects["primus-models"].services.add(api.host)
    path = re.sub(r"\{(\w+)\}", lambda name: PARAMETERS.get(name[1], name[1]), method.path)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    url = f"https://{api.host}{path}{method.action}"
    answer = requests.request(method.verb, url, headers=headers, timeout=10)
    return answer.status_code, answer.json()["error"]["message"]


@pytest.mark.parametrize(("api", "method"), METHODS)
def test_a_caller_without_its_permission_is_refused(
    local: LocalCloud, api: Api, method: Method
) -> None:
    """403 that names the permission, before anybody learns whether the resource exists."""
    stranger = local.cloud.mint(ANYBODY)
    status, message = send(local.cloud, api, method, stranger)
    assert (status, method.permissions.split()[0] in message) == (403, True), message


@pytest.mark.parametrize(("api", "method"), METHODS)
def test_a_caller_without_credentials_is_asked_for_them(
    local: LocalCloud, api: Api, method: Method
) -> None:
    """401, whatever exists."""
    assert send(local.cloud, api, method, None)[0] == 401
