"""The plugin as a process: its start, its end, and its errors for unknown types."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from google.protobuf import struct_pb2  # type: ignore[import-untyped]  # it publishes no types
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from rehearsal.pulumi_plugins.install import install, version
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = [sys.executable, "-m", "rehearsal.pulumi_plugins.gcp"]
ENGINE = f"""
import subprocess
plugin = subprocess.Popen({PLUGIN}, stdout=subprocess.PIPE)
plugin.stdout.readline()
"""
"""Starts the plugin, and ends as soon as the plugin is ready."""


def test_a_signal_ends_the_plugin_without_output() -> None:
    """The engine stops plugins by SIGINT; the user would see a traceback."""
    with subprocess.Popen(
        PLUGIN, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as plugin:
        assert plugin.stdout is not None
        assert plugin.stdout.readline().strip().isdigit()
        plugin.send_signal(signal.SIGINT)
        rest = plugin.communicate()
    assert (plugin.returncode, *rest) == (0, "", "")


def test_the_plugin_ends_with_the_engine() -> None:
    """Also after the engine was killed."""
    # The plugin holds the other end of stderr: this returns when the plugin has ended, too.
    done = subprocess.run(
        [sys.executable, "-c", ENGINE], cwd=REPOSITORY, stderr=subprocess.PIPE, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    """A connection to an installed plugin without credentials."""
    install(tmp_path, Path(sys.executable), REPOSITORY)
    installed = tmp_path / "plugins" / f"resource-gcp-v{version('gcp')}" / "pulumi-resource-gcp"
    # As the engine starts it: in another folder, and without PYTHONPATH.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with subprocess.Popen(
        [installed], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
    ) as plugin:
        assert plugin.stdout is not None
        with grpc.insecure_channel(f"127.0.0.1:{plugin.stdout.readline().strip()}") as channel:
            yield provider_pb2_grpc.ResourceProviderStub(channel)
        plugin.terminate()


def test_a_missing_token_is_an_error_before_any_request(
    stub: provider_pb2_grpc.ResourceProviderStub,
) -> None:
    """Not even a preview starts."""
    with pytest.raises(grpc.RpcError, match="got no GOOGLE_OAUTH_ACCESS_TOKEN") as refusal:
        stub.Configure(provider_pb2.ConfigureRequest(args=struct_pb2.Struct()))
    assert refusal.value.code() == grpc.StatusCode.UNKNOWN


def test_an_unknown_resource_type_is_named(stub: provider_pb2_grpc.ResourceProviderStub) -> None:
    """The message lists the known ones, and says what to use instead."""
    urn = "urn:pulumi:s::p::gcp:sql/databaseInstance:DatabaseInstance::db"
    with pytest.raises(grpc.RpcError, match=r"DatabaseInstance.*Use the genuine plugin"):
        stub.Check(provider_pb2.CheckRequest(urn=urn, news=struct_pb2.Struct()))
