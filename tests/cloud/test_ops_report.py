"""`results --html` and `--csv` against the local cloud: the pictures are those that the run saw."""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
import requests
from google.api_core.exceptions import RetryError, ServiceUnavailable
from google.cloud.storage import Blob
from google.cloud.storage.exceptions import DataCorruption

from ops.cli import main
from ops.exit_codes import BROKEN, OK, PARTLY, UNUSABLE
from ops.report.thumbnails import CHANGED, REFUSED, UNDECODED, UNREAD
from tests.fixtures.pictures import photos
from tests.fixtures.runs import SUMMARY, failed, record
from workload.decoding.image_limits import MAX_FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from google.cloud.storage import Client

    from rehearsal.cloud.state import Cloud

OPERATOR = "user:deployer@secundus.example"
PROJECT = "secundus-vision"
OPTIONS = ("results", "--uri", "gs://results", "--pictures", "gs://pictures", "--wait", "0")
PHOTO = photos.file("JPEG", photos.image())


@pytest.fixture
def client(
    cloud: Cloud, storage_as: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> Client:
    """The owner of both buckets, who runs the command."""
    project = cloud.projects[PROJECT]
    project.services.add("storage.googleapis.com")
    project.policy.bindings = [{"role": "roles/storage.admin", "members": [OPERATOR]}]
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(OPERATOR))
    owner = storage_as(OPERATOR)
    for name in ("pictures", "results"):
        owner.create_bucket(name, project=PROJECT, location="us-west1")
    return owner


def upload(client: Client, name: str, data: bytes = PHOTO) -> str:
    """Upload a picture; returns its generation."""
    blob = client.bucket("pictures").blob(name)
    blob.upload_from_string(data)
    return str(blob.generation)


def leave(client: Client, *records: dict[str, Any], text: str = "Image: a, Response: {}\n") -> None:
    """Write a run's objects."""
    bucket = client.bucket("results")
    lines = "".join(json.dumps(each) + "\n" for each in records)
    bucket.blob("results.jsonl").upload_from_string(lines)
    bucket.blob("summary.json").upload_from_string(json.dumps(SUMMARY))
    bucket.blob("result").upload_from_string(text)


def places(path: Path) -> dict[str, str]:
    """What is in the place of each picture, by name: `image`, or why there is none."""
    found = re.findall(
        r'<div class="picture">\s*<(?:(img)[^>]*|span>([^<]*)<[^\n]*).*?<h3>(.*?)</h3>',
        path.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    return {name: "image" if image else why for image, why, name in found}


def test_the_page_shows_each_picture_that_the_run_saw(client: Client, tmp_path: Path) -> None:
    """Not the one that was uploaded under its name later."""
    kept, changed, removed, damaged = (
        record(name, ("crack", 0.9), generation=upload(client, name)) for name in "abcd"
    )
    upload(client, "b")
    client.bucket("pictures").delete_blob("c")
    damaged = failed("d") | {"generation": upload(client, "d", b"no picture")}
    leave(client, kept, changed, removed, damaged)
    path = tmp_path / "run.html"
    assert main([*OPTIONS, "--html", str(path)]) == PARTLY
    assert places(path) == {"a": "image", "b": CHANGED, "c": CHANGED, "d": UNDECODED}


def test_the_terminal_has_the_rest_and_where_the_files_are(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table of ten thousand rows would only scroll by."""
    leave(client, record("a", ("crack", 0.9), generation=upload(client, "a")), failed("b"))
    html, table = tmp_path / "run.html", tmp_path / "run.csv"
    assert main([*OPTIONS, "--html", str(html), "--csv", str(table)]) == PARTLY
    printed = capsys.readouterr()
    assert "crack" not in printed.out
    assert "picture_damaged" in printed.out
    assert "model a9a9a9a9a9a9" in printed.out
    assert f"wrote {html}: 2 pictures, " in printed.err
    assert f"wrote {table}: 2 pictures" in printed.err
    with table.open(encoding="utf-8-sig", newline="") as opened:
        assert [row["name"] for row in csv.DictReader(opened)] == ["a", "b"]


def test_no_picture_is_read_unless_it_is_shown(
    client: Client, cloud: Cloud, tmp_path: Path
) -> None:
    """Neither those over the limit nor, without thumbnails, any."""
    names = ["a", "b", "c"]
    leave(client, *(record(each, ("x", 0.5), generation=upload(client, each)) for each in names))
    path = tmp_path / "run.html"
    assert main([*OPTIONS, "--html", str(path), "--most", "1"]) == OK
    assert places(path) == {"a": "image"}
    cloud.audit.clear()
    assert main([*OPTIONS, "--html", str(path), "--no-thumbnails"]) == OK
    assert places(path) == dict.fromkeys(names, "not read")
    assert not [each for each in cloud.audit if "pictures" in str(each)]


def test_pictures_that_are_not_yours_have_a_place_and_a_note(
    client: Client, cloud: Cloud, tmp_path: Path
) -> None:
    """Another role reads results than reads pictures."""
    leave(client, record("a", ("x", 0.5), generation=upload(client, "a")))
    reader = "user:reader@secundus.example"
    policy = client.bucket("results").get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {reader}})
    client.bucket("results").set_iam_policy(policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(reader))
        assert main([*OPTIONS, "--html", str(tmp_path / "run.html")]) == OK
    assert places(tmp_path / "run.html") == {"a": REFUSED}
    assert "roles/storage.objectViewer on the input bucket" in (tmp_path / "run.html").read_text()


def test_a_failed_run_has_a_page_and_no_table(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page says why it failed; a table without rows would look like an empty run."""
    leave(client, text="Error: settings_invalid: The launch settings are not valid.")
    html, table = tmp_path / "run.html", tmp_path / "run.csv"
    assert main([*OPTIONS, "--html", str(html), "--csv", str(table)]) == BROKEN
    assert "The launch settings are not valid." in html.read_text()
    printed = capsys.readouterr()
    assert f"no {table}: the run failed" in printed.err
    assert "mistake of: operator" in printed.out
    assert not table.exists()


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--most", "5"], "got --most without --html FILE"),
        (["--no-thumbnails", "--csv", "{}/a"], "got --no-thumbnails without --html FILE"),
        (["--list", "--html", "{}/a"], "--run NUMBER, or --job JOB with a fleet"),
        (["--html", "{}/a", "--csv", "{}/a"], "expected two files"),
        (["--html", "{}/a", "--pictures", "pictures"], "got 'pictures', expected gs://BUCKET"),
    ],
)
def test_options_that_contradict_each_other_are_refused_before_the_wait(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    """Nothing is written."""
    given = [each.format(tmp_path) for each in options]
    assert main(["results", "--uri", "gs://none", "--wait", "600", *given]) == UNUSABLE
    assert said in capsys.readouterr().err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("number", ["0", "-1", "abc"])
def test_a_page_has_at_least_one_picture(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what is expected."""
    with pytest.raises(SystemExit):
        main(["results", f"--most={number}"])
    assert f"got '{number}', expected a number from 1" in capsys.readouterr().err


def test_a_file_that_no_run_would_decode_is_not_even_read(client: Client, tmp_path: Path) -> None:
    """Its size says so."""
    large = upload(client, "large", bytes(MAX_FILE_BYTES + 1))
    leave(client, failed("large", "picture_too_large") | {"generation": large})
    path = tmp_path / "run.html"
    reads: list[str] = []
    original = Blob.download_as_bytes

    def noted(blob: Blob, *arguments: Any, **options: Any) -> bytes:
        reads.append(blob.name)
        return bytes(original(blob, *arguments, **options))

    with patch.object(Blob, "download_as_bytes", noted):
        assert main([*OPTIONS, "--html", str(path)]) == PARTLY
    assert places(path) == {"large": UNDECODED}
    assert "large" not in reads


def test_another_workloads_text_is_shown_whatever_its_form(
    client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the page and on the terminal."""
    client.bucket("results").blob("result").upload_from_string("four cats, <b>one dog</b>")
    path = tmp_path / "run.html"
    assert main([*OPTIONS, "--html", str(path)]) == OK
    assert "<li>four cats, &lt;b&gt;one dog&lt;/b&gt;</li>" in path.read_text()
    assert "four cats, <b>one dog</b>" in capsys.readouterr().out


@pytest.mark.usefixtures("client")
def test_nobody_waits_for_results_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is looked at before the bucket."""
    path = tmp_path / "there" / "run.html"
    assert main([*OPTIONS, "--html", str(path)]) == UNUSABLE
    assert f"mkdir -p {path.parent}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "error",
    [
        ServiceUnavailable("busy"),  # type: ignore[no-untyped-call]  # the library's own
        RetryError("for two minutes", None),  # type: ignore[no-untyped-call]  # same
        requests.ConnectionError("reset"),
        DataCorruption(None, "checksum"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_picture_that_cannot_be_read_now_leaves_its_place(
    client: Client, tmp_path: Path, error: Exception
) -> None:
    """One picture that Google does not give ends no report."""
    leave(client, record("a", ("x", 0.5), generation=upload(client, "a")))
    reload = Blob.reload

    def failing(blob: Blob, *arguments: Any, **options: Any) -> None:
        if blob.bucket.name == "pictures":
            raise error
        reload(blob, *arguments, **options)

    path = tmp_path / "run.html"
    with patch.object(Blob, "reload", failing):
        assert main([*OPTIONS, "--html", str(path)]) == OK
    assert places(path) == {"a": UNREAD}
    assert "1 picture could not be read. Write the report again." in path.read_text()


@pytest.mark.parametrize(
    "edited",
    [
        record("a", ("x", 0.5), generation="not a number"),
        record("a", ("x", 0.5), generation="9" * 5_000),
        record("a", ("x", 0.5), generation=None),
        record("", ("x", 0.5)),
        record("\ud800", ("x", 0.5)),
        record("a\nb\x00", ("x", 0.5)),
    ],
    ids=[
        "generation",
        "long generation",
        "no generation",
        "no name",
        "half a character",
        "control",
    ],
)
def test_an_edited_record_ends_no_report(
    client: Client, tmp_path: Path, edited: dict[str, Any]
) -> None:
    """Nor does it show a picture that the run did not see."""
    upload(client, "a")
    leave(client, edited)
    html, table = tmp_path / "run.html", tmp_path / "run.csv"
    assert main([*OPTIONS, "--html", str(html), "--csv", str(table)]) == OK
    assert set(places(html).values()) <= {UNREAD, CHANGED}
    assert table.exists()
