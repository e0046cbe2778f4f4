"""What the attestation token says about the container, as `workload.claims` reads it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.tokens import DIGEST, genuine
from workload.claims import image_digest

if TYPE_CHECKING:
    from pathlib import Path


def token(claims: Any) -> str:
    """A token with these claims; nobody here looks at the rest of it."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize("blanks", range(4))
def test_the_image_is_the_one_in_the_token(blanks: int, tmp_path: Path) -> None:
    """Whatever padding the payload's length would need."""
    (tmp_path / "token").write_text(token(genuine() | {"sub": "x" * blanks}))
    assert image_digest(tmp_path / "token") == DIGEST


NOT_SAID = {
    "no token": None,
    "an empty file": "",
    "no claims": "e30..c2lnbmF0dXJl",
    "text": "not a token",
    "three parts of text": "ü.ü.ü",
    "claims that are a list": token([]),
    "no container": token({"submods": {}}),
    "a container that is a text": token({"submods": {"container": "x"}}),
    "a tag": token({"submods": {"container": {"image_digest": "latest"}}}),
    "two lines": token({"submods": {"container": {"image_digest": f"{DIGEST}\n"}}}),
    "a number": token({"submods": {"container": {"image_digest": 1}}}),
}


@pytest.mark.parametrize("name", NOT_SAID)
def test_what_does_not_say_it_says_nothing(name: str, tmp_path: Path) -> None:
    """None, and no error: the token service is the one to judge tokens."""
    content = NOT_SAID[name]
    if content is not None:
        (tmp_path / "token").write_text(content)
    assert image_digest(tmp_path / "token") is None
