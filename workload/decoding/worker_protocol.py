"""The protocol between a run and a decoder: shared memory, and two pipes for short messages.

The memory has SLOTS slots, used in turn. A slot holds one chunk of pictures: as downloaded, and
decoded. The pipes carry only lengths and outcomes, which always fit into a pipe, so that writing
never blocks.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workload.decoding import image_limits
from workload.errors import PictureFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workload.manifest import Input

SLOTS: Final = 3
"""One in progress and two more, so that a decoder has work while the run is busy."""
CHUNK_BYTES: Final = 1024**2
"""A chunk of this size takes no further picture, so that all decoders get large ones."""
CHUNK_PICTURES: Final = 16
"""Most pictures of a chunk: small ones share one exchange of messages."""
CHUNK_DECODED_BYTES: Final = 16 * 1024**2
"""Limit of a decoded chunk, unless a single picture is larger."""

READY: Final = b"\xff"
"""The first byte of a decoder: it is confined."""
NOT_CONFINED: Final = b"\xfe"
"""Alternative first byte: the kernel refused confinement; the decoder ends."""
OUTCOMES: Final = (
    None,
    PictureFailure.EMPTY,
    PictureFailure.FORMAT_UNKNOWN,
    PictureFailure.TOO_MANY_PIXELS,
    PictureFailure.TOO_MANY_SCANS,
    PictureFailure.DAMAGED,
)
"""Possible outcomes of a picture, by index; 0 means that there are pixels."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Layout of the shared memory, for decoded pictures of one size."""

    height: int
    width: int
    depth: int
    pictures: int
    """Most pictures of one chunk."""

    @classmethod
    def of(cls, model_input: Input) -> Layout:
        """The layout for a model's input."""
        pixels = 4 * model_input.depth * model_input.height * model_input.width
        return cls(
            height=model_input.height,
            width=model_input.width,
            depth=model_input.depth,
            pictures=max(1, min(CHUNK_PICTURES, CHUNK_DECODED_BYTES // pixels)),
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Pictures of a chunk, height, width, depth: contiguous float32."""
        return self.pictures, self.height, self.width, self.depth

    @property
    def slot(self) -> int:
        """Bytes of one slot."""
        return _ENCODED + 4 * math.prod(self.shape)

    @property
    def size(self) -> int:
        """Bytes of the memory."""
        return SLOTS * self.slot

    def encoded(self, number: int) -> int:
        """Offset of the encoded pictures of a decoder's chunk with this number."""
        return number % SLOTS * self.slot

    def pixels(self, number: int) -> int:
        """Offset of its decoded pictures."""
        return self.encoded(number) + _ENCODED


_ENCODED: Final = CHUNK_BYTES + image_limits.MAX_FILE_BYTES
"""Size of a slot before its pixels: the last picture of a chunk may have any size."""


def request(lengths: Sequence[int]) -> bytes:
    """The message for a chunk: the number of pictures, and the length of each."""
    return struct.pack(f"<B{len(lengths)}I", len(lengths), *lengths)
