"""Prints the folder that holds `pulumi`; downloads or builds it first, if there is none."""

from __future__ import annotations

import sys

from rehearsal.pulumi_cli.acquire import acquire
from rehearsal.pulumi_cli.errors import PulumiCliError

try:
    print(acquire())  # noqa: T201  the answer
except PulumiCliError as error:
    sys.exit(f"error: {error}")
