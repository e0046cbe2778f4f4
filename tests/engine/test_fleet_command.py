"""`make fleet` with less work than a user gives it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rehearsal.repository import REPOSITORY

LONGEST_SECONDS = 540

pytestmark = [
    pytest.mark.engine,
    pytest.mark.usefixtures("pulumi_cli"),
    pytest.mark.timeout(LONGEST_SECONDS + 60),
]


def test_a_fleet_whose_machines_die_leaves_the_results_of_one_machine() -> None:
    """Two of its machines are ended at random moments, and one slice fails for a while."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "rehearsal", "fleet", "--pictures", "1600", "--kills", "1"],
            cwd=REPOSITORY,
            env={**os.environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        # A step waits longer than this test may: what was printed names the step that hangs.
        pytest.fail(f"not over after {LONGEST_SECONDS} s:\n{(error.stdout or b'').decode()}")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "✗" not in done.stdout
    assert "what dead machines had was delivered again" in done.stdout
    assert "the fleet's results are those of one machine" in done.stdout
