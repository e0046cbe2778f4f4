"""The grants of `fleet.submitters`, and no other role: enough to submit jobs and read results."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ops.cli import main
from ops.exit_codes import OK, UNUSABLE
from tests.cloud.fleet import DEAD_LETTERS, SUBMITTER

if TYPE_CHECKING:
    from tests.cloud.fleet import Deployed


@pytest.fixture
def submitter(fleet: Deployed, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A fleet with a picture, and a caller without any role."""
    fleet.upload("0000.png", b"x")
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", fleet.cloud.mint(SUBMITTER))
    return fleet


def test_the_grants_of_a_submitter_are_enough(
    submitter: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """Submit, publish again with a dead letter, read results."""
    submitter.grant(SUBMITTER)
    assert main(["submit", "--json"]) == OK
    job = submitter.job(json.loads(capsys.readouterr().out)["job"])
    submitter.dead_letter({"job": job.head.job, "slice": 0})
    assert main(["submit", "--json", "--missing", job.head.job]) == OK
    assert json.loads(capsys.readouterr().out)["deadLettersRemoved"] == 1
    submitter.work(job, 0)
    assert main(["results", "--wait", "0"]) == OK
    assert "note" not in capsys.readouterr().out
    assert not submitter.cloud.subscriptions[DEAD_LETTERS].backlog._entries


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("topic", "Does `fleet.submitters` of the stack secundus name you? 0 of 1 messages"),
        ("input", "Does `fleet.submitters` of the stack secundus name you?"),
        ("result", "Does `fleet.submitters` of the stack secundus name you?"),
    ],
)
def test_without_one_of_the_grants_no_job_is_submitted(
    submitter: Deployed, capsys: pytest.CaptureFixture[str], missing: str, said: str
) -> None:
    """So none of them is too much."""
    submitter.grant(SUBMITTER, but=missing)
    assert main(["submit"]) == UNUSABLE
    assert said in capsys.readouterr().err


def test_without_the_grant_on_dead_letters_they_stay(
    submitter: Deployed, capsys: pytest.CaptureFixture[str]
) -> None:
    """The job is published again all the same."""
    submitter.grant(SUBMITTER, but="dead letters")
    assert main(["submit"]) == OK
    assert main(["submit", "--missing", "last"]) == OK
    assert "could not be read" in capsys.readouterr().err
