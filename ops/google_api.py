"""Asks Google's REST APIs with the user's own credentials; every command does it here.

https://docs.cloud.google.com/apis/design/errors says how an answer looks that is an error.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import google.auth
import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials as Token

from infra.untrusted_text import shown
from ops.google_errors import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.auth.credentials import Credentials

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
TIMEOUT_SECONDS: Final = 30
LONGEST: Final = 300
"""Characters of Google's sentence that are shown."""
NOT_FOUND: Final = 404
NO_ANSWER: Final = 0
API_IS_OFF: Final = "SERVICE_DISABLED"

Json = dict[str, Any]


class CredentialsError(Exception):
    """There are no credentials; the message says how to get some."""


class ApiError(Exception):
    """A request failed; the text is Google's sentence, or why there was no answer."""

    def __init__(self, status: int, reason: str, text: str) -> None:
        super().__init__(f"{status} {text}" if status else text)
        self.status = status
        """the HTTP status; NO_ANSWER if there was none"""
        self.reason = reason
        """such as SERVICE_DISABLED or IAM_PERMISSION_DENIED; empty if Google gave none"""

    @property
    def short(self) -> str:
        """The text, or of Google's four lines about an API only that it is off."""
        return "its API is off" if self.reason == API_IS_OFF else str(self)


def identity() -> Credentials:
    """The credentials that pulumi-gcp would use too; CredentialsError if there are none."""
    token = os.environ.get("GOOGLE_OAUTH_ACCESS_TOKEN")
    if token:
        return Token(token=token)  # type: ignore[no-untyped-call]  # untyped library
    try:
        credentials, _ = google.auth.default(scopes=[SCOPE])
    except GoogleAuthError as error:
        raise CredentialsError(
            "no credentials found; run `gcloud auth application-default login`, or set "
            "GOOGLE_OAUTH_ACCESS_TOKEN as for `pulumi up`"
        ) from error
    return credentials


class GoogleApi:
    """A session with one identity. It is used by one thread."""

    def __init__(self, credentials: Credentials) -> None:
        self._session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # untyped

    def get(self, url: str, **query: str) -> Json:
        """The answer to GET https://`url`; ApiError."""
        return self._asked("GET", url, params=query)

    def post(self, url: str, body: Json) -> Json:
        """The answer to POST https://`url`; ApiError."""
        return self._asked("POST", url, json=body)

    def put(self, url: str, body: Json) -> Json:
        """The answer to PUT https://`url`; ApiError."""
        return self._asked("PUT", url, json=body)

    def patch(self, url: str, body: Json) -> Json:
        """The answer to PATCH https://`url`; ApiError."""
        return self._asked("PATCH", url, json=body)

    def delete(self, url: str, **query: str) -> Json:
        """The answer to DELETE https://`url`; ApiError."""
        return self._asked("DELETE", url, params=query)

    def pages(self, url: str, key: str, **query: str) -> Iterator[Json]:
        """Every item of a list that Google gives page by page, under `key`; ApiError."""
        page = ""
        while True:
            answer = self.get(url, **query, **({"pageToken": page} if page else {}))
            yield from answer.get(key, ())
            page = answer.get("nextPageToken", "")
            if not page:
                return

    def _asked(self, method: str, url: str, **content: Any) -> Json:  # noqa: ANN401  passed on
        try:
            answer = self._session.request(  # type: ignore[no-untyped-call]  # untyped library
                method, f"https://{url}", timeout=TIMEOUT_SECONDS, **content
            )
            if not answer.ok:
                raise ApiError(answer.status_code, _reason(answer), shown(message(answer), LONGEST))
            parsed = answer.json() if answer.content else {}
        except (GoogleAuthError, requests.RequestException, ValueError) as error:
            raise ApiError(NO_ANSWER, "", shown(str(error), LONGEST)) from error
        if not isinstance(parsed, dict):
            raise ApiError(answer.status_code, "", "the answer is no JSON object")
        return parsed


def _reason(answer: requests.Response) -> str:
    """The `reason` of the newer APIs' ErrorInfo, or that of the older APIs, or the status."""
    try:
        error = answer.json()["error"]
        found = [each["reason"] for each in error.get("details", ()) if "reason" in each]
        found += [each["reason"] for each in error.get("errors", ()) if "reason" in each]
        return shown(str((found or [error.get("status", "")])[0]), LONGEST)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
