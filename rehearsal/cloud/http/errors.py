"""Refusals in the JSON shapes of Google's APIs, which the client libraries parse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.requests import Request

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


class ApiError(Exception):
    """An answer other than success; https://docs.cloud.google.com/apis/design/errors."""

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
        """The error as an HTTP answer."""
        error: Json = {
            "code": self.code,
            "message": self.message,
            "status": self.status,
            "errors": [{"message": self.message, "domain": "global", "reason": self.reason}],
        }
        if self.details:
            error["details"] = self.details
        return JSONResponse({"error": error}, self.code)


async def answer(_request: Request, error: Exception) -> JSONResponse:
    """Starlette's exception handler for `ApiError`."""
    if not isinstance(error, ApiError):
        raise error
    return error.response()


async def not_json(_request: Request, _error: Exception) -> JSONResponse:
    """Starlette's exception handler for a request body that is no JSON (`JSONDecodeError`)."""
    return ApiError(400, "Parse Error", reason="parseError").response()
