"""A run that is killed at any moment and started again writes the same results.

Runs `workload.job` with the LiteRT engine and real decoder processes, from a folder to a folder,
like `make bench`. `MOMENTS=20` tries more moments than `make test`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY
from tests.fixtures.tokens import genuine, unsigned
from workload.checkpoints import PICTURES_PER_PART

if TYPE_CHECKING:
    from pathlib import Path

MODEL = REPOSITORY / "model"
PICTURES = 1100
"""A little more than two parts."""
MOMENTS = int(os.environ.get("MOMENTS", "3"))


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A token that states the image: otherwise no part is reused."""
    file = tmp_path_factory.mktemp("token") / "token"
    file.write_text(unsigned(genuine()))
    return file


def started(results: Path, token: Path) -> subprocess.Popen[bytes]:
    """Starts a run."""
    command = [sys.executable, "-m", "bench.workload_run", str(MODEL / "model-litert.tar.gz")]
    command += [str(MODEL / "pictures"), str(results), "--count", str(PICTURES)]
    command += ["--token", str(token)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def undisturbed(token: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, float]:
    """The results of an uninterrupted run, and its duration."""
    folder = tmp_path_factory.mktemp("undisturbed")
    begin = time.monotonic()
    assert started(folder, token).wait() == 0
    seconds = time.monotonic() - begin
    return (folder / "results.jsonl").read_bytes(), seconds


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_a_killed_run_that_is_started_again_ends_with_the_same_bytes(
    moment: int, undisturbed: tuple[bytes, float], token: Path, tmp_path: Path
) -> None:
    """SIGKILL at a random moment; if there is a `result`, all results are complete.

    The second run reuses the parts of the first.
    """
    expected, seconds = undisturbed
    first = started(tmp_path, token)
    try:
        first.wait(random.Random(moment).uniform(0.1, 0.95) * seconds)  # noqa: S311  no secret
    except subprocess.TimeoutExpired:
        first.kill()
    first.wait()
    if (tmp_path / "result").exists():
        assert (tmp_path / "results.jsonl").read_bytes() == expected
    finished = sum(_pictures(part) for part in tmp_path.glob("parts/[0-9]*"))
    assert started(tmp_path, token).wait() == 0
    assert (tmp_path / "results.jsonl").read_bytes() == expected
    assert json.loads((tmp_path / "summary.json").read_text())["continued"] == finished
    assert (tmp_path / "result").exists()
    assert not list(tmp_path.glob("parts/*"))


def _pictures(part: Path) -> int:
    """The number of records in a part, without its heading."""
    return len(part.read_text().splitlines()) - 1


def test_some_runs_are_continued(
    undisturbed: tuple[bytes, float], token: Path, tmp_path: Path
) -> None:
    """The test above can fail: a run that is killed late has written a part."""
    first = started(tmp_path, token)
    while not list(tmp_path.glob("parts/[0-9]*")):
        with pytest.raises(subprocess.TimeoutExpired):
            first.wait(0.01)
    first.kill()
    first.wait()
    assert started(tmp_path, token).wait() == 0
    assert (tmp_path / "results.jsonl").read_bytes() == undisturbed[0]
    assert json.loads((tmp_path / "summary.json").read_text())["continued"] >= PICTURES_PER_PART
