"""The workload's process: what it prints, and its exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from workload import job
from workload.errors import Failure, WorkloadError
from workload.results import Summary
from workload.settings import Settings
from workload.supervisor import Report

with warnings.catch_warnings():
    # google-api-core tells everybody about a package that only gRPC users want.
    warnings.simplefilter("ignore", ImportWarning)
    from workload import assembly, credentials
    from workload.fleet import assembly as fleet_assembly

if TYPE_CHECKING:
    from collections.abc import Callable

    from workload.job import Collaborators

SETTINGS = Settings(
    model_bucket="models",
    model_object="model",
    model_sha256="",
    model_audience="",
    model_reader="",
    input_bucket="pictures",
    result_bucket="results",
    token_file=Path("token"),
    grant_seconds=0,
)


"""Receives the reports of a run."""


def ends_with(monkeypatch: pytest.MonkeyPatch, outcome: Summary | Exception) -> int:
    """The exit code of a run with this outcome."""

    def run(_environment: object, _outside: object) -> Summary:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(job, "run", run)
    return assembly.main(Report())


def test_success_prints_only_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints two numbers, with exit code 0."""
    assert ends_with(monkeypatch, Summary(classified=3, failed=1)) == 0
    assert capsys.readouterr().out == "classified 3, failed 1\n"


def test_a_failure_prints_the_sentence_of_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the same line as in the result object, with the failure's exit code."""
    assert ends_with(monkeypatch, WorkloadError(Failure.NO_PICTURES)) == 18
    assert capsys.readouterr().out == "no_pictures: The input bucket holds no pictures.\n"


def test_an_unexpected_error_prints_only_its_class(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No text and no traceback of an unknown exception is printed."""
    assert ends_with(monkeypatch, ValueError("/run/secret")) == 1
    assert capsys.readouterr() == ("internal_error: ValueError\n", "")


def test_the_model_is_not_requested_if_decoders_cannot_be_confined(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel is checked first."""
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine="riscv64"))

    def run(_environment: object, collaborators: job.Collaborators) -> Summary:
        collaborators.model_reader(SETTINGS)
        raise AssertionError

    monkeypatch.setattr(job, "run", run)
    assert assembly.main(Report()) == 22
    assert capsys.readouterr().out.startswith("decoders_not_confined: ")


def test_a_lack_of_memory_is_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If Python raises MemoryError before the kernel kills the run."""
    assert ends_with(monkeypatch, MemoryError()) == 24
    assert capsys.readouterr().out.startswith("run_out_of_memory: ")


def test_a_process_without_settings_ends_with_their_code() -> None:
    """`python -m workload` in an empty environment: exit code 2, one line, no traceback."""
    ended = subprocess.run(
        [sys.executable, "-m", "workload"], env={}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert ended.stdout.startswith("settings_invalid: MODEL_URI must be ")
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""


def test_a_refusal_costs_no_engine() -> None:
    """Starting the workload imports everything but TensorFlow."""
    program = "import sys, workload.assembly; print('tensorflow' in sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", program], env={}, capture_output=True, text=True, check=True
    )
    assert output.stdout == "False\n"


@pytest.mark.parametrize("collaborators", [assembly.collaborators, fleet_assembly.collaborators])
def test_no_credential_exists_before_decoders_start(
    collaborators: Callable[[Report], Collaborators], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run, and a worker of a fleet, ask for one after they have started their decoders."""
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(credentials, "operator", lambda *scopes: asked.append(scopes))
    collaborators(Report())
    assert asked == []
