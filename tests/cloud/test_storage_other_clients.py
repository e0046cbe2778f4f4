"""Cloud Storage for clients other than Google's Python one: TensorFlow's own, and plain links."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

from rehearsal.cloud.state import Binding
from tests.cloud.conftest import OWNER
from tests.cloud.test_confidential_space import ACCOUNT, Rehearsal

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud.storage import Bucket, Client

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud

LINKS = "https://storage.googleapis.com/a-bucket/"
CONTENT = bytes(range(256))
NAMES = ["plain.jpg", "a folder/sub/picture 1.jpg", "ünï#?%.png"]


@pytest.fixture
def bucket(owner: Client) -> Bucket:
    """A bucket with one object of each kind of name."""
    made = owner.create_bucket("a-bucket", location="us-west1")
    for name in NAMES:
        made.blob(name).upload_from_string(CONTENT, "image/jpeg")
    return made


def link(
    cloud: Cloud, name: str, member: str | None = OWNER, verb: str = "GET", **headers: str
) -> requests.Response:
    """The response to a member for a link to an object, with the slashes in its name unencoded."""
    if member is not None:
        headers["Authorization"] = f"Bearer {cloud.mint(member)}"
    return requests.request(verb, LINKS + quote(name), headers=headers, timeout=20)


@pytest.mark.parametrize("name", NAMES)
def test_a_link_returns_the_object(cloud: Cloud, bucket: Bucket, name: str) -> None:
    """Bytes, type, checksums; with encoded slashes or without."""
    answer = link(cloud, name)
    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers["content-type"] == "image/jpeg"
    assert f"md5={bucket.get_blob(name).md5_hash}" in answer.headers["x-goog-hash"]
    token = {"Authorization": f"Bearer {cloud.mint(OWNER)}"}
    assert requests.get(LINKS + quote(name, safe=""), headers=token, timeout=20).content == CONTENT


def test_ranges_and_head_requests_are_answered(cloud: Cloud, bucket: Bucket) -> None:
    """TensorFlow asks for ranges; HEAD has the size and no content."""
    assert bucket
    part = link(cloud, NAMES[0], Range="bytes=10-19")
    assert (part.status_code, part.content) == (206, CONTENT[10:20])
    assert link(cloud, NAMES[0], Range="bytes=300-400").status_code == 416
    head = link(cloud, NAMES[0], verb="HEAD")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("name", "member", "status", "code", "details"),
    [
        (NAMES[0], "user:nobody@example.com", 403, "AccessDenied", "storage.objects.get access"),
        (NAMES[0], None, 403, "AccessDenied", "Anonymous caller does not have storage.objects.get"),
        ("gone.jpg", OWNER, 404, "NoSuchKey", "No such object: a-bucket/gone.jpg"),
        ("../no-bucket/x", OWNER, 404, "NoSuchBucket", "The specified bucket does not exist."),
    ],
)
def test_a_refusal_of_a_link_is_in_xml(
    cloud: Cloud,
    bucket: Bucket,
    name: str,
    member: str | None,
    status: int,
    code: str,
    details: str,
) -> None:
    """Code and details; https://docs.cloud.google.com/storage/docs/xml-api/reference-status ."""
    assert bucket
    answer = link(cloud, name, member)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/xml")
    assert f"<Error><Code>{code}</Code><Message>" in answer.text
    assert details in answer.text


def test_an_unknown_token_is_refused_in_xml(cloud: Cloud, bucket: Bucket) -> None:
    """Also an expired one."""
    assert bucket
    answer = link(cloud, NAMES[0], None, Authorization="Bearer nonsense")
    assert (answer.status_code, "<Code>AuthenticationRequired</Code>" in answer.text) == (401, True)


@pytest.mark.parametrize("path", ["/storage/v1/b/a-bucket/o", "/download/storage/v1/b/a-bucket/o"])
def test_the_json_api_has_its_older_host_too(cloud: Cloud, bucket: Bucket, path: str) -> None:
    """www.googleapis.com answers like storage.googleapis.com, and has the issuer's keys."""
    assert bucket
    token = {"Authorization": f"Bearer {cloud.mint(OWNER)}"}
    url = f"https://www.googleapis.com{path}/{NAMES[0]}?alt=media"
    assert requests.get(url, headers=token, timeout=20).content == CONTENT
    keys = "/service_accounts/v1/metadata/jwk/signer@confidentialspace-sign.iam.gserviceaccount.com"
    assert requests.get(f"https://www.googleapis.com{keys}", timeout=20).json()["keys"]


TENSORFLOW = """\
import json, os, pathlib
import tensorflow as tf
files, found = tf.io.gfile, {}
root = "gs://a-bucket/"
found["listed"] = sorted(files.listdir(root))
found["matched"] = files.glob(root + "*.jpg")
found["walked"] = sorted(name for _, _, names in files.walk(root) for name in names)
found["size"] = files.stat(root + "plain.jpg").length
found["is"] = [files.exists(root + n) for n in ("plain.jpg", "a folder", "gone")]
found["folders"] = [files.isdir(root + n) for n in ("plain.jpg", "a folder", "gone")]
found["read"] = tf.io.read_file(root + "a folder/sub/picture 1.jpg").numpy().hex()
files.remove(root + "plain.jpg")
found["removed"] = files.exists(root + "plain.jpg")
try:
    files.GFile("gs://other-bucket/secret").read()
except tf.errors.OpError as error:
    found["refused"] = type(error).__name__
try:
    tf.io.write_file(root + "written.txt", "by TensorFlow")
except tf.errors.OpError as error:
    found["written"] = error.message.partition("}} ")[2].partition(" when ")[0].strip()
pathlib.Path(os.environ["REPORT"]).write_text(json.dumps(found))
"""


@pytest.fixture
def other_bucket(owner: Client) -> None:
    """A bucket on which the machine has no grant."""
    owner.create_bucket("other-bucket", location="us-west1").blob("secret").upload_from_string("x")


@pytest.mark.usefixtures("other_bucket")
def test_tensorflows_own_client_reads_lists_and_removes(
    local: LocalCloud, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tf.io.gfile` on a machine of the local cloud, as the machine's own account."""
    assert bucket
    members = [f"serviceAccount:{ACCOUNT}"]
    for role in ("objectUser", "legacyBucketReader"):  # it reads the bucket before it lists it
        binding = Binding(role=f"roles/storage.{role}", members=members)
        local.cloud.buckets["a-bucket"].policy.bindings.append(binding)
    monkeypatch.setattr("tests.cloud.test_confidential_space.PROBE", TENSORFLOW)
    rehearsal = Rehearsal(local, tmp_path)
    rehearsal.client_environment = local.environment()
    rehearsal.run()
    found: dict[str, Any] = json.loads(rehearsal.report.read_text())
    assert found == {
        "listed": ["a folder/", "plain.jpg", "ünï#?%.png"],
        "matched": ["gs://a-bucket/plain.jpg"],
        "walked": sorted(["plain.jpg", "picture 1.jpg", "ünï#?%.png"]),
        "size": len(CONTENT),
        "is": [True, True, False],
        "folders": [False, True, False],
        "read": CONTENT.hex(),
        "removed": False,
        "refused": "PermissionDeniedError",
        # Not modelled: it sends `Transfer-Encoding: identity`, which the server's parser refuses.
        "written": "Error executing an HTTP request: HTTP response code 400 with body "
        "'Invalid HTTP request received.'",
    }
