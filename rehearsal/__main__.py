"""What runs without a cloud: `python -m rehearsal --help`."""

import sys

from rehearsal.cli import main

if __name__ == "__main__":
    sys.exit(main())
