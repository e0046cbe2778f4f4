"""*-docker.pkg.dev: Artifact Registry's docker repositories, over the OCI distribution API.

Content is kept in the repository that it was pushed to, under that repository's allow policy.
Creating repositories is `repositories`'. Not modelled: docker's own login (an access
token is the bearer token), chunks, mounts, lists, deleting, immutable tags.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access
from rehearsal.image_builder.oci import Image, digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Cloud, Json, Repository
    from rehearsal.image_builder.oci import Reference

SERVICE = "artifactregistry.googleapis.com"
DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
UPLOAD = "artifactregistry.repositories.uploadArtifacts"


class RegistryError(Exception):
    """A refusal in the distribution API's shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def authorise(cloud: Cloud, who: Caller, permission: str, name: str) -> Repository:
    """The repository, if the caller holds the permission; else RegistryError, as Google words it.

    Who may not see a repository cannot tell whether it exists.
    """
    project = cloud.projects.get(name.split("/")[1])
    repository = cloud.repositories.get(name)
    policies = [each.policy for each in (project, repository) if each is not None]
    if not access.decide(cloud, who, permission, f"{SERVICE}/{name}", policies):
        denied = (
            f'Permission "{permission}" denied on resource "{name}" (or it may not exist)'
            if who.member
            else "Unauthenticated request. Unauthenticated requests do not have permission "
            f'"{permission}" on resource "{name}" (or it may not exist)'
        )
        raise RegistryError(403, "DENIED", denied)
    if repository is None:
        raise RegistryError(
            404, "NAME_UNKNOWN", f'Repository "{name.rpartition("/")[2]}" not found'
        )
    return repository


def pull(cloud: Cloud, who: Caller, reference: Reference) -> Image:
    """The image behind a reference, as `docker pull` would get it; RegistryError.

    The same decisions and audit entries as over HTTP.
    """
    name = f"projects/{reference.project}/locations/{reference.location}/repositories/"
    repository = authorise(cloud, who, DOWNLOAD, name + reference.repository)
    _, manifest = _manifest(repository, reference.image, reference.selector)
    named = _named(json.loads(manifest))
    return Image(manifest, {each: repository.blobs[each] for each in named})


def app(cloud: Cloud) -> ASGIApp:
    """The registries of all regions; which one is asked for is in the Host header."""
    registry = _Registry(cloud)

    async def refuse(_request: Request, error: Exception) -> Response:
        if not isinstance(error, RegistryError):
            raise error
        errors = {"errors": [{"code": error.code, "message": error.message}]}
        return JSONResponse(errors, error.status)

    name = "/v2/{project}/{repository}/{image:path}"
    routes: list[tuple[str, str, Callable[..., object]]] = [
        ("GET", name + "/manifests/{reference}", registry.get_manifest),
        ("PUT", name + "/manifests/{reference}", registry.put_manifest),
        ("POST", name + "/blobs/uploads/", registry.begin),
        ("PUT", name + "/blobs/uploads/{upload}", registry.finish),
        ("GET", name + "/blobs/{digest}", registry.get_blob),
    ]
    return Starlette(
        routes=[Route(path, handler, methods=[verb]) for verb, path, handler in routes],
        exception_handlers={RegistryError: refuse},
    )


class _Registry:
    """The requests of the distribution API; GET routes answer HEAD too."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.uploads: set[str] = set()

    async def get_manifest(self, request: Request) -> Response:
        repository, image = self._open(request, DOWNLOAD)
        media_type, data = _manifest(repository, image, request.path_params["reference"])
        return Response(
            data, media_type=media_type, headers={"Docker-Content-Digest": digest(data)}
        )

    async def put_manifest(self, request: Request) -> Response:
        repository, image = self._open(request, UPLOAD)
        data, reference = await request.body(), request.path_params["reference"]
        address = digest(data)
        if reference.startswith("sha256:") and reference != address:
            raise RegistryError(400, "DIGEST_INVALID", f"got {address}, expected {reference}")
        try:
            named = _named(json.loads(data))
        except (ValueError, KeyError, TypeError) as error:
            raise RegistryError(400, "MANIFEST_INVALID", f"not a manifest: {error!r}") from error
        if unknown := sorted(named - repository.blobs.keys()):
            raise RegistryError(400, "MANIFEST_BLOB_UNKNOWN", f"blobs unknown: {unknown}")
        repository.manifests[address] = (request.headers.get("content-type", ""), data)
        if reference != address:
            repository.tags[image, reference] = address
        return _stored(request.url.path.rsplit("/", 1)[0], address)

    async def get_blob(self, request: Request) -> Response:
        repository, _ = self._open(request, DOWNLOAD)
        address = request.path_params["digest"]
        if address not in repository.blobs:
            raise RegistryError(404, "BLOB_UNKNOWN", f"blob {address} unknown to registry")
        headers = {"Docker-Content-Digest": address, "Content-Type": "application/octet-stream"}
        return Response(repository.blobs[address], headers=headers)

    async def begin(self, request: Request) -> Response:
        """Start an upload, which a PUT with the digest and the whole blob finishes."""
        self._open(request, UPLOAD)
        upload = secrets.token_hex(16)
        self.uploads.add(upload)
        return Response(None, 202, {"Location": request.url.path + upload})

    async def finish(self, request: Request) -> Response:
        repository, _ = self._open(request, UPLOAD)
        if request.path_params["upload"] not in self.uploads:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
        data, address = await request.body(), request.query_params.get("digest", "")
        if digest(data) != address:
            raise RegistryError(400, "DIGEST_INVALID", f"got {digest(data)}, expected {address!r}")
        repository.blobs[address] = data
        self.uploads.remove(request.path_params["upload"])
        return _stored(request.url.path.partition("/uploads/")[0], address)

    def _open(self, request: Request, permission: str) -> tuple[Repository, str]:
        path = request.path_params
        location = request.headers["host"].partition("-docker.pkg.dev")[0]
        name = f"projects/{path['project']}/locations/{location}/repositories/{path['repository']}"
        return authorise(self.cloud, self._who(request), permission, name), path["image"]

    def _who(self, request: Request) -> Caller:
        """Who is asking, maybe nobody; RegistryError 401 for a login that is not known."""
        try:
            return access.caller(self.cloud, request.headers)
        except ApiError as error:
            raise RegistryError(401, "UNAUTHORIZED", error.message) from error


def _stored(collection: str, address: str) -> Response:
    headers = {"Location": f"{collection}/{address}", "Docker-Content-Digest": address}
    return Response(None, 201, headers)


def _manifest(repository: Repository, image: str, selector: str) -> tuple[str, bytes]:
    """Media type and bytes of a manifest, by tag or digest; RegistryError 404."""
    address = repository.tags.get((image, selector), selector)
    try:
        return repository.manifests[address]
    except KeyError:
        raise RegistryError(
            404, "MANIFEST_UNKNOWN", f'Failed to fetch "{selector}": manifest unknown'
        ) from None


def _named(manifest: Json) -> set[str]:
    """The blobs that a manifest needs."""
    return {each["digest"] for each in [manifest["config"], *manifest["layers"]]}
