"""How `workload.claims` reads the attestation token."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fixtures.tokens import DIGEST, genuine, unsigned
from workload.claims import image_digest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("blanks", range(4))
def test_the_image_digest_comes_from_the_token(blanks: int, tmp_path: Path) -> None:
    """With any length of the payload, and so any padding."""
    (tmp_path / "token").write_text(unsigned(genuine() | {"sub": "x" * blanks}))
    assert image_digest(tmp_path / "token") == DIGEST


NOT_SAID = {
    "no token": None,
    "an empty file": "",
    "no claims": "e30..c2lnbmF0dXJl",
    "text": "not a token",
    "three parts of text": "ü.ü.ü",
    "claims that are a list": unsigned([]),
    "no container": unsigned({"submods": {}}),
    "a container that is a text": unsigned({"submods": {"container": "x"}}),
    "a tag": unsigned({"submods": {"container": {"image_digest": "latest"}}}),
    "two lines": unsigned({"submods": {"container": {"image_digest": f"{DIGEST}\n"}}}),
    "a number": unsigned({"submods": {"container": {"image_digest": 1}}}),
}


@pytest.mark.parametrize("name", NOT_SAID)
def test_a_token_without_a_valid_digest_gives_none(name: str, tmp_path: Path) -> None:
    """None and no error: the token service checks tokens."""
    content = NOT_SAID[name]
    if content is not None:
        (tmp_path / "token").write_text(content)
    assert image_digest(tmp_path / "token") is None
