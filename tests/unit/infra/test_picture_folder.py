"""What of a folder is uploaded, what is left out, and what a preview says about its names."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.config import picture_folder, secundus_settings
from infra.config.picture_folder import MOST, PicturesError, of_folder
from tests.fixtures.stack_files import committed

if TYPE_CHECKING:
    from collections.abc import Callable

BUCKET = "secundus-vision-input-bucket"


def holding(folder: Path, *names: str) -> Path:
    """The folder, with a file of each name."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def refused(folder: Path) -> str:
    """What the preview says."""
    with pytest.raises(PicturesError) as error:
        of_folder(folder, BUCKET)
    return str(error.value)


def test_all_that_the_workload_takes_is_uploaded(tmp_path: Path) -> None:
    """By name, with sub-folders, whatever an ending's case: cameras write IMG_0001.JPG."""
    names = [f"{number}{ending}" for number, ending in enumerate(picture_folder.ENDINGS)]
    below = ["2026/11/a.jpg", "2026/b.PNG", "IMG_0001.JPG"]
    found = of_folder(holding(tmp_path, *names, *below), BUCKET)
    assert [picture.name for picture in found.pictures] == sorted([*names, *below])
    assert found.left_out == ()
    assert found.warning == ""
    assert all(picture.path == tmp_path / picture.name for picture in found.pictures)
    assert {picture.size for picture in found.pictures} == {1}


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    """Hidden files, too: a Mac leaves one beside each picture of a camera's card."""
    left_out = [".DS_Store", "._a.jpg", "a.heic", "b/notes.txt", "b/.hidden/c.jpg", "movie.mp4"]
    found = of_folder(holding(tmp_path, "a.jpg", *left_out), BUCKET)
    assert [picture.name for picture in found.pictures] == ["a.jpg"]
    assert sorted(found.left_out) == sorted(left_out)
    assert found.warning.startswith(
        "pictures: 6 of 7 files are not uploaded ('.DS_Store', '._a.jpg', 'a.heic', ...). Only"
    )


@pytest.mark.parametrize(
    "name",
    [
        "Grüße.jpg",
        "写真.png",
        "Screenshot 5.03.12\u202fPM.png",
        "a b.jpg",
        "a%20b.jpg",
        "a::b.jpg",
        "#1?.jpg",
        "[1]*.jpg",
        "-r.jpg",
        "e\u0301.jpg",
    ],
)
def test_any_name_that_cloud_storage_takes_is_taken(tmp_path: Path, name: str) -> None:
    """It has no other rule than UTF-8, no line end, and a length."""
    (picture,) = of_folder(holding(tmp_path, name), BUCKET).pictures
    assert picture.name == name


def _bytes(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"x")


def _deep(folder: Path) -> None:
    holding(folder, "/".join(["d" * 200] * 6) + "/a.jpg")


def _outside(folder: Path) -> None:
    holding(folder.parent, "elsewhere.jpg")
    (folder / "link.jpg").symlink_to(folder.parent / "elsewhere.jpg")


PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "not UTF-8": (_bytes, r"'caf\udce9.jpg' is not UTF-8"),
    "a line end": (lambda f: holding(f, "a\nb.jpg"), r"'a\nb.jpg' has a line end"),
    "a control character": (lambda f: holding(f, "a\x1b[31m.jpg"), r"'a\x1b[31m.jpg' has a line"),
    "a long name": (_deep, "has 1211 bytes, expected at most 1024"),
    "a link to elsewhere": (_outside, "'link.jpg' is a link to "),
    "a link to a secret": (
        lambda f: (f / "key.png").symlink_to("/etc/passwd"),
        "'key.png' is a link to '/etc/passwd', outside of the folder",
    ),
    "a broken link": (lambda f: (f / "gone.jpg").symlink_to("nosuch"), "'gone.jpg' is no file"),
    "a pipe": (lambda f: os.mkfifo(f / "pipe.jpg"), "'pipe.jpg' is no file"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_file_that_can_not_be_uploaded_is_named(tmp_path: Path, name: str) -> None:
    """Escaped, because a terminal would act on it."""
    make, told = PROBLEMS[name]
    folder = tmp_path / "pictures"
    holding(folder, "good.jpg")
    make(folder)
    assert told in refused(folder)
    assert "good.jpg" not in refused(folder)


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    """One preview is enough."""
    folder = tmp_path / "pictures"
    for make, _ in PROBLEMS.values():
        holding(folder)
        folder.mkdir(exist_ok=True)
        make(folder)
    told = refused(folder)
    assert told.count("\n  - ") == len(PROBLEMS)
    assert all(sentence in told for _, sentence in PROBLEMS.values())


def test_hundreds_of_problems_are_counted(tmp_path: Path) -> None:
    """The first ones are enough to see what is wrong."""
    told = refused(holding(tmp_path, *[f"{number}\n.jpg" for number in range(300)]))
    assert told.count("\n  - ") == 21
    assert told.endswith("  - and 280 more")


def test_a_link_within_the_folder_is_a_picture(tmp_path: Path) -> None:
    """Also where the folder itself is reached by a link."""
    folder = holding(tmp_path / "real", "a.jpg")
    (folder / "b.jpg").symlink_to("a.jpg")
    (tmp_path / "link").symlink_to(folder)
    names = [picture.name for picture in of_folder(tmp_path / "link", BUCKET).pictures]
    assert names == ["a.jpg", "b.jpg"]


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    """It could lead anywhere, and back."""
    folder = holding(tmp_path, "a.jpg")
    (folder / "again").symlink_to(folder)
    (folder / "again.jpg").symlink_to(folder)
    assert of_folder(folder, BUCKET).left_out == ("again", "again.jpg")


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """With its name; so is a file."""
    assert f"{str(tmp_path / 'nosuch')!r} is not there" in refused(tmp_path / "nosuch")
    assert "a.jpg' is no folder" in refused(holding(tmp_path, "a.jpg") / "a.jpg")
    assert "pulumi config rm --stack secundus" in refused(tmp_path / "nosuch")


def test_a_folder_without_a_picture_is_refused(tmp_path: Path) -> None:
    """The workload would have nothing to classify."""
    assert "it holds no picture" in refused(holding(tmp_path, "a.txt"))


def test_a_picture_that_is_unreadable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload would fail in the middle of an update."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert "'a.jpg' cannot be read; make it readable" in refused(holding(tmp_path, "a.jpg"))


def test_a_folder_below_that_is_unreadable_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its pictures would silently be left out."""
    scandir = os.scandir

    def denied(path: str) -> Any:
        if path.endswith("below"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    holding(tmp_path, "a.jpg", "below/b.jpg")
    monkeypatch.setattr(os, "scandir", denied)
    assert "below' cannot be read (Permission denied); make it readable" in refused(tmp_path)


def test_more_pictures_than_the_limit_are_refused_with_the_commands(tmp_path: Path) -> None:
    """Got, expected, and the commands that upload any number."""
    names = [f"{number}.jpg" for number in range(MOST)]
    assert len(of_folder(holding(tmp_path, *names), BUCKET).pictures) == MOST
    told = refused(holding(tmp_path, "more.jpg"))
    assert f"got {MOST + 1} pictures, expected at most {MOST}" in told
    assert (
        "pulumi config rm --stack secundus confidential-inference:pictures && pulumi up --stack"
        f" secundus; gcloud storage rsync --recursive {tmp_path} gs://{BUCKET}; pulumi config set"
        ' run "$(date)" --stack secundus && pulumi up --stack secundus' in told
    )


@pytest.mark.parametrize("path", ["~", "~/photos"])
def test_a_tilde_is_the_home_folder(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell does not expand it in quotes."""
    monkeypatch.setenv("HOME", "/home/me")
    values = {**committed("secundus"), "pictures": path}
    parsed = secundus_settings.parse(values)
    assert parsed.pictures == Path("/home/me") / path[2:]


def test_the_fingerprint_changes_with_every_name_and_every_content(tmp_path: Path) -> None:
    """A machine runs again exactly when there is something new to see."""

    def fingerprint(**files: str) -> str:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        for name, content in files.items():
            (folder / f"{name}.jpg").write_text(content)
        return of_folder(folder, BUCKET).fingerprint()

    one = fingerprint(a="1", b="2")
    assert one == fingerprint(b="2", a="1")
    assert re.fullmatch("pictures-[0-9a-f]{16}", one)
    others = [
        fingerprint(a="1"),
        fingerprint(a="1", b="3"),
        fingerprint(a="2", b="1"),
        fingerprint(a="1", c="2"),
        fingerprint(a="1", b="2", c="3"),
    ]
    assert len({one, *others}) == 6
