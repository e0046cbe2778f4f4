"""docs/pull-requests.md says what the review and the policy pack say."""

from __future__ import annotations

import re

from ops.review.change import ALARMS, Effect
from policy.rules import EVERY
from rehearsal.repository import REPOSITORY

PAGE = (REPOSITORY / "docs" / "pull-requests.md").read_text()


def test_every_rule_is_in_the_table() -> None:
    """By name and description, in the order of the pack, and nothing else is."""
    rows = re.findall(r"^\| `([a-z-]+)`( \(advisory\))? \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (rule.name, " (advisory)" if rule.advisory else "", rule.description) for rule in EVERY
    ]


def test_every_alarm_is_in_the_table() -> None:
    """In their order, the worst first."""
    rows = re.findall(r"^\| ([A-Z][A-Z ]+) \| ", PAGE, re.MULTILINE)
    assert rows == [effect.value for effect in ALARMS]


def test_every_word_of_an_effect_is_on_the_page() -> None:
    """A reader of a comment finds each here."""
    assert [effect for effect in Effect if effect.value not in PAGE] == []
