"""What the attestation token says about this very container: read, and not verified.

That is enough to tell one's own image from another's. Nothing is released by it: what is decided
about secrets is decided by Google's token service, which does verify the token.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def image_digest(token_file: Path) -> str | None:
    """The digest of the image that runs here; None if there is no token that says it."""
    try:
        _header, payload, _signature = token_file.read_text(encoding="ascii").split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        digest = str(claims["submods"]["container"]["image_digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else None
