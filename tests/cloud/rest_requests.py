"""Requests to Google's REST APIs by a deployer, and the texts of refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rehearsal.cloud.state import Cloud

    Ask = Callable[..., requests.Response]

ANYBODY = "user:anybody@example.com"
"""A caller without any permission."""


def asker(
    cloud: Cloud, project_id: str, roles: Iterable[str], apis: Iterable[str], prefix: str = ""
) -> Ask:
    """Give the project's deployer the roles, enable the APIs, and return how to send a request.

    A URL without a scheme is below `prefix`; `by` is another caller than the deployer.
    """
    company = project_id.partition("-")[0]
    deployer = f"user:deployer@{company}.example"
    project = cloud.projects[project_id]
    project.services = {f"{name}.googleapis.com" for name in apis}
    project.policy.bindings = [{"role": f"roles/{role}", "members": [deployer]} for role in roles]

    def ask(verb: str, url: str, body: Any = None, by: str = deployer) -> requests.Response:
        headers = {"Authorization": f"Bearer {cloud.mint(by)}"}
        url = url if url.startswith("https://") else prefix + url
        return requests.request(verb, url, json=body, headers=headers, timeout=10)

    return ask


def message(response: requests.Response, code: int) -> str:
    """The text of a refusal; the response and its JSON must have this code."""
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (code, code)
    return str(error["message"])
