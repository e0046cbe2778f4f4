"""One local cloud for the whole run, with a fresh state for each test."""

from __future__ import annotations

import dataclasses
import resource
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from google.cloud import storage
from google.oauth2.credentials import Credentials

from ops import results
from ops.fleet import deployed
from rehearsal.cloud.http.server import running
from rehearsal.cloud.state import Cloud, ServiceAccount
from tests.cloud.fleet import EXPORTED, OPERATOR, deploy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from rehearsal.cloud.http.server import LocalCloud
    from tests.cloud.fleet import Deployed

OWNER = "user:deployer@primus.example"
READER = "primus-sa@primus-models.iam.gserviceaccount.com"
WORKLOAD = "workload-sa@secundus-vision.iam.gserviceaccount.com"


def _two_companies() -> Cloud:
    cloud = Cloud()
    for project_id, number in (("primus-models", "1" * 12), ("secundus-vision", "2" * 12)):
        project = cloud.add_project(project_id, number)
        project.policy.bindings = [{"role": "roles/storage.admin", "members": [OWNER]}]
    for email in (READER, WORKLOAD):
        project_id = email.partition("@")[2].partition(".")[0]
        cloud.service_accounts[email] = ServiceAccount(email, project_id, {"email": email})
    return cloud


@pytest.fixture(scope="session")
def _shared() -> Iterator[LocalCloud]:
    with running() as local:
        yield local


@pytest.fixture
def local(_shared: LocalCloud, monkeypatch: pytest.MonkeyPatch) -> LocalCloud:
    """The running local cloud with the two projects, their accounts and one storage admin."""
    fresh = _two_companies()
    for field in dataclasses.fields(Cloud):
        setattr(_shared.cloud, field.name, getattr(fresh, field.name))
    # Otherwise the storage client sends an extra request for each bucket.
    monkeypatch.setenv("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    for name, value in _shared.environment().items():
        monkeypatch.setenv(name, value)
    return _shared


@pytest.fixture
def full_disk() -> Callable[[int], AbstractContextManager[None]]:
    """While it is entered, the kernel refuses files of more bytes, as a full disk does."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        tempfile.gettempdir()  # it tries a file, once
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def cloud(local: LocalCloud) -> Cloud:
    """Its state."""
    return local.cloud


@pytest.fixture
def still(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cloud's clock goes on only when a test moves it: a slow test sees the same moments."""
    moment = time.time()
    monkeypatch.setattr(Cloud, "now", lambda _: moment + cloud.clock_offset)


@pytest.fixture
def storage_as(cloud: Cloud) -> Callable[[str], storage.Client]:
    """Google's own storage client with a member's token."""

    def client(member: str) -> storage.Client:
        credentials = Credentials(cloud.mint(member))  # type: ignore[no-untyped-call]  # has no types
        return storage.Client("primus-models", credentials)

    return client


@pytest.fixture
def owner(storage_as: Callable[[str], storage.Client]) -> storage.Client:
    """The storage client of an administrator."""
    return storage_as(OWNER)


@pytest.fixture
def fleet(
    cloud: Cloud, storage_as: Callable[[str], storage.Client], monkeypatch: pytest.MonkeyPatch
) -> Deployed:
    """A deployed fleet; whoever runs the test is its operator, in the folder of its stack."""
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", cloud.mint(OPERATOR))
    for module in (deployed, results):
        monkeypatch.setattr(module, "outputs", lambda *_: EXPORTED)
    return deploy(cloud, storage_as(OPERATOR))
