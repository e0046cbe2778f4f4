"""Prints the folder that holds `pulumi`, and gets it first if need be."""

from __future__ import annotations

import sys

from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError

try:
    print(acquire())  # noqa: T201  the answer
except PulumiCliError as error:
    sys.exit(f"error: {error}")
