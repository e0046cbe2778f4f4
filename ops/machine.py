"""Asks Compute Engine, with the user's credentials, whether the machine of a run is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import requests
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import AuthorizedSession

from infra.untrusted_text import shown
from ops.commands import export
from ops.google_errors import message

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

API: Final = "https://compute.googleapis.com/compute/v1"
TIMEOUT_SECONDS: Final = 30
NOT_FOUND: Final = 404

OFF: Final = frozenset({"TERMINATED", "STOPPED", "SUSPENDED"})
"""https://docs.cloud.google.com/compute/docs/instances/instance-lifecycle"""
MISSING: Final = "not there"
LONGEST: Final = 200


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine and where it is."""

    project: str
    zone: str
    name: str

    @property
    def log_command(self) -> str:
        """The command that exports the launcher's log."""
        return export(self.name, self.project)

    def state(self, credentials: Credentials) -> str:
        """Its status as Compute Engine names it, MISSING, or why the status is not known."""
        url = f"{API}/projects/{self.project}/zones/{self.zone}/instances/{self.name}"
        session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # untyped library
        try:
            answer = session.get(url, timeout=TIMEOUT_SECONDS)
            if answer.status_code == NOT_FOUND:
                return MISSING
            if not answer.ok:
                return f"not known ({answer.status_code} {shown(message(answer), LONGEST)})"
            return shown(str(answer.json()["status"]), LONGEST)
        except (GoogleAuthError, requests.RequestException, ValueError, KeyError) as error:
            return f"not known ({shown(str(error), LONGEST)})"
