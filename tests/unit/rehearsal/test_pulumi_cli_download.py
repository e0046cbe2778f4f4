"""The official installer: it fails quickly without its host, and is killed with its children."""

from __future__ import annotations

import os
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from rehearsal.pulumi_cli import download
from rehearsal.pulumi_cli.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Answers(BaseHTTPRequestHandler):
    """A host that has the installer's script."""

    def do_HEAD(self) -> None:
        """Answer 200."""
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The installer's host answers."""
    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, args=(0.02,)).start()
    monkeypatch.setattr(download, "INSTALLER", f"http://127.0.0.1:{server.server_port}/install.sh")
    yield
    server.shutdown()
    server.server_close()


def install(folder: Path) -> None:
    """Install the version that the project needs."""
    download.official(folder, dict(os.environ), "3.259.0")


def test_a_host_that_refuses_the_connection_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The SDK's installer is not even started."""
    monkeypatch.setattr(download, "_INSTALL", "raise SystemExit('started')")
    with socket.socket() as unanswered:
        unanswered.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unanswered.getsockname()[1]}/install.sh"
        monkeypatch.setattr(download, "INSTALLER", url)
        with pytest.raises(UnavailableError, match=rf"^{url} cannot be reached: .*refused"):
            install(tmp_path)


def test_a_host_that_does_not_answer_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After the time-out."""
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/install.sh"
        monkeypatch.setattr(download, "INSTALLER", url)
        with pytest.raises(UnavailableError, match=r"cannot be reached: .*timed out"):
            install(tmp_path)


@pytest.mark.usefixtures("reachable")
def test_the_installer_gets_folder_and_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The SDK installs that version into that folder."""
    script = "import sys; open(sys.argv[1] + '/version', 'w').write(sys.argv[2])"
    monkeypatch.setattr(download, "_INSTALL", script)
    install(tmp_path)
    assert (tmp_path / "version").read_text() == "3.259.0"


@pytest.mark.usefixtures("reachable")
def test_a_failing_installer_reports_its_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is the reason."""
    monkeypatch.setattr(download, "_INSTALL", "import sys; sys.exit('curl: (23) disk full')")
    with pytest.raises(UnavailableError, match=r"installer failed: curl: \(23\) disk full"):
        install(tmp_path)


@pytest.mark.usefixtures("reachable")
def test_a_download_after_the_time_limit_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No process holds the pipe any more."""
    os.mkfifo(tmp_path / "alive")
    script = """
import os, subprocess, sys
os.chdir(sys.argv[1])
subprocess.run(["sh", "-c", "exec 9>alive; echo started >&9; sleep 600"])
"""
    monkeypatch.setattr(download, "_INSTALL", script)
    monkeypatch.setattr(download, "DOWNLOAD_SECONDS", 2)
    reading = os.open(tmp_path / "alive", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(UnavailableError, match="took more than 2 s"):
        install(tmp_path)
    os.set_blocking(reading, True)
    with os.fdopen(reading, "rb") as pipe:
        assert pipe.read() == b"started\n"
