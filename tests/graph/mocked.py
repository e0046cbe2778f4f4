"""Runs the whole program against Pulumi's mocks, and keeps what it declared, options included.

A quick look at the resource graph: nothing here diffs, replaces or destroys. The mocks answer only
with what Google would assign; everything else that a test sees is what the program said.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import json
import logging
import re
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_gcp as gcp
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import SETTINGS, get_root_resource, set_root_resource
from pulumi.runtime.stack import Stack

from infra import program
from infra.config.problems import NAMESPACE
from tests.fixtures.handovers import PUBLISHED

with warnings.catch_warnings():
    # Merely touching a module of pulumi_gcp warns about classes of it that nobody uses here.
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (
        gcp.artifactregistry.Repository,
        gcp.compute.Instance,
        gcp.iam.WorkloadIdentityPool,
        gcp.projects.Service,
        gcp.pubsub.Topic,
        gcp.serviceaccount.Account,
        gcp.storage.Bucket,
    )

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    LookUp = Callable[[str, Mapping[str, Any]], dict[str, Any] | str]
    """the name of a function and its arguments -> its result, or an error"""

BUILT = "sha256:" + "b1" * 32
"""The digest under which a built image is pushed."""

HANDOVER = PUBLISHED
READ = {
    "Account": r"projects/(?P<project>[^/]+)/serviceAccounts/(?P<accountId>[^/@]+)@.*",
    "Bucket": r"(?P<name>.+)",
    "Network": r"projects/(?P<project>[^/]+)/global/networks/(?P<name>[^/]+)",
    "Repository": r"projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+)"
    r"/repositories/(?P<repositoryId>[^/]+)",
    "Subnetwork": r"projects/(?P<project>[^/]+)/regions/(?P<region>[^/]+)/subnetworks/(?P<name>.+)",
    "WorkloadIdentityPool": r"projects/(?P<project>[^/]+)/locations/global/workloadIdentityPools"
    r"/(?P<workloadIdentityPoolId>[^/]+)",
}
"""By kind, the id by which it can be read, and the properties in it."""


@dataclass(frozen=True)
class Declared:
    """One resource as the program registered it."""

    type: str
    name: str
    urn: str
    inputs: dict[str, Any]
    request: Any
    """the registration itself, with every option"""

    @property
    def dependencies(self) -> set[str]:
        """URNs of all that exists before it."""
        return set(self.request.dependencies)


@dataclass
class Graph:
    """All that one run declared, exported and logged."""

    resources: list[Declared] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    secret_exports: list[str] = field(default_factory=list)
    unknown_exports: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    reads: dict[tuple[str, str], str] = field(default_factory=dict)
    """the ids of what is only read, by logical name and kind"""

    def all(self, kind: str) -> list[Declared]:
        """Every resource whose type ends with the kind, by name."""
        return sorted(
            (r for r in self.resources if r.type.endswith(f":{kind}")), key=lambda r: r.name
        )

    def one(self, kind: str, name: str | None = None) -> Declared:
        """The only resource of a kind, or the only one of that name."""
        (found,) = (r for r in self.all(kind) if name in (None, r.name))
        return found


class Refused(Exception):  # noqa: N818  what happened, in the tests' words
    """The program ended with a sentence; `declared` is what it had asked of a cloud by then."""

    def __init__(self, sentence: str, declared: list[str]) -> None:
        super().__init__(sentence)
        self.declared = declared


def absent(function: str, arguments: Mapping[str, Any]) -> str:
    """The provider's error for whatever is looked up."""
    return f"{function} {arguments}: googleapi: Error 404: not there"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the engine and the provider answer beside the resources that are declared."""

    image_lookup: str = ""
    """the error when the provider is asked for a pinned image; empty: it is there"""
    repository_created: str = "2026-11-23T10:00:00Z"
    first: bool = False
    """whether nothing of the stack is deployed yet"""
    suffix: str = ""
    """what the state holds as the suffix of the pool; empty: what the program says"""
    look_up: LookUp = absent
    """what exists in the cloud"""


class _Google(mocks.Mocks):
    """Fills in what Google and the engine assign, and nothing that the program should have said."""

    def __init__(
        self,
        *,
        preview: bool,
        peer: Mapping[str, Any] | None,
        peer_stack: str,
        answers: Answers,
    ) -> None:
        self._preview = preview
        self._peer = peer
        self._peer_stack = peer_stack
        self._answers = answers

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        given = args.inputs
        kind = args.typ.rpartition(":")[2]
        if args.resource_id and kind in READ:
            # What others have made: the program gave its id, and nothing else.
            parts = re.fullmatch(READ[kind], args.resource_id)
            assert parts, f"no id of a {kind}: {args.resource_id}"
            given = parts.groupdict()
        assigned: dict[str, Any] = {}
        if kind == "Account":
            email = f"{given['accountId']}@{given['project']}.iam.gserviceaccount.com"
            assigned = {
                "email": email,
                "member": f"serviceAccount:{email}",
                "name": f"projects/{given['project']}/serviceAccounts/{email}",
            }
        elif kind == "Repository":
            assigned = {
                "name": given["repositoryId"],
                "createTime": self._answers.repository_created,
            }
        elif kind == "BucketObject" and not self._preview:
            md5 = hashlib.md5(Path(given["source"].path).read_bytes(), usedforsecurity=False)
            assigned = {"md5hash": base64.b64encode(md5.digest()).decode()}
        elif kind == "Stash":
            assigned = {"output": self._answers.suffix or given["input"]}
        elif kind == "Subnetwork":
            assigned = {"selfLink": f"https://compute.example/{given['name']}"}
        elif kind == "Instance":
            assigned = {"creationTimestamp": "2026-11-23T10:00:00.000-08:00"}
        elif kind == "Image" and not self._preview:
            # What the genuine provider leaves unknown in a preview is left out there
            assigned = {"repoDigest": f"{given['imageName'].rpartition(':')[0]}@{BUILT}"}
        elif kind == "StackReference":
            assigned = {"outputs": self._peer, "secretOutputNames": [], "name": given["name"]}
        # An id that is empty is not known yet.
        identity = "" if kind == "Stash" and self._answers.first else f"{args.name}-id"
        return args.resource_id or identity, {**given, **assigned}

    def call(self, args: mocks.MockCallArgs) -> Any:
        if args.token.endswith(":getDockerImage"):
            if self._answers.image_lookup:
                return {}, [("imageName", self._answers.image_lookup)]
            return {"name": args.args["imageName"]}
        if args.token.endswith(":getProjectServiceAccount"):
            return {"emailAddress": "made@gs-project-accounts.iam.gserviceaccount.com"}
        if args.token.startswith("gcp:"):
            answer = self._answers.look_up(args.token.rpartition(":")[2], args.args)
            return ({}, [("", answer)]) if isinstance(answer, str) else answer
        if self._peer is None or not args.args["name"].endswith(self._peer_stack):
            return {}, [("name", f"unknown stack {args.args['name']!r}")]
        return {"name": args.args["name"], "outputs": self._peer}


class _Monitor(mocks.MockMonitor):
    """Keeps each registration whole: mocks alone see neither parents nor options."""

    def __init__(self, google: _Google, graph: Graph) -> None:
        super().__init__(google)
        self._graph = graph
        self._lock = threading.Lock()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  the monitor's own spelling
        with _closing_loop():
            answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # Pulumi's own
            inputs = rpc.deserialize_properties(request.object, keep_unknowns=True)
        declared = Declared(request.type, request.name, answer.urn, inputs or {}, request)
        with self._lock:
            self._graph.resources.append(declared)
        return answer

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        if request.type.startswith("gcp:"):
            self._graph.reads[request.name, request.type.rpartition(":")[2]] = request.id
        with _closing_loop():
            return super().ReadResource(request)  # type: ignore[no-untyped-call]  # Pulumi's own

    def Invoke(self, request: Any) -> Any:  # noqa: N802
        with _closing_loop():
            return super().Invoke(request)  # type: ignore[no-untyped-call]  # Pulumi's own


@contextlib.contextmanager
def _closing_loop() -> Iterator[None]:
    """Close the event loop that the mock monitor opens in each of its threads and leaves open."""
    try:
        yield
    finally:
        if threading.current_thread() is not threading.main_thread():
            with contextlib.suppress(RuntimeError):  # none was opened
                asyncio.get_event_loop().close()
            asyncio.set_event_loop(None)


class _Warnings(logging.Handler):
    def __init__(self, graph: Graph) -> None:
        super().__init__(logging.WARNING)
        self._graph = graph

    def emit(self, record: logging.LogRecord) -> None:
        self._graph.warnings.append(record.getMessage())


def deploy(
    stack: str,
    config: Mapping[str, Any],
    *,
    preview: bool = False,
    peer: Mapping[str, Any] | None = None,
    peer_stack: str = "",
    **answers: Any,
) -> Graph:
    """Run the program as stack `stack` in the current folder; `peer` is what primus exported.

    `peer_stack` ends the name of the only stack that there is; empty: there is any stack.

    `answers` are fields of Answers.

    Refused if it ends with RunError, which is what Pulumi shows without a stack trace.
    """
    graph = Graph()
    logger = logging.Logger("engine")  # noqa: LOG001  one of its own for each run
    logger.addHandler(_Warnings(graph))
    google = _Google(
        preview=preview,
        peer=peer,
        peer_stack=peer_stack,
        answers=Answers(**answers),
    )
    loop = asyncio.new_event_loop()  # mocks need one
    asyncio.set_event_loop(loop)
    # Else the exports of one mocked run leak into the next
    set_root_resource(None)  # type: ignore[arg-type]  # forgetting it is not meant to be needed
    mocks.set_mocks(
        google,
        project=NAMESPACE,
        stack=stack,
        preview=preview,
        logger=logger,
        monitor=_Monitor(google, graph),
        organization="organization",
    )
    SETTINGS.root_directory = str(Path.cwd())
    pulumi.runtime.set_all_config(
        {
            f"{NAMESPACE}:{key}": value if isinstance(value, str) else json.dumps(value)
            for key, value in config.items()
        }
    )

    def body() -> pulumi.Output[None]:
        program.run()
        root = get_root_resource()
        assert isinstance(root, Stack)
        return pulumi.Output.from_input(_collect(graph, root.outputs))

    try:
        mocks.test(body)()  # type: ignore[no-untyped-call]  # Pulumi's own
    except pulumi.RunError as error:
        told = str(error)
    else:
        return graph
    finally:
        loop.close()
        asyncio.set_event_loop(None)
        pulumi.runtime.set_all_config({})
    _forget_unread_failures()
    # Without a traceback, which would keep those failures alive
    raise Refused(told, [r.urn for r in graph.resources if r.type.startswith(("gcp:", "docker:"))])


def _forget_unread_failures() -> None:
    """Collect now the tasks that failed along with the program, as quietly as Pulumi's host does.

    Left to themselves they are reported whenever memory is next collected, in anybody's test.
    """
    set_root_resource(None)  # type: ignore[arg-type]  # it holds outputs that will never be
    SETTINGS.rpc_manager.clear()
    SETTINGS.outputs.clear()
    reports = logging.getLogger("asyncio")
    level = reports.level
    reports.setLevel(logging.CRITICAL)
    gc.collect()
    reports.setLevel(level)


async def _collect(graph: Graph, exports: Mapping[str, Any]) -> None:
    for name, value in exports.items():
        output = pulumi.Output.from_input(value)
        if not await output.is_known():
            graph.unknown_exports.append(name)
        if await output.is_secret():
            graph.secret_exports.append(name)
        graph.exports[name] = await output.future()
