"""The engine's side of a provider plugin: Pulumi's gRPC protocol, and nothing about any cloud.

A plugin is a `Provider` holding one `Resource` per type token; `serve` runs it. This module turns
the engine's calls into plain method calls on JSON objects, and ProviderError into the error that
the engine shows. The protocol, call by call:
https://github.com/pulumi/pulumi/blob/v3.259.0/proto/pulumi/provider.proto

In the JSON objects here whole numbers are `int`, nulls are absent, secrets are plain (the engine
marks them again by itself), a value that is not known yet is the string `UNKNOWN`, and an asset is
an object with `path` or `text`. Relative paths are relative to the Pulumi program: the engine
starts a plugin there.
"""

# ruff: noqa: N802  the protocol gives the calls their names

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import grpc
from google.protobuf import (  # type: ignore[import-untyped]  # it publishes no types
    empty_pb2,
    json_format,
    struct_pb2,
)
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

Json = dict[str, Any]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's sentinel for a value that only the real update will know."""

SIGNATURE = "4dabf18193072939515e22adb298388d"
"""The key that marks an object as something else than plain data: here, an asset or archive."""

DEFAULTS = "__defaults"
"""The input that lists which other inputs the plugin filled in; the engine does not show it."""

MAX_MESSAGE = 400 * 1024 * 1024
"""Bytes; the engine's own limit."""


class ProviderError(Exception):
    """An operation failed; its text is what the engine shows, word for word."""


@dataclass(frozen=True)
class Change:
    """How one property changes: "ADD", "UPDATE" or "DELETE"; and whether it forces replacement."""

    kind: str
    replaces: bool = False


@dataclass(frozen=True)
class Difference:
    """What an update would change, by property path in the engine's notation (see `join`)."""

    changes: Mapping[str, Change] = field(default_factory=dict)
    delete_before_replace: bool = False


class Resource:
    """One resource type. A preview calls `check`, `diff` and `plan`, never the others.

    Every method may raise ProviderError.
    """

    def check(self, name: str, news: Json, olds: Json, seed: bytes) -> tuple[Json, list[str]]:
        """The inputs to record, and everything that is wrong with them.

        `name` is the resource's logical name, `olds` the recorded inputs (empty for a new one),
        `seed` what a name made up here is to be derived from (may be empty).
        """
        del name, olds, seed
        return news, []

    def diff(self, old_inputs: Json, state: Json, news: Json) -> Difference:
        """What changes from the recorded inputs and outputs (`state`) to the new inputs."""
        del state
        return Difference(compare(old_inputs, news))

    def plan(self, inputs: Json, state: Json | None) -> Json:
        """The outputs as far as a preview can know them; `state` is None for a new resource."""
        return {**(state or {}), **inputs}

    def create(self, inputs: Json) -> tuple[str, Json]:
        """Create it; returns the id and the outputs."""
        raise NotImplementedError

    def update(self, identity: str, state: Json, inputs: Json) -> Json:
        """Change it in place; returns the outputs."""
        raise NotImplementedError

    def read(self, identity: str, state: Json, inputs: Json) -> tuple[Json, Json] | None:
        """The live outputs and the inputs that describe them; None if it is gone.

        `state` and `inputs` are empty when a resource is looked up or imported by its id.
        """
        raise NotImplementedError

    def delete(self, identity: str, state: Json) -> None:
        """Delete it; returns quietly if it is gone already."""
        raise NotImplementedError


class Provider:
    """A whole plugin: its version, and its resources by type token."""

    def __init__(self, version: str, resources: Mapping[str, Resource]) -> None:
        self.version = version
        self.resources = resources

    def check_config(self, config: Json) -> list[str]:
        """Everything that is wrong with the provider's own configuration."""
        del config
        return []

    def configure(self, config: Json) -> None:
        """Take the configuration; called once, before anything that touches the cloud."""

    def invoke(self, token: str, args: Json) -> Json:
        """The result of a function."""
        del args
        raise ProviderError(f"got function {token}, which this stand-in does not have")

    def resource(self, urn: str) -> Resource:
        """The resource type of a URN; ProviderError if this plugin does not have it."""
        token = urn.split("::")[2].rsplit("$", 1)[-1]
        if token not in self.resources:
            raise ProviderError(
                f"got resource type {token}, expected one of {', '.join(self.resources)}: this "
                "stand-in has only what the local cloud has. Use the genuine plugin for the rest."
            )
        return self.resources[token]


def compare(old: Json, new: Json, replace: Container[str] = ()) -> dict[str, Change]:
    """Every path where two objects differ; `replace` names top-level properties."""
    return {
        path: Change(kind, key in replace)
        for key in sorted({*old, *new} - {DEFAULTS})
        for path, kind in differences(old.get(key), new.get(key), key)
    }


def differences(old: object, new: object, path: str) -> list[tuple[str, str]]:
    """Every path where two values differ, and how ("ADD", "UPDATE", "DELETE")."""
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict) and SIGNATURE not in {*old, *new}:
        return [
            found
            for key in sorted({*old, *new} - {DEFAULTS})
            for found in differences(old.get(key), new.get(key), join(path, key))
        ]
    if isinstance(old, list) and isinstance(new, list):
        length = max(len(old), len(new))
        padded = [[*each, *[None] * (length - len(each))] for each in (old, new)]
        pairs = enumerate(zip(*padded, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{path}[{i}]")]
    return [(path, "ADD" if old is None else "DELETE" if new is None else "UPDATE")]


def join(path: str, key: str) -> str:
    """The path of a key below a path: `metadata.run`, or `labels["a.b"]` where it must be."""
    return f'{path}["{key}"]' if set('."[]').intersection(key) else f"{path}.{key}"


def serve(provider: Provider) -> NoReturn:
    """Run the plugin: print the port for the engine, and stop when the engine asks or is gone."""
    engine = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Nothing is kept here that a clean stop would save, and a traceback would reach the user.
        signal.signal(number, lambda *_: os._exit(0))
    limits = [("grpc.max_receive_message_length", MAX_MESSAGE)]
    server = grpc.server(ThreadPoolExecutor(max_workers=32), options=limits)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while os.getppid() == engine:  # a killed engine stops nothing; its plugins are adopted
        time.sleep(1)
    os._exit(0)


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The engine's calls, translated; those not here are answered UNIMPLEMENTED."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def Handshake(
        self, _request: provider_pb2.ProviderHandshakeRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse()  # no secrets, resources, outputs: plain

    def GetPluginInfo(
        self, _request: empty_pb2.Empty, _context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=self.provider.version)

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        with _errors(context):
            return _checked(request.news, self.provider.check_config(_plain(request.news)))

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, _context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        return _difference(Difference(compare(_plain(request.old_inputs), _plain(request.news))))

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        with _errors(context):
            self.provider.configure(_plain(request.args))
            return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        with _errors(context):
            inputs, failures = self.provider.resource(request.urn).check(
                request.urn.split("::", 3)[-1],
                _plain(request.news),
                _plain(request.olds),
                request.randomSeed,
            )
            return _checked(_struct(inputs), failures)

    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        with _errors(context):
            return _difference(
                self.provider.resource(request.urn).diff(
                    _plain(request.old_inputs), _plain(request.olds), _plain(request.news)
                )
            )

    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        with _errors(context):
            resource, inputs = self.provider.resource(request.urn), _plain(request.properties)
            if request.preview:
                return provider_pb2.CreateResponse(properties=_struct(resource.plan(inputs, None)))
            identity, outputs = resource.create(inputs)
            return provider_pb2.CreateResponse(id=identity, properties=_struct(outputs))

    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        with _errors(context):
            resource = self.provider.resource(request.urn)
            inputs, state = _plain(request.news), _plain(request.olds)
            outputs = (
                resource.plan(inputs, state)
                if request.preview
                else resource.update(request.id, state, inputs)
            )
            return provider_pb2.UpdateResponse(properties=_struct(outputs))

    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        with _errors(context):
            found = self.provider.resource(request.urn).read(
                request.id, _plain(request.properties), _plain(request.inputs)
            )
            if found is None:
                return provider_pb2.ReadResponse()  # no id: it is gone
            outputs, inputs = map(_struct, found)
            return provider_pb2.ReadResponse(id=request.id, properties=outputs, inputs=inputs)

    def Delete(
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        with _errors(context):
            resource = self.provider.resource(request.urn)
            resource.delete(request.id, _plain(request.properties))
            return empty_pb2.Empty()

    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        with _errors(context):
            result = _struct(self.provider.invoke(request.tok, _plain(request.args)))
            return provider_pb2.InvokeResponse(**{"return": result})

    def Cancel(self, _request: empty_pb2.Empty, _context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()  # what was asked of the cloud is not undone by forgetting it


@contextmanager
def _errors(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except ProviderError as error:
        # UNKNOWN leaves no pending operation behind, and is what the genuine plugins answer.
        context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _checked(inputs: struct_pb2.Struct, failures: list[str]) -> provider_pb2.CheckResponse:
    found = [provider_pb2.CheckFailure(reason=failure) for failure in failures]
    return provider_pb2.CheckResponse(inputs=inputs, failures=found)


def _difference(found: Difference) -> provider_pb2.DiffResponse:
    kinds, outcome = provider_pb2.PropertyDiff.Kind, provider_pb2.DiffResponse
    detail = {
        path: provider_pb2.PropertyDiff(
            kind=kinds.Value(change.kind + ("_REPLACE" if change.replaces else "")), inputDiff=True
        )
        for path, change in found.changes.items()
    }
    return provider_pb2.DiffResponse(
        changes=outcome.DIFF_SOME if detail else outcome.DIFF_NONE,
        diffs=list(detail),
        replaces=[path for path, change in found.changes.items() if change.replaces],
        detailedDiff=detail,
        hasDetailedDiff=True,
        deleteBeforeReplace=found.delete_before_replace,
    )


def _plain(message: struct_pb2.Struct) -> Json:
    plain: Json = _whole(json_format.MessageToDict(message))
    return plain


def _whole(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Whole numbers as int (the wire knows floats only), and no nulls."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _struct(value: Json) -> struct_pb2.Struct:
    message = struct_pb2.Struct()
    message.update(value)
    return message
