"""The command `stop`: whom it stops, what it configures, and how it ends."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import pytest

from ops import cli
from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.google_api import CredentialsError
from ops.pulumi_command import StackError
from ops.stop import command
from ops.stop.admission import Admission, admissions
from ops.stop.measures import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDER = (
    "projects/123456789012/locations/global/workloadIdentityPools/{}/providers/primus-wip-provider"
)


def published(pool: str, reader: str) -> dict[str, str]:
    """A handover, as far as a stop needs it."""
    return {
        "audience": "//iam.googleapis.com/" + PROVIDER.format(pool),
        "modelReader": f"{reader}@primus-models.iam.gserviceaccount.com",
        "modelUri": "gs://primus-models-model-bucket/models/ab/model.tar.gz",
    }


ONE = {"handover": published("primus-wip-1", "primus-sa")}
NAMED = {
    "handovers": {
        "acme": published("primus-wip-acme-1", "reader-acme"),
        "borg": published("primus-wip-borg-1", "reader-borg"),
    }
}


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Whom it stopped, and whether the reader is the stack's own; no cloud and no engine."""
    log: list[tuple[str, bool]] = []

    def taken(_api: object, admission: Admission, *, own_reader: bool) -> Iterator[Measure]:
        log.append((admission.operator, own_reader))
        yield Measure(what="the provider", done="disabled")

    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    monkeypatch.setattr(command, "all_outputs", lambda *_: ONE | NAMED)
    monkeypatch.setattr(command, "configuration", lambda *_: {})
    monkeypatch.setattr(command, "run_pulumi", lambda *_: "")
    monkeypatch.setattr(command, "taken", taken)
    return log


def test_the_outputs_name_provider_reader_and_bucket_of_each_operator() -> None:
    """With the pool, which the grants to act as the reader name."""
    found = admissions(ONE | NAMED, "primus")
    assert [*found] == ["", "acme", "borg"]
    assert found["acme"] == Admission(
        operator="acme",
        provider=PROVIDER.format("primus-wip-acme-1"),
        reader="reader-acme@primus-models.iam.gserviceaccount.com",
        bucket="primus-models-model-bucket",
    )
    assert found["acme"].pool.endswith("/workloadIdentityPools/primus-wip-acme-1")


@pytest.mark.parametrize(
    ("outputs", "problem"),
    [
        ({}, "neither an output 'handover' nor 'handovers'"),
        ({"handover": {"audience": "x"}}, "has no 'modelReader'"),
        (
            {"handover": {"audience": "https://sts", "modelReader": "r", "modelUri": "gs://b/m"}},
            "published 'https://sts', expected the full name of a workload identity provider",
        ),
    ],
)
def test_outputs_of_another_stack_are_an_error(outputs: dict[str, Any], problem: str) -> None:
    """Nothing is sent to an API that was not named by a deployed stack."""
    with pytest.raises(StackError, match=problem):
        admissions(outputs, "other")


@pytest.mark.parametrize(
    ("options", "names", "key"),
    [
        (["--all"], ["", "acme", "borg"], "stopped"),
        (["--operator", "borg"], ["borg"], "operators.borg.stopped"),
    ],
)
def test_those_who_are_named_are_stopped_and_so_configured(
    stopped: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    names: list[str],
    key: str,
) -> None:
    """The configuration says it too, or the next update would admit them again."""
    typed: list[tuple[str, ...]] = []
    monkeypatch.setattr(command, "run_pulumi", lambda words, _: typed.append(words))
    assert cli.main(["stop", "--stack", "primus-eu", *options]) == OK
    assert [name for name, _ in stopped] == names
    (words,) = typed
    assert words[-1] == f"confidential-inference:{key}=true"
    assert "primus-eu" in words
    assert "pulumi up --refresh --stack primus-eu" in capsys.readouterr().out


def test_the_only_operator_needs_no_name(
    stopped: list[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In most stacks there is one."""
    monkeypatch.setattr(command, "all_outputs", lambda *_: ONE)
    assert cli.main(["stop"]) == OK
    assert stopped == [("", True)]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "has 3 operators; say whom: --all or --operator acme or --operator borg"),
        (["--operator", "acmee"], "has no operator 'acmee'; nobody was stopped"),
    ],
)
def test_where_it_is_not_clear_who_is_meant_nobody_is_stopped(
    stopped: list[tuple[str, bool]],
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    problem: str,
) -> None:
    """The error has the choices."""
    assert cli.main(["stop", *options]) == UNUSABLE
    assert stopped == []
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("configured", "own"),
    [
        ({"existing": ["serviceAccount"]}, (False, True)),
        ({"operators": {"acme": {"existing": ["pool", "serviceAccount"]}}}, (True, False)),
        (
            {"operators": {"borg": {"existing": ["serviceAccount"]}}, "existing": ["pool"]},
            (True,) * 2,
        ),
        ({"existing": "serviceAccount", "operators": []}, (True, True)),
    ],
)
def test_an_account_of_others_is_known_by_the_configuration(
    stopped: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    configured: dict[str, Any],
    own: tuple[bool, bool],
) -> None:
    """`existing` of the operator itself says so."""
    monkeypatch.setattr(command, "configuration", lambda *_: configured)
    assert cli.main(["stop", "--all"]) == OK
    assert tuple(each for _, each in stopped[:2]) == own


def test_neither_a_failed_measure_nor_an_unreadable_configuration_delays_the_stop(
    stopped: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Everything else is done, and the exit code says that something is left."""

    def unreadable(*_: object) -> None:
        raise StackError("the file is damaged")

    def failing(*_: object, own_reader: bool) -> Iterator[Measure]:
        stopped.append(("", own_reader))
        yield Measure(what="the provider p", error="403 not you")
        yield Measure(what="the account a", done="disabled")

    monkeypatch.setattr(command, "configuration", unreadable)
    monkeypatch.setattr(command, "run_pulumi", unreadable)
    assert cli.main(["stop", "--operator", "acme"]) == BROKEN
    monkeypatch.setattr(command, "taken", failing)
    monkeypatch.setattr(command, "configuration", lambda *_: {})
    monkeypatch.setattr(command, "run_pulumi", lambda *_: "")
    assert cli.main(["stop", "--operator", "acme"]) == BROKEN
    printed = capsys.readouterr()
    assert "✗ the provider p: 403 not you" in printed.out
    assert "✓ the account a: disabled" in printed.out
    assert "Say it yourself, or the next `pulumi up` may admit them again" in printed.err


def test_without_credentials_nothing_begins(
    stopped: list[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The error says how to log in."""

    def missing() -> None:
        raise CredentialsError("no credentials found; run `gcloud auth`")

    monkeypatch.setattr(command, "identity", missing)
    assert command.run(argparse.Namespace(stack="primus", all=True, operator=None)) == UNUSABLE
    assert stopped == []
    assert "gcloud auth" in capsys.readouterr().err
