"""What some tests need and a machine may lack, and what happens there.

Tests marked `engine` need the Pulumi CLI; tests marked `namespace` a system that lets them mount
something for one process alone; tests marked `browser` a Chromium, those marked `gcloud` Google's
CLI, those marked `pstest` Google's fake of Pub/Sub. Without it they are taken out of the run and
reported as not run, by name, at the end of it. Nothing is downloaded or built inside pytest:
`python -m rehearsal.pulumi_cli` and `python -m tests.cloud.pstest` do that.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from rehearsal import chromium
from rehearsal.cloud.confidential_space import token_mount
from rehearsal.pulumi_cli.acquire import find_cli
from rehearsal.pulumi_cli.errors import PulumiCliError
from tests.cloud.pstest import program as pstest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOT_RUN = pytest.StashKey[list[tuple[str, list[str], str]]]()
"""What is missing, the names of the tests that could not run without it, and why it is missing."""


def _no_engine() -> str:
    try:
        find_cli()
    except PulumiCliError as error:
        return str(error)
    return ""


def _no_gcloud() -> str:
    found = shutil.which("gcloud")
    return "" if found else "install it: https://docs.cloud.google.com/sdk/docs/install"


NEEDS: dict[str, tuple[str, Callable[[], str]]] = {
    "engine": ("Pulumi engine", _no_engine),
    "namespace": ("mount namespace", token_mount.unavailable_reason),
    "browser": ("browser", chromium.missing_reason),
    "gcloud": ("gcloud", _no_gcloud),
    "pstest": ("fake of Pub/Sub", pstest.missing_reason),
}
"""By marker: what the tests need, and the function that says why it is not there."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out the tests that lack what they need; last, after `-k` and `-m`."""
    config.stash[NOT_RUN] = []
    for marker, (need, missing) in NEEDS.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        if marked and (reason := missing()):
            config.stash[NOT_RUN].append((need, [item.nodeid for item in marked], reason))
            config.hook.pytest_deselected(items=marked)
            items[:] = [item for item in items if item not in marked]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Name every test that was not run, and say what to do about it."""
    for need, names, reason in config.stash.get(NOT_RUN, []):
        title = f"{len(names)} TESTS NOT RUN: no {need}"
        terminalreporter.section(title, sep="!", red=True, bold=True)
        for line in (*(f"NOT RUN {name}" for name in names), "", reason):
            terminalreporter.write_line(line, red=True)


@pytest.fixture(scope="session")
def pulumi_cli() -> Path:
    """The folder that holds `pulumi`."""
    return find_cli()
