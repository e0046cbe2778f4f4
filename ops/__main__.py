"""What people run besides pulumi: `python -m ops --help`."""

from __future__ import annotations

import sys

from ops.cli import main

sys.exit(main())
