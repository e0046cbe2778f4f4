"""Reads objects by Cloud Storage's XML API, as TensorFlow's own client and browsers do.

GET and HEAD of https://storage.googleapis.com/BUCKET/OBJECT; the rest of that API is not modelled.
The checks are those of the JSON API; errors are in XML.
https://docs.cloud.google.com/storage/docs/xml-api/get-object-download
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from starlette.responses import Response

from rehearsal.cloud.http.errors import ApiError
from rehearsal.cloud.storage import objects

if TYPE_CHECKING:
    from rehearsal.cloud.http.routing import Request

UNKNOWN, REFUSED, MISSING = 401, 403, 404
ERRORS = {
    UNKNOWN: ("AuthenticationRequired", "Authentication required."),
    REFUSED: ("AccessDenied", "Access denied."),
    412: ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold."),
}
"""Code and message: https://docs.cloud.google.com/storage/docs/xml-api/reference-status"""
NO_OBJECT = ("NoSuchKey", "The specified key does not exist.")
NO_BUCKET = ("NoSuchBucket", "The specified bucket does not exist.")


def read(request: Request) -> Response:
    """GET /BUCKET/OBJECT; the slashes in an object's name need no encoding."""
    try:
        return objects.content(request)
    except ApiError as error:
        return _refusal(error, request.path["bucket"] in request.cloud.buckets)


def _refusal(error: ApiError, bucket_exists: bool) -> Response:
    status = error.code
    if status == UNKNOWN and error.reason == "required":
        status = REFUSED  # only the JSON API answers 401 to a caller without credentials
    missing = NO_OBJECT if bucket_exists else NO_BUCKET
    code, message = missing if status == MISSING else ERRORS[status]
    text = (
        f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code>"
        f"<Message>{message}</Message><Details>{escape(error.message)}</Details></Error>"
    )
    return Response(text, status, media_type="application/xml")
