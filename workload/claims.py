"""Reads the attestation token's claims about this container, without verifying the token.

Good enough to identify the running image, for example in checkpoints. Nothing is released because
of it: Google's token service decides about secrets, and it does verify the token.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def image_digest(token_file: Path) -> str | None:
    """The digest of the running image; None if no token states it."""
    try:
        _header, payload, _signature = token_file.read_text(encoding="ascii").split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        digest = str(claims["submods"]["container"]["image_digest"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) else None
