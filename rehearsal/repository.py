"""Where this repository is on disk."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parent.parent
