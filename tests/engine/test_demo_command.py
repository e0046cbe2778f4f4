"""`make demo` as a user meets it: its output in a log, and a stop in the middle."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from math import ceil
from typing import TYPE_CHECKING

import pytest

from rehearsal.demo.layout import COLUMNS
from rehearsal.demo.summary import NEXT, SHOWN
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.engine,
    pytest.mark.usefixtures("pulumi_cli"),
    pytest.mark.timeout(180),  # also the bound of the polling below
]

DEMO = (sys.executable, "-m", "rehearsal", "demo")

FEW_LINES = 80
"""Less than this is read, and not scrolled by."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demonstration is started."""
    return tmp_path_factory.mktemp("started")


@pytest.fixture(scope="module")
def log(folder: Path) -> list[str]:
    """The lines of a demonstration that succeeds, in a log."""
    done = subprocess.run(
        DEMO,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout.splitlines()


def rows(line: str) -> int:
    """How many rows of a terminal with 80 columns a line takes."""
    return max(1, ceil(len(line.rstrip()) / COLUMNS))


def test_a_log_has_fewer_than_80_lines(log: list[str]) -> None:
    """Also where a viewer of 80 columns breaks them."""
    assert sum(map(rows, log)) < FEW_LINES, "\n".join(log)


def test_a_log_begins_with_what_will_be_shown_and_ends_with_what_comes_next(
    log: list[str],
) -> None:
    """Five lines, each with the number of its part; the parts follow in this order."""
    assert log[: len(SHOWN)] == list(SHOWN)
    titles = [line[:2] for line in log[len(SHOWN) :] if line.endswith("──")]
    assert titles == ["1.", "2.", "3.", "4.", "5.", "Wh"]
    assert [line.strip() for line in log[-len(NEXT) :]] == [f"{a:36} {b}" for a, b in NEXT]


def test_uploads_are_one_number(log: list[str]) -> None:
    """No picture has a line of its own where they are uploaded, and all are counted."""
    deployment = log[log.index(next(line for line in log[5:] if line.startswith("2. "))) :]
    uploaded = deployment[: deployment.index(next(line for line in deployment if "score" in line))]
    assert "27 pictures," in " ".join(uploaded)
    assert not any("part-" in line for line in uploaded)


def test_the_report_outlives_the_local_cloud(log: list[str], folder: Path) -> None:
    """It is where the log says, and has every picture, also those of which the log has no row."""
    (named,) = [line.rpartition(": ")[2] for line in log if "for a browser" in line]
    page = (folder / named).read_text()
    names = json.loads((REPOSITORY / "model" / "pictures.json").read_text())
    assert [name for name in names if name not in page] == []
    assert page.count("data:image/") >= len(names)


PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))
QUOTED = re.compile(r"^( *)```text demo\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
"""A block of a page with lines of the demonstration, and how far it is indented."""


def without_digests(line: str) -> str:
    """The line with a mark in place of each shortened digest."""
    return re.sub(r"\b[0-9a-f]{12}…", "DIGEST…", line)


def quoted(page: Path) -> list[list[str]]:
    """The lines of each such block."""
    return [
        [line.removeprefix(indent).rstrip() for line in lines.splitlines()]
        for indent, lines in QUOTED.findall(page.read_text())
    ]


@pytest.mark.parametrize(
    "page", [page for page in PAGES if quoted(page)], ids=lambda page: page.name
)
def test_what_a_page_quotes_is_printed(log: list[str], page: Path) -> None:
    """Each line, in this order; a page may leave lines out. Digests change with each change."""
    printed = [without_digests(line.rstrip()) for line in log]
    for block in quoted(page):
        rest = iter(printed)
        assert [line for line in block if without_digests(line) not in rest] == []


def running_in(folder: Path) -> list[str]:
    """Every process whose command or environment names the folder, but for zombies."""
    listing = subprocess.run(
        ["ps", "axeww", "-o", "stat=,pid=,command="], capture_output=True, text=True, check=True
    )
    return [
        line
        for line in listing.stdout.splitlines()
        if str(folder) in line
        and not line.startswith("Z")
        and str(os.getpid()) not in line.split()[:2]
    ]


@pytest.mark.parametrize(
    ("stop", "moment"), [(signal.SIGINT, "1. Primus deploys:"), (signal.SIGKILL, "  primus ")]
)
def test_nothing_keeps_running(tmp_path: Path, stop: signal.Signals, moment: str) -> None:
    """Stopped while something is being deployed: engine, plugins and program are gone."""
    with subprocess.Popen(
        DEMO,
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        next(line for line in process.stdout if line.startswith(moment))
        while not any("rehearsal.pulumi_plugins.gcp" in line for line in running_in(tmp_path)):
            pass
        process.send_signal(stop)
        errors = process.stderr.read()
    assert "Traceback" not in errors
    while running_in(tmp_path):
        pass
