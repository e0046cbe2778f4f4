"""Cloud Storage: which request is answered by what.

The JSON API, and reads by the XML API (`xml_objects`). No gRPC, no signed URL: the two
stacks and the workloads need none of them.
"""

from __future__ import annotations

import itertools
import re
from json import JSONDecodeError
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from rehearsal.cloud.http.errors import ApiError, answer, not_json
from rehearsal.cloud.storage import bucket_iam, buckets, objects, uploads, xml_objects

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rehearsal.cloud.state import Cloud

JSON_PATH = re.compile(r"/((up|down)load/)?storage/v1/")
"""How every path of the JSON API begins, which Google answers under www.googleapis.com, too."""

B = "/storage/v1/b"
O = B + "/{bucket}/o"  # noqa: E741  the JSON API's own letter for objects

ROUTES = [
    Route(B, buckets.insert, methods=["POST"]),
    Route(B, buckets.list_buckets, methods=["GET"]),
    Route(B + "/{bucket}", buckets.get, methods=["GET"]),
    Route(B + "/{bucket}", buckets.patch, methods=["PATCH"]),
    Route(B + "/{bucket}", buckets.delete, methods=["DELETE"]),
    Route(B + "/{bucket}/anywhereCaches/", buckets.anywhere_caches, methods=["GET"]),
    Route(B + "/{bucket}/iam", bucket_iam.get_policy, methods=["GET"]),
    Route(B + "/{bucket}/iam", bucket_iam.set_policy, methods=["PUT"]),
    Route(B + "/{bucket}/iam/testPermissions", bucket_iam.test_permissions, methods=["GET"]),
    Route(O, objects.list_objects, methods=["GET"]),
    Route(O + "/{object}", objects.get, methods=["GET"]),
    Route("/download" + O + "/{object}", objects.get, methods=["GET"]),
    Route(O + "/{object}", objects.patch, methods=["PATCH"]),
    Route(O + "/{object}", objects.delete, methods=["DELETE"]),
    Route("/upload" + O, uploads.insert, methods=["POST"]),
    Route("/upload" + O, uploads.resume, methods=["PUT"]),
    Route(O + "/{object}/copyTo/b/{to_bucket}/o/{to_object}", uploads.copy, methods=["POST"]),
    Route(O + "/{object}/rewriteTo/b/{to_bucket}/o/{to_object}", uploads.rewrite, methods=["POST"]),
    Route("/{bucket}/{object:path}", xml_objects.read, methods=["GET"]),
]


def app(cloud: Cloud) -> ASGIApp:
    """Cloud Storage over the buckets of a cloud."""
    service = Starlette(
        routes=ROUTES, exception_handlers={ApiError: answer, JSONDecodeError: not_json}
    )
    service.state.cloud = cloud
    service.state.uploads = {}
    service.state.generations = itertools.count(int(cloud.now() * 1e6))

    async def undecoded(scope: Scope, receive: Receive, send: Send) -> None:
        # An object's name is ONE percent-encoded segment: routing must see the slashes encoded.
        await service({**scope, "path": scope["raw_path"].decode("latin-1")}, receive, send)

    return undecoded
