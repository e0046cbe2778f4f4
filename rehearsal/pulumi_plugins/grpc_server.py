"""Serves a provider plugin by Pulumi's gRPC protocol; it knows nothing about any cloud.

It turns the engine's calls into method calls on JSON objects, and ProviderError into the error that
the engine shows. The protocol:
https://github.com/pulumi/pulumi/blob/v3.259.0/proto/pulumi/provider.proto
"""

# ruff: noqa: N802  the names of the methods are the protocol's

from __future__ import annotations

import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf import (  # type: ignore[import-untyped]  # it publishes no types
    any_pb2,
    empty_pb2,
    json_format,
    struct_pb2,
)

from rehearsal.pulumi_plugins.protocol import plugin_pb2, status_pb2
from rehearsal.pulumi_plugins.protocol import provider_pb2 as pb
from rehearsal.pulumi_plugins.provider import PartlyCreatedError, ProviderError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rehearsal.pulumi_plugins.provider import Json, Provider


def serve(provider: Provider) -> NoReturn:
    """Run the plugin: print the port for the engine, and stop when the engine says so or exits."""
    engine = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        # There is nothing to save, and the user would see a traceback.
        signal.signal(number, lambda *_: os._exit(0))
    server = grpc.server(ThreadPoolExecutor(max_workers=32))
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(getattr(_Calls(provider), name)),
            request.FromString,
            lambda answer: answer.SerializeToString(),
        )
        for name, request in _REQUESTS.items()
    }
    service = grpc.method_handlers_generic_handler("pulumirpc.ResourceProvider", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while os.getppid() == engine:  # a killed engine stops no plugin
        time.sleep(1)
    os._exit(0)


_REQUESTS: Mapping[str, Any] = {
    "GetPluginInfo": empty_pb2.Empty,
    "Configure": pb.ConfigureRequest,
    "Check": pb.CheckRequest,
    "Diff": pb.DiffRequest,
    "Create": pb.CreateRequest,
    "Update": pb.UpdateRequest,
    "Read": pb.ReadRequest,
    "Delete": pb.DeleteRequest,
    "Invoke": pb.InvokeRequest,
}
"""Other calls are answered UNIMPLEMENTED; the engine does not need them."""


class _Calls:
    """Translates the engine's calls to those of a Provider."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def GetPluginInfo(self, _request: empty_pb2.Empty) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self.provider.version)

    def Configure(self, request: pb.ConfigureRequest) -> pb.ConfigureResponse:
        self.provider.configure(_plain(request.args))
        return pb.ConfigureResponse(supportsPreview=True)

    def Check(self, request: pb.CheckRequest) -> pb.CheckResponse:
        name, news = request.urn.split("::", 3)[-1], _plain(request.news)
        inputs, failures = self.provider.resource(request.urn).check(name, news)
        found = [pb.CheckFailure(reason=failure) for failure in failures]
        return pb.CheckResponse(inputs=_struct(inputs), failures=found)

    def Diff(self, request: pb.DiffRequest) -> pb.DiffResponse:
        given = map(_plain, (request.old_inputs, request.olds, request.news))
        found = self.provider.resource(request.urn).diff(*given)
        detail = {
            path: pb.PropertyDiff(
                # A preview then shows the change from the state, not from the recorded inputs.
                kind=pb.PropertyDiff.Kind.Value(kind + ("_REPLACE" if replaces else "")),
            )
            for path, (kind, replaces) in found.changes.items()
        }
        tops = {path: re.split(r"[.\[]", path, maxsplit=1)[0] for path in detail}
        return pb.DiffResponse(
            changes=pb.DiffResponse.DIFF_SOME if detail else pb.DiffResponse.DIFF_NONE,
            # Top-level properties: the engine shows them as the reasons for a replacement.
            diffs=sorted({*tops.values()}),
            replaces=sorted({tops[p] for p, change in found.changes.items() if change.replaces}),
            detailedDiff=detail,
            hasDetailedDiff=True,
            deleteBeforeReplace=found.delete_before_replace,
        )

    def Create(self, request: pb.CreateRequest) -> pb.CreateResponse:
        resource, inputs = self.provider.resource(request.urn), _plain(request.properties)
        if request.preview:
            return pb.CreateResponse(properties=_struct(resource.plan(inputs, None)))
        identity, outputs = resource.create(inputs)
        return pb.CreateResponse(id=identity, properties=_struct(outputs))

    def Update(self, request: pb.UpdateRequest) -> pb.UpdateResponse:
        resource = self.provider.resource(request.urn)
        inputs, state = _plain(request.news), _plain(request.olds)
        if request.preview:
            return pb.UpdateResponse(properties=_struct(resource.plan(inputs, state)))
        return pb.UpdateResponse(properties=_struct(resource.update(request.id, state, inputs)))

    def Read(self, request: pb.ReadRequest) -> pb.ReadResponse:
        given = request.id, _plain(request.properties), _plain(request.inputs)
        found = self.provider.resource(request.urn).read(*given)
        if found is None:
            return pb.ReadResponse()  # no id: it is gone
        outputs, inputs = map(_struct, found)
        return pb.ReadResponse(id=request.id, properties=outputs, inputs=inputs)

    def Delete(self, request: pb.DeleteRequest) -> empty_pb2.Empty:
        self.provider.resource(request.urn).delete(request.id, _plain(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: pb.InvokeRequest) -> pb.InvokeResponse:
        answer = self.provider.function(request.tok)(_plain(request.args))
        return pb.InvokeResponse(**{"return": _struct(answer)})


def _answering(call: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: object, context: grpc.ServicerContext) -> object:
        try:
            return call(request)
        except ProviderError as error:
            if isinstance(error, PartlyCreatedError):
                context.set_trailing_metadata((_what_is_there(error),))
            # UNKNOWN leaves no pending operation behind; the genuine plugins answer it, too.
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))

    return answer


def _what_is_there(error: PartlyCreatedError) -> tuple[str, bytes]:
    """The error detail that makes the engine record a resource that was created before the error.

    https://github.com/grpc/grpc/blob/v1.76.0/doc/statuscodes.md, and ErrorResourceInitFailed in the
    protocol.
    """
    failed = pb.ErrorResourceInitFailed(
        id=error.identity, properties=_struct(error.outputs), reasons=[str(error)]
    )
    detail = any_pb2.Any()
    detail.Pack(failed)
    code = grpc.StatusCode.UNKNOWN.value[0]
    status = status_pb2.Status(code=code, message=str(error), details=[detail])
    return "grpc-status-details-bin", status.SerializeToString()


def _plain(message: struct_pb2.Struct) -> Json:
    plain: Json = _whole(json_format.MessageToDict(message))
    return plain


def _whole(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """The value with whole numbers as int (the protocol has floats only), and without nulls."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _struct(value: Json) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(value)
    return message
