"""A company's administrator at a terminal: Google's REST APIs with one person's token.

What `gcloud` and `curl` would do. Used where the demonstration plays somebody who acts beside the
stacks: Secundus' administrator with an image of her own, Primus' with a careless change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from ops.google_errors import message

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS = 60

Json = dict[str, Any]


class AdminError(Exception):
    """An API refused an administrator what she should have been able to do."""


class Admin:
    """One person's session, reaching the cloud as the environment says and in no other way."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.token = environment["GOOGLE_OAUTH_ACCESS_TOKEN"]
        self.session = requests.Session()
        # The caller's own proxies, netrc and certificates must not lead anywhere else.
        self.session.trust_env = False
        self.session.proxies = {"https": environment["HTTPS_PROXY"]}
        self.session.verify = environment["SSL_CERT_FILE"]

    def ask(self, method: str, url: str, body: Json | None = None) -> requests.Response:
        """One request to https://`url`; whatever the answer."""
        return self.session.request(
            method,
            f"https://{url}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=TIMEOUT_SECONDS,
        )

    def call(self, method: str, url: str, body: Json | None = None) -> Json:
        """One request that must succeed; AdminError with the API's own words if it does not."""
        answer = self.ask(method, url, body)
        if not answer.ok:
            raise AdminError(f"{method} {url}: {answer.status_code} {message(answer)}")
        parsed: Json = answer.json() if answer.content else {}
        return parsed

    def bind(self, resource: str, role: str, member: str) -> None:
        """Grant a role on a resource, as `gcloud … add-iam-policy-binding` does."""
        policy = self.call(
            _GET_POLICY.get(resource.partition("/")[0], "POST"), f"{resource}:getIamPolicy"
        )
        bindings = [*policy.get("bindings", []), {"role": role, "members": [member]}]
        self.call("POST", f"{resource}:setIamPolicy", {"policy": {**policy, "bindings": bindings}})

    def unbind(self, resource: str, role: str, member: str) -> None:
        """Take a grant back, as `gcloud … remove-iam-policy-binding` does."""
        policy = self.call(
            _GET_POLICY.get(resource.partition("/")[0], "POST"), f"{resource}:getIamPolicy"
        )
        bindings = [
            {**b, "members": [m for m in b["members"] if (b["role"], m) != (role, member)]}
            for b in policy.get("bindings", [])
        ]
        self.call("POST", f"{resource}:setIamPolicy", {"policy": {**policy, "bindings": bindings}})


_GET_POLICY = {"artifactregistry.googleapis.com": "GET"}
"""Artifact Registry reads a policy with GET, the older APIs with POST."""
