"""The metadata server of a machine answers the requests of Google's libraries."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import requests

from rehearsal.cloud.compute import metadata
from rehearsal.cloud.confidential_space import container
from rehearsal.cloud.http import routing, serving
from rehearsal.cloud.state import Instance

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.cloud.state import Cloud

WORKLOAD = "workload-sa@secundus-vision.iam.gserviceaccount.com"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FLAVOR = {"Metadata-Flavor": "Google"}


@pytest.fixture
def instance() -> Instance:
    """Secundus' machine."""
    doc = {
        "serviceAccounts": [{"email": WORKLOAD, "scopes": [SCOPE]}],
        "metadata": {"items": [{"key": "tee-restart-policy", "value": "Never"}]},
    }
    return Instance("123456789", "secundus-vision", "us-west1-b", "workload-vm", doc)


@pytest.fixture
def host(cloud: Cloud, instance: Instance) -> Iterator[str]:
    """Where the machine's metadata server listens."""
    server = serving.server(routing.service(cloud, metadata.routes(instance)))
    with serving.bound() as sock:
        sock.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
        thread.start()
        yield f"127.0.0.1:{sock.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def ask(host: str, path: str) -> requests.Response:
    """A request as a program on the machine sends it."""
    return requests.get(f"http://{host}/computeMetadata/v1/{path}", headers=FLAVOR, timeout=10)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("project/project-id", "secundus-vision"),
        ("project/numeric-project-id", "2" * 12),
        ("instance/id", "123456789"),
        ("instance/name", "workload-vm"),
        ("instance/zone", f"projects/{'2' * 12}/zones/us-west1-b"),
        ("instance/hostname", "workload-vm.us-west1-b.c.secundus-vision.internal"),
        ("instance/attributes/", "tee-restart-policy"),
        ("instance/attributes/tee-restart-policy", "Never"),
        ("instance/service-accounts/", f"default/\n{WORKLOAD}/"),
        ("instance/service-accounts/default/email", WORKLOAD),
        ("instance/service-accounts/default/scopes", SCOPE),
        (f"instance/service-accounts/{WORKLOAD}/email", WORKLOAD),
        ("universe/universe-domain", "googleapis.com"),
    ],
)
def test_each_entry_is_plain_text(host: str, path: str, text: str) -> None:
    """The machine's description, and the operator's attributes."""
    answer = ask(host, path)
    assert (answer.text, answer.headers["metadata-flavor"]) == (text, "Google")


def test_all_attributes_can_be_read_in_one_request(host: str) -> None:
    """As the Confidential Space launcher reads them."""
    answer = ask(host, "instance/attributes/?recursive=true")
    assert answer.json() == {"tee-restart-policy": "Never"}


@pytest.mark.parametrize("account", ["default", WORKLOAD])
def test_a_token_is_one_of_the_machines_account(cloud: Cloud, host: str, account: str) -> None:
    """It is also in the principal set of its project's accounts, for an hour."""
    answer = ask(host, f"instance/service-accounts/{account}/token").json()
    token = cloud.tokens[answer["access_token"]]
    assert token.member == f"serviceAccount:{WORKLOAD}"
    assert token.machine == "123456789"
    assert len(token.members) == 2
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)


@pytest.mark.parametrize(
    "path", ["instance/nothing", "instance/name/deeper", "instance/attributes/x"]
)
def test_a_missing_entry_is_404(host: str, path: str) -> None:
    """At any depth."""
    assert ask(host, path).status_code == 404


def test_a_machine_without_an_account_gets_no_token(instance: Instance, host: str) -> None:
    """404."""
    instance.doc["serviceAccounts"] = []
    assert ask(host, "instance/service-accounts/default/token").status_code == 404


@pytest.mark.parametrize("headers", [{}, {"Metadata-Flavor": "google"}])
def test_a_request_without_the_header_is_refused(
    cloud: Cloud, host: str, headers: dict[str, str]
) -> None:
    """403, and no token is minted."""
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    assert requests.get(f"http://{host}{path}", headers=headers, timeout=10).status_code == 403
    assert not cloud.tokens


def test_google_auth_gets_its_default_credentials(cloud: Cloud, host: str, tmp_path: Path) -> None:
    """In a process that has nothing but the metadata server's address."""
    program = (
        "import google.auth, google.auth.transport.requests as t, json;"
        f"credentials, project = google.auth.default(scopes=['{SCOPE}']);"
        "credentials.refresh(t.Request());"
        "print(json.dumps([project, credentials.service_account_email, credentials.token]))"
    )
    environment = {
        "PATH": os.environ["PATH"],
        "GCE_METADATA_HOST": host,
        "GCE_METADATA_IP": host,
        "CLOUDSDK_CONFIG": str(tmp_path),
        "HOME": str(tmp_path),
    }
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, capture_output=True, check=True)
    project, email, token = json.loads(result.stdout)
    assert (project, email) == ("secundus-vision", WORKLOAD)
    assert cloud.tokens[token].member == f"serviceAccount:{WORKLOAD}"


def test_a_cancelled_server_closes_its_socket(
    cloud: Cloud, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cloud that stops while a machine runs cancels the server's task, too."""
    sockets: list[socket.socket] = []

    def bound() -> socket.socket:
        sockets.append(original())
        return sockets[-1]

    async def stopped() -> None:
        async with container.metadata_server(cloud, instance):
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()

    original = serving.bound
    monkeypatch.setattr(serving, "bound", bound)
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped())
    assert [sock.fileno() for sock in sockets] == [-1]
