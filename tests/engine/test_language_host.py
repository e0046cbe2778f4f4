"""The engine runs Python programs; with the stand-in language host where the CLI was built."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from rehearsal.workspace import Workspace

pytestmark = pytest.mark.engine

PROJECT = """
name: tiny
runtime: {name: python, options: {toolchain: pip, virtualenv: %s}}
"""

WAITS_FOREVER = """
import pathlib, threading
import pulumi, pulumi_gcp as gcp

def wait(_: str) -> None:
    pathlib.Path("waiting").touch()
    threading.Event().wait()

provider = gcp.Provider("own", project="secundus-vision", region="us-west1")
options = pulumi.ResourceOptions(provider=provider)
service = gcp.projects.Service("iam", service="iam.googleapis.com", opts=options)
service.id.apply(wait)
"""

DEADLINE_SECONDS = 60


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for it, for a minute at most."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture
def run(tmp_path: Path, pulumi_cli: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `pulumi` with the arguments in an empty project that has a stack called `one`."""
    for folder in ("state", "home"):
        (tmp_path / folder).mkdir()
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "Pulumi.yaml").write_text(PROJECT % ".venv")

    def pulumi(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [pulumi_cli / "pulumi", "--non-interactive", *arguments],
            cwd=tmp_path,
            env={
                "PATH": f"{pulumi_cli}{os.pathsep}{os.environ['PATH']}",
                "HOME": str(tmp_path / "home"),
                "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}",
                "PULUMI_CONFIG_PASSPHRASE": "",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "PULUMI_HOME": str(tmp_path / "home"),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_STACK": "one",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert pulumi("stack", "init", "one").returncode == 0
    return pulumi


def test_a_program_gets_its_configuration_and_exports(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Config reaches the program, secrets as secrets, and its outputs reach the stack."""
    (tmp_path / "__main__.py").write_text(
        "import pulumi\n"
        "config = pulumi.Config()\n"
        "pulumi.export('plain', config.require('plain'))\n"
        "pulumi.export('secret', config.require_secret('secret'))\n"
        "pulumi.export('run', [pulumi.get_organization(), pulumi.get_project(), "
        "pulumi.get_stack()])\n"
    )
    assert run("config", "set", "plain", "a value").returncode == 0
    assert run("config", "set", "--secret", "secret", "hidden").returncode == 0
    done = run("up", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert run("stack", "output", "plain").stdout.strip() == "a value"
    assert run("stack", "output", "run").stdout.strip() == '["organization","tiny","one"]'
    assert "secret  [secret]" in run("stack", "output").stdout


def test_a_program_can_tell_a_preview_from_an_update(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """`is_dry_run` is true in a preview and false in an update."""
    (tmp_path / "__main__.py").write_text(
        "import pulumi\nprint('dry run:', pulumi.runtime.is_dry_run())\n"
    )
    assert "dry run: True" in run("preview").stdout
    assert "dry run: False" in run("up", "--yes", "--skip-preview").stdout


def test_a_programs_error_is_shown_once(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """An exception gives its traceback, in the program's own lines, and no second error."""
    (tmp_path / "__main__.py").write_text("raise ValueError('of our own')\n")
    done = run("preview")
    assert done.returncode != 0
    diagnostics = done.stdout.partition("Diagnostics:")[2]
    assert diagnostics.count("ValueError: of our own") == 1
    assert "exited with non-zero exit code" not in done.stdout


def test_a_program_that_exits_with_a_code_fails_the_run(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A silent exit code is an error that names it."""
    (tmp_path / "__main__.py").write_text("import os\nos._exit(7)\n")
    done = run("preview")
    assert done.returncode != 0
    assert "exited with non-zero exit code: 7" in done.stdout


def test_a_python_plugin_runs_with_its_streams_and_exit_code(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Its output arrives on the right stream, and its exit code is the command's."""
    plugin = tmp_path / "home" / "plugins" / "tool-tiny-v1.0.0"
    plugin.mkdir(parents=True)
    (plugin / "PulumiPlugin.yaml").write_text("runtime: python\n")
    (plugin / "__main__.py").write_text(
        "import sys\nprint(sys.argv[1:])\nprint('oh', file=sys.stderr)\nsys.exit(3)\n"
    )
    done = run("plugin", "run", "--kind=tool", "tiny@1.0.0", "--", "a", "b")
    assert (done.stdout, done.stderr, done.returncode) == ("['a', 'b']\n", "oh\n", 3)


def test_the_engine_gets_the_programs_plugins_and_packages(
    run: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The plugins are those of the installed SDK packages, at exactly their versions."""
    about = json.loads(run("about", "--json").stdout)
    named = {(plugin["name"], plugin["version"]) for plugin in about["plugins"]}
    assert {("gcp", version("pulumi-gcp")), ("docker", version("pulumi-docker"))} <= named
    assert version("pulumi") in [
        package["version"] for package in about["dependencies"] if package["name"] == "pulumi"
    ]


def children(parent: int) -> dict[int, str]:
    """All running descendants of this process: pid -> command line."""
    found: dict[int, str] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, above = status.read_text().rpartition(")")[2].split()[:2]
            command = (status.parent / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(above) == parent and state != "Z":
            found |= {int(status.parent.name): command, **children(int(status.parent.name))}
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_no_process_outlives_a_killed_cli(workspace: Workspace) -> None:
    """SIGKILL of `pulumi up` also ends its language host, its program and its plugin."""
    (workspace.program / "__main__.py").write_text(WAITS_FOREVER)
    waiting, log = workspace.program / "waiting", workspace.program / "log"
    with (
        log.open("w") as printed,
        subprocess.Popen(
            [workspace.folder / "cli" / "bin" / "pulumi", "up", "--yes", "--skip-preview"],
            cwd=workspace.program,
            env=workspace.environment("secundus"),
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
        ) as cli,
    ):
        try:
            until(lambda: waiting.exists() or cli.poll() is not None, "it did not start")
            assert waiting.exists(), f"`up` ended before it could be killed:\n{log.read_text()}"
            below = children(cli.pid)
        finally:
            cli.send_signal(signal.SIGKILL)
    parts = ("pulumi-language-python-exec", "rehearsal.pulumi_plugins.gcp")
    assert [part for part in parts if part not in " ".join(below.values())] == []
    until(lambda: not any(map(alive, below)), f"still running: {below}")
