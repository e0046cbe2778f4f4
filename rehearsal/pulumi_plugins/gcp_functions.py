"""The functions by which a program looks something up: an image, or what others have made.

Each sends the request of the genuine plugin's function, and answers with those of its properties
that a program here reads. What does not exist is an error with "Error 404" or "not found" in it.
https://www.pulumi.com/registry/packages/gcp/api-docs/
"""

from __future__ import annotations

import json
import os
import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from rehearsal.pulumi_plugins import gcp_types as types
from rehearsal.pulumi_plugins import gcp_types_compute as compute
from rehearsal.pulumi_plugins.gcp_api import TOKEN
from rehearsal.pulumi_plugins.gcp_resource_type import value_at
from rehearsal.pulumi_plugins.provider import ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.pulumi_plugins.gcp_api import Api
    from rehearsal.pulumi_plugins.gcp_resource_type import ResourceType
    from rehearsal.pulumi_plugins.provider import Json


def docker_image(api: Api, arguments: Json) -> Json:
    """The image of a digest, `NAME@sha256:...`; tags and bare names are not modelled."""
    name = arguments.get("imageName", "")
    if "@" not in name:
        raise ProviderError(
            f"got image {name!r}, expected NAME@sha256:...: this stand-in for the gcp plugin finds"
            " images by digest only. Use the genuine plugin for the rest."
        )
    location = {"project": api.project, "location": api.region, **arguments}
    repository = (
        f"{types.REPOSITORY.collection.path.format_map(location)}/{arguments['repositoryId']}"
    )
    url = f"{types.REPOSITORY.collection.root}/{repository}/dockerImages/{quote(name, safe='@:')}"
    found = api.call("GET", url, "reading docker image")
    return {
        "id": found["name"],
        "name": found["name"],
        "selfLink": found["uri"],
        "mediaType": found["mediaType"],
        **arguments,
    }


def _looked_up(
    path: str, properties: Mapping[str, str], api: Api, arguments: Json, *, blocks: tuple[str, ...]
) -> Json:
    """GET of a path with {arguments} in it; a block of the resource is a list of one object."""
    where = {"project": api.project, **arguments}
    url = path.format_map(where)
    identity = re.sub(r"^https://[^/]+/((compute|storage)/)?[^/]+/(b/)?", "", url)
    live = api.call("GET", url, f"reading {identity}")
    if live.get("state") == "DELETED":  # its id is only reserved
        raise ProviderError(f"{identity} not found")
    found = {key: value_at(live, at) for key, at in properties.items()}
    answer = {
        key: [value] if key in blocks else value
        for key, value in found.items()
        if value is not None
    }
    return {"id": identity, **where, **answer}


def _policy(verb: str, path: str, query: Mapping[str, str], api: Api, arguments: Json) -> Json:
    """An allow policy; its bindings are JSON in a text."""
    live = api.call(verb, path.format_map(arguments), "reading policy", params=query)
    data = json.dumps({"bindings": live.get("bindings", [])})
    return {"id": path.format_map(arguments), "etag": live["etag"], "policyData": data, **arguments}


def _storage_account(api: Api, arguments: Json) -> Json:
    """The account as which Cloud Storage acts in a project; Google makes it when it is asked."""
    project = arguments.get("project", api.project)
    url = f"{_STORAGE}/projects/{project}/serviceAccount"
    email = api.call("GET", url, "reading service account")["email_address"]
    member = f"serviceAccount:{email}"
    return {"id": email, "emailAddress": email, "member": member, "project": project}


def _client_config(api: Api, arguments: Json) -> Json:
    """The credentials and the places of the provider; no request."""
    del arguments
    return {"id": "", "accessToken": os.environ[TOKEN], **api.places()}


def _get(path: str, *blocks: str, **properties: str) -> Callable[[Api, Json], Json]:
    return partial(_looked_up, path, properties, blocks=blocks)


_STORAGE = types.BUCKET.collection.root
_VERSION = "optionsRequestedPolicyVersion"


def _items(kind: ResourceType) -> str:
    return f"{kind.collection.root}/{kind.collection.path}"


FUNCTIONS: Mapping[str, Callable[[Api, Json], Json]] = {
    "gcp:artifactregistry/getDockerImage:getDockerImage": docker_image,
    "gcp:artifactregistry/getRepository:getRepository": _get(
        _items(types.REPOSITORY) + "/{repositoryId}",
        createTime="createTime",
        format="format",
        kmsKeyName="kmsKeyName",
        mode="mode",
    ),
    "gcp:compute/getInstance:getInstance": _get(
        _items(compute.INSTANCE) + "/{name}", selfLink="selfLink"
    ),
    "gcp:compute/getNetwork:getNetwork": _get(
        _items(compute.NETWORK) + "/{name}",
        description="description",
        selfLink="selfLink",
        subnetworksSelfLinks="subnetworks",
    ),
    "gcp:compute/getSubnetwork:getSubnetwork": _get(
        _items(compute.SUBNETWORK) + "/{name}",
        description="description",
        ipCidrRange="ipCidrRange",
        network="network",
        privateIpGoogleAccess="privateIpGoogleAccess",
        selfLink="selfLink",
    ),
    "gcp:iam/getWorkloadIdentityPool:getWorkloadIdentityPool": _get(
        _items(types.POOL) + "/{workloadIdentityPoolId}",
        disabled="disabled",
        mode="mode",
        name="name",
        state="state",
    ),
    "gcp:organizations/getClientConfig:getClientConfig": _client_config,
    "gcp:serviceaccount/getAccount:getAccount": _get(
        types.ACCOUNT.collection.root + "/{accountId}",  # its full name, in the programs here
        disabled="disabled",
        email="email",
        name="name",
    ),
    "gcp:serviceaccount/getIamPolicy:getIamPolicy": partial(
        _policy,
        "POST",
        types.ACCOUNT.collection.root + "/{serviceAccountId}:getIamPolicy",
        {"options.requestedPolicyVersion": "3"},
    ),
    "gcp:storage/getBucket:getBucket": _get(
        f"{_STORAGE}/b/{{name}}",
        "retentionPolicies",
        "softDeletePolicies",
        "versionings",
        location="location",
        projectNumber="projectNumber",
        publicAccessPrevention="iamConfiguration.publicAccessPrevention",
        requesterPays="billing.requesterPays",
        retentionPolicies="retentionPolicy",
        softDeletePolicies="softDeletePolicy",
        uniformBucketLevelAccess="iamConfiguration.uniformBucketLevelAccess.enabled",
        versionings="versioning",
    ),
    "gcp:storage/getBucketIamPolicy:getBucketIamPolicy": partial(
        _policy, "GET", f"{_STORAGE}/b/{{bucket}}/iam", {_VERSION: "3"}
    ),
    "gcp:storage/getProjectServiceAccount:getProjectServiceAccount": _storage_account,
}
"""Every function by its token."""


def functions(api: Api) -> dict[str, Callable[[Json], Json]]:
    """Every function by its token, with the plugin's credentials."""
    return {token: partial(function, api) for token, function in FUNCTIONS.items()}
