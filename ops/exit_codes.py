"""The exit codes of every command."""

from __future__ import annotations

from typing import Final

OK: Final = 0
"""Everything is as it should be."""
BROKEN: Final = 1
"""The command did its work, and something is not as it should be: refused, failed, different."""
UNUSABLE: Final = 2
"""The command could not do its work."""
PARTLY: Final = 3
"""Admitted, and then the run failed, or some of its pictures did."""
