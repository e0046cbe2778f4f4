"""A local cloud with faults, a federation and buckets for the workload.

Time passes only where a retry waits (`Clock`): the sums are what a run would wait.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from google.auth.compute_engine import _metadata

from rehearsal.cloud.confidential_space import container
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Instance
from tests.cloud.faults import Faults
from tests.cloud.federation import AUDIENCE, BY_DIGEST, READER, Federation
from tests.cloud.workload.operations import ACCOUNT, CONTENT, INPUT, MODEL, RESULT, ROLES, granted
from tests.fixtures.retry_clock import Clock
from workload import settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.cloud.storage import Client

    from rehearsal.cloud.http.server import LocalCloud
    from rehearsal.cloud.state import Cloud


@pytest.fixture(scope="module")
def planned() -> Faults:
    """The faults of this module's cloud."""
    return Faults()


@pytest.fixture(scope="module")
def _shared(planned: Faults) -> Iterator[LocalCloud]:
    with running(middleware=planned.middleware) as local:
        yield local
        gc.collect()  # while the warnings of `pytestmark` are expected


@pytest.fixture
def faults(planned: Faults) -> Faults:
    """No faults at the start of a test."""
    planned.clear()
    return planned


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which retries wait."""
    clock = Clock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def federation(local: LocalCloud, faults: Faults) -> Federation:
    """A federation in which the token is admitted, and becomes the model's reader."""
    assert not faults.asked
    federation = Federation(local)
    federation.grant(BY_DIGEST)
    return federation


@pytest.fixture
def launch(federation: Federation, tmp_path: Path) -> settings.Settings:
    """A launch whose token the federation admits."""
    token = tmp_path / "token"
    token.write_text(federation.issuer.sign(federation.claims))
    return settings.Settings(
        model_bucket=MODEL,
        model_object="model.tar.gz",
        model_sha256=hashlib.sha256(CONTENT).hexdigest(),
        model_audience=AUDIENCE,
        model_reader=READER,
        input_bucket=INPUT,
        result_bucket=RESULT,
        token_file=token,
        grant_seconds=settings.GRANT_SECONDS,
    )


@pytest.fixture
def buckets(owner: Client, cloud: Cloud, faults: Faults) -> Cloud:
    """Secundus' two buckets, with the roles of the workload's account."""
    for name, role in ROLES.items():
        owner.create_bucket(name, location="us-west1")
        cloud.buckets[name].policy.bindings.append(granted(role))
        owner.bucket(name).blob("a.png").upload_from_string(CONTENT)
    cloud.audit.clear()
    faults.clear()
    return cloud


@pytest.fixture
def metadata_server(local: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The metadata server of a machine that runs as the workload's account."""
    doc = {"serviceAccounts": [{"email": ACCOUNT}]}
    machine = Instance("4711", "secundus-vision", "us-west1-b", "workload-vm", doc)
    address: SimpleQueue[str] = SimpleQueue()
    done = threading.Event()

    async def life() -> None:
        async with container.metadata_server(local.cloud, machine) as at:
            address.put(at)
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(life()))
    thread.start()
    try:
        at = address.get()
        # google-auth reads its environment when it is imported.
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", at)
        monkeypatch.setenv("GCE_METADATA_IP", at)
        yield at
    finally:
        done.set()
        thread.join()
