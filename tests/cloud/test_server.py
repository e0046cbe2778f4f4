"""The local cloud as a server: on loopback only, for Google's hosts only, without leftovers."""

from __future__ import annotations

import logging
import socket
import threading

import pytest
import requests

from rehearsal.cloud.compute import group_controller
from rehearsal.cloud.http.server import running
from rehearsal.cloud.http.serving import bound
from rehearsal.cloud.state import Cloud


def session(environment: dict[str, str]) -> requests.Session:
    """A client that finds the local cloud by its environment only."""
    client = requests.Session()
    client.trust_env = False
    client.proxies = {"https": environment["HTTPS_PROXY"]}
    client.verify = environment["SSL_CERT_FILE"]
    return client


def test_a_google_host_is_served_over_tls() -> None:
    """With a certificate that the client trusts."""
    with running() as local:
        answer = session(local.environment()).get(
            "https://storage.googleapis.com/storage/v1/b/no-such-bucket"
        )
    assert answer.status_code in (401, 404)
    assert answer.json()["error"]["code"] == answer.status_code


@pytest.mark.parametrize(
    "host", ["example.com", "googleapis.com.example.com", "docker.pkg.dev", "127.0.0.1"]
)
def test_any_other_host_is_refused(host: str) -> None:
    """The proxy answers 403, and records the host."""
    with running() as local:
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            session(local.environment()).get(f"https://{host}/")
        assert local.refused_hosts == [f"{host}:443"]


def test_plain_http_is_refused() -> None:
    """The proxy forwards nothing unencrypted: an absolute http:// request is refused."""
    with running() as local:
        proxy = local.environment()["HTTPS_PROXY"]
        client = session(local.environment())
        client.proxies = {"http": proxy}
        assert client.get("http://storage.googleapis.com/storage/v1/b").status_code == 403


def test_a_client_without_the_authority_refuses_the_cloud() -> None:
    """Only `ca.pem` in its environment makes a client trust it."""
    with running() as local:
        client = session(local.environment())
        client.verify = True
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            client.get("https://storage.googleapis.com/storage/v1/b")


def test_a_port_in_use_is_an_error() -> None:
    """OSError at once, and no cloud on another port."""
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OSError, match="in use"),
        running(port=taken.getsockname()[1]),
    ):
        pass


def test_the_cloud_listens_on_loopback_only() -> None:
    """No other machine can reach it."""
    with bound() as sock:
        assert sock.getsockname()[0] == "127.0.0.1"


def test_the_cloud_leaves_nothing_behind() -> None:
    """When it ends, its folder is deleted and its port is free."""
    with running() as local:
        folder, port = local.folder, local.proxy_port
        assert (folder / "ca.pem").exists()
    assert not folder.exists()
    bound(port).close()


def test_the_private_key_is_not_on_disk() -> None:
    """The folder holds the authority's certificate and no key."""
    with running() as local:
        texts = [p.read_text() for p in local.folder.rglob("*") if p.is_file()]
    assert texts
    assert not any("PRIVATE KEY" in text for text in texts)


def test_requests_see_the_state_of_a_given_cloud() -> None:
    """A test can prepare the state."""
    cloud = Cloud()
    with running(cloud) as local:
        assert local.cloud is cloud


def test_an_error_of_the_groups_is_logged_at_once_and_the_machines_end() -> None:
    """Not only when the cloud ends, which then still powers all machines off."""
    logged, closed = threading.Event(), []

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.exc_info:
                logged.set()

    def step() -> None:
        raise RuntimeError("no step")

    async def close() -> None:
        closed.append("machines")

    logger, log = logging.getLogger(group_controller.__name__), Log()
    logger.addHandler(log)
    try:
        with pytest.MonkeyPatch.context() as patch, running() as local:
            patch.setattr(local.machines, "close", close)
            patch.setattr(local.groups, "step", step)
            assert logged.wait(60)
    finally:
        logger.removeHandler(log)
    assert closed == ["machines"]
