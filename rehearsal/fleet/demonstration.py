"""A fleet, end to end: a job while machines die, a slice that fails, a new picture, and the end.

The same pictures are then classified by one machine, whose results must be the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from infra.wording import counted
from ops.results import bucket_of
from ops.terminal import styled
from rehearsal.demo import inventory
from rehearsal.demo.context import Context, up, watched
from rehearsal.demo.empty_stacks import FAILURES, empty_stacks, print_failure
from rehearsal.demo.layout import narrow
from rehearsal.demo.summary import show
from rehearsal.fleet import pictures
from rehearsal.fleet.deaths import Deaths
from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.terminal import Terminal

ZONES: Final = ("us-west1-a", "us-west1-b")
MACHINES: Final = 3
SLICE: Final = 512
WAIT_SECONDS: Final = 1200
ENGINE: Final = {"archive": "model/model-litert.tar.gz", "manifest": "model/manifest-litert.json"}
"""The demonstration model for LiteRT: three machines share this machine's memory."""

SHOWN: Final = (
    "1. Primus deploys its model; Secundus deploys a fleet, which has no machine yet.",
    "2. A job: machines come, some are killed, one is preempted with notice.",
    "3. A slice with a picture that is marked as compressed fails, until that is mended.",
    "4. A stream: a new picture has its record soon, from a fleet without machines.",
    "5. One machine classifies the same pictures; both companies destroy.",
)


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much work there is, and how many machines die meanwhile."""

    pictures: int
    kills: int
    preemptions: int
    seed: int


class StepError(Exception):
    """A step could not run; the message says why."""


def run(console: Terminal, load: Load) -> int:
    """Run all steps; 0 if every expectation is met, 1 if not, 2 if a step could not run."""
    narrow(console)
    started = time.monotonic()
    try:
        with empty_stacks(console, SHOWN) as context:
            _Fleet(context, load).play()
    except (*FAILURES, StepError) as error:
        print_failure(console, error)
        return 2
    expectations = context.expectations
    console.rule(styled("What was shown", "bold"), align="left")
    show(console, expectations)
    console.print(f"{time.monotonic() - started:.0f} s in all; seed {load.seed}")
    return 1 if expectations.unmet else 0


class _Fleet:
    """The steps, which share the two companies."""

    def __init__(self, context: Context, load: Load) -> None:
        self.context = context
        self._load = load
        self._cloud = context.local.cloud
        self._grants = inventory.project_grants(self._cloud)

    def play(self) -> None:
        """Every step, in order."""
        self._deployed()
        job = self._worked()
        merged = self._failed_and_mended(job)
        self._streamed()
        self._alone(merged)
        self._destroyed()

    def _deployed(self) -> None:
        self.context.heading("1. Primus deploys its model; Secundus deploys a fleet")
        for key, value in ENGINE.items():
            self._set("primus", f"model.{key}", value)
        self._set("secundus", "forceDestroy", "true")
        for key in ("pictures", "run"):
            self._pulumi("secundus", "config", "rm", key)
        for n, zone in enumerate(ZONES):
            self._set("secundus", f"fleet.zones[{n}]", zone)
        self._set("secundus", "fleet.mostMachines", str(MACHINES))
        self._set("secundus", "fleet.picturesPerSlice", str(SLICE))
        self._set("secundus", "fleet.backlogPerMachine", "1")
        self._set("secundus", "fleet.provisioning", "spot")
        for company in ("primus", "secundus"):
            up(self.context, company)
        with self.context.console.working("secundus: pictures") as say:
            drawn = self.context.workspace.program / "model" / "pictures"
            pictures.upload(self._admin(), self._input, drawn, self._load.pictures, say)
        self._expect(
            "without work there is no machine",
            counted(len(self._cloud.instances), "machine"),
            met=not self._cloud.instances,
        )

    def _worked(self) -> str:
        """A job while machines die; gives its id."""
        self.context.heading("2. A job, while machines die")
        submitted = self._ops_json("submit")
        job: str = submitted["job"]
        self.context.fact("job", f"{job}: {submitted['pictures']:,} pictures")
        # A mistake that is easily made. The slice is not as it was submitted: a compressed picture
        # has no size that a listing could tell.
        pictures.set_encoding(self._admin(), self._input, self._mistaken, "gzip")
        deaths = Deaths(
            self.context.local,
            self._load.seed,
            self._load.kills,
            self._load.preemptions,
            failing=self._load.pictures // 2 // SLICE,
        )
        deaths.start()
        try:
            with self.context.console.working("secundus: the fleet works") as say:
                most = self._wait_until(
                    lambda: self._done(job) >= submitted["slices"] - 1, job, say
                )
        finally:
            deaths.end()
        for each in deaths.happened:
            self.context.fact("machine", each)
        planned = self._load.kills + self._load.preemptions
        self._expect(
            "machines die at random moments",
            f"{len(deaths.happened)} of {planned}",
            met=len(deaths.happened) == planned,
        )
        again = sum(each.delivered_again for each in deaths.taken)
        self._expect(
            "what dead machines had was delivered again",
            f"{again} of {counted(len(deaths.taken), 'slice')}",
            met=again > 0 or not planned,
        )
        self._expect("machines come when there is work", f"at most {most}", met=most == MACHINES)
        return job

    def _failed_and_mended(self, job: str) -> bytes:
        """The slice that fails becomes a dead letter; without its cause it is classified."""
        self.context.heading("3. A slice that always fails, and its cure")
        dead = next(
            each for name, each in self._cloud.subscriptions.items() if name.endswith("letters")
        )
        jumps = 0
        with self.context.console.working("secundus: Pub/Sub delivers the slice six times"):
            while not len(dead.backlog):
                # Nothing else is at work, so nobody notices how long Pub/Sub waits in between.
                self._cloud.clock_offset += 60
                jumps += 1
                time.sleep(1)
                if jumps > WAIT_SECONDS:
                    raise StepError("the slice that fails did not become a dead letter")
        self.context.fact("clock", f"moved on by {counted(jumps, 'minute')} of back-off")
        state = self._ops_json("results", "--job", job, "--wait", "5", "--output", "x", "--partial")
        causes = [each["error"] for each in state["job"]["causes"]]
        self.context.fact("cause", ", ".join(causes))
        self._expect(
            "a slice that always fails is a dead letter, with its cause",
            f"slice {state['job']['deadLetters']}: {', '.join(causes)}",
            met=causes == ["input_changed"]
            and state["job"]["deadLetters"] == state["job"]["missing"],
        )
        pictures.set_encoding(self._admin(), self._input, self._mistaken, None)
        self._ops_json("submit", "--missing", job)
        merged = self.context.workspace.folder / "merged.jsonl"
        with self.context.console.working("secundus: the slice once more"):
            data = self._ops_json(
                "results", "--job", job, "--wait", str(WAIT_SECONDS), "--output", str(merged)
            )
        for each in data["job"]["machines"]:
            rate = each["picturesPerSecond"] or 0
            self.context.fact(
                "worked", f"{each['machine']}: {each['pictures']:,} pictures, {rate:.0f} a second"
            )
        content = merged.read_bytes()
        names = [json.loads(line)["name"] for line in content.splitlines()]
        self._expect(
            "each picture has one record",
            f"{len(names):,} records",
            met=names == [pictures.name(n) for n in range(self._load.pictures)],
        )
        self._empty("no machine is left")
        return content

    def _streamed(self) -> None:
        self.context.heading("4. A stream: one new picture, and a fleet without machines")
        self._set("secundus", "fleet.stream", "true")
        up(self.context, "secundus", refresh=True)  # the autoscalers changed the groups
        new = "new picture ä.jpg"
        drawn = next((self.context.workspace.program / "model" / "pictures").iterdir())
        began = time.monotonic()
        pictures.put(self._admin(), self._input, new, drawn.read_bytes())
        bucket = self._cloud.buckets[self._result]
        with self.context.console.working("secundus: a machine comes"):
            self._until(lambda: any(name.startswith("stream/") for name in list(bucket.objects)))
        found = [
            json.loads(each.data)["name"]
            for name, each in bucket.objects.items()
            if name.startswith("stream/")
        ]
        self.context.fact("record", f"{time.monotonic() - began:.0f} s after the upload")
        self._expect("a new picture has its record", ", ".join(found), met=found == [new])
        pictures.remove(self._admin(), self._input, new)
        self._empty("an idle fleet has no machine")

    def _alone(self, merged: bytes) -> None:
        self.context.heading("5. One machine, the same pictures")
        self._pulumi("secundus", "config", "rm", "fleet")
        up(self.context, "secundus")
        with self.context.console.working("secundus: one machine works"):
            self._ops_json("results", "--wait", str(WAIT_SECONDS))
        alone = self._cloud.buckets[self._result].objects["results.jsonl"].data
        self._expect(
            "the fleet's results are those of one machine",
            "the same bytes" if alone == merged else _difference(merged, alone),
            met=alone == merged,
        )

    def _destroyed(self) -> None:
        for company in ("secundus", "primus"):
            with watched(self.context, company) as progress:
                self.context.workspace.stack(company).destroy(on_event=progress)
        left = inventory.left(self._cloud, self._grants)
        self._expect("destroy leaves nothing", ", ".join(left) or "nothing", met=not left)

    def _wait_until(self, over: Callable[[], bool], job: str, say: Callable[[str], None]) -> int:
        """Wait, with progress; gives the most machines that there were at a time."""
        most = 0

        def look() -> bool:
            nonlocal most
            count = len(self._cloud.instances)
            most = max(most, count)
            say(f"{self._done(job)} slices done, {counted(count, 'machine')}")
            return over()

        self._until(look)
        return most

    def _until(self, over: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not over():
            if time.monotonic() > deadline:
                raise StepError(f"nothing more happened for {WAIT_SECONDS} s")
            time.sleep(0.2)

    def _empty(self, what: str) -> None:
        with self.context.console.working("secundus: the fleet shrinks"):
            self._until(lambda: not self._cloud.instances)
        self._expect(what, "0 machines", met=True)

    def _done(self, job: str) -> int:
        """How many slices of a job have records."""
        objects = list(self._cloud.buckets[self._result].objects)
        return sum(name.startswith(f"jobs/{job}/records/") for name in objects)

    @property
    def _mistaken(self) -> str:
        """The picture that is marked as compressed, and is not."""
        return pictures.name(self._load.pictures // 2)

    @property
    def _input(self) -> str:
        return bucket_of(self.context.outputs["secundus"]["inputUri"])

    @property
    def _result(self) -> str:
        return bucket_of(self.context.outputs["secundus"]["resultUri"])

    def _admin(self) -> Any:  # noqa: ANN401  an Admin
        return self.context.admin("secundus")

    def _expect(self, what: str, seen: str, *, met: bool) -> None:
        self.context.expectations.check(what, seen, met=met)

    def _set(self, company: str, key: str, value: str) -> None:
        self._pulumi(company, "config", "set", "--path", key, value)

    def _pulumi(self, company: str, *arguments: str) -> None:
        done = self.context.workspace.pulumi(company, *arguments)
        if done.returncode:
            raise StepError(f"pulumi {' '.join(arguments)}: {done.stderr.strip()}")

    def _ops_json(self, *arguments: str) -> dict[str, Any]:
        """What a command of Secundus answers as data."""
        done = self._ops(*arguments, "--json")
        if not done.stdout:
            raise StepError(f"{' '.join(arguments)}: {done.stderr.strip()}")
        parsed: dict[str, Any] = json.loads(done.stdout)
        return parsed

    def _ops(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = self.context.workspace.environment("secundus")
        return subprocess.run(  # noqa: S603  our own command
            [sys.executable, "-m", "ops", *arguments],
            cwd=self.context.workspace.program,
            env=environment | {"PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )


def _difference(merged: bytes, alone: bytes) -> str:
    """How many records differ, and the first one of both."""
    pairs = list(zip_longest(merged.splitlines(), alone.splitlines(), fillvalue=b""))
    different = [pair for pair in pairs if pair[0] != pair[1]]
    first = " and ".join(each.decode() for each in different[0])
    return f"{len(different)} of {len(pairs)} records differ, the first ones: {first}"
