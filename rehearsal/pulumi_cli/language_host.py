"""A stand-in for Pulumi's own Python language host, for machines that had to build the CLI.

The official `pulumi-language-python` comes with the official installer, is not in the Go module
proxy, and is always preferred. This one serves the calls of `pulumi preview`, `up`, `refresh`,
`destroy`, `about` and policy packs. It creates no virtual environment, installs nothing and
generates no code: those calls answer UNIMPLEMENTED.

Protocol: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto
It is copied beside `pulumi` and started by the shell script `pulumi-language-python`.
"""
# ruff: noqa: ARG002, N802  names and arguments of the methods are the protocol's

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import selectors
import signal
import subprocess
import sys
from concurrent import futures
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # publishes no types

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pulumi.runtime.proto import language_pb2 as pb
    from pulumi.runtime.proto import language_pb2_grpc, plugin_pb2
else:
    # Only the messages: each command starts this, and the rest of Pulumi's library is half of it.
    package = ModuleType("pulumi_protocol")
    sdk = importlib.util.find_spec("pulumi").submodule_search_locations[0]
    package.__path__ = [f"{sdk}/runtime/proto"]
    sys.modules[package.__name__] = package
    pb, language_pb2_grpc, plugin_pb2 = (
        importlib.import_module(f"{package.__name__}.{name}")
        for name in ("language_pb2", "language_pb2_grpc", "plugin_pb2")
    )

EXECUTOR = "pulumi-language-python-exec"
"""Pulumi's own runner of Python programs, beside this file."""

ALREADY_SHOWN = 32
"""The executor's exit code for an error that the user has seen already."""

_PACKAGES = """
import importlib.metadata, json
print(json.dumps([(d.name, d.version) for d in importlib.metadata.distributions()]))
"""
_PLUGINS = """
import json, pathlib, sysconfig
files = sorted(pathlib.Path(sysconfig.get_path("purelib")).glob("*/pulumi-plugin.json"))
found = [plugin for file in files if (plugin := json.loads(file.read_text())).get("resource")]
fields = ("name", "version", "server")
print(json.dumps([[plugin.get(f, "") for f in fields] for plugin in found]))
"""


def interpreter(info: pb.ProgramInfo) -> str:
    """The Python of the virtual environment that the options in Pulumi.yaml name, else our own.

    FileNotFoundError if that environment has none.
    """
    virtualenv = info.options.fields["virtualenv"].string_value
    if not virtualenv:
        return sys.executable
    python = Path(info.root_directory, virtualenv, "bin", "python")
    if not python.exists():
        raise FileNotFoundError(
            f"Pulumi.yaml says `virtualenv: {virtualenv}`, but there is no {python}. Create it: "
            f"python3 -m venv {virtualenv} && {virtualenv}/bin/pip install -r requirements.txt"
        )
    return str(python)


def _entry(info: pb.ProgramInfo) -> str:
    return os.path.normpath(Path(info.program_directory, info.entry_point))


def _ask(info: pb.ProgramInfo, question: str) -> Any:  # noqa: ANN401  JSON
    """The JSON that a Python script prints in the program's environment."""
    return json.loads(subprocess.check_output([interpreter(info), "-c", question]))  # noqa: S603  own text


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Runs Pulumi programs for the engine that listens at `engine` (host:port)."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._started: list[subprocess.Popen[bytes]] = []

    def _start(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
        program = subprocess.Popen(command, stdin=subprocess.DEVNULL, **options)  # noqa: S603  the engine's word
        self._started.append(program)
        return program

    def kill(self) -> None:
        """End every program at once."""
        for program in self._started:
            program.kill()

    def Handshake(self, request: object, context: object) -> pb.LanguageHandshakeResponse:
        """Answer with no options."""
        return pb.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: object, context: object) -> plugin_pb2.PluginInfo:
        """A version that no release has."""
        return plugin_pb2.PluginInfo(version="0.0.0-stand-in")

    def Cancel(self, request: object, context: object) -> empty_pb2.Empty:
        """Ask every program to end, as after the first Ctrl-C."""
        for program in self._started:
            program.terminate()
        return empty_pb2.Empty()

    def GetRequiredPackages(
        self, request: pb.GetRequiredPackagesRequest, context: object
    ) -> pb.GetRequiredPackagesResponse:
        """The provider plugins of the SDK packages that are installed for the program."""
        answer = pb.GetRequiredPackagesResponse()
        for name, version, server in _ask(request.info, _PLUGINS):
            answer.packages.add(kind="resource", name=name, version=version, server=server)
        return answer

    def About(self, request: pb.AboutRequest, context: object) -> pb.AboutResponse:
        """The runtime in the output of `pulumi about`."""
        version = f"{sys.version.split()[0]} (stand-in language host, not Pulumi's own)"
        return pb.AboutResponse(executable=interpreter(request.info), version=version)

    def GetProgramDependencies(
        self, request: pb.GetProgramDependenciesRequest, context: object
    ) -> pb.GetProgramDependenciesResponse:
        """All packages that are installed for the program."""
        answer = pb.GetProgramDependenciesResponse()
        for name, version in _ask(request.info, _PACKAGES):
            answer.dependencies.add(name=name, version=version)
        return answer

    def Run(self, request: pb.RunRequest, context: object) -> pb.RunResponse:
        """Run the program under Pulumi's own executor, which comes with its Go SDK."""
        options = {
            "monitor": request.monitor_address,
            "engine": self._engine,
            "project": request.project,
            "root_directory": request.info.root_directory,
            "stack": request.stack,
            "pwd": request.pwd,
            "dry_run": str(request.dryRun).lower(),
            "parallel": str(request.parallel),
            "organization": request.organization,
        }
        command = [interpreter(request.info), "-u", str(Path(__file__).with_name(EXECUTOR))]
        command += [f"--{name}={value}" for name, value in options.items()]
        command += [_entry(request.info), *request.args]
        configuration = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        code = self._start(command, env={**os.environ, **configuration}).wait()
        failed = code not in (0, ALREADY_SHOWN)
        return pb.RunResponse(
            bail=code == ALREADY_SHOWN,
            error=f"Program exited with non-zero exit code: {code}" if failed else "",
        )

    def RunPlugin(
        self, request: pb.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RunPluginResponse]:
        """Run a plugin that is written in Python (a policy pack), and stream its output."""
        command = [interpreter(request.info), "-u", _entry(request.info), *request.args]
        if request.kind == "analyzer":
            engine, *rest = request.args
            command[2:] = ["-m", "pulumi.policy", engine, _entry(request.info), *rest]
        program = self._start(
            command,
            env=dict(pair.split("=", 1) for pair in request.env),
            cwd=request.pwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        context.add_callback(program.terminate)
        with selectors.DefaultSelector() as streams:
            for stream in filter(None, (program.stdout, program.stderr)):
                streams.register(stream, selectors.EVENT_READ)
            while streams.get_map():
                for key, _ in streams.select():
                    chunk = os.read(key.fd, 65536)
                    if not chunk:
                        streams.unregister(key.fileobj)
                    elif key.fileobj is program.stdout:
                        yield pb.RunPluginResponse(stdout=chunk)
                    else:
                        yield pb.RunPluginResponse(stderr=chunk)
        yield pb.RunPluginResponse(exitcode=program.wait())


def main(engine: str) -> None:
    """Serve until the engine ends, also if it is killed."""
    host = LanguageHost(engine)
    server = grpc.server(futures.ThreadPoolExecutor(16))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()

    def end(*_: object) -> None:
        host.kill()
        os._exit(0)

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    print(port, flush=True)  # noqa: T201  the engine reads the port from a plugin's first line
    # The engine holds the other end of stdin and never writes: end of file means that it has ended,
    # also by SIGKILL, and then the program must stop.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    end()


if __name__ == "__main__":
    main(sys.argv[-1])
