"""The launcher's client of the attestation service: its permissions, and its errors.

The errors have the client's words, as the serial console shows them.
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
    """A client of the service in one region of a project, with the VM's account."""

    cloud: Cloud
    project: Project
    region: str
    who: Caller

    def find(self) -> None:
        """Look up the region, which the client does first; VerifierError."""
        try:
            self._require("locations.get")
        except ApiError:
            # The client then lists all regions, and reports the error of that.
            try:
                self._require("locations.list")
            except ApiError as error:
                doing = f'listing regions in project "{self.project.id}"'
                raise VerifierError(f"{doing}: {_google(error)}") from error
            raise

    def challenge(self) -> None:
        """Get a challenge, and check that the account may answer it; VerifierError."""
        try:
            for step in ("create", "verify"):
                self._require(f"challenges.{step}")
        except ApiError as error:
            doing = f"calling v1.CreateChallenge in {self.region}"
            raise VerifierError(f"{doing}: {_google(error)}") from error

    def refusal(self, reason: str) -> str:
        """The client's error for evidence that the service does not accept."""
        return (
            f"calling v1.VerifyConfidentialSpace in {self.region}: "
            f"{_google(ApiError(400, f'attestation failed: {reason}'))}"
        )

    def _require(self, what: str) -> None:
        """ApiError 403 unless the service is enabled, and the account has the permission."""
        require_enabled(self.cloud, self.project, SERVICE, "Confidential Computing API")
        resource = f"{SERVICE}/projects/{self.project.id}"
        if what != "locations.list":
            resource = f"{resource}/locations/{self.region}"
        permission = f"confidentialcomputing.{what}"
        access.require(self.cloud, self.who, permission, resource, [self.project.policy])


def _google(error: ApiError) -> str:
    return f"googleapi: Error {error.code}: {error}"
