"""Routing: each service is one table of routes, and a handler's HttpError becomes the response.

A path is matched as the client encoded it, and its parameters are decoded afterwards: an object's
name is one segment of a path, and may hold slashes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from rehearsal.cloud.http.errors import ApiError, HttpError
from rehearsal.cloud.iam import access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.datastructures import Headers, QueryParams
    from starlette.types import ASGIApp, Receive, Scope, Send

    from rehearsal.cloud.state import Cloud, Json


@dataclass(frozen=True)
class Request:
    """One request to the cloud; `url_path` is the whole path, as the client encoded it."""

    cloud: Cloud
    url_path: str
    path: Mapping[str, str]
    """the parameters of the route's path, decoded"""
    query: QueryParams
    headers: Headers
    content: bytes

    @property
    def caller(self) -> access.Caller:
        """The identity that sends it; ApiError 401 for an unknown or expired token."""
        return access.caller(self.cloud, self.headers)

    @property
    def body(self) -> Json:
        """Its JSON object, empty without content; ApiError 400 for anything else."""
        return json_object(self.content or b"{}")


class Route(NamedTuple):
    """One row of a service's table; the handler returns JSON or a response, or raises HttpError."""

    verb: str
    path: str
    """`{name}` stands for one segment, `{name:path}` for the rest of the path"""
    handler: Callable[[Request], Json | Response]


def json_object(content: bytes) -> Json:
    """A JSON object whose texts are all valid Unicode; ApiError 400 for anything else.

    Python takes half a surrogate pair, such as U+D800, which no text in UTF-8 can hold.
    """
    try:
        found = json.loads(content)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"Invalid JSON payload received. {error}") from error
    if not isinstance(found, dict):
        raise ApiError(400, "Invalid JSON payload received. Root element must be a message.")
    return found


def service(cloud: Cloud, routes: Iterable[Route]) -> ASGIApp:
    """A service over the cloud's state; of several routes that match, the first one answers."""
    table = [(route, _pattern(route.path)) for route in routes]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        http = HttpRequest(scope, receive)
        path, content = scope["raw_path"].decode("latin-1"), await http.body()
        verb = "GET" if scope["method"] == "HEAD" else scope["method"]  # the server omits the body
        for route, pattern in table:
            if route.verb == verb and (found := pattern.fullmatch(path)):
                parameters = {name: unquote(value) for name, value in found.groupdict().items()}
                query, headers = http.query_params, http.headers
                request = Request(cloud, path, parameters, query, headers, content)
                await _answer(route, request)(scope, receive, send)
                return
        missing = f"{scope['method']} {path} is not modelled by the local cloud."
        await ApiError(404, missing).response()(scope, receive, send)

    return serve


def _answer(route: Route, request: Request) -> Response:
    try:
        answer = route.handler(request)
    except HttpError as error:
        return error.response()
    return answer if isinstance(answer, Response) else JSONResponse(answer)


def _pattern(path: str) -> re.Pattern[str]:
    """The regular expression of a route's path."""
    parts = re.split(r"\{(\w+)(:path)?\}", path)  # text, name, ":path" or None, text, …
    texts = map(re.escape, parts[::3])
    groups = [
        f"(?P<{name}>{'.*' if rest else '[^/]+'})"
        for name, rest in zip(parts[1::3], parts[2::3], strict=True)
    ]
    return re.compile(
        "".join(text + group for text, group in zip(texts, [*groups, ""], strict=True))
    )
