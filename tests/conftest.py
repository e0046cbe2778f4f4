"""The Pulumi CLI that every test marked `engine` needs, and what happens where there is none.

Without a CLI those tests are taken out of the run and reported as not run, by name, at the end of
it. Nothing is downloaded or built inside pytest: `python -m toolchain` does that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from toolchain.acquire import present
from toolchain.errors import ToolchainError

if TYPE_CHECKING:
    from pathlib import Path

NOT_RUN = pytest.StashKey[tuple[list[str], str]]()
"""The names of the tests that could not run, and why."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the engine's tests if there is no engine; last, after `-k` and `-m`."""
    marked = [item for item in items if item.get_closest_marker("engine")]
    if not marked:
        return
    try:
        present()
    except ToolchainError as error:
        config.stash[NOT_RUN] = ([item.nodeid for item in marked], str(error))
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name every test that was not run, and say what to do about it."""
    if NOT_RUN not in config.stash:
        return
    names, reason = config.stash[NOT_RUN]
    title = f"{len(names)} TESTS NOT RUN: no Pulumi engine"
    terminalreporter.section(title, sep="!", red=True, bold=True)
    for line in (*(f"NOT RUN {name}" for name in names), "", reason):
        terminalreporter.write_line(line, red=True)


@pytest.fixture(scope="session")
def pulumi_cli() -> Path:
    """The folder that holds `pulumi`."""
    return present()
