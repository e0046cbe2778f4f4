"""What a run and one of its decoders share: a piece of memory, and two pipes of short messages.

The memory has SLOTS slots, used in turn; a slot holds one chunk of pictures, first as they were
downloaded, then as the model takes them. Through the pipes go lengths and outcomes alone: whatever
is on its way fits into a pipe, so that neither side ever waits for the other to read.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workload.decoding import image_limits
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workload.manifest import Input

SLOTS: Final = 3
"""One that is decoded, and two more: a decoder has work while the run classifies a batch."""
CHUNK_BYTES: Final = 1024**2
"""Bytes after which a chunk takes no further picture: large ones are spread over all decoders."""
CHUNK_PICTURES: Final = 16
"""The most of a chunk: so many small ones cost one exchange of messages."""
CHUNK_DECODED_BYTES: Final = 16 * 1024**2
"""Bytes of a chunk once it is decoded, unless one picture alone is larger."""

READY: Final = b"\xff"
"""The first byte of a decoder: from here on it is confined."""
NOT_CONFINED: Final = b"\xfe"
"""Or this: the kernel refused what would confine it, and it gives up."""
OUTCOMES: Final = (
    None,
    PictureFailure.EMPTY,
    PictureFailure.FORMAT_UNKNOWN,
    PictureFailure.TOO_MANY_PIXELS,
    PictureFailure.TOO_MANY_SCANS,
    PictureFailure.DAMAGED,
)
"""What a decoder may say of a picture, by number; 0 is that there are pixels."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything is in the memory, for pictures of one size."""

    height: int
    width: int
    pictures: int
    """The most of one chunk."""

    @classmethod
    def of(cls, model_input: Input) -> Layout:
        """The layout for a model's input."""
        pixels = 4 * 3 * model_input.height * model_input.width
        return cls(
            height=model_input.height,
            width=model_input.width,
            pictures=max(1, min(CHUNK_PICTURES, CHUNK_DECODED_BYTES // pixels)),
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Pictures of a chunk, height, width, channels: float32 without a gap."""
        return self.pictures, self.height, self.width, 3

    @property
    def slot(self) -> int:
        """Bytes of one slot."""
        return _ENCODED + 4 * self.pictures * self.height * self.width * 3

    @property
    def size(self) -> int:
        """Bytes of the memory."""
        return SLOTS * self.slot

    def encoded(self, number: int) -> int:
        """Where the encoded pictures of a decoder's chunk of this number begin."""
        return number % SLOTS * self.slot

    def pixels(self, number: int) -> int:
        """Where its decoded pictures begin."""
        return self.encoded(number) + _ENCODED


_ENCODED: Final = CHUNK_BYTES + image_limits.MAX_FILE_BYTES
"""Bytes of a slot before its pixels: the last picture may be of any size."""


def request(lengths: Sequence[int]) -> bytes:
    """A chunk's message to the decoder: how many pictures, and how long each is."""
    return struct.pack(f"<B{len(lengths)}I", len(lengths), *lengths)
