"""A stand-in for pulumi-resource-docker: docker:index/image:Image, and no other resource.

It needs no Docker: `image_builder.dockerfile` builds, `image_builder.push` pushes. Like the genuine
one, it pushes to the registry in the image's name, with the login that `docker login` stored, and
never deletes an image.
https://github.com/pulumi/pulumi-docker/blob/v5.2.0/provider/image.go
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from rehearsal.image_builder import build_context, dockerfile
from rehearsal.image_builder.dockerfile_text import DockerfileError
from rehearsal.image_builder.oci import ACCESS_TOKEN_USER, ImageError, Reference
from rehearsal.pulumi_plugins.grpc_server import serve
from rehearsal.pulumi_plugins.install import version
from rehearsal.pulumi_plugins.provider import (
    UNKNOWN,
    Change,
    Difference,
    Json,
    Provider,
    ProviderError,
    Resource,
    differences,
)

PLATFORM = "linux/amd64"


class DockerImage(Resource):
    """An image that is built from a context and pushed; its id is its name."""

    def check(self, name: str, news: Json) -> tuple[Json, list[str]]:
        """Add the defaults, and a hash of the context, which changes with its files."""
        del name
        if "imageName" not in news:
            return news, ["missing required property 'imageName'"]
        # The SDK always sets skipPush and buildOnPreview, to false.
        if unknown := sorted(k for k, v in news.items() if v and k not in ("imageName", "build")):
            return news, [f"got {', '.join(unknown)}, which this stand-in cannot do: leave it out"]
        given = news.get("build") or {}
        context = given.get("context", ".")
        file = Path(given.get("dockerfile", Path(context, "Dockerfile")))
        if (platform := given.get("platform", PLATFORM)) != PLATFORM:
            return news, [f"build.platform: got {platform}, expected {PLATFORM}: no other is built"]
        try:
            tree = build_context.read(Path(context), file)
            digest = build_context.digest(Path(context), tree, file.read_bytes())
        except (build_context.ContextError, OSError) as error:
            return news, [f"build: {error}"]
        build = given | {"context": context, "dockerfile": str(file), "contextDigest": digest}
        return {**news, "build": build}, []

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """Every change is an update in place."""
        del state
        return Difference({path: Change(what) for path, what in differences(old_inputs, news)})

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The digest is not known before the push."""
        del state
        return {**inputs, "repoDigest": UNKNOWN}

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Build and push; the id is the image's name."""
        return inputs["imageName"], self.update(inputs["imageName"], {}, inputs)

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Build and push again; the old image stays in the registry."""
        # Importing the library for HTTP is a third of the start-up, and most commands push nothing.
        import requests  # noqa: PLC0415

        from rehearsal.image_builder.push import PushError, push  # noqa: PLC0415

        del identity, state
        name, build = inputs["imageName"], inputs["build"]
        context, file = Path(build["context"]), Path(build["dockerfile"])
        try:
            image = dockerfile.build(context, file, build.get("args", {}), build.get("target"))
        except (DockerfileError, build_context.ContextError, OSError) as error:
            raise ProviderError(f"error building image {name}: {error}") from error
        session = requests.Session()
        # The genuine plugin is a Go program, and reads its certificates from there.
        session.verify = os.environ.get("SSL_CERT_FILE") or True
        try:
            reference = Reference.parse(name)
            digest = push(image, reference, _login(reference.host), session)
        except (ImageError, PushError) as error:
            raise ProviderError(f"error pushing image {name}: {error}") from error
        return {
            **inputs,
            "baseImageName": name,
            "context": build["context"],
            "dockerfile": build["dockerfile"],
            "registryServer": "",
            "repoDigest": f"{reference.host}/{reference.path}@{digest}",
        }

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """The recorded outputs: the genuine plugin does not read the registry either."""
        del identity
        return state, inputs

    def delete(self, identity: str, state: Json) -> None:
        """Nothing: tags and content stay in the registry."""


def _login(host: str) -> str:
    """The access token that `docker login` stored for a registry; empty if there is none."""
    file = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker", "config.json")
    logins = json.loads(file.read_text()).get("auths", {}) if file.is_file() else {}
    login = base64.b64decode(logins.get(host, {}).get("auth", "")).decode()
    user, _, token = login.partition(":")
    if user not in ("", ACCESS_TOKEN_USER):
        raise ProviderError(
            f"registry {host}: got user {user!r}, expected {ACCESS_TOKEN_USER} with an access "
            "token: the stand-in knows no other login"
        )
    return token


PROVIDER = Provider(version("docker"), {"docker:index/image:Image": DockerImage()})

if __name__ == "__main__":
    serve(PROVIDER)
