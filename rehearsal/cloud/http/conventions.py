"""Conventions of Google's newer APIs: allow policies, unknown fields, update masks, operations.

https://docs.cloud.google.com/apis/design/standard_methods
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from rehearsal.cloud.http import rest
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.iam import access

if TYPE_CHECKING:
    from rehearsal.cloud.http.rest import Call
    from rehearsal.cloud.state import Json


def get_policy(call: Call) -> Json:
    """Read the allow policy of any resource; ApiError 404 if there is no such resource."""
    if call.policy is None:
        raise rest.not_found()
    return call.policy.as_json()


def set_policy(call: Call) -> Json:
    """Replace it; ApiError 400 for a member that does not exist, 409 for an old etag."""
    if call.policy is None:
        raise rest.not_found()
    policy = call.body.get("policy") or {}
    access.check_bindings(call.cloud, call.policy, policy)
    access.replace(call.cloud, call.policy, policy)
    return call.policy.as_json()


def require_known_fields(body: Json, fields: frozenset[str]) -> Json:
    """Return the message; ApiError 400 with the name of each field that the API does not have."""
    if unknown := sorted(body.keys() - fields):
        names = ", ".join(f'"{name}"' for name in unknown)
        message = f"Invalid JSON payload received. Unknown name {names}: Cannot find field."
        raise ApiError(400, message)
    return body


def update_mask(call: Call) -> str:
    """The mask of a PATCH: in the query, or in a body that wraps the resource."""
    return call.query.get("updateMask", "") or str(call.body.get("updateMask", ""))


def apply_update_mask(current: Json, body: Json, mask: str, fields: frozenset[str]) -> Json:
    """A resource after PATCH: the masked fields are those of the body, or cleared."""
    result = dict(current)
    for name in mask.split(",") if mask else fields & body.keys():
        head, *rest_of_path = re.sub(r"_(\w)", lambda m: m[1].upper(), name.strip()).split(".")
        if head not in fields:
            raise ApiError(400, f"Invalid update mask: {name!r} is not an updatable field.")
        if rest_of_path:  # masks have at most two levels, as in oidc.allowedAudiences
            inner, changes = dict(result.get(head) or {}), body.get(head) or {}
            result[head] = apply_update_mask(
                inner, changes, rest_of_path[0], frozenset(rest_of_path)
            )
        elif head in body:
            result[head] = body[head]
        else:
            result.pop(head, None)
    return result


def finished_operation(
    call: Call, parent: str, kind: str, response: Json, prefix: str = ""
) -> Json:
    """An operation that has succeeded, with a response of type `kind`: it takes no time here."""
    identifier = prefix + secrets.token_hex(12)
    response = {"@type": f"type.googleapis.com/google.{kind}", **response}
    operation = {"name": f"{parent}operations/{identifier}", "done": True, "response": response}
    return store_operation(call, identifier, operation)


def store_operation(call: Call, identifier: str, operation: Json) -> Json:
    """Store an operation of the caller's project, so that it can be read."""
    call.cloud.operations[f"{call.project.id}/{identifier}"] = operation
    return operation


def get_operation(call: Call) -> Json:
    """An operation of the project; ApiError 404 if there is none of that name."""
    try:
        return call.cloud.operations[f"{call.project.id}/{call.path['operation']}"]
    except KeyError:
        raise rest.not_found() from None
