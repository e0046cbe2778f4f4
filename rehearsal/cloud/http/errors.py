"""Refusals of requests; those of Google's APIs have a JSON shape that client libraries parse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.responses import Response

    from rehearsal.cloud.state import Json

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
}
"""The usual gRPC status behind an HTTP code (google.rpc.Code)."""

REASON = {
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
}
"""The usual `reason` of the older JSON APIs."""


class HttpError(Exception):
    """A handler's refusal of a request, in whatever shape the service gives to its refusals."""

    def response(self) -> Response:
        """The refusal as an HTTP response."""
        raise NotImplementedError


class ApiError(HttpError):
    """A refusal by a Google API; https://docs.cloud.google.com/apis/design/errors."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        status: str | None = None,
        details: list[Json] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or REASON.get(code, "invalid")
        self.status = status or STATUS.get(code, "UNKNOWN")
        self.details = details or []

    def response(self) -> JSONResponse:
        """The error in JSON."""
        error: Json = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
        }
        if self.details:
            error["details"] = self.details
        return JSONResponse({"error": error}, self.code)
