"""The search finds a mark in every usual encoding, and nothing else."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

import pytest

from rehearsal.attacks.canary_search import Leak, Mark, Search, numbers, pieces
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

VALUES = [0.9138627, 0.9452174, -0.9316482, 0.9671293, 0.2217541]
BYTES = b"\x00\x89a secret \xc3\xa9\xf0\n\x7f\"of' \\ both\xff"
SEARCH = Search((numbers("numbers", VALUES), Mark("bytes", (BYTES,))))


def found(content: bytes) -> list[tuple[str, tuple[str, ...]]]:
    """What is found in one place, and through which encodings."""
    return [(leak.what, leak.through) for leak in SEARCH.leaks({"place": content})]


def zipped(content: bytes) -> bytes:
    """A compressed member of a zip."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as writer:
        writer.writestr("first", content)
    return file.getvalue()


def decimal(content: bytes) -> bytes:
    """As Python shows a list of bytes."""
    return str([*content]).encode()


def as_characters(content: bytes) -> str:
    """Bytes taken for characters, as careless code does."""
    return content.decode("latin-1")


ENCODINGS: dict[tuple[str, ...], list[Callable[[bytes], bytes]]] = {
    (): [bytes],
    ("base64",): [base64.b64encode, base64.urlsafe_b64encode, base64.encodebytes],
    ("base32",): [base64.b32encode, lambda data: base64.b32encode(data).lower()],
    ("hex",): [
        lambda data: data.hex().encode(),
        lambda data: data.hex().upper().encode(),
        lambda data: data.hex(":").encode(),
        lambda data: ", ".join(f"0x{byte:02x}" for byte in data).encode(),
    ],
    ("decimal bytes",): [decimal],
    ("percent",): [
        lambda data: quote_from_bytes(data, safe="").encode(),
        lambda data: "".join(f"%{byte:02x}" for byte in data).encode(),
    ],
    ("escapes",): [
        lambda data: repr(data).encode(),
        lambda data: json.dumps(as_characters(data)).encode(),
        lambda data: "".join(f"\\{byte:03o}" for byte in data).encode(),
    ],
    ("UTF-8",): [lambda data: as_characters(data).encode()],
    ("UTF-16", "hex"): [
        lambda data: data.hex().encode("utf-16-le"),
        lambda data: data.hex().encode("utf-16-be"),
        lambda data: data.hex().encode("utf-32-be"),
    ],
    ("gzip",): [gzip.compress, lambda data: gzip.compress(data + bytes(9999))[:-12]],
    ("zlib",): [zlib.compress],
    ("bzip2",): [bz2.compress],
    ("xz",): [lzma.compress],
    ("zip",): [zipped],
    ("escapes", "base64", "gzip", "escapes"): [
        lambda data: json.dumps(
            {"x": base64.encodebytes(gzip.compress(repr(data).encode())).decode()}
        ).encode()
    ],
}
WAYS = [
    pytest.param(way, encode, id=f"{' '.join(way) or 'plain'} {at}")
    for way, encoders in ENCODINGS.items()
    for at, encode in enumerate(encoders)
]


@pytest.mark.parametrize("offset", range(8))
@pytest.mark.parametrize(("way", "encode"), WAYS)
def test_bytes_are_found_through_every_encoding(
    way: tuple[str, ...], encode: Callable[[bytes], bytes], offset: int
) -> None:
    """At each offset in the encoded bytes, with any bytes around them."""
    encoded = encode(b"before!!"[:offset] + BYTES + b"after" * 40)
    assert found(b"a" * offset + encoded + b"] end") == [("bytes", way)]


def test_a_bare_stream_is_found_at_the_beginning_of_what_is_around_it() -> None:
    """Deflate without a header has no mark of its own, so only the beginning is tried."""
    stream = zlib.compressobj(wbits=-15)
    deflated = stream.compress(BYTES * 9) + stream.flush()
    content = b'{"x": "' + base64.b64encode(deflated) + b'"}'
    assert found(content) == [("bytes", ("base64", "deflate"))]


@pytest.mark.parametrize("size", "efd")
@pytest.mark.parametrize("order", "<>")
def test_three_numbers_are_found_in_every_size_and_byte_order(order: str, size: str) -> None:
    """Half, single and double precision; three of them in a row are enough."""
    assert found(b"x" + struct.pack(f"{order}3{size}", *VALUES[1:4])) == [("numbers", ())]


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("form", ["", ".6f", ".7f", ".12f", ".6g", ".5e", ".8e"])
def test_one_number_is_found_by_six_digits(value: float, form: str) -> None:
    """Rounded to them or longer, in any notation, without regard to its sign."""
    assert found(f"[0.5, {value:{form}}]".encode()) == [("numbers", ())]


@pytest.mark.parametrize("value", VALUES)
def test_a_score_is_no_number_of_six_digits(value: float) -> None:
    """Five digits, to which the workload rounds, are not taken for a secret."""
    assert found(json.dumps(round(value, 5)).encode()) == []


def test_a_name_is_searched_too() -> None:
    """A secret may be the name of an object."""
    assert SEARCH.leaks({f"gs://bucket/{BYTES.hex()}": b""}) == [
        Leak("bytes", f"gs://bucket/{BYTES.hex()}", ("hex",))
    ]


def test_a_part_of_a_file_is_found() -> None:
    """An eighth of an archive is a leak, wherever it is taken from."""
    archive = (REPOSITORY / "model" / "model.tar.gz").read_bytes()
    search = Search((pieces("archive", archive),))
    eighth = len(archive) // 8
    for at in range(0, len(archive) - eighth, eighth // 2):
        assert search.leaks({"place": archive[at : at + eighth]}) == [Leak("archive", "place", ())]


@pytest.mark.parametrize("file", ["model/model.tar.gz", "requirements-dev.txt", "README.md"])
def test_bytes_without_a_mark_have_no_leak(file: str) -> None:
    """An archive, hashes and prose hold numbers and noise, and no mark."""
    assert found((REPOSITORY / file).read_bytes()) == []
