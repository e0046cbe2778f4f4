"""docs/troubleshooting.md: each heading is a sentence that the code knows, with the code's cure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from ops.commands import RESULTS
from ops.detail_causes import cause_of_detail, cause_of_result
from ops.explain.reader import UnknownError, explained
from ops.google_client_errors import as_workload_message
from ops.launcher_causes import cause_of_launcher, is_ending
from ops.launcher_log import FAILED
from rehearsal.repository import REPOSITORY
from workload import errors

if TYPE_CHECKING:
    from workload.errors import Detail

PAGE: Final = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
SECTIONS: Final = dict(
    re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
)
"""By heading, the text below it."""

COMMAND: Final = re.compile(r"\b(?:pulumi|gcloud|confidential-inference)(?: [a-z][a-z0-9-]*)+")
"""A command up to its first option, value or name in capitals."""


TOKEN_SERVICE: Final = {
    pattern: detail
    for sentences in errors._TOKEN_SERVICE.values()
    for pattern, detail in sentences.items()
    if pattern != ".*"
}
"""Google's sentences as patterns, and ours, which leave out Google's values."""


def detail_of(sentence: str) -> Detail | None:
    """The refusal of Google's token service that a sentence is."""
    found = (
        detail
        for pattern, detail in TOKEN_SERVICE.items()
        if sentence == detail or re.fullmatch(pattern, sentence)
    )
    return next(found, None)


def cure(sentence: str) -> str:
    """What the code says against a sentence; UnknownError if none of its tables has it."""
    if detail := detail_of(sentence):
        return cause_of_detail(detail).fix
    if (message := as_workload_message(sentence)).startswith("impersonation_refused"):
        return cause_of_result(message).fix
    if sentence in FAILED:
        return RESULTS
    if is_ending(sentence):
        return cause_of_launcher(sentence).fix
    return explained(f"error: {sentence}".encode())[0].fix


def test_there_are_sections() -> None:
    """What is read below is the page."""
    assert len(SECTIONS) > 30
    assert PAGE.count("\n### ") == len(SECTIONS), "two headings are equal"


@pytest.mark.parametrize("sentence", SECTIONS)
def test_a_heading_is_a_sentence_that_the_code_knows_and_the_cure_is_the_codes(
    sentence: str,
) -> None:
    """Where the code's cure names commands, the section has one of them."""
    commands = COMMAND.findall(cure(sentence))
    assert not commands or any(command in SECTIONS[sentence] for command in commands), commands


def test_an_unknown_heading_is_reported() -> None:
    """The check can fail."""
    with pytest.raises(UnknownError):
        cure("The moon is not available in this zone.")


def test_every_refusal_of_googles_token_service_has_a_section() -> None:
    """Those are the sentences that people meet first."""
    assert {*TOKEN_SERVICE.values()} - {detail_of(sentence) for sentence in SECTIONS} == set()
