"""The build from Go modules, with a scripted go command; the real one takes minutes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from rehearsal.progress_line import Progress
from rehearsal.pulumi_cli import build
from rehearsal.pulumi_cli.build import from_modules
from rehearsal.pulumi_cli.errors import UnavailableError
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

GO = """#!/bin/sh
echo "$GOFLAGS $CGO_ENABLED $*" >> calls
case "$1 $2" in
  "list -trimpath")
    echo "go: downloading example.com/a v1.0.0" >&2
    echo "go: downloading example.com/b v1.0.0" >&2
    echo unsafe; echo example.com/a; echo example.com/a/b ;;
  "build -v")
    echo example.com/a >&2; echo example.com/a/b >&2
    [ -z "$GO_FAILS" ] || { echo "# example.com/a" >&2; echo "a.go:1:2: no space" >&2; exit 1; }
    while [ "$1" != -o ]; do shift; done
    mkdir -p "$2"; echo binary > "$2/pulumi" ;;
  "list -m") echo "$SDK" ;;
esac
"""


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Always."""
        return True


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A machine whose go command is scripted, and whose module cache holds the SDK's executor."""
    monkeypatch.setattr("rehearsal.pulumi_cli.build.HERE", tmp_path / "pulumi_cli")
    shutil.copytree(REPOSITORY / "rehearsal" / "pulumi_cli", tmp_path / "pulumi_cli")
    go = tmp_path / "path" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    executor = tmp_path / "sdk" / "python" / "cmd" / "pulumi-language-python-exec"
    executor.parent.mkdir(parents=True)
    executor.write_text("# runs programs")
    path = os.pathsep.join([str(go.parent), *os.defpath.split(os.pathsep)])
    return {"PATH": path, "SDK": str(tmp_path / "sdk")}


def test_the_folder_holds_cli_executor_and_stand_in(
    machine: dict[str, str], tmp_path: Path
) -> None:
    """Beside `pulumi` are the SDK's executor and the stand-in language host, executable."""
    from_modules(tmp_path / "out", machine, "3.259.0", io.StringIO())
    files = {path.name: os.access(path, os.X_OK) for path in (tmp_path / "out" / "bin").iterdir()}
    del files["pulumi"]
    assert files == {
        "language_host.py": True,
        "pulumi-language-python": True,
        "pulumi-language-python-exec": True,
    }


def test_go_mod_stays_unchanged_and_the_version_is_set(
    machine: dict[str, str], tmp_path: Path
) -> None:
    """`go` may not change go.mod, uses no C compiler, and sets the requested version."""
    from_modules(tmp_path / "out", {**machine, "GOFLAGS": "-mod=mod"}, "3.259.0", io.StringIO())
    calls = (tmp_path / "pulumi_cli" / "calls").read_text().splitlines()
    assert all(call.startswith("-mod=readonly 0 ") for call in calls)
    assert "common/version.Version=v3.259.0 -o" in calls[1]


@pytest.mark.skipif(shutil.which("go") is None, reason="go is not on PATH")
@pytest.mark.timeout(120)
def test_go_compiles_what_it_lists_as_stale(tmp_path: Path) -> None:
    """By the real command, also where its cache has a part: the total is reached."""
    (tmp_path / "go.mod").write_text("module example.com/m\n")
    (tmp_path / "main.go").write_text('package main\n\nimport _ "errors"\n\nfunc main() {}\n')
    environ = {
        **os.environ,
        "CGO_ENABLED": "0",
        "GOCACHE": str(tmp_path / "cache"),
        "GOFLAGS": "-mod=readonly",
        "GOWORK": "off",
    }

    def go(*arguments: str) -> set[str]:
        done = subprocess.run(
            ["go", *arguments, "."],
            cwd=tmp_path,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=True,
        )
        return set(done.stdout.split())

    stale = ("list", *build.FLAGS, "-deps", "-f", build.STALE)
    compile_all = ("build", "-v", *build.FLAGS, "-o", str(tmp_path / "out"))
    listed = go(*stale) - {"unsafe"}
    assert go(*compile_all) == listed
    assert len(listed) > 10
    changed = (tmp_path / "main.go").read_text().replace('_ "errors"', '_ "sort"')
    (tmp_path / "main.go").write_text(changed)
    listed_again = go(*stale) - {"unsafe"}
    assert go(*compile_all) == listed_again
    assert {"sort", "example.com/m"} <= listed_again
    assert listed_again.isdisjoint(listed - {"example.com/m"})
    assert go(*stale) - {"unsafe"} == set()


def test_a_missing_go_command_is_an_error(tmp_path: Path) -> None:
    """With the reason."""
    with pytest.raises(UnavailableError, match="go is not on PATH"):
        from_modules(tmp_path / "out", {"PATH": str(tmp_path)}, "3.259.0", io.StringIO())


def test_a_failed_build_reports_the_compilers_output(
    machine: dict[str, str], tmp_path: Path
) -> None:
    """Without the packages that it did compile."""
    expected = "^`go build` failed: # example.com/a / a.go:1:2: no space$"
    with pytest.raises(UnavailableError, match=expected):
        from_modules(tmp_path / "out", {**machine, "GO_FAILS": "1"}, "3.259.0", io.StringIO())


def test_a_log_gets_plain_lines(machine: dict[str, str], tmp_path: Path) -> None:
    """The work and how long it takes, without control codes."""
    out = io.StringIO()
    from_modules(tmp_path / "out", machine, "3.259.0", out)
    assert out.getvalue().startswith("building the Pulumi CLI 3.259.0 from Go modules: once, about")
    assert "\r" not in out.getvalue()


def test_a_terminal_shows_counts_on_one_line(machine: dict[str, str], tmp_path: Path) -> None:
    """Modules, then packages up to the total, and the time; `unsafe` is never compiled."""
    out = Terminal()
    from_modules(tmp_path / "out", machine, "3.259.0", out)
    shown = [text.partition(", elapsed")[0].strip() for text in out.getvalue().split("\r\033[K")]
    assert list(dict.fromkeys(shown))[2:] == [
        "1 module fetched",
        "2 modules fetched",
        "1 of 2 packages compiled",
        "2 of 2 packages compiled",
        "built the Pulumi CLI",
    ]


def test_a_log_gets_a_line_every_fifteen_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many steps a log shows one per quarter of a minute, with the time since the start."""
    seconds = iter([0.0, 5.0, 16.0, 20.0, 75.0])
    monkeypatch.setattr("rehearsal.progress_line.time.monotonic", lambda: next(seconds))
    out = io.StringIO()
    progress = Progress(out)
    for step in range(4):
        progress.count(f"step {step}")
    assert out.getvalue() == "  step 1, elapsed 0:16\n  step 3, elapsed 1:15\n"
