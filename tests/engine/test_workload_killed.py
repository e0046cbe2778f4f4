"""A run that is killed at any moment, and started again, ends with the same bytes.

The workload's own story with the LiteRT engine and real decoder processes, from a folder to a
folder, as `make bench` runs it. `MOMENTS=20` tries more moments than `make test` has time for.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
MODEL = REPOSITORY / "model"
PICTURES = 1100
"""Two parts and a bit."""
MOMENTS = int(os.environ.get("MOMENTS", "3"))


def started(results: Path) -> subprocess.Popen[bytes]:
    """A run, from its first instruction."""
    command = [sys.executable, "-m", "bench.ours", str(MODEL / "model-litert.tar.gz")]
    command += [str(MODEL / "pictures"), str(results), "--count", str(PICTURES)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, float]:
    """What a run leaves that nobody disturbs, and how long it takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    begin = time.monotonic()
    assert started(folder).wait() == 0
    seconds = time.monotonic() - begin
    return (folder / "results.jsonl").read_bytes(), seconds


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_run_that_is_started_again_ends_with_the_same_bytes(
    moment: int, undisturbed: tuple[bytes, float], tmp_path: Path
) -> None:
    """SIGKILL at a moment by lot; nobody who sees a `result` sees anything but a whole run."""
    expected, seconds = undisturbed
    first = started(tmp_path)
    try:
        first.wait(random.Random(moment).uniform(0.1, 0.95) * seconds)  # noqa: S311  no secret
    except subprocess.TimeoutExpired:
        first.kill()
    first.wait()
    if (tmp_path / "result").exists():
        assert (tmp_path / "results.jsonl").read_bytes() == expected
    assert started(tmp_path).wait() == 0
    assert (tmp_path / "results.jsonl").read_bytes() == expected
    assert (tmp_path / "result").exists()
    assert not list(tmp_path.glob("parts/*"))
