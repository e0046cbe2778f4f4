"""Nothing leaks out: what one company can see after a run holds nothing of the other's secret.

Model and pictures are marked, and the marks are looked for everywhere, in every usual encoding. The
last run leaks on purpose, to show that the same search over the same places finds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ops.records import Run
from rehearsal.attacks import canary_runs
from rehearsal.attacks.canary_marks import NAME, PICTURES
from rehearsal.attacks.canary_search import Leak, Mark, Search
from rehearsal.companies import COMPANIES
from workload.errors import Detail, Failure, WorkloadError

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.attacks.canary_runs import Story

pytestmark = pytest.mark.engine

RUNS = ("authorised", "refused", "crashed", "aborted")
STATE = "state .pulumi/stacks/confidential-inference"
NAMES_IN_STATE = ("picture's name", "primus")
"""What a shared backend shows, and docs/threat-model.md says so."""
PICTURE_NAME = Mark("picture's name", (NAME.encode(),))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, pulumi_cli: Path) -> Story:
    """All runs, once."""
    return canary_runs.story(tmp_path_factory.mktemp("canary"), pulumi_cli)


@pytest.fixture(scope="module")
def searches(story: Story) -> dict[str, Search]:
    """By viewer, a search for what it must not see; names of objects may go to Google."""
    return {
        "primus": Search((*story.pictures, PICTURE_NAME)),
        "secundus": Search(story.model),
        "outside": Search((*story.model, *story.pictures)),
    }


def test_the_authorised_run_classifies_every_picture(story: Story) -> None:
    """The marked model is released to the workload, and does its work on the marked pictures."""
    run = story.runs["authorised"]
    assert run.result is not None
    assert run.result.failure is None
    assert [record.get("error") for record in run.result.records] == [None] * PICTURES
    assert run.result.records[0]["name"] == NAME


def test_the_refused_run_is_refused_by_the_condition(story: Story) -> None:
    """One byte more in the workload, and nothing is released."""
    run = story.runs["refused"]
    assert run.result == Run((), "release_refused: " + Detail.CONDITION)


def test_the_crashed_run_fails_while_it_holds_both_secrets(story: Story) -> None:
    """An exception with both secrets in its text ends in a code, and in its class's name."""
    run = story.runs["crashed"]
    assert run.result == Run((), str(WorkloadError(Failure.INTERNAL_ERROR)))
    assert run.printed.splitlines()[-1] == "internal_error: RuntimeError"


def test_the_aborted_run_leaves_a_code_and_no_result(story: Story) -> None:
    """A process that dies during its work leaves nothing; the first process reports it."""
    run = story.runs["aborted"]
    assert run.result is not None
    assert run.result.records == ()
    assert run.result.failure == "run_crashed: The run crashed (SIGABRT)."
    assert "workload task ended and returned non-zero" in run.console


@pytest.mark.parametrize("viewer", ["primus", "secundus", "outside"])
@pytest.mark.parametrize("run", RUNS)
def test_no_secret_of_the_other_company_is_visible(
    story: Story, searches: dict[str, Search], run: str, viewer: str
) -> None:
    """No mark of it is in any byte that a company sees, or that leaves the machine."""
    leaks = [
        leak
        for leak in searches[viewer].leaks(story.runs[run].seen[viewer])
        if (leak.what, viewer) != NAMES_IN_STATE or not leak.place.startswith("state ")
    ]
    assert not leaks, f"{viewer} must not see this: " + "; ".join(map(str, leaks))


def test_a_shared_backend_shows_names_of_pictures_and_nothing_else(
    story: Story, searches: dict[str, Search]
) -> None:
    """Secundus' stack uploads the pictures, so its state holds their names; Primus can read it."""
    seen = story.runs["authorised"].seen["primus"]
    leaks = searches["primus"].leaks(seen)
    assert {leak.what for leak in leaks} == {"picture's name"}
    assert f"{STATE}/secundus.json" in {leak.place for leak in leaks}


def test_a_workload_that_leaks_is_detected(story: Story, searches: dict[str, Search]) -> None:
    """The search names each place to which it leaks."""
    seen = story.runs["leaking"].seen
    found = {
        viewer: {
            (leak.what, leak.place)
            for leak in search.leaks(seen[viewer])
            if not leak.place.startswith("state ")
        }
        for viewer, search in searches.items()
    }
    results = f"gs://{canary_runs.RESULTS}"
    assert found == {
        "primus": {("pixels as the model takes them", "audit log")},
        "secundus": {("weights", f"{results}/weights"), ("weights", f"{results}/results.jsonl")},
        "outside": {
            ("weights", "sent"),
            ("weights", "printed"),
            ("pixels as the model takes them", "sent"),
        },
    }


def test_the_model_is_marked_where_it_is_deployed(story: Story) -> None:
    """Primus finds every mark of the model in its own bucket."""
    assert marks_in(story, "primus", "model-bucket", story.model) == {
        "weights",
        "archive",
        "tensor's name",
    }


def test_the_pictures_are_marked_where_they_are_deployed(story: Story) -> None:
    """Secundus finds every mark in its own bucket, except for the scaled pixels."""
    assert marks_in(story, "secundus", "input-bucket", (*story.pictures, PICTURE_NAME)) == {
        "comment",
        "pixels",
        "picture's name",
    }


def marks_in(story: Story, company: str, bucket: str, marks: tuple[Mark, ...]) -> set[str]:
    """Which of the marks a company finds in one of its buckets."""
    start = f"gs://{COMPANIES[company].project}-{bucket}/"
    seen = story.runs["authorised"].seen[company]
    held = {place: content for place, content in seen.items() if place.startswith(start)}
    return {leak.what for leak in Search(marks).leaks(held)}


@pytest.mark.parametrize(
    ("viewer", "place", "text"),
    [
        ("primus", "audit log", "primus-sa@primus-models"),
        ("primus", "terminal", "attributeCondition"),
        ("primus", f"{STATE}/primus.json", "attributeCondition"),
        ("secundus", "audit log", NAME),
        ("secundus", "terminal", NAME),
        ("secundus", "serial console", "workload task started"),
        ("secundus", f"{STATE}/secundus.json", NAME),
        ("secundus", f"gs://{canary_runs.RESULTS}/results.jsonl", NAME),
        ("secundus", f"gs://{canary_runs.RESULTS}/summary.json", '"imageDigest": "sha256:'),
        ("secundus", f"gs://{canary_runs.RESULTS}/result", NAME),
        ("secundus", f"gs://{canary_runs.RESULTS}/result (metadata)", "text/plain"),
        ("outside", "sent", NAME),
        ("outside", "printed", f"classified {PICTURES}, failed 0"),
    ],
)
def test_every_place_holds_its_expected_text(
    story: Story, viewer: str, place: str, text: str
) -> None:
    """No place is empty by mistake."""
    search = Search((Mark("text", (text.encode(),)),))
    content = story.runs["authorised"].seen[viewer][place]
    assert search.leaks({place: content}) == [Leak("text", place, ())]
