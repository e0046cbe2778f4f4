"""Errors: one way to get a CLI fails, or all of them fail."""

from __future__ import annotations


class UnavailableError(Exception):
    """One way to get the CLI fails on this machine; the text says why."""


class PulumiCliError(Exception):
    """Every way to get the CLI fails; the text has each reason, and the fixes."""
