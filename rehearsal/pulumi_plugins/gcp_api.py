"""Requests to Google's REST APIs with the genuine plugin's credentials and error texts.

Access token, proxy and certificates come from the environment: this program does not decide which
cloud it reaches. The token is sent and never shown.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any

import requests

from rehearsal.pulumi_plugins.provider import Json, ProviderError

TOKEN = "GOOGLE_OAUTH_ACCESS_TOKEN"  # noqa: S105  the variable's name
POLL_SECONDS = 1.0
TIMEOUT_SECONDS = 20 * 60
GONE = 404


class ApiError(ProviderError):
    """An API's refusal, in the words of Google's client library for Go."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass
class Api:
    """The APIs with the configuration of one provider instance."""

    project: str = ""
    region: str = ""
    zone: str = ""
    session: requests.Session = field(default_factory=requests.Session)

    def sign_in(self) -> None:
        """Read the token from the environment; ProviderError if there is none."""
        token = os.environ.get(TOKEN, "")
        if not token:
            raise ProviderError(
                f"got no {TOKEN} in the environment, expected the access token of the deployer: "
                "nothing was asked of the cloud. `make cloud` prints the line that sets it."
            )

        def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers["Authorization"] = f"Bearer {token}"
            return request

        self.session.auth = authorize  # set as `auth`, because a ~/.netrc would overrule a header
        self.session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=32))

    def places(self) -> Json:
        """The location of a resource whose inputs do not name one."""
        here = {"project": self.project, "region": self.region, "location": self.region}
        return here | {"zone": self.zone}

    def call(self, verb: str, url: str, doing: str, **parts: Any) -> Json:  # noqa: ANN401  requests'
        """The JSON answer; ApiError that begins with `Error {doing}: googleapi: Error {code}`."""
        verify = os.environ.get("SSL_CERT_FILE") or True
        try:
            response = self.session.request(
                verb, url, verify=verify, timeout=TIMEOUT_SECONDS, **parts
            )
        except requests.RequestException as error:
            reason = type(error).__name__
            raise ProviderError(f"Error {doing}: {verb} {url}: {reason}: {error}") from error
        if not response.ok:
            raise ApiError(response.status_code, f"Error {doing}: {_googleapi(response)}")
        answer: Json = response.json() if response.content else {}
        return answer

    def unless_gone(self, verb: str, url: str, doing: str, **parts: Any) -> Json | None:  # noqa: ANN401
        """The JSON answer; None for 404."""
        try:
            return self.call(verb, url, doing, **parts)
        except ApiError as error:
            if error.code == GONE:
                return None
            raise

    def wait(self, url: str, doing: str) -> Json:
        """The response of a long-running operation; ProviderError if it failed."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        operation = self.call("GET", url, doing)
        while not (operation.get("done") or operation.get("status") == "DONE"):
            if time.monotonic() > deadline:
                raise ProviderError(f"Error waiting for {doing}: timeout while waiting")
            time.sleep(POLL_SECONDS)
            operation = self.call("GET", url, doing)
        if error := operation.get("error"):
            text = error.get("message") or "; ".join(e["message"] for e in error["errors"])
            raise ProviderError(f"Error waiting for {doing}: {text}")
        response: Json = operation.get("response", {})
        return response


def _googleapi(response: requests.Response) -> str:
    """https://pkg.go.dev/google.golang.org/api/googleapi#Error.Error."""
    code = response.status_code
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return f"googleapi: got HTTP response code {code} with body: {response.text}"
    reasons = [each.get("reason") for each in error.get("errors", [])]
    only = f", {reasons[0]}" if len(reasons) == 1 else ""
    return f"googleapi: Error {code}: {error.get('message')}{only}"
