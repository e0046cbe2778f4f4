"""A stand-in for pulumi-resource-docker: docker:index/image:Image, and no other resource.

It needs no Docker: `sandbox.dockerfile` builds, `sandbox.push` pushes. Like the genuine one it asks
the registry that the image's name says, with the resource's own login or the user's, and it never
deletes what it pushed.
https://github.com/pulumi/pulumi-docker/blob/v5.2.0/provider/image.go
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from sandbox import build_context, dockerfile
from sandbox.dockerfile_text import DockerfileError
from sandbox.oci import ACCESS_TOKEN_USER, Image, ImageError, Reference
from sandbox.plugins.provider import (
    UNKNOWN,
    Difference,
    Json,
    Provider,
    ProviderError,
    Resource,
    compare,
    serve,
)
from sandbox.push import PushError, push

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "5.2.0"
PLATFORM = "linux/amd64"


class DockerImage(Resource):
    """An image that is built from a context and pushed; its id is its name."""

    def check(self, name: str, news: Json, olds: Json, seed: bytes) -> tuple[Json, list[str]]:
        """Fill in the defaults, and the hash by which a change of the context is seen."""
        del name, olds, seed
        if "imageName" not in news:
            return news, ["missing required property 'imageName'"]
        given = news.get("build") or {}
        if UNKNOWN in (given, given.get("context"), given.get("dockerfile")):
            return news, []
        context = given.get("context", ".")
        build = {
            **given,
            "context": context,
            "dockerfile": given.get("dockerfile", str(Path(context, "Dockerfile"))),
        }
        platform = given.get("platform", PLATFORM)
        if platform not in (PLATFORM, UNKNOWN):
            return news, [f"build.platform: got {platform}, expected {PLATFORM}: no other is built"]
        file = Path(build["dockerfile"])
        try:
            tree = build_context.read(Path(context), file)
            build["contextDigest"] = build_context.digest(tree, file.read_bytes())
        except (build_context.ContextError, OSError) as error:
            return news, [f"build: {error}"]
        return {**news, "build": build}, []

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """Every change is made in place; a new login is no reason to build again."""
        del state
        return Difference(compare(_without_login(old_inputs), _without_login(news)))

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The digest is not known before the push; with buildOnPreview it is the local image id."""
        del state
        if inputs.get("buildOnPreview") is True and not _has_unknown(inputs):
            return _outputs(inputs, _build(inputs).config_digest)
        return {**inputs, "repoDigest": UNKNOWN}

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Build and push; the id is the image's name."""
        return inputs["imageName"], self.update(inputs["imageName"], {}, inputs)

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Build and push again; the image of before stays in the registry."""
        del identity, state
        image = _build(inputs)
        if inputs.get("skipPush") is True:
            return _outputs(inputs, image.config_digest)
        try:
            reference = Reference.parse(inputs["imageName"])
            digest = push(image, reference, _login(inputs, reference.host), _session())
        except (ImageError, PushError) as error:
            raise ProviderError(f"error pushing image {inputs['imageName']}: {error}") from error
        return _outputs(inputs, f"{reference.host}/{reference.path}@{digest}")

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """What is recorded: the genuine plugin does not look either."""
        del identity
        return state, inputs

    def delete(self, identity: str, state: Json) -> None:
        """Nothing: tags and content stay in the registry."""


def _session() -> requests.Session:
    session = requests.Session()
    # Where a Go program, as the genuine plugin is one, finds its certificates.
    session.verify = os.environ.get("SSL_CERT_FILE") or True
    return session


def _build(inputs: Json) -> Image:
    build = inputs["build"]
    try:
        return dockerfile.build(
            Path(build["context"]),
            Path(build["dockerfile"]),
            build.get("args", {}),
            build.get("target"),
        )
    except (DockerfileError, build_context.ContextError, OSError) as error:
        raise ProviderError(f"error building image {inputs['imageName']}: {error}") from error


def _outputs(inputs: Json, digest: str) -> Json:
    registry = inputs.get("registry") or {}
    return {
        **inputs,
        "baseImageName": inputs["imageName"],
        "context": inputs["build"]["context"],
        "dockerfile": inputs["build"]["dockerfile"],
        "registryServer": registry.get("server", ""),
        "repoDigest": digest,
    }


def _login(inputs: Json, host: str) -> str:
    """The access token for a registry: the resource's own, else what `docker login` stored."""
    own = inputs.get("registry") or {}
    user: str = own.get("username", "")
    token: str = own.get("password", "")
    if not user:
        folder = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
        user, token = _stored(Path(folder) / "config.json", host)
    if user not in ("", ACCESS_TOKEN_USER):
        raise ProviderError(
            f"registry {host}: got user {user!r}, expected {ACCESS_TOKEN_USER} with an access "
            "token: the stand-in knows no other login"
        )
    return token


def _stored(file: Path, host: str) -> tuple[str, str]:
    """User name and password for a host in docker's config.json; empty if there are none."""
    if not file.is_file():
        return "", ""
    logins = json.loads(file.read_text()).get("auths", {})
    login = logins.get(host) or logins.get(f"https://{host}") or {}
    if "auth" not in login:
        return login.get("username", ""), login.get("password", "")
    user, _, password = base64.b64decode(login["auth"]).decode().partition(":")
    return user, password


def _without_login(inputs: Json) -> Json:
    server = (inputs.get("registry") or {}).get("server")
    return {**inputs, "registry": {"server": server}}


def _has_unknown(value: object) -> bool:
    def leaves(each: object) -> Iterator[object]:
        if isinstance(each, dict):
            for inner in each.values():
                yield from leaves(inner)
        elif isinstance(each, list):
            for inner in each:
                yield from leaves(inner)
        else:
            yield each

    return UNKNOWN in leaves(value)


PROVIDER = Provider(VERSION, {"docker:index/image:Image": DockerImage()})

if __name__ == "__main__":
    serve(PROVIDER)
