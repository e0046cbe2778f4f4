"""The attestation service as the launcher's client of it sees it: what it may ask, what it is told.

Errors are worded as the client wraps them, which is what the serial console shows.
https://github.com/google/go-tpm-tools/blob/main/verifier/rest/rest.go
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import require_enabled
from rehearsal.cloud.iam import access

if TYPE_CHECKING:
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Cloud, Project

SERVICE = "confidentialcomputing.googleapis.com"


class VerifierError(Exception):
    """The service refuses; the message is the client's."""


@dataclass(frozen=True)
class Verifier:
    """The service in one region of a project, asked by the VM's account."""

    cloud: Cloud
    project: Project
    region: str
    who: Caller

    def find(self) -> None:
        """Look the region up, as the client does before anything else; VerifierError."""
        try:
            self._require("locations.get")
        except ApiError:
            # The client then lists all regions, and what it tells is what comes of that.
            try:
                self._require("locations.list")
            except ApiError as error:
                doing = f'listing regions in project "{self.project.id}"'
                raise VerifierError(f"{doing}: {_google(error)}") from error
            raise

    def challenge(self) -> None:
        """Get a challenge, and be allowed to answer it; VerifierError."""
        try:
            for step in ("create", "verify"):
                self._require(f"challenges.{step}")
        except ApiError as error:
            doing = f"calling v1.CreateChallenge in {self.region}"
            raise VerifierError(f"{doing}: {_google(error)}") from error

    def refusal(self, reason: str) -> str:
        """How the client tells that the VM's evidence is not accepted."""
        return (
            f"calling v1.VerifyConfidentialSpace in {self.region}: "
            f"{_google(ApiError(400, f'attestation failed: {reason}'))}"
        )

    def _require(self, what: str) -> None:
        """ApiError 403 unless the service is on in the project, and the account may do that."""
        require_enabled(self.project, SERVICE, "Confidential Computing API")
        resource = f"{SERVICE}/projects/{self.project.id}"
        if what != "locations.list":
            resource = f"{resource}/locations/{self.region}"
        permission = f"confidentialcomputing.{what}"
        access.require(self.cloud, self.who, permission, resource, [self.project.policy])


def _google(error: ApiError) -> str:
    return f"googleapi: Error {error.code}: {error}"
