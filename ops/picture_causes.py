"""The cause of each code that a picture can have.

docs/errors.md is generated from this table: `python -m ops.error_table`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from infra.attestation.clause import Party
from ops.cause import WHILE_BUSY, Cause, RefusedBy, Seen
from ops.commands import PACK
from ops.evidence import FOREIGN
from ops.verdict import FailedPictures
from workload.decoding import image_limits
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


def _operator(when: str, fix: str) -> Cause:
    return Cause(when, RefusedBy.WORKLOAD, Party.OPERATOR, fix, seen=Seen.RECORD)


_AT_OTHER_TIMES: Final = "change the input bucket before a run or after it"
_SAVE_AGAIN: Final = "open it and save it again"

PICTURES: Final[Mapping[PictureFailure, Cause]] = {
    PictureFailure.NOT_READABLE: Cause(
        "Cloud Storage refuses it, stays busy or sends damaged bytes",
        RefusedBy.BUCKET,
        None,
        "read it by hand, to see Google's answer; then run it again",
        WHILE_BUSY,
        Seen.RECORD,
    ),
    PictureFailure.VANISHED: _operator(
        "it was listed, and does not exist when it is read", _AT_OTHER_TIMES
    ),
    PictureFailure.CHANGED: _operator(
        "it was replaced between listing and reading", _AT_OTHER_TIMES
    ),
    PictureFailure.EMPTY: _operator("it has no bytes", "upload it again"),
    PictureFailure.TOO_LARGE: _operator(
        f"it has more than {image_limits.MAX_FILE_BYTES // 1024**2} MiB",
        "save it again, smaller",
    ),
    PictureFailure.FORMAT_UNKNOWN: _operator(
        "its first bytes are of no format that docs/pictures.md lists, whatever its name",
        "save it as JPEG or PNG",
    ),
    PictureFailure.TOO_MANY_PIXELS: _operator(
        f"its header says more than {image_limits.MAX_PIXELS // 10**6} million pixels; or they"
        " take more memory than a decoder has",
        "scale it down",
    ),
    PictureFailure.TOO_MANY_SCANS: _operator(
        f"it is a JPEG of more than {image_limits.MAX_SCANS} scans, each of which visits every"
        " pixel",
        _SAVE_AGAIN,
    ),
    PictureFailure.DAMAGED: _operator(
        "it cannot be decoded: it is cut off or broken, or of a rare kind that docs/pictures.md"
        " names",
        _SAVE_AGAIN,
    ),
    PictureFailure.SCORES_INVALID: Cause(
        "the model answers NaN, infinity, or numbers that its manifest's `scores` does not allow",
        RefusedBy.WORKLOAD,
        Party.AUTHOR,
        f"ask the model's owner to pack the model with this picture in the sample: {PACK}",
        seen=Seen.RECORD,
    ),
    PictureFailure.DECODER_CRASHED: _operator(
        "the process that decoded it ended, or took more than the"
        f" {image_limits.MAX_MEMORY_BYTES // 1024**3} GiB of memory that it may",
        f"{_SAVE_AGAIN}; the pictures around it are not harmed",
    ),
    PictureFailure.DECODER_TOO_SLOW: _operator(
        f"it takes more than {image_limits.MAX_CPU_SECONDS} s of processor time, or its decoder"
        f" does not answer for {image_limits.MAX_ANSWER_SECONDS} s",
        f"{_SAVE_AGAIN}, smaller",
    ),
}

_UNKNOWN_CODE: Final = Cause(
    "this program does not know the code",
    RefusedBy.WORKLOAD,
    None,
    "use the version that deployed the workload",
)
_OTHER_WORKLOAD: Final = Cause(
    "another workload wrote its own message beside the picture's name",
    RefusedBy.WORKLOAD,
    None,
    "ask whoever wrote the workload",
)


def explained(failed: Mapping[str, int]) -> tuple[FailedPictures, ...]:
    """The number of pictures with each code, and its cause."""
    return tuple(
        FailedPictures(code=code, count=count, cause=cause_of_picture(code))
        for code, count in sorted(failed.items())
    )


def cause_of_picture(code: str) -> Cause:
    """The cause of a picture's code."""
    if code == FOREIGN:
        return _OTHER_WORKLOAD
    known = (cause for failure, cause in PICTURES.items() if failure == code)
    return next(known, _UNKNOWN_CODE)
