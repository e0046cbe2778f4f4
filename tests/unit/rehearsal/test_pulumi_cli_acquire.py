"""Which Pulumi CLI is used, on machines with different installations."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rehearsal.pulumi_cli import build
from rehearsal.pulumi_cli.acquire import acquire, find_cli
from rehearsal.pulumi_cli.errors import PulumiCliError, UnavailableError
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def executable(path: Path, text: str) -> Path:
    """A shell script at this path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def cli(folder: Path, version: str = "v3.259.0") -> Path:
    """A folder with a `pulumi` that says it is this version, and a language host."""
    executable(folder / "pulumi", f"echo {version}")
    executable(folder / "pulumi-language-python", "")
    return folder


def failing(reason: str) -> Callable[[Path, Mapping[str, str], str], None]:
    """A way to get the CLI that fails after it has written an incomplete file."""

    def fill(folder: Path, _environ: Mapping[str, str], _version: str) -> None:
        executable(folder / "bin" / "half", "")
        raise UnavailableError(reason)

    return fill


def working(version: str = "v3.259.0") -> Callable[[Path, Mapping[str, str], str], None]:
    """A way to get the CLI that works."""

    def fill(folder: Path, _environ: Mapping[str, str], _version: str) -> None:
        cli(folder / "bin", version)

    return fill


@pytest.fixture
def machine(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine with an empty PATH and an empty cache."""
    (tmp_path / "path").mkdir()
    return {"PATH": str(tmp_path / "path"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def cache(machine: dict[str, str]) -> Path:
    """The project's folder in that machine's cache."""
    return Path(machine["XDG_CACHE_HOME"], "confidential-inference")


@pytest.mark.parametrize("version", ["v3.259.0", "3.272.1", "v3.300.0-dev.7"])
def test_a_new_enough_cli_on_path_is_used(machine: dict[str, str], version: str) -> None:
    """The tested version or any newer 3.x; nothing is downloaded."""
    folder = cli(Path(machine["PATH"]), version)
    assert acquire(machine, failing("asked"), failing("asked")) == folder


def test_the_language_host_beside_a_linked_cli_counts(
    machine: dict[str, str], tmp_path: Path
) -> None:
    """A `pulumi` that is a link (as package managers make them) has the host of its target."""
    real = cli(tmp_path / "real")
    Path(machine["PATH"], "pulumi").symlink_to(real / "pulumi")
    assert find_cli(machine) == Path(machine["PATH"])


def test_a_cli_on_path_needs_no_cache(machine: dict[str, str], tmp_path: Path) -> None:
    """Where the CLI is on PATH, an unusable cache folder does not matter."""
    (tmp_path / "cache").write_text("a file")
    folder = cli(Path(machine["PATH"]))
    assert acquire(machine, failing("asked"), failing("asked")) == folder


@pytest.mark.parametrize(
    ("pulumi", "host", "reason"),
    [
        (None, True, "on PATH: pulumi is not on PATH"),
        ("echo v3.258.9", True, r"is version v3.258.9, expected 3.259.0 or a newer 3.x"),
        ("echo v4.0.0", True, r"is version v4.0.0, expected 3.259.0 or a newer 3.x"),
        ("echo", True, r"is version \(none\), expected"),
        ("exit 3", True, "does not run: .* non-zero exit status 3"),
        ("echo v3.259.0", False, "has no language host: pulumi-language-python is neither"),
    ],
    ids=["absent", "old", "next-major", "silent", "broken", "without-host"],
)
def test_an_unusable_cli_is_refused(
    machine: dict[str, str], pulumi: str | None, host: bool, reason: str
) -> None:
    """An absent, old, future, silent, broken or host-less CLI, each with its reason."""
    if pulumi:
        executable(Path(machine["PATH"], "pulumi"), pulumi)
    if host:
        executable(Path(machine["PATH"], "pulumi-language-python"), "")
    with pytest.raises(PulumiCliError, match=reason):
        find_cli(machine)


def test_the_official_installer_is_tried_before_the_build(
    machine: dict[str, str], cache: Path
) -> None:
    """Its CLI is used, and nothing is built."""
    assert acquire(machine, working(), failing("built")) == cache / "pulumi-v3.259.0" / "bin"


def test_the_cli_is_built_if_the_installer_fails(machine: dict[str, str], cache: Path) -> None:
    """The build fills the same folder, and the incomplete download is deleted."""
    folder = acquire(machine, failing("no network"), working())
    assert folder == cache / "pulumi-v3.259.0" / "bin"
    assert not (folder / "half").exists()


def test_a_second_run_uses_the_cached_cli(machine: dict[str, str]) -> None:
    """Without a download or a build."""
    folder = acquire(machine, working(), failing(""))
    assert acquire(machine, failing("again"), failing("again")) == folder
    assert find_cli(machine) == folder


def test_a_broken_cache_is_filled_again(machine: dict[str, str]) -> None:
    """A cached CLI that no longer runs is replaced."""
    folder = acquire(machine, working(), failing(""))
    executable(folder / "pulumi", "exit 1")
    assert acquire(machine, working("v3.259.1"), failing("")) == folder
    assert "v3.259.1" in (folder / "pulumi").read_text()


def test_one_error_names_all_three_ways(machine: dict[str, str]) -> None:
    """With the reason and the fix of each."""
    with pytest.raises(PulumiCliError) as error:
        acquire(machine, failing("host not found"), failing("go is not on PATH"))
    text = str(error.value)
    assert "1. on PATH: pulumi is not on PATH\n" in text
    assert "2. the official installer: host not found\n" in text
    assert "3. built from Go modules: go is not on PATH\n" in text
    cures = ("docs/iac/download-install", "let this machine reach", "install Go 1.26 or newer")
    assert [cure for cure in cures if cure not in text] == []


def test_a_failure_leaves_nothing_behind(machine: dict[str, str], cache: Path) -> None:
    """After two half-done attempts the cache holds its lock and nothing else."""
    with pytest.raises(PulumiCliError):
        acquire(machine, failing(""), failing(""))
    assert [path.name for path in cache.iterdir()] == ["lock"]


def test_a_download_of_another_version_is_refused(machine: dict[str, str]) -> None:
    """The version is checked before the CLI is cached."""
    with pytest.raises(PulumiCliError, match=r"installer: .* is version v3.100.0, expected"):
        acquire(machine, working("v3.100.0"), failing(""))


def test_leftovers_of_a_killed_run_are_removed(machine: dict[str, str], cache: Path) -> None:
    """The next run deletes them."""
    executable(cache / ".filling-killed" / "bin" / "pulumi", "")
    acquire(machine, working(), failing(""))
    assert sorted(path.name for path in cache.iterdir()) == ["lock", "pulumi-v3.259.0"]


def test_two_runs_at_the_same_time_download_once(machine: dict[str, str], cache: Path) -> None:
    """The second one waits for the first one's CLI."""

    def fill(folder: Path, _environ: Mapping[str, str], _version: str) -> None:
        with (cache / "lock").open("w") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        cli(folder / "bin")

    assert acquire(machine, fill, failing("")) == acquire(
        machine, failing("again"), failing("again")
    )


def test_an_unwritable_cache_is_an_error(machine: dict[str, str], tmp_path: Path) -> None:
    """It names the variable that chooses another folder."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(PulumiCliError, match="export XDG_CACHE_HOME=DIR"):
        acquire(machine, working(), failing(""))


def test_the_cached_stand_in_is_that_of_the_source_tree(machine: dict[str, str]) -> None:
    """One of another version of this project is replaced."""
    folder = acquire(machine, failing(""), working())
    build.lay_language_host(folder)
    (folder / "language_host.py").write_text("# of last year")
    find_cli(machine)
    source = REPOSITORY / "rehearsal" / "pulumi_cli" / "language_host.py"
    assert (folder / "language_host.py").read_text() == source.read_text()


def test_the_official_language_host_stays_unchanged(machine: dict[str, str]) -> None:
    """In a folder that the installer filled."""
    folder = acquire(machine, working(), failing(""))
    official = (folder / "pulumi-language-python").read_text()
    find_cli(machine)
    assert (folder / "pulumi-language-python").read_text() == official


def test_the_command_fails_with_one_message(machine: dict[str, str]) -> None:
    """The command on a bare machine: the message on stderr, exit code 1, no folder."""
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{unanswered.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "rehearsal.pulumi_cli"],
            cwd=REPOSITORY,
            env={**machine, "HTTPS_PROXY": proxy, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: No Pulumi CLI 3.259.0 or newer is to be had.")
    assert "https://get.pulumi.com/install.sh cannot be reached: " in done.stderr


def test_the_command_prints_the_folder(machine: dict[str, str]) -> None:
    """`python -m rehearsal.pulumi_cli` prints the folder and nothing else, for use in PATH."""
    folder = cli(Path(machine["PATH"]))
    done = subprocess.run(
        [sys.executable, "-m", "rehearsal.pulumi_cli"],
        cwd=REPOSITORY,
        env={**machine, "PATH": f"{folder}{os.pathsep}{Path(str(shutil.which('sh'))).parent}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{folder}\n"
