"""docs/troubleshooting.md: each heading is a sentence that the code knows, with the code's cure."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

import pytest

from ops.commands import RESULTS
from ops.detail_causes import cause_of_detail, cause_of_result
from ops.explain.reader import UnknownError, explained
from ops.google_client_errors import as_workload_message
from ops.launcher_causes import cause_of_launcher, is_ending
from ops.launcher_log import FAILED
from rehearsal.repository import REPOSITORY
from tests.contract.documented_commands import commands
from workload import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workload.errors import Detail

PAGE: Final = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
SECTIONS: Final = dict(
    re.findall(r"^### ([^\n]+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
)
"""By heading, the text below it."""

COMMAND: Final = re.compile(
    r"(?:\bpulumi|\bgcloud|\S*confidential-inference)"
    r"""(?: (?:'[^']*'|"[^"]*"|[^\s;,()&>'"]*[^\s;,()&>'":.]))+"""
)
"""A command in a sentence, up to what ends it: punctuation, a bracket, another command, a file."""
PLACEHOLDER: Final = re.compile(
    r"\b(ACCOUNT|API|BACKEND|KEY|NAME|POOL|PROJECT|REGION|STACK|TYPE|VM|ZONE|31415)\b"
)
"""What a person replaces. 31415 is the project of the headings, which the code repeats."""

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


def alike(word: str, other: str) -> bool:
    """Whether the words are equal where no placeholder stands."""
    filled = (".+".join(map(re.escape, PLACEHOLDER.split(each)[::2])) for each in (word, other))
    return any(map(re.fullmatch, filled, (other, word)))


def has(typed: Sequence[str], named: Sequence[str]) -> bool:
    """Whether a command has these words in their order; it may have more options."""
    left = iter(typed)
    return typed[:2] == named[:2] and all(any(alike(w, x) for x in left) for w in named)


def missing(fix: str, section: str) -> list[str]:
    """The commands of a fix that a section does not have."""
    typed = [list(each.words) for each in commands(section, "troubleshooting.md")]
    named = COMMAND.findall(fix)
    return [each for each in named if not any(has(t, shlex.split(each)) for t in typed)]


def test_there_are_sections() -> None:
    """What is read below is the page."""
    assert len(SECTIONS) > 30
    assert PAGE.count("\n### ") == len(SECTIONS), "two headings are equal"


@pytest.mark.parametrize("sentence", SECTIONS)
def test_a_heading_is_a_sentence_that_the_code_knows_and_the_cure_is_the_codes(
    sentence: str,
) -> None:
    """Each command that the code's cure names, whole: stack, key, value, options."""
    assert missing(cure(sentence), SECTIONS[sentence]) == []


@pytest.mark.parametrize("sentence", SECTIONS)
def test_a_section_links_to_the_pages_that_the_codes_cure_names(sentence: str) -> None:
    """With the same heading: of roles, for example, there is one table."""
    named = re.findall(r"docs/([a-z-]+\.md(?:#[a-z-]+)?)", cure(sentence))
    assert [page for page in named if f"]({page}" not in SECTIONS[sentence]] == []


@pytest.mark.parametrize(
    "typed",
    [
        "pulumi up --stack secundus --refresh",
        "pulumi up --stack primus",
        "pulumi config set --stack primus grantWiat 120",
        "pulumi config set --stack primus grantWait 12",
        "pulumi config set --stack secundus grantWait 120",
    ],
)
def test_another_command_than_the_cures_is_found(typed: str) -> None:
    """By stack, key, value or option."""
    fix = {
        "up": "deploy it: pulumi up --stack primus --refresh; minutes later, run again",
        "config": "wait (then: pulumi config set --stack primus grantWait 120), or not",
    }[typed.split()[1]]
    (command,) = COMMAND.findall(fix)
    assert missing(fix, f"Type `{command}`.") == []
    assert missing(fix, f"Type `{typed}`.") == [command]


def test_a_placeholder_may_be_filled_on_either_side() -> None:
    """And the page may add an option."""
    fix = "gcloud logging read 'x=\"VM\"' --format=json > l.json && pulumi up --stack STACK"
    page = "```\ngcloud logging read 'x=\"vm-1\"' --project PROJECT --format=json > l.json\n```\n"
    assert missing(fix, page + "`pulumi up --stack primus`") == []


def test_an_unknown_heading_is_reported() -> None:
    """The check can fail."""
    with pytest.raises(UnknownError):
        cure("The moon is not available in this zone.")


def test_every_refusal_of_googles_token_service_has_a_section() -> None:
    """Those are the sentences that people meet first."""
    assert {*TOKEN_SERVICE.values()} - {detail_of(sentence) for sentence in SECTIONS} == set()
