"""`python -m model`: draw, train, examine, replace and convert the demonstration model."""

import sys

from model.build import main

raise SystemExit(main(sys.argv[1:]))
