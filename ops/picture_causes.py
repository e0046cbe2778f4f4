"""What each code of a picture means, whose mistake it is, and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from infra.attestation.clause import Party
from ops.evidence import FOREIGN
from ops.verdict import Failed
from workload.decoding import image_limits
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PictureCause:
    """One code explained: of the picture that has it, the sentence is what holds."""

    sentence: str
    mistake_of: Party | None
    """None where the code alone does not tell"""
    cure: str


def _operator(sentence: str, cure: str) -> PictureCause:
    return PictureCause(sentence, Party.OPERATOR, cure)


_LATER: Final = "change the input bucket before a run or after it"
_ANEW: Final = "open and save it anew"

PICTURES: Final[Mapping[PictureFailure, PictureCause]] = {
    PictureFailure.NOT_READABLE: PictureCause(
        "Cloud Storage refuses it, stays busy or sends damaged bytes",
        None,
        "read it by hand, to see Google's answer; then run it again",
    ),
    PictureFailure.VANISHED: _operator("it was listed, and is gone when it is read", _LATER),
    PictureFailure.CHANGED: _operator("it was replaced between listing and reading", _LATER),
    PictureFailure.EMPTY: _operator("it has no bytes", "upload it again"),
    PictureFailure.TOO_LARGE: _operator(
        f"it has more than {image_limits.MAX_FILE_BYTES // 1024**2} MiB",
        "save it anew, smaller",
    ),
    PictureFailure.FORMAT_UNKNOWN: _operator(
        "its first bytes are of no format that docs/pictures.md lists, whatever its name",
        "save it as JPEG or PNG",
    ),
    PictureFailure.TOO_MANY_PIXELS: _operator(
        f"its header tells more than {image_limits.MAX_PIXELS // 10**6} million pixels; or they"
        " take more memory than a decoder has",
        "scale it down",
    ),
    PictureFailure.TOO_MANY_SCANS: _operator(
        f"it is a JPEG of more than {image_limits.MAX_SCANS} scans, each of which visits every"
        " pixel",
        _ANEW,
    ),
    PictureFailure.DAMAGED: _operator(
        "it can't be decoded: cut off, broken, or of a rare kind that docs/pictures.md names", _ANEW
    ),
    PictureFailure.DECODER_CRASHED: _operator(
        "the process that decoded it ended, or took more than the"
        f" {image_limits.MAX_MEMORY_BYTES // 1024**3} GiB of memory that it may",
        f"{_ANEW}; the pictures around it are not harmed",
    ),
    PictureFailure.DECODER_TOO_SLOW: _operator(
        f"it takes more than {image_limits.MAX_CPU_SECONDS} s of processor time, or its decoder"
        f" does not answer for {image_limits.MAX_ANSWER_SECONDS} s",
        f"{_ANEW}, smaller",
    ),
}

_UNKNOWN: Final = PictureCause(
    "this program does not know the code", None, "use the version that deployed the workload"
)
_FOREIGN: Final = PictureCause(
    "another workload tells it in its own words, beside the picture's name",
    None,
    "ask whoever wrote the workload",
)


def explained(failed: Mapping[str, int]) -> tuple[Failed, ...]:
    """How many pictures have which code, and what each code means."""
    return tuple(
        Failed(
            code=code,
            count=count,
            sentence=of_picture(code).sentence,
            mistake_of=of_picture(code).mistake_of,
            cure=of_picture(code).cure,
        )
        for code, count in sorted(failed.items())
    )


def of_picture(code: str) -> PictureCause:
    """What a picture's code means."""
    if code == FOREIGN:
        return _FOREIGN
    found = (cause for failure, cause in PICTURES.items() if failure == code)
    return next(found, _UNKNOWN)
