"""GCP_PLUGIN names the gcp plugin of a rehearsal; it must have the version of the SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rehearsal.pulumi_plugins.genuine_gcp import PluginError, described, genuine_gcp_plugin
from rehearsal.pulumi_plugins.install import version

if TYPE_CHECKING:
    from pathlib import Path

VERSION = version("gcp")


def plugin(path: Path, answer: str) -> Path:
    """An executable that answers to `-version` as the genuine plugin does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ "$1" = -version ] && {answer}\n')
    path.chmod(0o755)
    return path


def installed(home: Path) -> Path:
    """Where `pulumi plugin install` puts the plugin of the SDK's version."""
    return home / "plugins" / f"resource-gcp-v{VERSION}" / "pulumi-resource-gcp"


def test_without_the_variable_an_installed_plugin_is_not_used(tmp_path: Path) -> None:
    """A genuine plugin in $PULUMI_HOME alone changes nothing."""
    plugin(installed(tmp_path), f"echo {VERSION}")
    assert genuine_gcp_plugin({"PULUMI_HOME": str(tmp_path)}) is None


def test_an_empty_variable_counts_as_unset() -> None:
    """`GCP_PLUGIN= make demo` uses the stand-in."""
    assert genuine_gcp_plugin({"GCP_PLUGIN": ""}) is None


@pytest.mark.parametrize("spelling", [VERSION, f"v{VERSION}"])
def test_a_path_is_taken_as_it_is(tmp_path: Path, spelling: str) -> None:
    """An executable of the right version is used, with or without the letter v."""
    path = plugin(tmp_path / "mine", f"echo {spelling}")
    assert genuine_gcp_plugin({"GCP_PLUGIN": str(path)}) == path


def test_a_relative_path_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine starts a plugin in the program's folder, not in the caller's."""
    path = plugin(tmp_path / "mine", f"echo {VERSION}")
    monkeypatch.chdir(tmp_path)
    assert genuine_gcp_plugin({"GCP_PLUGIN": "mine"}) == path


def test_installed_means_the_callers_pulumi_home(tmp_path: Path) -> None:
    """PULUMI_HOME, where the caller sets it."""
    path = plugin(installed(tmp_path), f"echo {VERSION}")
    environ = {"GCP_PLUGIN": "installed", "PULUMI_HOME": str(tmp_path)}
    assert genuine_gcp_plugin(environ) == path


def test_installed_means_the_home_folder_without_pulumi_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """~/.pulumi, as in the Pulumi CLI."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = plugin(installed(tmp_path / ".pulumi"), f"echo {VERSION}")
    assert genuine_gcp_plugin({"GCP_PLUGIN": "installed"}) == path


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        ("echo 9.0.0", "9.0.0"),
        ("true", "no version"),
        ("exit 3", "it does not run: .*status 3"),
        (r"printf '\377'", "it does not run: .*utf-8"),
    ],
    ids=["another version", "no answer", "a failure", "not a text"],
)
def test_a_plugin_of_another_version_is_refused(tmp_path: Path, answer: str, got: str) -> None:
    """The error says what was got, what was expected, and the command that gets the right one."""
    path = plugin(tmp_path / "mine", answer)
    with pytest.raises(PluginError, match=f"got +{path}: {got}") as error:
        genuine_gcp_plugin({"GCP_PLUGIN": str(path)})
    assert f"expected     a pulumi-resource-gcp of version {VERSION}" in str(error.value)
    assert f"pulumi plugin install resource gcp {VERSION}" in str(error.value)


@pytest.mark.parametrize("value", ["missing", ".", "installed"])
def test_a_path_without_an_executable_is_refused(tmp_path: Path, value: str) -> None:
    """Nothing there, a folder, or nothing installed."""
    named = value if value == "installed" else str(tmp_path / value)
    with pytest.raises(PluginError, match="it does not run"):
        genuine_gcp_plugin({"GCP_PLUGIN": named, "PULUMI_HOME": str(tmp_path)})


def test_the_output_names_the_plugin(tmp_path: Path) -> None:
    """A reader of a run's output can tell which plugin it used."""
    assert described(None).startswith("gcp plugin: the stand-in")
    assert described(tmp_path / "mine") == f"gcp plugin: {tmp_path / 'mine'}, version {VERSION}"
