"""The conventions of Compute Engine's older API: links, names, fingerprints, operations, errors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from typing import TYPE_CHECKING

from rehearsal.cloud.http import conventions, rest
from rehearsal.cloud.http.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rehearsal.cloud.http.rest import Call
    from rehearsal.cloud.state import Cloud, Json

ROOT = "/compute/{version}/projects/{project}"
LINK = "https://www.googleapis.com/compute/v1/"
NAME = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")


def refusal(permission: str, resource: str) -> ApiError:
    """The error for a missing permission."""
    return ApiError(403, f"Required '{permission}' permission for '{resource}'")


def missing(resource: str) -> ApiError:
    """The error for a resource that does not exist."""
    return ApiError(404, f"The resource '{resource}' was not found")


def invalid(field: str, value: object, why: str) -> ApiError:
    """The error for an invalid value."""
    return ApiError(400, f"Invalid value for field '{field}': '{value}'. {why}")


def in_use(kind: str, resource: str, user: str) -> ApiError:
    """The error for the deletion of a resource that another one uses."""
    return ApiError(
        400,
        f"The {kind} resource '{resource}' is already being used by '{user}'",
        reason="resourceInUseByAnotherResource",
        status="RESOURCE_IN_USE_BY_ANOTHER_RESOURCE",
    )


def relative(call: Call, reference: str) -> str:
    """projects/ID/… for any form of a reference to a resource of Compute Engine."""
    path = re.sub(r"^https://[^/]+/compute/[^/]+/", "", reference)
    if not path.startswith("projects/"):
        return f"projects/{call.project.id}/{path}"
    owner = call.cloud.project(path.split("/")[1])
    return path.replace(owner.number, owner.id, 1) if owner else path


def new(call: Call, stored: Mapping[str, object]) -> tuple[str, Json]:
    """The key and the fixed fields of a new resource; ApiError 400 or 409 for its name."""
    name = call.body.get("name", "")
    key = f"{call.resource}/{name}"
    if not NAME.fullmatch(name):
        raise invalid("resource.name", name, f"Must be a match of regex '{NAME.pattern}'")
    if key in stored:
        raise ApiError(409, f"The resource '{key}' already exists", reason="alreadyExists")
    return key, unique(call.cloud, key)


def unique(cloud: Cloud, key: str) -> Json:
    """The fields of a new resource that no other one has."""
    return {
        "id": str(10**18 + secrets.randbelow(8 * 10**18)),
        "creationTimestamp": rest.timestamp(cloud),
        "selfLink": LINK + key,
    }


def fingerprint(value: object) -> str:
    """A hash of the value; a client that changes the value must send the hash of the old one."""
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def stale(what: str) -> ApiError:
    """The error for an old fingerprint."""
    return ApiError(412, f"Supplied fingerprint does not match current {what}fingerprint.")


def done(call: Call, kind: str, target: Json) -> Json:
    """An operation that has succeeded, in the scope that the request's path names."""
    name, project = f"operation-{secrets.token_hex(12)}", f"{LINK}projects/{call.project.id}"
    scope = {k: f"{k}s/{call.path[k]}" for k in ("zone", "region") if k in call.path}
    operation = {
        "kind": "compute#operation",
        "name": name,
        "operationType": kind,
        "status": "DONE",
        "selfLink": f"{project}/{''.join(scope.values()) or 'global'}/operations/{name}",
        "targetLink": target["selfLink"],
        **{key: f"{project}/{place}" for key, place in scope.items()},
    }
    return conventions.store_operation(call, name, operation)
