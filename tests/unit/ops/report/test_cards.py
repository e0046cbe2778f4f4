"""What the report shows of each picture."""

from __future__ import annotations

import pytest

from ops.report.card import LONGEST, cards
from tests.fixtures.runs import failed, record, run


def test_failed_pictures_come_first_and_the_others_as_listed() -> None:
    """Each keeps its number in the listing."""
    shown = cards(
        run(record("c", ("x", 0.5)), failed("b"), record("a", ("x", 0.5)), failed("d")), 9
    )
    assert [(each.name, each.number) for each in shown] == [("b", 2), ("d", 4), ("c", 1), ("a", 3)]


def test_a_limit_leaves_out_the_last_ones_that_did_not_fail() -> None:
    """A failure is what its reader must see."""
    assert [each.name for each in cards(run(record("a", ("x", 1.0)), failed("b")), 1)] == ["b"]


def test_signs_that_nobody_sees_are_spelt_out_and_long_names_are_cut() -> None:
    """A changed direction of writing makes gpj.exe of exe.jpg."""
    (card,) = cards(run(record("\u202egpj.exe" + "x" * 999, ("\u200bcrack", 0.5))), 1)
    assert card.name.startswith("\\u202egpj.exe")
    assert len(card.name) < LONGEST + 40
    assert card.label == card.bars[0].label == "\\u200bcrack"


def test_a_class_without_a_label_is_shown_by_its_index() -> None:
    """As in the table on a terminal."""
    (card,) = cards(run(record("a", ("", 0.25))), 1)
    assert (card.label, card.bars[0].label, card.bars[0].text) == ("class 0", "class 0", "0.250")


@pytest.mark.parametrize(("scores", "text"), [("probabilities", "12.346"), ("logits", "12.35")])
def test_scores_have_as_many_digits_as_count(scores: str, text: str) -> None:
    """Only of probabilities the size is known."""
    (card,) = cards(run(record("a", ("x", 12.34567)), scores=scores), 1)
    assert card.bars[0].text == text
