"""docs/errors.md says what the code says: its table is generated, its text is compared."""

from __future__ import annotations

import signal

import pytest

from ops import cause, error_table
from ops.detail_causes import DETAILS
from ops.failure_causes import FAILURES
from ops.picture_causes import PICTURES
from ops.slice_causes import SLICES
from workload import archive, errors, retries, settings
from workload.decoding import image_limits
from workload.errors import Detail, Failure, PictureFailure, SliceFailure

DOCUMENT = error_table.DOCUMENT.read_text(encoding="utf-8")
TEXT = " ".join(DOCUMENT.partition(error_table.START)[0].split())
"""What stands before the table."""
UNIQUE_ROW = "| `no_pictures` |"


def test_the_table_is_the_generated_one() -> None:
    """The document holds the causes that the commands use."""
    assert error_table.updated(DOCUMENT) == DOCUMENT, f"run {error_table.COMMAND}"


def test_a_table_changed_by_hand_is_written_again() -> None:
    """The text around the table stays; the table does not."""
    changed = DOCUMENT.replace(UNIQUE_ROW, "| `no_photos` |").replace("# Errors", "# Mistakes")
    assert error_table.updated(changed) == DOCUMENT.replace("# Errors", "# Mistakes")


@pytest.mark.parametrize("marker", [error_table.START, error_table.END])
def test_a_document_without_a_marker_is_refused(marker: str) -> None:
    """It is never overwritten."""
    with pytest.raises(ValueError, match="got a document without"):
        error_table.updated(DOCUMENT.replace(marker, ""))


def test_every_row_has_every_column() -> None:
    """A bar in a text is escaped, and no cell is empty."""
    for row in error_table.table().splitlines():
        cells = row.replace(r"\|", "").split("|")[1:-1]
        assert len(cells) == len(error_table.HEADER), row
        assert all(cell.strip() for cell in cells), row


def test_a_command_is_the_same_on_every_machine() -> None:
    """The table names the virtual environment of the pages, not that of whoever wrote it."""
    commands = error_table.table().count("confidential-inference why")
    assert error_table.table().count("&& .venv/bin/confidential-inference why launcher.json") > 0
    assert error_table.table().count(".venv/bin/confidential-inference why") == commands


def test_every_failure_of_a_run_has_a_cause() -> None:
    """No code of `workload.errors` is left out."""
    without = [each.name for each in Failure if each not in FAILURES]
    assert without == [], f"add to FAILURES in ops/failure_causes.py, then {error_table.COMMAND}"


def test_every_detail_has_a_cause() -> None:
    """No sentence of `workload.errors` is left out, and none is listed for two failures."""
    listed = [detail for details in DETAILS.values() for detail in details]
    without = [each.name for each in Detail if listed.count(each) != 1]
    assert without == [], f"add once to ops/detail_causes.py, then {error_table.COMMAND}"


def test_every_failure_of_a_picture_has_a_cause() -> None:
    """No code of `workload.errors` is left out."""
    without = [each.name for each in PictureFailure if each not in PICTURES]
    assert without == [], f"add to PICTURES in ops/picture_causes.py, then {error_table.COMMAND}"


def test_every_refusal_of_a_slice_has_a_cause() -> None:
    """No code of `workload.errors` is left out, and none is a run's, too."""
    without = [each.name for each in SliceFailure if each not in SLICES]
    assert without == [], f"add to SLICES in ops/slice_causes.py, then {error_table.COMMAND}"
    assert {each.code for each in SliceFailure}.isdisjoint(each.code for each in Failure)


def test_a_detail_is_listed_for_the_failure_that_the_workload_raises_with_it() -> None:
    """Refusals of the token service, malformed settings and signals."""
    signals = [each for each in Detail if each.name in signal.Signals.__members__]
    pairs = {
        *((Failure.SETTINGS_INVALID, Detail[name]) for name in settings.OVERRIDABLE),
        *((Failure.RUN_CRASHED, detail) for detail in signals),
    }
    for (_, failure), sentences in errors._TOKEN_SERVICE.items():
        pairs |= {(failure, detail) for detail in sentences.values()}
    assert len(pairs) > 15
    assert [pair for pair in pairs if pair[1] not in DETAILS[pair[0]]] == []


@pytest.mark.parametrize(
    ("when", "limit"),
    [
        (FAILURES[Failure.MODEL_TOO_LARGE].when, f"{archive.MAX_ARCHIVE // 1024**3} GiB"),
        (PICTURES[PictureFailure.TOO_LARGE].when, f"{image_limits.MAX_FILE_BYTES // 1024**2} MiB"),
        (
            PICTURES[PictureFailure.TOO_MANY_PIXELS].when,
            f"{image_limits.MAX_PIXELS // 10**6} million pixels",
        ),
        (PICTURES[PictureFailure.TOO_MANY_SCANS].when, f"{image_limits.MAX_SCANS} scans"),
        (
            PICTURES[PictureFailure.DECODER_CRASHED].when,
            f"{image_limits.MAX_MEMORY_BYTES // 1024**3} GiB",
        ),
        (
            PICTURES[PictureFailure.DECODER_TOO_SLOW].when,
            f"{image_limits.MAX_CPU_SECONDS} s of processor time",
        ),
        (
            PICTURES[PictureFailure.DECODER_TOO_SLOW].when,
            f"not answer for {image_limits.MAX_ANSWER_SECONDS} s",
        ),
        (
            DETAILS[Failure.INPUT_NOT_READABLE][Detail.STAYS_BUSY].when,
            f"{retries.MAX_FAILURES} pictures",
        ),
    ],
)
def test_a_limit_in_the_table_is_the_limit_of_the_code(when: str, limit: str) -> None:
    """A number in the table is the constant that decides."""
    assert limit in when


def test_the_times_of_retries_are_those_of_the_code() -> None:
    """How long the workload waits for a grant, and for a busy service."""
    assert f"{settings.GRANT_SECONDS // 60} min" == cause.UNTIL_GRANTED
    assert f"{retries.BUSY_SECONDS // 60:.0f} min" == cause.WHILE_BUSY


def test_the_text_names_the_statuses_and_waits_of_the_code() -> None:
    """It explains what is retried, and how long a wait is."""
    *others, last = sorted(retries.BUSY)
    assert f"{', '.join(map(str, others))} or {last}" in TEXT
    assert f"from {retries.FIRST_WAIT:.0f} s to {retries.LONGEST_WAIT:.0f} s" in TEXT


def test_the_text_explains_every_value_of_the_columns_retried_and_seen() -> None:
    """In italics, as the table has it."""
    explained = TEXT.lower()
    causes = [entry.cause for entry in error_table.entries()]
    values = {
        value
        for each in causes
        for value in (*each.retried.split(", later "), *each.seen.split(", or "))
    }
    assert {value for value in values if f"*{value}*" not in explained} == set()


def test_what_refuses_a_new_picture_is_seen_as_a_dead_letter() -> None:
    """Such a message has no job to which a cause could be written."""
    refused = (SliceFailure.MESSAGE_MALFORMED, SliceFailure.OTHER_INPUT)
    assert [each.name for each in refused if "dead letter" not in SLICES[each].seen] == []
