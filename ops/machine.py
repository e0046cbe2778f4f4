"""Asks Compute Engine, with the user's credentials, whether the machine of a run is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from ops.commands import export
from ops.google_api import LONGEST, NOT_FOUND, ApiError, GoogleApi

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

API: Final = "compute.googleapis.com/compute/v1"

OFF: Final = frozenset({"TERMINATED", "STOPPED", "SUSPENDED"})
"""https://docs.cloud.google.com/compute/docs/instances/instance-lifecycle"""
MISSING: Final = "not there"


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
        try:
            return shown(str(GoogleApi(credentials).get(url)["status"]), LONGEST)
        except ApiError as error:
            return MISSING if error.status == NOT_FOUND else f"not known ({error})"
        except KeyError:
            return "not known (the answer has no status)"
