"""Runs the local cloud: one thread, one event loop, on loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from rehearsal.cloud import sts
from rehearsal.cloud.compute import compute_api, images
from rehearsal.cloud.compute.group_controller import GroupController
from rehearsal.cloud.compute.machines import RunningMachines
from rehearsal.cloud.confidential_space import token_issuer
from rehearsal.cloud.http import certificates, routing, serving
from rehearsal.cloud.http.proxy import Proxy
from rehearsal.cloud.iam import billing, credentials, projects, service_accounts, services
from rehearsal.cloud.pubsub import pubsub_api
from rehearsal.cloud.registry import distribution, repositories
from rehearsal.cloud.state import Cloud
from rehearsal.cloud.storage import storage_api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import ASGIApp, Receive, Scope, Send

REGISTRY_HOST = re.compile(r"[a-z0-9-]+-docker\.pkg\.dev")
"""Artifact Registry serves each region under a host of its own."""

START_SECONDS = 20


class Hosts:
    """Passes each request to the service of its host name."""

    def __init__(self, services_by_host: dict[str, ASGIApp], registries: ASGIApp) -> None:
        self._services = services_by_host
        self._registries = registries

    def _service(self, host: str) -> ASGIApp | None:
        return self._registries if REGISTRY_HOST.fullmatch(host) else self._services.get(host)

    def known(self, host: str) -> bool:
        """Whether the local cloud answers for a host."""
        return self._service(host) is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1").partition(":")[0]
        missing = JSONResponse({"error": f"no service at {host!r}"}, 404)
        await (self._service(host) or missing)(scope, receive, send)


@dataclass
class LocalCloud:
    """A running local cloud: its state, its attestation service, and how to reach it."""

    cloud: Cloud
    issuer: token_issuer.Issuer
    folder: Path
    machines: RunningMachines
    groups: GroupController
    proxy_port: int
    ca_file: Path
    refused_hosts: list[str] = field(default_factory=list)
    """other hosts that a client tried to reach through the proxy"""

    def environment(self) -> dict[str, str]:
        """The variables that lead a process to this cloud; it needs no other change."""
        return client_environment(self.proxy_port, self.ca_file)


def client_environment(proxy_port: int, ca_file: Path) -> dict[str, str]:
    """The environment for Go (SSL_CERT_FILE), Python (REQUESTS_CA_BUNDLE) and curl alike.

    TensorFlow's own Cloud Storage client is built on curl's library, and reads CURL_CA_BUNDLE.
    """
    return {
        "HTTPS_PROXY": f"http://127.0.0.1:{proxy_port}",
        "NO_PROXY": "127.0.0.1,localhost",
        "SSL_CERT_FILE": str(ca_file),
        "REQUESTS_CA_BUNDLE": str(ca_file),
        "CURL_CA_BUNDLE": str(ca_file),
    }


def hosts(cloud: Cloud, issuer: token_issuer.Issuer, machines: compute_api.Machines) -> Hosts:
    """Every service of the local cloud under Google's name for it."""
    issuing = token_issuer.routes(issuer)
    routes = {
        "storage.googleapis.com": storage_api.ROUTES,
        "sts.googleapis.com": sts.routes(issuer),
        "iamcredentials.googleapis.com": credentials.ROUTES,
        "confidentialcomputing.googleapis.com": issuing,
        "www.googleapis.com": (*issuing, *storage_api.JSON_ROUTES),
    }
    apis = (
        *(service_accounts.API, repositories.API, projects.API, services.API, billing.API),
        pubsub_api.API,
    )
    compute = compute_api.api(machines)
    routes |= {api.host: api.routes() for api in apis}
    routes[compute.host] = (*images.ROUTES, *compute.routes())
    by_host = {host: routing.service(cloud, table) for host, table in routes.items()}
    return Hosts(by_host, routing.service(cloud, distribution.ROUTES))


@contextlib.contextmanager
def running(
    cloud: Cloud | None = None,
    *,
    port: int = 0,
    middleware: Callable[[ASGIApp], ASGIApp] = lambda services: services,
) -> Iterator[LocalCloud]:
    """Run a local cloud until the block ends; OSError if `port`, the proxy's, is taken.

    `middleware` may wrap all services, for example to record requests.
    """
    cloud = cloud or Cloud()
    proxy_socket, tls_socket = serving.bound(port), serving.bound()
    folder = Path(tempfile.mkdtemp(prefix="local-cloud-"))
    ca_file, context = certificates.write(folder)
    issuer = token_issuer.Issuer()
    proxy_port = proxy_socket.getsockname()[1]
    outside = client_environment(proxy_port, ca_file)
    machines = RunningMachines(cloud, issuer, folder / "machines", outside)
    groups = GroupController(cloud, machines)
    known = hosts(cloud, issuer, machines)
    proxy = Proxy(known.known, tls_socket.getsockname()[1])
    server = serving.server(middleware(known), context)
    ready = threading.Event()

    async def main() -> None:
        gate = await proxy.serve(proxy_socket)
        tls_socket.listen()  # so that no client is refused before the server accepts connections
        ready.set()
        controller = asyncio.create_task(groups.run())
        try:
            await server.serve(sockets=[tls_socket])
        finally:
            gate.close()
            controller.cancel()
            await asyncio.gather(controller, return_exceptions=True)  # it logged its error
            await machines.close()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="local-cloud", daemon=True)
    thread.start()
    try:
        if not ready.wait(START_SECONDS):
            raise TimeoutError("the local cloud did not start")
        yield LocalCloud(
            cloud, issuer, folder, machines, groups, proxy_port, ca_file, proxy.refused
        )
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        proxy_socket.close()
        tls_socket.close()
        shutil.rmtree(folder, ignore_errors=True)
