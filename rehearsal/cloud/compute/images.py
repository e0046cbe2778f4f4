"""Google's own boot images, which everybody may read.

https://docs.cloud.google.com/compute/docs/reference/rest/v1/images
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rehearsal.cloud.compute.resources import LINK, missing
from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.http.routing import Request, Route

if TYPE_CHECKING:
    from rehearsal.cloud.state import Json

PROJECT = "projects/confidential-space-images"
IMAGES = f"/compute/{{version}}/{PROJECT}/global/images"
NAME = re.compile(r"(?P<family>confidential-space(-debug)?)-(?P<version>\d{6})")
OLDEST, NEWEST = "230600", "261000"
"""Of the images here; those of today are in Google's list."""


def _image(request: Request, name: str) -> Json:
    found = NAME.fullmatch(name)
    if request.caller.member is None:
        raise ApiError(401, "Request is missing required authentication credential.")
    if found is None or not OLDEST <= found["version"] <= NEWEST:
        raise missing(f"{PROJECT}/global/images/{name}")
    link = f"{LINK}{PROJECT}/global/images"
    state = request.cloud.deprecated_images.get(name)
    replacement = f"{link}/{found['family']}-{NEWEST}"
    deprecated = {"deprecated": {"state": state, "replacement": replacement}} if state else {}
    named = {"kind": "compute#image", "name": name, "family": found["family"]}
    return {**named, "status": "READY", "selfLink": f"{link}/{name}", **deprecated}


def _get(request: Request) -> Json:
    return _image(request, request.path["image"])


def _newest(request: Request) -> Json:
    return _image(request, f"{request.path['family']}-{NEWEST}")


ROUTES = (
    Route("GET", f"{IMAGES}/family/{{family}}", _newest),
    Route("GET", f"{IMAGES}/{{image}}", _get),
)
