"""The stand-in for pulumi-resource-docker: its checks, its differences, its pushes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from rehearsal.cloud.iam import access
from rehearsal.cloud.registry import distribution
from rehearsal.cloud.state import Repository
from rehearsal.image_builder.oci import Reference
from rehearsal.pulumi_plugins.docker import PROVIDER, DockerImage
from rehearsal.pulumi_plugins.provider import UNKNOWN, ProviderError

if TYPE_CHECKING:
    from pathlib import Path

    from rehearsal.cloud.state import Cloud

HOST = "us-west1-docker.pkg.dev"
IMAGE_NAME = f"{HOST}/primus-models/repo/workload:v1"
WRITER = "user:deployer@primus.example"
IMAGE = DockerImage()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Pulumi program's folder with a small build context, without a Docker login."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("ARG B=1\nFROM scratch\nARG B\nENV B=$B\nCOPY a /\n")
    (tmp_path / "app/a").write_text("a")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return tmp_path


@pytest.fixture
def repository(cloud: Cloud) -> Repository:
    """A repository that the writer may push to."""
    found = Repository("projects/primus-models/locations/us-west1/repositories/repo", "p", {})
    found.policy.bindings = [{"role": "roles/artifactregistry.admin", "members": [WRITER]}]
    cloud.repositories[found.name] = found
    return found


def checked(**changes: Any) -> dict[str, Any]:
    """Inputs as the engine records them after Check."""
    inputs, failures = IMAGE.check(
        "image", {"imageName": IMAGE_NAME, "build": {"context": "app"}, **changes}
    )
    assert failures == []
    return inputs


def log_in(folder: Path, user: str, token: str) -> None:
    """Write the file that `docker login` writes."""
    login = base64.b64encode(f"{user}:{token}".encode()).decode()
    (folder / "docker").mkdir()
    config = {"auths": {HOST: {"auth": login}}}
    (folder / "docker/config.json").write_text(json.dumps(config))


def test_check_adds_the_dockerfiles_path(program: Path) -> None:
    """By default the context's; the path is relative to the program."""
    assert checked()["build"]["dockerfile"] == "app/Dockerfile"
    (program / "Dockerfile").write_text("FROM scratch\n")
    inputs = checked(build={"context": "app", "dockerfile": "Dockerfile"})
    assert inputs["build"]["dockerfile"] == "Dockerfile"


def test_the_sdks_default_arguments_are_accepted(program: Path) -> None:
    """False is what this stand-in does."""
    assert program.exists()
    assert checked(skipPush=False, buildOnPreview=False)["skipPush"] is False


@pytest.mark.parametrize("file", ["app/a", "app/Dockerfile", "app/new"])
def test_a_changed_context_is_a_difference(program: Path, file: str) -> None:
    """One byte of any file, also the Dockerfile's, and one more file."""
    before = checked()
    (program / file).write_text("FROM scratch\n")
    changes = IMAGE.diff(before, {}, checked()).changes
    assert {path: change.replaces for path, change in changes.items()} == {
        "build.contextDigest": False
    }


def test_changed_arguments_and_names_are_updates_in_place(program: Path) -> None:
    """The old image stays in the registry."""
    assert program.exists()
    other = checked(imageName=IMAGE_NAME + "2", build={"context": "app", "args": {"B": "2"}})
    changes = IMAGE.diff(checked(), {}, other).changes
    assert set(changes) == {"imageName", "build.args"}
    assert not any(change.replaces for change in changes.values())


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"imageName": "i", "registry": {"server": HOST}}, "got registry, which this"),
        ({"imageName": "i", "skipPush": True}, "got skipPush, which this"),
        ({"build": {"context": "app"}}, "missing required property 'imageName'"),
        ({"imageName": "i", "build": {"context": "none"}}, "got no folder there"),
        ({"imageName": "i", "build": {"context": "app", "dockerfile": "none"}}, "No such file"),
        (
            {"imageName": "i", "build": {"context": "app", "platform": "linux/arm64"}},
            "got linux/arm64, expected linux/amd64",
        ),
    ],
)
def test_check_refuses_invalid_arguments(
    program: Path, inputs: dict[str, Any], reason: str
) -> None:
    """At preview, before anything is built."""
    assert program.exists()
    _, failures = IMAGE.check("image", inputs)
    assert len(failures) == 1
    assert reason in failures[0]


def test_the_digest_is_unknown_in_a_preview(program: Path) -> None:
    """Of a creation and of an update, whatever was pushed before."""
    assert program.exists()
    assert IMAGE.plan(checked(), None)["repoDigest"] == UNKNOWN
    assert IMAGE.plan(checked(), {"repoDigest": "old"})["repoDigest"] == UNKNOWN


def test_create_pushes_with_the_deployers_permission(
    program: Path, cloud: Cloud, repository: Repository
) -> None:
    """The outputs are the genuine plugin's; the image is in the registry."""
    token = cloud.mint(WRITER)
    log_in(program, "oauth2accesstoken", token)
    inputs = checked(build={"context": "app", "args": {"B": "2"}})
    identity, outputs = IMAGE.create(inputs)
    digest = repository.tags["workload", "v1"]
    assert identity == IMAGE_NAME
    assert {key: value for key, value in outputs.items() if key not in inputs} == {
        "baseImageName": IMAGE_NAME,
        "context": "app",
        "dockerfile": "app/Dockerfile",
        "registryServer": "",
        "repoDigest": f"{HOST}/primus-models/repo/workload@{digest}",
    }
    pulled = distribution.pull(
        cloud, access.caller_of_token(cloud, token), Reference.parse(IMAGE_NAME)
    )
    assert pulled.config["Env"] == ["B=2"]


def test_an_update_pushes_again_and_a_delete_removes_nothing(
    program: Path, cloud: Cloud, repository: Repository
) -> None:
    """The tag moves; the old digest stays, also after the deletion of the resource."""
    log_in(program, "oauth2accesstoken", cloud.mint(WRITER))
    identity, first = IMAGE.create(checked())
    (program / "app/a").write_text("b")
    second = IMAGE.update(identity, first, checked())
    assert first["repoDigest"] != second["repoDigest"]
    IMAGE.delete(identity, second)
    assert len(repository.manifests) == 2


@pytest.mark.parametrize(
    ("user", "reason"),
    [
        ("oauth2accesstoken", "error pushing image .*: denied: Permission"),
        ("_json_key", "got user '_json_key', expected oauth2accesstoken"),
        ("", "error pushing image .*: denied: Unauthenticated request"),
    ],
)
def test_a_refused_push_is_an_error(
    program: Path, cloud: Cloud, repository: Repository, user: str, reason: str
) -> None:
    """For a stranger, an unsupported login, and an anonymous caller."""
    if user:
        log_in(program, user, cloud.mint("user:stranger@elsewhere.example"))
    with pytest.raises(ProviderError, match=reason):
        IMAGE.create(checked())
    assert not repository.blobs


def test_a_failed_build_is_an_error(program: Path) -> None:
    """With the line; no registry gets a request."""
    (program / "app/Dockerfile").write_text("FROM scratch\nADD a b\n")
    with pytest.raises(ProviderError, match=r"error building image .*Dockerfile:2: ADD"):
        IMAGE.create(checked())


def test_an_image_name_without_a_registry_is_an_error(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no default registry here."""
    assert program.exists()
    monkeypatch.delattr(requests.Session, "request")
    with pytest.raises(ProviderError, match="invalid reference format"):
        IMAGE.create(checked(imageName="workload:v1"))


def test_the_plugin_has_one_resource_type() -> None:
    """At the SDK's version, which the engine requires."""
    assert set(PROVIDER.resources) == {"docker:index/image:Image"}
    assert PROVIDER.version == "5.2.0"
