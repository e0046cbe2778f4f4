"""The program of a decoder process (`worker_process`): reads chunks of pictures, writes pixels.

It holds neither model nor credentials, and after `confine` it can't reach anything else. The run
trusts none of its output: `worker_client` checks all of it. The output of its libraries is
discarded.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import struct
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from workload.decoding import pixels
from workload.decoding.confinement import allow_cpu, confine
from workload.decoding.worker_protocol import NOT_CONFINED, OUTCOMES, READY, Layout
from workload.errors import PictureError
from workload.manifest import Input

if TYPE_CHECKING:
    import numpy.typing as npt

_REQUESTS, _ANSWERS = 0, 1
"""File descriptors of the two pipes."""


def main() -> None:
    """Decodes chunks until the run closes its pipe, possibly before the first message."""
    shared = int(sys.argv[1])
    line = _read_line()
    if not line:
        return
    # JSON has lists instead of tuples.
    fields: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in json.loads(line).items()
    }
    model_input = Input(**fields)
    layout = Layout.of(model_input)
    memory = mmap.mmap(shared, layout.size)
    os.close(shared)
    gc.freeze()
    gc.enable()
    try:
        confine()
    except OSError:
        os.write(_ANSWERS, NOT_CONFINED)
        return
    os.write(_ANSWERS, READY)
    decode = partial(pixels.decode, model_input=model_input, buffer=pixels.Buffer())
    number = 0
    while count := _read(1):
        lengths = struct.unpack(f"<{count[0]}I", _read(4 * count[0]))
        os.write(_ANSWERS, bytes(_decode_chunk(memory, layout, number, lengths, decode)))
        number += 1


def _decode_chunk(
    memory: mmap.mmap,
    layout: Layout,
    number: int,
    lengths: tuple[int, ...],
    decode: partial[npt.NDArray[np.float32]],
) -> list[int]:
    """Decodes a chunk; returns one code (an index of OUTCOMES) for each picture, in order."""
    decoded = np.frombuffer(memory, np.float32, np.prod(layout.shape), layout.pixels(number))
    outcomes, at = [], layout.encoded(number)
    for out, length in zip(decoded.reshape(layout.shape), lengths, strict=False):
        allow_cpu()
        try:
            decode(memory[at : at + length], out=out)
            outcomes.append(0)
        except PictureError as error:
            outcomes.append(OUTCOMES.index(error.failure))
        at += length
    return outcomes


def _read_line() -> bytes:
    """Reads one line, byte by byte, because the next message follows it; empty at the end."""
    line = b""
    while not line.endswith(b"\n"):
        more = _read(1)
        if not more:
            return b""
        line += more
    return line


def _read(size: int) -> bytes:
    """Reads exactly `size` bytes; empty at the end."""
    read = b""
    while len(read) < size:
        more = os.read(_REQUESTS, size - len(read))
        if not more:
            return b""
        read += more
    return read
