"""Why there is no CLI: a reason for each way, and one error for all of them."""

from __future__ import annotations


class UnavailableError(Exception):
    """One way to the CLI is closed on this machine; the text says why."""


class PulumiCliError(Exception):
    """Every way is closed; the text gives each with its reason, and what opens one."""
