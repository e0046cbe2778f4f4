"""Which files with labels `pack` reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packing import labels
from packing.errors import PackError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("l.txt", "a\nb\n", ("a", "b")),
        ("l.txt", "a\r\nb", ("a", "b")),
        ("l.txt", "\ufeffa\n\nb\n", ("a", "", "b")),
        ("l.txt", "a\u2028b\nc\n", ("a\u2028b", "c")),
        ("l.json", '["a", "b"]', ("a", "b")),
        ("l.json", '{"1": "b", "0": "a"}', ("a", "b")),
        ("l.json", '{"0": ["n01440764", "tench"], "1": ["n1", "b"]}', ("tench", "b")),
    ],
)
def test_labels_are_read_in_the_order_of_the_scores(
    name: str, content: str, expected: tuple[str, ...], tmp_path: Path
) -> None:
    """One in a line, a JSON list, or Keras' index of classes."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert labels.read(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.json", b"{"),
        ("l.json", b'{"1": "a"}'),
        ("l.json", b"[1]"),
        ("l.json", b"7"),
        ("l.txt", b"\xff\xfe"),
    ],
)
def test_another_file_is_an_error_that_says_what_is_expected(
    name: str, content: bytes, tmp_path: Path
) -> None:
    """With the option and the path."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PackError, match=r"--labels .*expected UTF-8 text with one label in a line"):
        labels.read(tmp_path / name)
