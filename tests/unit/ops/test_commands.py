"""A command that a message names can be typed as it is, in the user's own installation."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from ops import commands

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scripts folder of a virtual environment that is not active, `.venv/bin` from here."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(folder))
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.chdir(tmp_path)
    return folder


def script(folder: Path) -> None:
    """The console script, as pip installs it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / commands.NAME).touch(mode=0o755)


def test_an_active_environment_needs_the_scripts_name_only(
    scripts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell finds it on PATH."""
    script(scripts)
    monkeypatch.setenv("PATH", str(scripts))
    assert commands.own_command() == "confidential-inference"


def test_an_environment_that_is_not_active_needs_the_scripts_path(scripts: Path) -> None:
    """From the current folder, because that is shorter."""
    script(scripts)
    assert commands.own_command() == ".venv/bin/confidential-inference"


def test_another_folder_gets_the_whole_path(
    scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company's folder need not be the repository's."""
    script(scripts)
    (tmp_path / "company").mkdir()
    monkeypatch.chdir(tmp_path / "company")
    assert commands.own_command() == str(scripts / "confidential-inference")


def test_another_environments_script_is_never_named(
    scripts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be another version of this program."""
    script(scripts)
    script(tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", str(tmp_path / "elsewhere"))
    assert commands.own_command() == ".venv/bin/confidential-inference"


@pytest.mark.usefixtures("scripts")
def test_without_the_script_the_module_is_named() -> None:
    """With the Python that has the libraries."""
    assert commands.own_command() == ".venv/bin/python -m ops"
