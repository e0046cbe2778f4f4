"""Long-running operations: everything here happens at once, so each is returned done.

https://docs.cloud.google.com/apis/design/design_patterns#long_running_operations
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sandbox.control import rest

if TYPE_CHECKING:
    from sandbox.control.rest import Call
    from sandbox.state import Json


def done(call: Call, parent: str, kind: str, response: Json, prefix: str = "") -> Json:
    """An operation that has succeeded with a message of some protobuf type."""
    identifier = prefix + secrets.token_hex(12)
    response = {"@type": f"type.googleapis.com/google.{kind}", **response}
    operation = {"name": f"{parent}operations/{identifier}", "done": True, "response": response}
    return keep(call, identifier, operation)


def keep(call: Call, identifier: str, operation: Json) -> Json:
    """Remember an operation of the caller's project."""
    call.cloud.operations[f"{call.project.id}/{identifier}"] = operation
    return operation


def get(call: Call) -> Json:
    """An operation of the project; ApiError 404 if there is none of that name."""
    try:
        return call.cloud.operations[f"{call.project.id}/{call.path['operation']}"]
    except KeyError:
        raise rest.not_found() from None
