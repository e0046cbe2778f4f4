"""artifactregistry.googleapis.com: docker repositories and their allow policies.

`distribution` pushes and pulls their images; deleting a repository deletes its images.
https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rehearsal.cloud.http import conventions, rest
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.rest import Api, Call, Method
from rehearsal.cloud.locations import REPOSITORY_LOCATIONS
from rehearsal.cloud.state import Repository

if TYPE_CHECKING:
    from rehearsal.cloud.state import Cloud, Json, Policy

LOCATION = "/v1/projects/{project}/locations/{location}"
REPOSITORIES = f"{LOCATION}/repositories"
REPOSITORY = f"{REPOSITORIES}/{{repository}}"
PERMISSION = "artifactregistry.repositories."
NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
UPDATABLE = frozenset({"cleanupPolicyDryRun", "description", "dockerConfig", "labels"})
FIELDS = UPDATABLE | {"format", "kmsKeyName", "mode", "name"}


def _render(repository: Repository) -> Json:
    _, project, _, location, _, name = repository.name.split("/")
    uri = f"{location}-docker.pkg.dev/{project}/{name}"
    return {**repository.doc, "name": repository.name, "registryUri": uri}


def _find(call: Call) -> Repository:
    try:
        return call.cloud.repositories[call.resource]
    except KeyError:
        raise rest.not_found() from None


def _create(call: Call) -> Json:
    identifier = call.query.get("repository_id") or call.query.get("repositoryId") or ""
    location, name = call.path["location"], f"{call.resource}/{identifier}"
    doc = {"mode": "STANDARD_REPOSITORY", **conventions.require_known_fields(call.body, FIELDS)}
    if location not in REPOSITORY_LOCATIONS:
        raise ApiError(403, f"Location {location} is not found or access is unauthorized.")
    if not NAME.fullmatch(identifier):
        raise ApiError(400, f'Invalid repository id "{identifier}": must match {NAME.pattern}.')
    for field, modelled in (("format", "DOCKER"), ("mode", "STANDARD_REPOSITORY")):
        if doc.get(field) != modelled:
            enum = f"google.devtools.artifactregistry.v1.Repository.{field.capitalize()}"
            got = f'(type.googleapis.com/{enum}), "{doc.get(field, "")}"'
            raise ApiError(400, f"Invalid value at 'repository.{field}' {got}")
    if name in call.cloud.repositories:
        raise ApiError(409, "the repository already exists")
    doc["createTime"] = doc["updateTime"] = rest.timestamp(call.cloud)
    repository = call.cloud.repositories[name] = Repository(name, call.project.id, doc)
    return _done(call, "devtools.artifactregistry.v1.Repository", _render(repository))


def _get(call: Call) -> Json:
    return _render(_find(call))


def _patch(call: Call) -> Json:
    repository, mask = _find(call), call.query.get("updateMask", "")
    repository.doc = conventions.apply_update_mask(repository.doc, call.body, mask, UPDATABLE)
    repository.doc["updateTime"] = rest.timestamp(call.cloud)
    return _render(repository)


def _delete(call: Call) -> Json:
    del call.cloud.repositories[_find(call).name]
    return _done(call, "protobuf.Empty", {})


def _image(call: Call) -> Json:
    """An image by its digest.

    https://docs.cloud.google.com/artifact-registry/docs/reference/rest/v1/projects.locations.repositories.dockerImages/get
    """
    home = call.resource.partition("/dockerImages/")[0]
    repository, name = call.cloud.repositories.get(home), call.path["image"]
    _, _, digest = name.partition("@")
    if repository is None or digest not in repository.manifests:
        raise rest.not_found()
    uri = f"{_render(repository)['registryUri']}/{name}"
    media_type = repository.manifests[digest][0]
    return {"name": f"{home}/dockerImages/{name}", "uri": uri, "mediaType": media_type}


def _done(call: Call, kind: str, response: Json) -> Json:
    parent = f"projects/{call.project.id}/locations/{call.path['location']}/"
    return conventions.finished_operation(call, parent, kind, response)


def _policy(cloud: Cloud, resource: str) -> Policy | None:
    repository = cloud.repositories.get(resource.partition("/dockerImages/")[0])
    return repository.policy if repository else None


METHODS = (
    Method("POST", REPOSITORIES, f"{PERMISSION}create", _create),
    Method("GET", REPOSITORY, f"{PERMISSION}get", _get),
    Method(
        "GET", f"{REPOSITORY}/dockerImages/{{image}}", "artifactregistry.dockerimages.get", _image
    ),
    Method("PATCH", REPOSITORY, f"{PERMISSION}update", _patch),
    Method("DELETE", REPOSITORY, f"{PERMISSION}delete", _delete),
    Method("GET", REPOSITORY, f"{PERMISSION}getIamPolicy", conventions.get_policy, ":getIamPolicy"),
    Method(
        "POST", REPOSITORY, f"{PERMISSION}setIamPolicy", conventions.set_policy, ":setIamPolicy"
    ),
    Method(
        "GET", f"{LOCATION}/operations/{{operation}}", f"{PERMISSION}get", conventions.get_operation
    ),
)
HOST, TITLE = "artifactregistry.googleapis.com", "Artifact Registry API"
API = Api(HOST, TITLE, METHODS, policy=_policy)
