"""*-docker.pkg.dev: Artifact Registry's docker repositories, over the OCI distribution API.

Content is kept in the repository that it was pushed to, under that repository's allow policy.
Creating repositories is `sandbox.control.artifacts`'. Not modelled: deleting, listing all images,
immutable tags, uploads that outlive the process.
https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import iam
from sandbox.errors import ApiError
from sandbox.oci import ACCESS_TOKEN_USER, Image, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from sandbox.iam import Caller
    from sandbox.oci import Reference
    from sandbox.state import Cloud, Json, Repository

SERVICE = "artifactregistry.googleapis.com"
DOWNLOAD = "artifactregistry.repositories.downloadArtifacts"
UPLOAD = "artifactregistry.repositories.uploadArtifacts"


class RegistryError(Exception):
    """A refusal in the distribution API's shape."""

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers

    def response(self) -> Response:
        """The refusal as an HTTP answer."""
        errors = {"errors": [{"code": self.code, "message": self.message}]}
        return JSONResponse(errors, self.status, self.headers)


def authorise(cloud: Cloud, who: Caller, permission: str, name: str) -> Repository:
    """The repository, if the caller holds the permission; else RegistryError, as Google words it.

    Who may not see a repository cannot tell whether it exists.
    """
    project = cloud.projects.get(name.split("/")[1])
    repository = cloud.repositories.get(name)
    policies = [each.policy for each in (project, repository) if each is not None]
    if not iam.decide(cloud, who, permission, f"{SERVICE}/{name}", policies):
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
        return error.response()

    name = "/v2/{project}/{repository}/{image:path}"
    upload = name + "/blobs/uploads/{upload}"
    routes: list[tuple[str, str, Callable[..., object]]] = [
        ("GET", "/v2/", registry.base),
        ("GET", "/v2/token", registry.token),
        ("GET", name + "/tags/list", registry.tags),
        ("GET", name + "/manifests/{reference}", registry.get_manifest),
        ("PUT", name + "/manifests/{reference}", registry.put_manifest),
        ("POST", name + "/blobs/uploads/", registry.begin),
        ("GET", upload, registry.progress),
        ("PATCH", upload, registry.append),
        ("PUT", upload, registry.finish),
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
        self.uploads: dict[str, bytearray] = {}

    async def base(self, request: Request) -> Response:
        self._who(request)
        return JSONResponse({})

    async def token(self, request: Request) -> Response:
        """Exchange a login for a bearer token; it is the access token itself."""
        who = self._who(request, anonymous=True)
        for scope in request.query_params.getlist("scope"):
            _, path, actions = scope.split(":")
            project, repository = path.split("/")[:2]
            name = _resource(request, project, repository)
            for action in actions.split(","):
                authorise(self.cloud, who, {"push": UPLOAD}.get(action, DOWNLOAD), name)
        return JSONResponse({"token": _password(request), "expires_in": 3600})

    async def tags(self, request: Request) -> Response:
        repository, image = self._open(request, DOWNLOAD)
        found = sorted(tag for name, tag in repository.tags if name == image)
        name = "/".join(request.path_params[key] for key in ("project", "repository", "image"))
        return JSONResponse({"name": name, "tags": found})

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
        location = request.url.path.rsplit("/", 1)[0] + "/" + address
        return Response(None, 201, {"Location": location, "Docker-Content-Digest": address})

    async def get_blob(self, request: Request) -> Response:
        repository, _ = self._open(request, DOWNLOAD)
        address = request.path_params["digest"]
        if address not in repository.blobs:
            raise RegistryError(404, "BLOB_UNKNOWN", f"blob {address} unknown to registry")
        headers = {"Docker-Content-Digest": address}
        return Response(
            repository.blobs[address], media_type="application/octet-stream", headers=headers
        )

    async def begin(self, request: Request) -> Response:
        """Start an upload; with `digest` it is the whole upload; `mount` takes it from another."""
        repository, _ = self._open(request, UPLOAD)
        query = request.query_params
        if "digest" in query:
            return _store(request, repository, query["digest"], await request.body())
        if "mount" in query and "from" in query:
            project, name = query["from"].split("/")[:2]
            origin = authorise(
                self.cloud, self._who(request), DOWNLOAD, _resource(request, project, name)
            )
            if query["mount"] in origin.blobs:
                return _store(request, repository, query["mount"], origin.blobs[query["mount"]])
        upload = secrets.token_hex(16)
        self.uploads[upload] = bytearray()
        return self._state(request.url.path + upload, upload)

    async def progress(self, request: Request) -> Response:
        self._open(request, UPLOAD)
        self._upload(request)
        return self._state(request.url.path, request.path_params["upload"], 204)

    async def append(self, request: Request) -> Response:
        self._open(request, UPLOAD)
        upload = self._upload(request)
        span = re.fullmatch(r"(?:bytes )?(\d+)-\d+", request.headers.get("content-range", "0-0"))
        if "content-range" in request.headers and (not span or int(span[1]) != len(upload)):
            raise RegistryError(416, "BLOB_UPLOAD_INVALID", f"expected to go on at {len(upload)}")
        upload += await request.body()
        return self._state(request.url.path, request.path_params["upload"])

    async def finish(self, request: Request) -> Response:
        repository, _ = self._open(request, UPLOAD)
        data = bytes(self._upload(request)) + await request.body()
        answer = _store(request, repository, request.query_params.get("digest", ""), data)
        del self.uploads[request.path_params["upload"]]
        return answer

    def _upload(self, request: Request) -> bytearray:
        try:
            return self.uploads[request.path_params["upload"]]
        except KeyError:
            raise RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "no such upload") from None

    def _state(self, path: str, upload: str, status: int = 202) -> Response:
        last = max(len(self.uploads[upload]) - 1, 0)
        return Response(None, status, {"Location": path, "Range": f"0-{last}"})

    def _open(self, request: Request, permission: str) -> tuple[Repository, str]:
        path = request.path_params
        name = _resource(request, path["project"], path["repository"])
        return authorise(self.cloud, self._who(request), permission, name), path["image"]

    def _who(self, request: Request, *, anonymous: bool = False) -> Caller:
        """Who is asking; RegistryError 401 with the way to a token for a caller without one."""
        host = request.headers["host"]
        challenge = {"Www-Authenticate": f'Bearer realm="https://{host}/v2/token",service="{host}"'}
        if "authorization" not in request.headers and not anonymous:
            raise RegistryError(401, "UNAUTHORIZED", "authentication required", challenge)
        token = _password(request)
        if not token:
            return iam.ANONYMOUS
        try:
            return iam.bearer(self.cloud, token)
        except ApiError as error:
            raise RegistryError(401, "UNAUTHORIZED", error.message, challenge) from error


def _password(request: Request) -> str:
    """The access token of either kind of login; empty without a login."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return value.strip()
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user, password = "", ""
    if user != ACCESS_TOKEN_USER:
        raise RegistryError(401, "UNAUTHORIZED", f"got user {user!r}, expected {ACCESS_TOKEN_USER}")
    return password


def _resource(request: Request, project: str, repository: str) -> str:
    location = request.headers["host"].partition("-docker.pkg.dev")[0]
    return f"projects/{project}/locations/{location}/repositories/{repository}"


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


def _store(request: Request, repository: Repository, address: str, data: bytes) -> Response:
    if digest(data) != address:
        raise RegistryError(400, "DIGEST_INVALID", f"got {digest(data)}, expected {address!r}")
    repository.blobs[address] = data
    location = request.url.path.partition("/uploads/")[0] + "/" + address
    return Response(None, 201, {"Location": location, "Docker-Content-Digest": address})
