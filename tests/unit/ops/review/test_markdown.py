"""A comment of a pull request: complete, short enough, and without anybody else's markup."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ops.review import markdown
from ops.review.change import ALARMS, Effect, Section
from tests.fixtures.previews import BUCKET, OBJECT, UNKNOWN, Json, reviewed, step

HOSTILE = [
    "@everybody",
    "<script>alert(1)</script>",
    "[a](https://x.example)",
    "https://x.example",
    "www.x.example",
    "#1",
    "**bold**",
    "_it_",
    "`code`",
    "``",
    "-->",
    "</details>",
    "![](x)",
    ":smile:",
    "a@x.example",
    "GH-1",
    "~~a~~",
    "|",
    "\\",
    "&lt;",
    "...",
]


def bucket(name: str, **changes: Any) -> Json:
    """The step of a new bucket that anybody may read."""
    return step("create", BUCKET, new={"name": name, **changes})


def outside_of_code(text: str) -> str:
    """A comment without its code blocks and spans."""
    without_blocks = re.sub(r"(?ms)^ *(`{3,})\n.*?^ *\1$", "", text)
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", without_blocks)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_text_of_a_resource_is_never_markup(name: str) -> None:
    """Whoever opens a pull request chooses it, and a mention would notify people."""
    text = markdown.written(reviewed(bucket(f"a {name} b")))
    assert name in text
    assert name not in outside_of_code(text).replace("<details><summary>", "").replace(
        "\n</details>", ""
    ).replace("<!-- confidential-inference review: primus -->", "").replace("**", "")


def test_words_and_commands_of_the_review_stay_readable() -> None:
    """Also at the end of a sentence."""
    text = markdown.written(reviewed(bucket("b", uniformBucketLevelAccess=UNKNOWN)))
    assert "the bucket b: uniform access is not known before `up`: each object can" in text


def test_a_block_is_not_ended_by_its_own_text() -> None:
    """The fence is longer than any run of backticks in it."""
    steps = [step("delete", OBJECT, old={"bucket": "b", "name": "```"})]
    text = markdown.written(reviewed(*steps))
    assert "\n  ````\n  ```\n  ````\n" in text


def test_the_marker_is_the_first_line_whatever_the_stack_is_called() -> None:
    """It is a comment of HTML, which a name must not end."""
    assert markdown.marker("a-->b c") == "<!-- confidential-inference review: a--_b_c -->"


@pytest.mark.parametrize("number", [1, 100, 5_000])
@pytest.mark.parametrize("length", [10, 5_000])
def test_a_comment_is_never_too_long(number: int, length: int) -> None:
    """GitHub refuses more than 65,536 characters. What has no room is counted."""
    steps = [
        step(
            "create", BUCKET, f"b{each}", new={"name": "b" * length, "labels": {"a": "b" * length}}
        )
        for each in range(number)
    ]
    text = markdown.written(reviewed(*steps))
    assert len(text.encode()) < markdown.LONGEST
    assert text.rstrip().endswith("</details>")
    if number == 5_000:
        assert re.search(r"… and \d+ further serious changes", text)
        assert re.search(r"… and \d+ more lines", text)


def test_a_comment_stays_short_with_thousands_of_harmless_changes() -> None:
    """Alarms keep their room."""
    steps = [
        step(
            "update",
            BUCKET,
            f"b{number}",
            old=private(),
            new=private(storageClass="X"),
        )
        for number in range(3_000)
    ]
    lost = step("delete", BUCKET, "lost", old=private())
    text = markdown.written(reviewed(*steps, lost))
    assert len(text) < markdown.LONGEST
    assert text.splitlines()[3].startswith("- 🛑 **DATA LOSS**")


def private(**changes: Any) -> Json:
    """The inputs of a private bucket."""
    return {
        "name": "bucket",
        "publicAccessPrevention": "enforced",
        "uniformBucketLevelAccess": True,
        "labels": {"a": "b"},
        **changes,
    }


def test_a_comment_without_changes_has_no_raw_difference() -> None:
    """Verdict and notes only."""
    text = markdown.written(reviewed(step("same", BUCKET, old=private(), new=private())))
    assert text.splitlines()[1].startswith("### primus: Nothing about")
    assert "<details>" not in text


def test_every_effect_has_its_word_in_the_comment() -> None:
    """The same word as everywhere, and a sign where nobody may overlook it."""
    text = markdown.written(reviewed(bucket("b", forceDestroy=True)))
    assert f"- 🛑 **{Effect.LOOSENING}**: the bucket b: public" in text
    assert f"- **{Effect.ADVICE}**: bucket-force-destroy" in text
    assert f"**{Section.RULES}**" in text
    assert all(effect.value == effect.value.upper() for effect in ALARMS)
