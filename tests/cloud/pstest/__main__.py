"""`python -m tests.cloud.pstest` builds the program, once."""

import sys

from tests.cloud.pstest.program import BuildError, build

try:
    build()
except BuildError as error:
    sys.exit(f"Google's fake of Pub/Sub cannot be built here: {error}")
