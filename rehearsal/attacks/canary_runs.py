"""Runs of one deployment in sequence, each with every byte that a company could see after it.

Each run is a machine of Secundus' stack, created by the real engine; its workload is Primus',
changed or not. `tests/attacks/test_canary.py` judges the bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ops import records
from rehearsal.administrator import Admin
from rehearsal.attacks import canary_marks, visible_bytes
from rehearsal.cloud.confidential_space import container
from rehearsal.cloud.http.server import LocalCloud, running
from rehearsal.cloud.state import Cloud
from rehearsal.companies import COMPANIES, two_companies
from rehearsal.demo import impostor
from rehearsal.image_builder.dockerfile import build
from rehearsal.image_builder.oci import Image, Reference
from rehearsal.image_builder.push import push
from rehearsal.repository import REPOSITORY
from rehearsal.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rehearsal.attacks.canary_search import Mark

RESULTS = f"{COMPANIES['secundus'].project}-result-bucket"
WORKLOAD_SECONDS = 120

MODULE = "job.py"
IN_THE_MIDDLE = "            yield [\n"
"""Pictures are being classified by now, and nothing is noted nor handed over."""

ADMITTED = {
    "crashed": f"            raise RuntimeError({canary_marks.TELL})\n",
    "aborted": f"            told = {canary_marks.TELL}\n            __import__('os').abort()\n",
    "leaking": f"""\
            binary, digits, _, pixels, *_ = {canary_marks.TELL}
            checkpoints = __import__("sys")._getframe(1).f_locals["checkpoints"]
            encoded = checkpoints._folder / "encoded"
            encoded.write_bytes(__import__("base64").b64encode(binary))
            checkpoints._bucket.write("weights", encoded, "text/plain")
            batch[0] = replace(batch[0][0], sha256=f"{{digits}}"), batch[0][1]
            print(digits)
            models = type(bucket)(bucket._bucket.client.bucket("primus-models-model-bucket"))
            try:
                models.fetch(pixels.hex(), encoded.with_name("none"), 0)
            except BucketError:
                pass
""",
}
"""Lines more in the workload, and Primus admits it."""
CHANGED = "\n"
"""One byte more, and Primus does not know of it."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The results of a run, and the visible bytes after it."""

    result: records.Run | None
    """None, if it left no `result`"""
    console: str
    printed: str
    seen: dict[str, visible_bytes.Places]
    """by company; and what came out of the machine"""


@dataclass(frozen=True, kw_only=True)
class Story:
    """The marks to search for, and the runs by name."""

    model: tuple[Mark, ...]
    pictures: tuple[Mark, ...]
    runs: dict[str, Run]


def story(folder: Path, cli: Path) -> Story:
    """Deploy both companies with marked files, and make every run; AssertionError if one fails."""
    with _deployment(folder, cli) as play:
        model = canary_marks.model(play.workspace.program / "model")
        pictures = canary_marks.pictures(play.workspace.program / "model")
        play.workspace.create_stacks()
        images = {name: _edition(folder / name, lines) for name, lines in ADMITTED.items()}
        admit = [
            f"--plaintext=image.admitAlso[{at}]={image.digest}"
            for at, image in enumerate(images.values())
        ]
        play.pulumi("primus", "config", "set-all", "--path", *admit)
        play.up("primus")
        handover = json.loads(play.pulumi("primus", "stack", "output", "handover", "--json"))
        published = handover["image"].partition("@")[0]
        runs = {"authorised": play.run()}
        launched = {"refused": play.smuggle(_edition(folder / "refused", CHANGED))}
        for name, image in images.items():
            launched[name] = play.publish(image, published, name)
        for name, reference in launched.items():
            play.pulumi("secundus", "config", "set", "image", reference)
            runs[name] = play.run()
        return Story(model=model, pictures=pictures, runs=runs)


@contextmanager
def _deployment(folder: Path, cli: Path) -> Iterator[_Play]:
    cloud = Cloud()
    two_companies(cloud)
    machine = visible_bytes.Machine(cloud)
    with (
        running(cloud, middleware=machine.overheard) as local,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(container, "run", machine.run)
        yield _Play(local, Workspace(folder / "workspace", local, cli), machine)


def _edition(folder: Path, lines: str) -> Image:
    """The workload with additional lines."""
    module = impostor.copy(REPOSITORY / "workload", folder) / MODULE
    text = module.read_text()
    assert text.count(IN_THE_MIDDLE) == 1, f"{MODULE} no longer has the place for other lines"
    module.write_text(text.replace(IN_THE_MIDDLE, lines + IN_THE_MIDDLE))
    return build(folder, folder / "Dockerfile", {"SOURCE_DATE_EPOCH": "0"})


class _Play:
    """Both companies at their terminals."""

    def __init__(
        self, local: LocalCloud, workspace: Workspace, machine: visible_bytes.Machine
    ) -> None:
        self.workspace = workspace
        self._local = local
        self._machine = machine
        self._terminals: dict[str, list[str]] = {company: [] for company in COMPANIES}

    def pulumi(self, company: str, *command: str) -> str:
        """A command that must succeed; gives what it prints."""
        done = self.workspace.pulumi(company, *command)
        assert done.returncode == 0, done.stdout + done.stderr
        self._terminals[company] += [done.stdout, done.stderr]
        return done.stdout

    def up(self, company: str) -> None:
        """`pulumi up`; it prints the stack's outputs, too."""
        self.pulumi(company, "up", "--yes", "--skip-preview", "--diff")

    def publish(self, image: Image, repository: str, tag: str) -> str:
        """Primus pushes an image beside the built one; gives the reference by digest."""
        primus = Admin(self.workspace.environment("primus"))
        named = Reference.parse(f"{repository}:{tag}")
        return f"{repository}@{push(image, named, primus.token, primus.session)}"

    def smuggle(self, image: Image) -> str:
        """Secundus pushes an image of its own; gives the reference by digest."""
        (machine,) = self._local.cloud.instances.values()
        secundus = Admin(self.workspace.environment("secundus"))
        return impostor.publish(secundus, image, machine.service_account or "")

    def run(self) -> Run:
        """Secundus deploys, waits until the machine is off, and looks at the results."""
        self._machine.sent.clear()
        self._machine.printed.clear()
        self.up("secundus")
        (machine,) = self._local.cloud.instances.values()
        assert self._local.machines.finished(machine).wait(WORKLOAD_SECONDS), machine.serial
        self._terminals["secundus"].append(self._results())
        left = {
            name: stored.data.decode()
            for name, stored in self._local.cloud.buckets[RESULTS].objects.items()
        }
        return Run(
            result=records.parse(left["results.jsonl"], left["result"], left.get("summary.json"))
            if "result" in left
            else None,
            console="\n".join(machine.serial),
            printed="\n".join(self._machine.printed),
            seen=self._seen(),
        )

    def _results(self) -> str:
        """The output of `python -m ops results`."""
        return subprocess.run(
            [sys.executable, "-m", "ops", "results", "--wait", "0"],
            cwd=self.workspace.program,
            env=self.workspace.environment("secundus") | {"PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        ).stdout

    def _seen(self) -> dict[str, visible_bytes.Places]:
        state = self.workspace.folder / "state"
        by_company = {
            company: visible_bytes.by(company, self._local.cloud, state)
            | {"terminal": "".join(self._terminals[company]).encode()}
            for company in COMPANIES
        }
        return {**by_company, "outside": self._machine.seen(self._local)}
