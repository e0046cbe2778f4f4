"""How the commands start, find their credentials and their stack, and end."""

from __future__ import annotations

import datetime as dt
import os
import runpy
import signal
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import google.auth
import pytest
import requests
from google.api_core.exceptions import ServiceUnavailable
from google.auth.exceptions import DefaultCredentialsError

from ops import cli, google_api, results, terminal
from ops.exit_codes import UNUSABLE
from ops.google_api import CredentialsError
from ops.google_errors import message
from ops.machine import Machine
from ops.records import ResultsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXPORTED = {
    "resultUri": "gs://secundus-vision-result-bucket",
    "inputUri": "gs://secundus-vision-input-bucket",
    "startedAt": "2026-11-24T10:00:00+00:00",
    "project": "secundus-vision",
    "zone": "us-west1-b",
    "instance": "workload-vm",
}


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The signal handlers of the test run, which a command replaces."""
    hook = threading.excepthook
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)
    threading.excepthook = hook


def test_the_module_runs_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python -m ops --help` lists them."""
    monkeypatch.setattr(sys, "argv", ["ops", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("ops", run_name="__main__")
    assert ended.value.code == 0
    output = capsys.readouterr().out
    assert "results" in output
    assert "why" in output


@pytest.mark.parametrize(
    "arguments",
    [["submit", "--missing"], ["results", "--job"], ["results", "--uri"], ["why", "f", "--stack"]],
)
def test_an_empty_value_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`submit --missing "$JOB"` without JOB would submit a whole new job."""
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, ""])
    assert ended.value.code == UNUSABLE
    name = arguments[-1].removeprefix("--")
    assert f"got nothing for {name}, expected a value" in capsys.readouterr().err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_command_without_a_traceback(
    sent: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is that of Ctrl-C."""

    def interrupted() -> int:
        os.kill(os.getpid(), sent)
        return 0

    assert cli.until_stopped(interrupted) == 128 + signal.SIGINT
    assert capsys.readouterr().err == "stopped\n"


def test_a_reader_that_stops_early_is_no_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`confidential-inference results | head` ends with the code of a closed pipe."""

    def closed() -> None:
        raise BrokenPipeError

    with (tmp_path / "output").open("w") as file:
        output = SimpleNamespace(flush=closed, fileno=file.fileno)
        monkeypatch.setattr(sys, "stdout", output)
        with terminal.reader_may_stop() as everything_read:
            pass
        assert everything_read() is False


def test_an_access_token_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pulumi-gcp uses it."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    assert google_api.identity().token == "a-token"  # noqa: S105  no real one


def test_without_an_access_token_the_default_credentials_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Those of `gcloud auth application-default login`."""
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)
    default = object()
    monkeypatch.setattr(google.auth, "default", lambda scopes: (default, scopes))
    assert google_api.identity() is default


def test_missing_credentials_are_an_error_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No stack trace of Google's library."""
    monkeypatch.delenv("GOOGLE_OAUTH_ACCESS_TOKEN", raising=False)

    def missing(scopes: list[str]) -> None:
        raise DefaultCredentialsError(scopes)  # type: ignore[no-untyped-call]  # untyped library

    monkeypatch.setattr(google.auth, "default", missing)
    with pytest.raises(CredentialsError, match="gcloud auth application-default login"):
        google_api.identity()
    with pytest.raises(ResultsError, match="gcloud auth application-default login"):
        results.fetch(results.Where("some-bucket"), 1.0, print)


def test_the_outputs_of_the_stack_name_buckets_machine_and_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So `results` needs no option in the stack's folder."""
    monkeypatch.setattr(results, "outputs", lambda *_: EXPORTED)
    assert results.from_stack("secundus", {}) == results.Where(
        "secundus-vision-result-bucket",
        dt.datetime(2026, 11, 24, 10, tzinfo=dt.UTC),
        Machine(project="secundus-vision", zone="us-west1-b", name="workload-vm"),
        "secundus-vision-input-bucket",
        stream=False,
    )


def test_the_bucket_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stacks of earlier versions export nothing else."""
    only = {"resultUri": EXPORTED["resultUri"]}
    monkeypatch.setattr(results, "outputs", lambda *_: only)
    expected = results.Where("secundus-vision-result-bucket", stream=False)
    assert results.from_stack("secundus", {}) == expected


def test_a_failing_request_is_an_error_that_names_the_bucket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With Google's sentence."""

    def failing(*_: Any) -> str:
        raise ServiceUnavailable("try again")  # type: ignore[no-untyped-call]  # untyped library

    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    monkeypatch.setattr(results, "_awaited", failing)
    with pytest.raises(ResultsError, match="reading gs://some-bucket failed: 503 try again"):
        results.fetch(results.Where("some-bucket"), 1.0, print)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"error": {"message": "Not found."}}', "Not found."),
        (b"upstream timed out\n", "upstream timed out"),
        (b'{"error": "denied"}', '{"error": "denied"}'),
    ],
)
def test_an_error_of_google_has_one_sentence(body: bytes, sentence: str) -> None:
    """Its message; any other answer is shown as it is."""
    answer = requests.Response()
    answer._content = body
    assert message(answer) == sentence
