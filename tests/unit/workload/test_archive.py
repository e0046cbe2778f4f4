"""How `workload.archive` handles good and hostile archives."""

from __future__ import annotations

import gzip
import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from workload import archive, tar
from workload.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def packed(*entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A .tar.gz of these entries in this order."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as writer:
        for entry, content in entries:
            writer.addfile(entry, io.BytesIO(content))
    return gzip.compress(tar.getvalue())


def entry(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """One entry of a type of its own choice."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size, info.mode = kind, link, len(content), 0o4777
    return info, content


def sparse() -> bytes:
    """A file of a megabyte, of which the archive holds nothing (GNU sparse format 0.1)."""
    info, _ = entry("model.bin")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(1024**2),
    }
    return packed((info, b""))


def header(kind: bytes, size: int) -> bytes:
    """A header with any size."""
    block = tarfile.TarInfo("x")
    block.type, block.size = kind, size
    return block.tobuf(tarfile.GNU_FORMAT)


def extended(content: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    """An archive of a file whose extended header holds this."""
    padded = content.ljust(len(content) + -len(content) % 512, b"\0")
    return gzip.compress(header(kind, len(content)) + padded + gzip.decompress(GOOD))


def overwritten(at: int, instead: bytes) -> bytes:
    """An archive whose first header has these bytes, and a correct checksum."""
    whole = bytearray(gzip.decompress(GOOD))
    whole[at : at + len(instead)] = instead
    whole[148:156] = b" " * 8
    whole[148:156] = b"%06o\0 " % sum(whole[:512])
    return gzip.compress(bytes(whole))


def endless_long_names() -> bytes:
    """A long chain of headers for long names."""
    block = tarfile.TarInfo("././@LongLink")
    block.type, block.size = tarfile.GNUTYPE_LONGNAME, 0
    return gzip.compress(block.tobuf(tarfile.GNU_FORMAT) * 10_000)


def hostile_pax_size() -> bytes:
    """An extended header whose record has an invalid length."""
    block = tarfile.TarInfo("pax")
    content = b"99999999999999999999 size=x\n".ljust(512, b"\0")
    block.type, block.size = tarfile.XHDTYPE, len(content)
    return gzip.compress(block.tobuf(tarfile.USTAR_FORMAT) + content + b"\0" * 1024)


GOOD = packed(entry("manifest.json", b"{}"), entry("saved_model/variables/v", b"1234"))


def damaged_content() -> bytes:
    """A large file whose compressed bytes were overwritten in the middle."""
    whole = packed(entry("a", b"".join(b"%d," % number for number in range(50_000))))
    middle = len(whole) // 2
    return whole[:middle] + b"\xff" * 99 + whole[middle + 99 :]


HOSTILE: dict[str, Callable[[], bytes]] = {
    "way up": lambda: packed(entry("../x", b"1")),
    "way up in the middle": lambda: packed(entry("a/../../x", b"1")),
    "folder above": lambda: packed(entry("..", kind=tarfile.DIRTYPE)),
    "symbolic link": lambda: packed(entry("a", kind=tarfile.SYMTYPE, link="/etc/passwd")),
    "symbolic link within": lambda: packed(entry("a", kind=tarfile.SYMTYPE, link="b")),
    "write through a link": lambda: packed(
        entry("a", kind=tarfile.SYMTYPE, link="/tmp"),  # noqa: S108  the attack
        entry("a/x", b"1"),
    ),
    "hard link": lambda: packed(entry("a", b"1"), entry("b", kind=tarfile.LNKTYPE, link="a")),
    "character device": lambda: packed(entry("a", kind=tarfile.CHRTYPE)),
    "block device": lambda: packed(entry("a", kind=tarfile.BLKTYPE)),
    "pipe": lambda: packed(entry("a", kind=tarfile.FIFOTYPE)),
    "contiguous file": lambda: packed(entry("a", b"1", kind=tarfile.CONTTYPE)),
    "sparse file": sparse,
    "same file twice": lambda: packed(entry("a", b"1"), entry("a", b"2")),
    "same file, other spelling": lambda: packed(entry("a", b"1"), entry("./a", b"2")),
    "file below a file": lambda: packed(entry("a", b"1"), entry("a/b", b"2")),
    "file in place of a folder": lambda: packed(entry("a/b", b"1"), entry("a", b"2")),
    "folder in place of a file": lambda: packed(entry("a", b"1"), entry("a", kind=tarfile.DIRTYPE)),
    "the folder itself as a file": lambda: packed(entry(".", b"1")),
    "line break in a name": lambda: packed(entry("a\nb", b"1")),
    "long name": lambda: packed(entry("a" * 256, b"1")),
    "name of too many bytes": lambda: packed(entry("\U00020000" * 100, b"1")),
    "long path": lambda: packed(entry("a/" * 200 + "a", b"1")),
    "endless long names": endless_long_names,
    "hostile extended header": hostile_pax_size,
    "huge comment": lambda: extended(b"5000018 comment=" + b"a" * 5_000_001 + b"\n"),
    "huge comment for all": lambda: extended(b"\0" * 5_000_000, tarfile.XGLTYPE),
    "huge long name": lambda: extended(b"a\0" * 2_500_000, tarfile.GNUTYPE_LONGNAME),
    "a million records": lambda: extended(b"5 a=\n" * 1_000_000),
    "record without a length": lambda: extended(b"comment=a\n"),
    "record of no length": lambda: extended(b"0 a=\n"),
    "record shorter than its key": lambda: extended(b"3 path=a\n"),
    "record longer than its header": lambda: extended(b"900 path=a\n"),
    "path that is no UTF-8": lambda: extended(b"9 path=\xff\n"),
    "size beside the header's": lambda: extended(b"9 size=3\n"),
    "size that is no number": lambda: extended(b"10 size=+2\n"),
    "size that is none": lambda: overwritten(124, b"0000000000x\0"),
    "size below nothing": lambda: overwritten(124, b"-0000000001\0"),
    "size in GNU's other form": lambda: overwritten(124, b"\x80" + bytes(10) + b"\2"),
    "header with a wrong checksum": lambda: gzip.compress(b"N" + gzip.decompress(GOOD)[1:]),
    "no end": lambda: gzip.compress(gzip.decompress(GOOD)[:2048]),
    "damaged behind its end": lambda: GOOD[:-8] + b"\0\0\0\0" + GOOD[-4:],
    "no gzip": lambda: b"model",
    "no tar": lambda: gzip.compress(b"model" * 1000),
    "nothing": lambda: b"",
    "cut": lambda: GOOD[: len(GOOD) // 2],
    "damaged": lambda: GOOD[:20] + b"\xff" * 20 + GOOD[40:],
    "damaged within a file": damaged_content,
    "cut within a file": lambda: gzip.compress(gzip.decompress(GOOD)[:514]),
}


@pytest.fixture
def private(tmp_path: Path) -> Path:
    """A folder with nothing in it but what a test puts there."""
    folder = tmp_path / "private"
    folder.mkdir()
    return folder


def test_files_and_folders_are_unpacked(private: Path) -> None:
    """Regular files are unpacked with their content."""
    (private / "a").write_bytes(GOOD)
    archive.unpack(private / "a", private / "model")
    assert (private / "model/manifest.json").read_bytes() == b"{}"
    assert (private / "model/saved_model/variables/v").read_bytes() == b"1234"


def test_the_models_folder_is_private(private: Path) -> None:
    """Only the owner can read the folder; modes in the archive are ignored."""
    (private / "a").write_bytes(GOOD)
    archive.unpack(private / "a", private / "model")
    assert (private / "model").stat().st_mode & 0o777 == 0o700
    assert not (private / "model/manifest.json").stat().st_mode & 0o7111


def test_an_archive_with_folder_entries_is_accepted(private: Path) -> None:
    """Like those that `tar czf model.tar.gz .` writes."""
    (private / "a").write_bytes(
        packed(
            entry(".", kind=tarfile.DIRTYPE),
            entry("./b", kind=tarfile.DIRTYPE),
            entry("./b/c", b"1"),
        )
    )
    archive.unpack(private / "a", private / "model")
    assert (private / "model/b/c").read_bytes() == b"1"


LONG = "saved_model/" + "shard-of-the-weights/" * 5 + "variables.data-00000-of-00001"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder as people pack it, with a path that is too long for an old header."""
    folder = tmp_path / "packed"
    (folder / LONG).parent.mkdir(parents=True)
    (folder / LONG).write_bytes(b"1234" * 1000)
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.mark.parametrize("form", ["ustar", "gnu", "pax"])
def test_archives_of_the_systems_tar_are_accepted(form: str, model: Path, private: Path) -> None:
    """GNU tar in each of its formats: long names in one header, in a prefix, or in records."""
    command = ["tar", f"--format={form}", "-czf", str(private / "a"), "-C", str(model), "."]
    subprocess.run(command, check=True)
    archive.unpack(private / "a", private / "model")
    assert (private / "model" / LONG).read_bytes() == b"1234" * 1000


def test_an_archive_in_v7_format_is_accepted(private: Path) -> None:
    """It has no types: a folder is a name that ends with a slash."""
    (private / "b").mkdir()
    (private / "b/c").write_text("1")
    subprocess.run(["tar", "--format=v7", "-czf", "a", "b"], cwd=private, check=True)
    archive.unpack(private / "a", private / "model")
    assert (private / "model/b/c").read_text() == "1"


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_python_are_accepted(form: int, model: Path, private: Path) -> None:
    """Each format that tarfile writes, with a name beyond ASCII and a comment for all."""
    (model / "ü.txt").write_text("u")
    comment = {"comment": "0a1b2c"} if form == tarfile.PAX_FORMAT else {}  # as `git archive` does
    with tarfile.open(private / "a", "w:gz", format=form, pax_headers=comment) as writer:
        writer.add(model, ".")
    archive.unpack(private / "a", private / "model")
    assert (private / "model" / LONG).read_bytes() == b"1234" * 1000
    assert (private / "model/ü.txt").read_text() == "u"


def test_archives_of_bsdtar_are_accepted(private: Path) -> None:
    """Times with fractions, device numbers, attributes of macOS: all are ignored."""
    info, content = entry("manifest.json", b"{}")
    info.pax_headers = {
        "mtime": "1750000000.123456789",
        "LIBARCHIVE.creationtime": "1750000000",
        "SCHILY.dev": "16777220",
        "SCHILY.ino": "12345",
        "LIBARCHIVE.xattr.com.apple.quarantine": "MDA4MTs2N2Y" * 500,
    }
    (private / "a").write_bytes(packed((info, content)))
    archive.unpack(private / "a", private / "model")
    assert (private / "model/manifest.json").read_bytes() == b"{}"


def test_archives_of_node_are_accepted(private: Path) -> None:
    """node-tar repeats the header's size where it writes records, as for every long name."""
    info, content = entry("manifest.json", b"{}")
    info.pax_headers = {"path": "manifest.json", "ctime": "1750000000.86", "size": "2"}
    (private / "a").write_bytes(packed((info, content)))
    archive.unpack(private / "a", private / "model")
    assert (private / "model/manifest.json").read_bytes() == b"{}"


def test_a_thousand_files_with_extended_headers_are_accepted(private: Path) -> None:
    """The maximum, each with a path and an attribute in an extended header."""
    entries = []
    for number in range(archive.MAX_ENTRIES):
        info, content = entry(f"{number:04}/{LONG}", b"1")
        info.pax_headers = {"SCHILY.xattr.user.origin": "a" * 1_000}
        entries.append((info, content))
    (private / "a").write_bytes(packed(*entries))
    archive.unpack(private / "a", private / "model")
    assert len(list((private / "model").glob(f"*/{LONG}"))) == archive.MAX_ENTRIES


class Endless:
    """A header and its content; counts the bytes that are read."""

    def __init__(self, first: bytes) -> None:
        self._first = first
        self.asked = 0

    def read(self, size: int) -> bytes:
        """The header, then as many letters as are wanted."""
        self.asked += size
        given, self._first = self._first[:size], self._first[size:]
        return given.ljust(size, b"a")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_gigabytes_is_not_read(kind: bytes) -> None:
    """Its declared size is enough to refuse it: 1.9 GB would fit into 2 MB of archive."""
    stream = Endless(header(kind, 1_900_000_000))
    with pytest.raises(ValueError, match="too much of extended headers"):
        list(tar.entries(stream))
    assert stream.asked == tar.BLOCK


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_rejected(name: str, private: Path) -> None:
    """With its code, and nothing is written outside the folder."""
    (private / "a").write_bytes(HOSTILE[name]())
    with pytest.raises(WorkloadError, match=r"^model_archive_rejected: "):
        archive.unpack(private / "a", private / "model")
    assert {path.name for path in private.iterdir()} == {"a", "model"}


@pytest.mark.parametrize("slashes", ["", "/"])
def test_an_absolute_path_is_rejected(slashes: str, private: Path) -> None:
    """A path from the root is rejected, and nothing is written there."""
    (private / "a").write_bytes(packed(entry(f"{slashes}{private}/x", b"1")))
    with pytest.raises(WorkloadError, match=r"^model_archive_rejected: "):
        archive.unpack(private / "a", private / "model")
    assert not (private / "x").exists()


def test_too_many_entries_are_rejected(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry more than allowed rejects the archive."""
    monkeypatch.setattr(archive, "MAX_ENTRIES", 2)
    (private / "a").write_bytes(packed(*(entry(name, b"1") for name in "abc")))
    with pytest.raises(WorkloadError, match=r"^model_archive_rejected: "):
        archive.unpack(private / "a", private / "model")


def test_a_decompression_bomb_is_rejected(private: Path) -> None:
    """A megabyte of zeros in a kilobyte of archive is stopped at the limit."""
    (private / "a").write_bytes(packed(entry("bomb", bytes(1024**2))))
    with pytest.raises(WorkloadError, match=r"^model_archive_rejected: "):
        archive.unpack(private / "a", private / "model", max_unpacked=100_000)
    assert (private / "model/bomb").stat().st_size <= 100_000


def test_an_existing_folder_is_an_error(private: Path) -> None:
    """An archive is never mixed with existing files."""
    (private / "a").write_bytes(GOOD)
    (private / "model").mkdir()
    with pytest.raises(FileExistsError):
        archive.unpack(private / "a", private / "model")
