"""The policy pack as the Pulumi engine runs it: `--policy-pack policy`."""

from __future__ import annotations

import sys
from pathlib import Path

# The engine runs this folder from anywhere, and the rules import the program's own clauses.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from policy.pack import run

run()
