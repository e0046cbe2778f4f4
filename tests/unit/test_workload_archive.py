"""Archives that were made to hurt, and what `workload.archive` makes of them."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from workload import archive
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


def endless_long_names() -> bytes:
    """Each header says that the next one brings the name of the one after it."""
    block = tarfile.TarInfo("././@LongLink")
    block.type, block.size = tarfile.GNUTYPE_LONGNAME, 0
    return gzip.compress(block.tobuf(tarfile.GNU_FORMAT) * 5_000)


def hostile_pax_size() -> bytes:
    """An extended header whose record says that it is as long as no number."""
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
    """Regular files arrive at their place with their content."""
    (private / "a").write_bytes(GOOD)
    archive.unpack(private / "a", private / "model")
    assert (private / "model/manifest.json").read_bytes() == b"{}"
    assert (private / "model/saved_model/variables/v").read_bytes() == b"1234"


def test_nobody_else_reads_the_model(private: Path) -> None:
    """The folder is its owner's alone, and no mode of the archive is taken over."""
    (private / "a").write_bytes(GOOD)
    archive.unpack(private / "a", private / "model")
    assert (private / "model").stat().st_mode & 0o777 == 0o700
    assert not (private / "model/manifest.json").stat().st_mode & 0o7111


def test_an_archive_of_a_folder_is_taken(private: Path) -> None:
    """What `tar czf model.tar.gz .` writes, with entries for folders, is as good."""
    (private / "a").write_bytes(
        packed(
            entry(".", kind=tarfile.DIRTYPE),
            entry("./b", kind=tarfile.DIRTYPE),
            entry("./b/c", b"1"),
        )
    )
    archive.unpack(private / "a", private / "model")
    assert (private / "model/b/c").read_bytes() == b"1"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_rejected(name: str, private: Path) -> None:
    """Rejected by its code, and nothing appears outside of the folder."""
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


def test_a_folder_with_something_in_it_is_not_unpacked_into(private: Path) -> None:
    """The archive never mixes with files that are there already."""
    (private / "a").write_bytes(GOOD)
    (private / "model").mkdir()
    with pytest.raises(FileExistsError):
        archive.unpack(private / "a", private / "model")
