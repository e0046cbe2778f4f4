"""`python -m toolchain`: print the folder that holds `pulumi`, getting it first if need be."""

from __future__ import annotations

import sys

from toolchain.acquire import acquire
from toolchain.errors import ToolchainError

try:
    print(acquire())  # noqa: T201  the answer
except ToolchainError as error:
    sys.exit(f"error: {error}")
