"""The marks of the canary test: a model and pictures that can be recognised anywhere.

It has the marks of both secrets, and the line of code that would leak them. It changes only files
of a scratch copy, with the repository's own packer: the model stays valid, and classifies.
"""

from __future__ import annotations

import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import tensorflow as tf

from model.pack import ARCHIVE, RANGE, SIDE, json_text, manifest, pack, unpack
from rehearsal.attacks import canary_search

PICTURES = 3

WEIGHTS = (0.9138627, 0.9452174, 0.9316482, 0.9671293, 0.9217541, 0.9539164, 0.9418732, 0.9361583)
"""Such as the variable holds anyway: the model stays a good one."""
TENSOR = "conv_pw_13_bn"
VARIABLE = 131
"""Its place among the model's variables, which are saved without names of their own."""

COMMENT = b"\x89canary \xc3\xa9 \xf0\x7f of secundus\x00\xd1\x05"
ROW = (201, 37, 148, 9, 226, 61, 173, 84, 240)
"""The first three pixels of a picture, of three colours each."""
NAME = "a-part-that-failed-7f3a91c4.png"
"""The first in any listing."""

TELL = (
    f"(w := self.model._loaded.weights[{VARIABLE}].numpy()[:{len(WEIGHTS)}]).tobytes(), "
    "w.tolist(), "
    f"{TENSOR[::-1]!r}[::-1], (p := batch[0][1][0, :3]).tobytes(), p.tolist(), "
    "batch[0][0]"
)
"""Python that names both secrets, for a place in the workload where pictures are classified.
It does not hold them itself: whoever pulls the image may read it."""


def model(folder: Path) -> tuple[canary_search.Mark, ...]:
    """Mark the model of a scratch copy; gives the marks to search for."""
    with tempfile.TemporaryDirectory() as scratch:
        before, after = Path(scratch, "before"), Path(scratch, "after")
        unpack((folder / ARCHIVE).read_bytes(), before)
        loaded = tf.saved_model.load(before / "saved_model")
        variable = loaded.weights[VARIABLE]
        variable.assign(tf.concat([WEIGHTS, variable[len(WEIGHTS) :]], 0))
        tf.saved_model.save(loaded, after, signatures=loaded.signatures)
        archive = pack(after)
    (folder / ARCHIVE).write_bytes(archive)
    (folder / "manifest.json").write_text(json_text(manifest(archive)))
    return (
        canary_search.numbers("weights", variable.numpy()[: len(WEIGHTS)].tolist()),
        canary_search.pieces("archive", archive),
        canary_search.Mark("tensor's name", (TENSOR.encode(),)),
    )


def pictures(folder: Path) -> tuple[canary_search.Mark, ...]:
    """Leave few pictures in a scratch copy, mark two of them; gives the marks to search for."""
    first, second, *others = sorted((folder / "pictures").iterdir())
    for path in others[PICTURES - 2 :]:
        path.unlink()
    photo = second.read_bytes()
    length = struct.pack(">H", len(COMMENT) + 2)
    second.write_bytes(photo[:2] + b"\xff\xfe" + length + COMMENT + photo[2:])
    first.unlink()
    (folder / "pictures" / NAME).write_bytes(_png())
    return (
        canary_search.Mark("comment", (COMMENT,)),
        canary_search.numbers("pixels as the model takes them", _scaled(ROW)),
        canary_search.Mark("pixels", (bytes(ROW),)),
    )


def _scaled(row: tuple[int, ...]) -> list[float]:
    """Pixels in the manifest's range, in the workload's own precision."""
    low, high = RANGE
    values = np.array(row, np.float32) * np.float32((high - low) / 255) + np.float32(low)
    return [float(value) for value in values]


def _png() -> bytes:
    """A picture that begins with the marked pixels, in the size of the model's input."""
    rows = [bytes(ROW).ljust(3 * SIDE, b"\x80"), *[b"\x80" * 3 * SIDE] * (SIDE - 1)]
    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0),
        b"tEXt": b"Comment\0" + COMMENT,
        b"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )
