"""The program around Google's fake of Pub/Sub: built once, and gone with its test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests

from tests.cloud.pstest import program

if TYPE_CHECKING:
    from pathlib import Path


def environ(folder: Path, go: str) -> dict[str, str]:
    """A machine with an empty cache, and this go command; none if it is empty."""
    binaries = folder / "bin"
    binaries.mkdir()
    if go:
        (binaries / "go").write_text(f"#!/bin/sh\n{go}\n")
        (binaries / "go").chmod(0o755)
    return {"PATH": f"{binaries}:/usr/bin:/bin" if go else "", "XDG_CACHE_HOME": str(folder)}


def test_without_go_it_is_not_built(tmp_path: Path) -> None:
    """The error says what to install."""
    with pytest.raises(program.BuildError, match=r"Install Go 1\.26"):
        program.build(environ(tmp_path, ""))


def test_a_module_that_is_not_to_be_had_is_named(tmp_path: Path) -> None:
    """With the end of what the go command says."""
    refused = 'echo "cloud.google.com/go/pubsub/v2@v2.9.0: 403 Forbidden" >&2; exit 1'
    with pytest.raises(program.BuildError, match=r"pubsub/v2@v2\.9\.0: 403 Forbidden"):
        program.build(environ(tmp_path, refused))
    assert [each.name for each in (tmp_path / "confidential-inference").iterdir()] == []


def test_it_is_built_once_and_missing_until_then(tmp_path: Path) -> None:
    """From modules whose hashes are in go.sum, and no others."""
    machine = environ(tmp_path, f'echo "$GOFLAGS" >> {tmp_path}/calls; touch "$5"')
    assert "python -m tests.cloud.pstest" in program.missing_reason(machine)
    assert program.build(machine) == program.build(machine)
    assert program.missing_reason(machine) == ""
    assert (tmp_path / "calls").read_text() == "-mod=readonly\n"


@pytest.mark.pstest
def test_it_ends_with_its_standard_input() -> None:
    """A test that is killed leaves nothing behind."""
    with program.running() as url:
        assert requests.get(f"{url}/v1/projects/p/topics/none", timeout=10).status_code == 404
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)
