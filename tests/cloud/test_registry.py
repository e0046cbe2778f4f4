"""Artifact Registry by the distribution API: content, addresses, permissions."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from rehearsal.cloud.iam import access
from rehearsal.cloud.registry import distribution
from rehearsal.cloud.state import SERVICE_ACCOUNTS_OF_PROJECT, Repository
from rehearsal.image_builder.oci import Reference, assemble, digest
from rehearsal.image_builder.push import PushError, push

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud

HOST = "us-west1-docker.pkg.dev"
NAME = "projects/primus-models/locations/us-west1/repositories/repo"
IMAGE_URL = f"https://{HOST}/v2/primus-models/repo/workload/"
WRITER = "user:deployer@primus.example"
WORKLOAD = "serviceAccount:workload-sa@secundus-vision.iam.gserviceaccount.com"
STRANGER = "user:stranger@elsewhere.example"
IMAGE = assemble({"a": (0o644, b"a")}, {"Entrypoint": ["a"]}, [{"created_by": "COPY"}], {})
TAGGED = Reference.parse(f"{HOST}/primus-models/repo/workload:v1")
DENIED = 'Permission "artifactregistry.repositories.{}" denied on resource "{}" (or it may not'


@pytest.fixture
def repository(cloud: Cloud) -> Repository:
    """A repository of Primus that WRITER may write, and Secundus' service accounts may read."""
    found = Repository(NAME, "primus-models", {"format": "DOCKER"})
    readers = SERVICE_ACCOUNTS_OF_PROJECT.format(number="222222222222")
    found.policy.bindings = [
        {"role": "roles/artifactregistry.admin", "members": [WRITER]},
        {"role": "roles/artifactregistry.reader", "members": [readers]},
    ]
    cloud.repositories[NAME] = found
    return found


@pytest.fixture
def writer(cloud: Cloud, repository: Repository) -> requests.Session:
    """A client that may push."""
    assert repository.name in cloud.repositories
    return client(cloud.mint(WRITER))


def client(token: str) -> requests.Session:
    """A client with a bearer token."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def error(answer: requests.Response) -> tuple[int, str, str]:
    """Status, code and message of a refusal."""
    (found,) = answer.json()["errors"]
    return answer.status_code, found["code"], found["message"]


def test_a_pushed_image_is_pulled_byte_for_byte(cloud: Cloud, repository: Repository) -> None:
    """By tag and by digest, by members of the policy."""
    assert push(IMAGE, TAGGED, cloud.mint(WRITER), requests.Session()) == IMAGE.digest
    assert repository.tags == {("workload", "v1"): IMAGE.digest}
    reader = access.caller_of_token(cloud, cloud.mint(WORKLOAD))
    by_digest = Reference.parse(f"{HOST}/primus-models/repo/workload@{IMAGE.digest}")
    assert distribution.pull(cloud, reader, TAGGED) == IMAGE
    assert distribution.pull(cloud, reader, by_digest) == IMAGE


def test_a_second_push_uploads_no_blob(
    cloud: Cloud, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Existing blobs are not sent again."""
    push(IMAGE, TAGGED, cloud.mint(WRITER), requests.Session())
    monkeypatch.delattr(requests.Session, "post")
    assert push(IMAGE, TAGGED, cloud.mint(WRITER), requests.Session()) == IMAGE.digest
    assert len(repository.blobs) == 2


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (WORKLOAD, "denied: " + DENIED.format("uploadArtifacts", NAME)),
        (STRANGER, "denied: " + DENIED.format("uploadArtifacts", NAME)),
        (None, "denied: Unauthenticated request. Unauthenticated requests do not have permission"),
    ],
)
def test_only_writers_can_push(
    cloud: Cloud, repository: Repository, member: str | None, message: str
) -> None:
    """A reader, a stranger and an anonymous caller are denied, in Artifact Registry's words."""
    token = cloud.mint(member) if member else ""
    with pytest.raises(PushError) as caught:
        push(IMAGE, TAGGED, token, requests.Session())
    assert str(caught.value).startswith(message)
    assert not repository.blobs


def test_a_pull_without_the_grant_is_denied(cloud: Cloud, repository: Repository) -> None:
    """The accounts of another project read nothing, and the refusal is in the audit log."""
    repository.policy.bindings.pop()
    who = access.caller_of_token(cloud, cloud.mint(WORKLOAD))
    with pytest.raises(distribution.RegistryError) as caught:
        distribution.pull(cloud, who, TAGGED)
    assert caught.value.code == "DENIED"
    assert DENIED.format("downloadArtifacts", NAME) in caught.value.message
    last = cloud.audit[-1]
    assert (last.member, last.permission, last.allowed) == (WORKLOAD, distribution.DOWNLOAD, False)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer made-up",
        "Basic " + base64.b64encode(b"oauth2accesstoken:made-up").decode(),
        "Basic " + base64.b64encode(b"_json_key:{}").decode(),
        "Basic not base64",
    ],
)
def test_an_unknown_login_is_refused(cloud: Cloud, authorization: str) -> None:
    """401 for an unknown token, and for a login that is not modelled."""
    assert cloud.repositories == {}
    answer = requests.get(
        IMAGE_URL + "manifests/v1", headers={"Authorization": authorization}, timeout=30
    )
    assert error(answer)[:2] == (401, "UNAUTHORIZED")


def test_an_expired_token_is_refused(cloud: Cloud, writer: requests.Session) -> None:
    """On the cloud's own clock."""
    cloud.clock_offset = 3601
    assert error(writer.get(IMAGE_URL + "manifests/v1"))[:2] == (401, "UNAUTHORIZED")


def test_only_a_permitted_caller_learns_that_a_repository_is_missing(cloud: Cloud) -> None:
    """An administrator of the project reads "not found"; a stranger reads "denied"."""
    project = cloud.projects["primus-models"]
    project.policy.bindings = [{"role": "roles/artifactregistry.admin", "members": [WRITER]}]
    admin = client(cloud.mint(WRITER)).get(IMAGE_URL + "manifests/v1")
    assert error(admin) == (404, "NAME_UNKNOWN", 'Repository "repo" not found')
    stranger = client(cloud.mint(STRANGER)).get(IMAGE_URL + "manifests/v1")
    assert error(stranger)[:2] == (403, "DENIED")


def test_the_region_is_part_of_a_repositorys_address(cloud: Cloud, repository: Repository) -> None:
    """The same path on another region's host is another repository."""
    url = IMAGE_URL.replace("us-west1", "europe-west4")
    answer = client(cloud.mint(WRITER)).get(url + "manifests/v1")
    assert error(answer)[:2] == (403, "DENIED")
    assert "locations/europe-west4" in error(answer)[2]
    assert repository.name == NAME


def upload(session: requests.Session, claimed: bytes, sent: bytes) -> requests.Response:
    """Upload a blob with the digest of another one."""
    begun = session.post(IMAGE_URL + "blobs/uploads/")
    assert begun.status_code == 202
    location = f"https://{HOST}" + begun.headers["Location"]
    return session.put(location, params={"digest": digest(claimed)}, data=sent)


def test_an_uploaded_blob_can_be_read(writer: requests.Session) -> None:
    """POST, then PUT with the digest; HEAD and GET agree."""
    answer = upload(writer, b"onetwo", b"onetwo")
    assert answer.status_code == 201
    assert answer.headers["Docker-Content-Digest"] == digest(b"onetwo")
    url = f"https://{HOST}" + answer.headers["Location"]
    assert writer.get(url).content == b"onetwo"
    head = writer.head(url)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "6", b"")


def test_a_blob_with_a_wrong_digest_is_refused(
    writer: requests.Session, repository: Repository
) -> None:
    """The registry computes the digest."""
    assert error(upload(writer, b"claimed", b"sent"))[:2] == (400, "DIGEST_INVALID")
    assert not repository.blobs


def put_manifest(session: requests.Session, reference: str, body: Any) -> requests.Response:
    """Put a manifest that is bytes, or anything to be written as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return session.put(IMAGE_URL + f"manifests/{reference}", data=data)


@pytest.mark.parametrize(
    ("reference", "body", "code"),
    [
        ("v1", b"not json", "MANIFEST_INVALID"),
        ("v1", {"layers": []}, "MANIFEST_INVALID"),
        ("v1", json.loads(IMAGE.manifest), "MANIFEST_BLOB_UNKNOWN"),
        ("sha256:" + "0" * 64, json.loads(IMAGE.manifest), "DIGEST_INVALID"),
    ],
)
def test_an_invalid_manifest_is_refused(
    writer: requests.Session, repository: Repository, reference: str, body: Any, code: str
) -> None:
    """No JSON, no image, missing blobs, another digest than in its address."""
    assert error(put_manifest(writer, reference, body))[:2] == (400, code)
    assert not repository.manifests
    assert not repository.tags


def test_a_push_moves_its_tag(cloud: Cloud, writer: requests.Session) -> None:
    """The tag leads to the last push; each digest leads to the same image for ever."""
    changed = assemble({"a": (0o644, b"b")}, {"Entrypoint": ["a"]}, [{"created_by": "COPY"}], {})
    for image in (IMAGE, changed):
        push(image, TAGGED, cloud.mint(WRITER), requests.Session())
    latest = writer.get(IMAGE_URL + "manifests/v1")
    assert latest.headers["Docker-Content-Digest"] == changed.digest
    assert latest.headers["Content-Type"] == "application/vnd.oci.image.manifest.v1+json"
    old = writer.get(IMAGE_URL + f"manifests/{IMAGE.digest}")
    assert old.content == IMAGE.manifest


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("manifests/v2", "MANIFEST_UNKNOWN"),
        ("manifests/sha256:" + "0" * 64, "MANIFEST_UNKNOWN"),
        ("blobs/sha256:" + "0" * 64, "BLOB_UNKNOWN"),
    ],
)
def test_missing_content_is_404(writer: requests.Session, path: str, code: str) -> None:
    """Each kind has its code."""
    assert error(writer.get(IMAGE_URL + path))[:2] == (404, code)


def test_an_unknown_upload_is_404(writer: requests.Session) -> None:
    """PUT only finishes an upload that POST has begun."""
    answer = writer.put(IMAGE_URL + "blobs/uploads/none")
    assert error(answer)[:2] == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_unreachable_registry_is_an_error(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the host."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(PushError, match=f"^{HOST}: "):
        push(IMAGE, TAGGED, cloud.mint(WRITER), requests.Session())
