"""The limits of one picture: its file, its pixels, and what a decoder may spend on it."""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 32 * 1024**2
"""Bytes of one encoded picture."""

MAX_PIXELS: Final = 110_000_000
"""Phones take pictures of 12,032 x 9,024. For so many pixels, the most expensive format needs
`MAX_MEMORY_BYTES`."""

MAX_SCANS: Final = 50
"""Scans of a JPEG. Encoders write about 10. Each visits every pixel: 900 for 50 million pixels, in
0.4 MB, took libjpeg a minute."""

MAX_MEMORY_BYTES: Final = 2 * 1024**3
"""Memory beside what the decoder process has when it is confined. 110 million pixels take 0.5 to
1.3 GB, as a WebP 1.8."""

MAX_CPU_SECONDS: Final = 40
"""CPU time for one picture. The slowest that the limits let through take about 20."""

MAX_ANSWER_SECONDS: Final = 60
"""For one chunk, and for the start. It is above `MAX_CPU_SECONDS`: this limit ends a decoder that
does not even compute, and is far from what a busy machine needs."""
