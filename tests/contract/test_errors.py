"""docs/errors.md is what the code says: every code and message, whose mistake, which cure."""

from __future__ import annotations

import re
import signal
from typing import NamedTuple, TypeAlias

import pytest

from infra.attestation.clause import Party
from ops import failure_causes, launcher_causes
from ops.picture_causes import PICTURES, PictureCause
from rehearsal.repository import REPOSITORY
from workload import errors, job, retries, settings
from workload.decoding import image_limits
from workload.errors import Detail, Failure, PictureFailure

TEXT = (REPOSITORY / "docs" / "errors.md").read_text()
LAUNCHER = "launcher"
"""In place of a code: it has none."""
NOBODY = "not told"
GRANT, BUSY = (f"{seconds // 60} min" for seconds in (settings.GRANT_SECONDS, retries.BUSY_SECONDS))
AGAIN = {"no", GRANT, BUSY, f"{GRANT}, later {BUSY}", "5 times", "3 times"}
SEEN = {"result object", "the picture's record", "serial console", "nowhere"}
PARTIES = {*Party, NOBODY}

STANDS_IN = {
    **{Detail[name]: Failure.SETTINGS_INVALID for name in settings.OVERRIDABLE},
    Detail.SAME_BUCKET: Failure.SETTINGS_INVALID,
    **{
        detail: failure
        for (_, failure), sentences in errors._TOKEN_SERVICE.items()
        for detail in sentences.values()
    },
    Detail.IMPERSONATION: Failure.IMPERSONATION_REFUSED,
    Detail.STAYS_BUSY: Failure.INPUT_NOT_READABLE,
    Detail.GRAPH_TOO_LARGE: Failure.MODEL_UNUSABLE,
    **{
        detail: Failure.RUN_CRASHED
        for detail in Detail
        if detail.name in signal.Signals.__members__
    },
}
"""Each detail, and the failure that it is told with."""


class Row(NamedTuple):
    """One row of the table."""

    code: str
    message: str
    when: str
    mistake_of: str
    again: str
    cure: str
    seen: str


def rows(text: str) -> list[Row]:
    """The table, without what Markdown needs: a bar or a star of the text itself is escaped."""
    cells = [
        re.split(r" ?(?<!\\)\| ?", line)[1:-1] for line in text.splitlines() if line[:1] == "|"
    ]
    plain = [[re.sub(r"\\([|*])", r"\1", cell) for cell in line] for line in cells[2:]]
    return [Row(code.strip("`"), message.strip("`"), *rest) for code, message, *rest in plain]


Known: TypeAlias = tuple[str, str, failure_causes.Cause | PictureCause | None]


def known() -> list[Known]:
    """Every code and message there is, and its cause."""
    told: list[Known] = []
    for failure in Failure:
        details = [detail for detail in Detail if STANDS_IN[detail] is failure]
        told += [
            (failure.code, message, failure_causes.of_result(f"{failure.code}: {message}"))
            for message in (failure.sentence, *details)
        ]
    pictures = [(f.value, f"Error: {f}", PICTURES.get(f)) for f in PictureFailure]
    launcher = [(LAUNCHER, pattern, cause) for pattern, cause in launcher_causes.LAUNCHER]
    return [*told, *pictures, *launcher]


def differences(text: str) -> list[str]:
    """Where the table says something else than the code."""
    table = rows(text)
    said = {(row.code, row.message): row for row in table}
    found = ["twice the same row"] if len(said) < len(table) else []
    for code, message, cause in known():
        row = said.pop((code, message), None)
        if row is None:
            found.append(f"no row for {code}: {message}")
        elif cause is None:
            found.append(f"{code}: `ops` does not know what it means: ops/picture_causes.py")
        elif (row.mistake_of, row.cure) != (cause.mistake_of or NOBODY, cause.cure):
            found.append(f"{code}: {message}: the cause is {cause.mistake_of}: {cause.cure}")
        elif isinstance(cause, PictureCause) and row.when != cause.sentence:
            found.append(f"{code}: `ops` says that {cause.sentence}")
    found += [f"a row that the code does not know: {code}: {message}" for code, message in said]
    for row in table:
        if not all(row) or row.again not in AGAIN or row.seen not in SEEN:
            found.append(f"not as the text above the table explains it: {row}")
        if row.mistake_of not in PARTIES:
            found.append(f"nobody is called {row.mistake_of}")
    return found


def test_the_table_says_what_the_code_says() -> None:
    """Each code and message has one row, with the party and the cure that `ops why` names."""
    assert differences(TEXT) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("`picture_damaged` |", "`picture_spoilt` |"),
        ("The input bucket holds no pictures.", "The bucket is empty."),
        ("| the listing is empty |", "|  |"),
        ("| image author | no | pack a smaller model", "| operator | no | pack a smaller model"),
        ("| pack a smaller model:", "| pack another model:"),
        ("| platform | 8 min |", "| platform | 9 min |"),
        ("pulumi up --stack primus | result object |", "pulumi up --stack primus | the log |"),
        ("| it has no bytes | operator |", "| it has no bytes | somebody |"),
        ("| it has no bytes | operator |", "| it has no pixels | operator |"),
        ("| upload it again |", "| throw it away |"),
        ("cannot pull the image: .*(i/o timeout", "cannot pull the image: .*(timeout"),
    ],
)
def test_a_row_that_differs_is_found(before: str, after: str) -> None:
    """Each column is compared."""
    assert before in TEXT
    assert differences(TEXT.replace(before, after, 1))


@pytest.mark.parametrize("row", [line for line in TEXT.splitlines() if line[:1] == "|"][2:])
def test_a_row_that_is_missing_or_doubled_is_found(row: str) -> None:
    """No row can be taken away, and none added."""
    assert len(differences(TEXT.replace(f"{row}\n", "", 1))) == 1
    assert differences(f"{TEXT}{row}\n") == ["twice the same row"]


@pytest.mark.parametrize(
    ("code", "limit"),
    [
        (Failure.MODEL_TOO_LARGE.code, f"{job.MAX_ARCHIVE // 1024**3} GiB"),
        (PictureFailure.TOO_LARGE, f"{image_limits.MAX_FILE_BYTES // 1024**2} MiB"),
        (PictureFailure.TOO_MANY_PIXELS, f"{image_limits.MAX_PIXELS // 10**6} million pixels"),
        (PictureFailure.TOO_MANY_SCANS, f"{image_limits.MAX_SCANS} scans"),
        (PictureFailure.DECODER_CRASHED, f"{image_limits.MAX_MEMORY_BYTES // 1024**3} GiB"),
        (PictureFailure.DECODER_TOO_SLOW, f"{image_limits.MAX_CPU_SECONDS} s of processor time"),
        (PictureFailure.DECODER_TOO_SLOW, f"not answer for {image_limits.MAX_ANSWER_SECONDS} s"),
    ],
)
def test_a_limit_is_the_codes(code: str, limit: str) -> None:
    """A number in the table is the constant that decides."""
    (row,) = [row for row in rows(TEXT) if row.code == code]
    assert limit in row.when


def test_what_is_asked_again_is_the_codes() -> None:
    """The statuses and waits that the text names are those of the code."""
    *others, last = sorted(retries.BUSY)
    assert f"{', '.join(map(str, others))} or {last}" in " ".join(TEXT.split())
    waits = f"from {retries.FIRST_WAIT:.0f} s to {retries.LONGEST_WAIT:.0f} s"
    assert waits in " ".join(TEXT.split())
