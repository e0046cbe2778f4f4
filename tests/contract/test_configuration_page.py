"""docs/configuration.md has every key, as the settings declare it."""

from __future__ import annotations

import pytest

from infra.config import key_table

PAGE = key_table.DOCUMENT.read_text()


def test_the_table_of_keys_is_the_generated_one() -> None:
    """The page lists each key as the settings declare it."""
    assert key_table.updated(PAGE) == PAGE, f"run {key_table.COMMAND}"


def test_a_table_of_keys_changed_by_hand_is_written_again() -> None:
    """The text around the table stays; the table does not."""
    written = key_table.updated(PAGE)
    changed = written.replace("| both | `project` |", "| both | `nothing` |")
    assert changed != written
    assert key_table.updated(changed) == written


def test_every_key_is_listed_once() -> None:
    """A key of both stacks has one row, or one for each stack."""
    listed = [(row.stack, row.key) for row in key_table.rows()]
    assert len(listed) > 40
    assert len(set(listed)) == len(listed)
    of_both = {key for stack, key in listed if stack == "both"}
    assert of_both.isdisjoint(key for stack, key in listed if stack != "both")


@pytest.mark.parametrize("marker", [key_table.START, key_table.END])
def test_a_page_without_a_marker_is_refused(marker: str) -> None:
    """It is never overwritten."""
    with pytest.raises(ValueError, match="got a document without"):
        key_table.updated(PAGE.replace(marker, ""))
