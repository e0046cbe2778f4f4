"""The limits for one picture: its file, its pixels, and the resources of its decoder."""

from __future__ import annotations

from typing import Final

MAX_FILE_BYTES: Final = 32 * 1024**2
"""Of one encoded picture."""

MAX_PIXELS: Final = 110_000_000
"""Phones take pictures of 12,032 x 9,024. The most expensive format needs `MAX_MEMORY_BYTES` for
so many pixels."""

MAX_SCANS: Final = 50
"""Scans of a JPEG. Encoders write about 10. Each visits every pixel: 900 for 50 million pixels, in
0.4 MB, took libjpeg a minute."""

MAX_MEMORY_BYTES: Final = 2 * 1024**3
"""On top of the decoder process itself. 110 million pixels take 0.5 to 1.3 GB, as a WebP 1.8."""

MAX_CPU_SECONDS: Final = 40
"""For one picture. The slowest pictures within the limits take about 20."""

MAX_ANSWER_SECONDS: Final = 60
"""For one chunk, and for the start. Above `MAX_CPU_SECONDS`, because it is for decoders that hang
without computing, and far above what a busy machine needs."""
