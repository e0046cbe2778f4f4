"""*-docker.pkg.dev: Artifact Registry's docker repositories, over the OCI distribution API.

Each repository stores the content that was pushed to it, under its allow policy. `repositories`
creates repositories. Not modelled: Docker's own login (an access token is the bearer token),
chunked uploads, mounts, lists, deletion, immutable tags.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from rehearsal.cloud.http.errors import ApiError, HttpError
from rehearsal.cloud.http.routing import Route
from rehearsal.cloud.iam import access
from rehearsal.image_builder.oci import Image, digest

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request
    from rehearsal.cloud.iam.access import Caller
    from rehearsal.cloud.state import Cloud, Json, Repository
    from rehearsal.image_builder.oci import Reference

SERVICE = "artifactregistry.googleapis.com"
DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
UPLOAD = "artifactregistry.repositories.uploadArtifacts"


class RegistryError(HttpError):
    """A refusal in the distribution API's shape."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> JSONResponse:
        """The refusal in JSON."""
        errors = [{"code": self.code, "message": self.message}]
        return JSONResponse({"errors": errors}, self.status)


def authorize(cloud: Cloud, who: Caller, permission: str, name: str) -> Repository:
    """The repository, if the caller holds the permission; else RegistryError in Google's words.

    The refusal does not tell whether the repository exists.
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
    """The image of a reference, with the decisions and audit entries of a pull by HTTP.

    Raises RegistryError.
    """
    name = f"projects/{reference.project}/locations/{reference.location}/repositories/"
    repository = authorize(cloud, who, DOWNLOAD, name + reference.repository)
    _, manifest = _manifest(repository, reference.image, reference.selector)
    named = _named(json.loads(manifest))
    return Image(manifest, {each: repository.blobs[each] for each in named})


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


def _open(request: Request, permission: str) -> Repository:
    """The repository that a request names, in the region of its host; RegistryError."""
    location = request.headers["host"].partition("-docker.pkg.dev")[0]
    project, name = request.path["project"], request.path["repository"]
    resource = f"projects/{project}/locations/{location}/repositories/{name}"
    try:
        caller = request.caller
    except ApiError as error:
        raise RegistryError(401, "UNAUTHORIZED", error.message) from error
    return authorize(request.cloud, caller, permission, resource)


def _get_manifest(request: Request) -> Response:
    repository, image = _open(request, DOWNLOAD), request.path["image"]
    media_type, data = _manifest(repository, image, request.path["reference"])
    return Response(data, media_type=media_type, headers={"Docker-Content-Digest": digest(data)})


def _put_manifest(request: Request) -> Response:
    repository, data = _open(request, UPLOAD), request.content
    address, reference = digest(data), request.path["reference"]
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
        repository.tags[request.path["image"], reference] = address
    return _stored(request.url_path.rsplit("/", 1)[0], address)


def _get_blob(request: Request) -> Response:
    repository, address = _open(request, DOWNLOAD), request.path["digest"]
    if address not in repository.blobs:
        raise RegistryError(404, "BLOB_UNKNOWN", f"blob {address} unknown to registry")
    headers = {"Docker-Content-Digest": address, "Content-Type": "application/octet-stream"}
    return Response(repository.blobs[address], headers=headers)


def _begin(request: Request) -> Response:
    """Start an upload, which a PUT with the digest and the whole blob finishes."""
    upload = secrets.token_hex(16)
    _open(request, UPLOAD).uploads.add(upload)
    return Response(None, 202, {"Location": request.url_path + upload})


def _finish(request: Request) -> Response:
    repository, data = _open(request, UPLOAD), request.content
    if request.path["upload"] not in repository.uploads:
        raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload")
    address = request.query.get("digest", "")
    if digest(data) != address:
        raise RegistryError(400, "DIGEST_INVALID", f"got {digest(data)}, expected {address!r}")
    repository.blobs[address] = data
    repository.uploads.remove(request.path["upload"])
    return _stored(request.url_path.partition("/uploads/")[0], address)


IMAGE = "/v2/{project}/{repository}/{image:path}"
ROUTES = (
    Route("GET", IMAGE + "/manifests/{reference}", _get_manifest),
    Route("PUT", IMAGE + "/manifests/{reference}", _put_manifest),
    Route("POST", IMAGE + "/blobs/uploads/", _begin),
    Route("PUT", IMAGE + "/blobs/uploads/{upload}", _finish),
    Route("GET", IMAGE + "/blobs/{digest}", _get_blob),
)
"""The registries of all regions; the Host header names the region."""
