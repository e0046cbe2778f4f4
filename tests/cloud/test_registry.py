"""Artifact Registry over the distribution API: content, addresses, and who may."""

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
    """A repository of Primus that one may write, and Secundus' service accounts may read."""
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


def test_what_is_pushed_is_pulled(cloud: Cloud, repository: Repository) -> None:
    """An image comes back byte for byte, by tag and by digest, for whom the policy names."""
    assert push(IMAGE, TAGGED, cloud.mint(WRITER), requests.Session()) == IMAGE.digest
    assert repository.tags == {("workload", "v1"): IMAGE.digest}
    reader = access.caller_of_token(cloud, cloud.mint(WORKLOAD))
    by_digest = Reference.parse(f"{HOST}/primus-models/repo/workload@{IMAGE.digest}")
    assert distribution.pull(cloud, reader, TAGGED) == IMAGE
    assert distribution.pull(cloud, reader, by_digest) == IMAGE


def test_a_second_push_uploads_nothing(
    cloud: Cloud, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blobs that are there already are not sent again."""
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
def test_only_writers_push(
    cloud: Cloud, repository: Repository, member: str | None, message: str
) -> None:
    """A reader, a stranger and nobody are denied, in Artifact Registry's words; nothing is kept."""
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
def test_a_bad_login_is_refused(cloud: Cloud, authorization: str) -> None:
    """401 for an unknown token, and for a kind of login that is not modelled."""
    assert cloud.repositories == {}
    answer = requests.get(
        IMAGE_URL + "manifests/v1", headers={"Authorization": authorization}, timeout=30
    )
    assert error(answer)[:2] == (401, "UNAUTHORIZED")


def test_an_expired_token_is_refused(cloud: Cloud, writer: requests.Session) -> None:
    """On the cloud's own clock."""
    cloud.clock_offset = 3601
    assert error(writer.get(IMAGE_URL + "manifests/v1"))[:2] == (401, "UNAUTHORIZED")


def test_an_unknown_repository_is_named_only_to_who_may_know(cloud: Cloud) -> None:
    """An administrator of the project reads "not found"; a stranger only that it is denied."""
    project = cloud.projects["primus-models"]
    project.policy.bindings = [{"role": "roles/artifactregistry.admin", "members": [WRITER]}]
    admin = client(cloud.mint(WRITER)).get(IMAGE_URL + "manifests/v1")
    assert error(admin) == (404, "NAME_UNKNOWN", 'Repository "repo" not found')
    stranger = client(cloud.mint(STRANGER)).get(IMAGE_URL + "manifests/v1")
    assert error(stranger)[:2] == (403, "DENIED")


def test_the_region_is_part_of_the_address(cloud: Cloud, repository: Repository) -> None:
    """The same path under another region's host is another repository."""
    url = IMAGE_URL.replace("us-west1", "europe-west4")
    answer = client(cloud.mint(WRITER)).get(url + "manifests/v1")
    assert error(answer)[:2] == (403, "DENIED")
    assert "locations/europe-west4" in error(answer)[2]
    assert repository.name == NAME


def upload(session: requests.Session, claimed: bytes, sent: bytes) -> requests.Response:
    """Upload a blob, claiming that it is another."""
    begun = session.post(IMAGE_URL + "blobs/uploads/")
    assert begun.status_code == 202
    location = f"https://{HOST}" + begun.headers["Location"]
    return session.put(location, params={"digest": digest(claimed)}, data=sent)


def test_an_uploaded_blob_is_read_back(writer: requests.Session) -> None:
    """POST, then PUT with the digest; HEAD and GET agree."""
    answer = upload(writer, b"onetwo", b"onetwo")
    assert answer.status_code == 201
    assert answer.headers["Docker-Content-Digest"] == digest(b"onetwo")
    url = f"https://{HOST}" + answer.headers["Location"]
    assert writer.get(url).content == b"onetwo"
    head = writer.head(url)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "6", b"")


def test_a_blob_that_is_not_what_it_says_is_refused(
    writer: requests.Session, repository: Repository
) -> None:
    """The digest is computed here, whatever the client claims."""
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
def test_a_bad_manifest_is_refused(
    writer: requests.Session, repository: Repository, reference: str, body: Any, code: str
) -> None:
    """No JSON, no image, blobs that are not there, another digest than its address."""
    assert error(put_manifest(writer, reference, body))[:2] == (400, code)
    assert not repository.manifests
    assert not repository.tags


def test_a_tag_is_moved(cloud: Cloud, writer: requests.Session) -> None:
    """A tag leads to what was pushed under it last; the digest leads to the same for ever."""
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
def test_what_is_not_there_is_404(writer: requests.Session, path: str, code: str) -> None:
    """Each kind of absence has its code."""
    assert error(writer.get(IMAGE_URL + path))[:2] == (404, code)


def test_an_upload_that_was_not_begun_is_404(writer: requests.Session) -> None:
    """PUT only finishes what POST has begun."""
    answer = writer.put(IMAGE_URL + "blobs/uploads/none")
    assert error(answer)[:2] == (404, "BLOB_UPLOAD_UNKNOWN")


def test_a_registry_that_cannot_be_reached_is_an_error(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is in the message."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(PushError, match=f"^{HOST}: "):
        push(IMAGE, TAGGED, cloud.mint(WRITER), requests.Session())
