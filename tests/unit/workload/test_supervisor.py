"""How a run dies, and what its first process reports; each test starts real processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY
from workload.errors import Detail, Failure
from workload.supervisor import OOM_SCORE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM = """
import os, pathlib, resource, signal, sys, threading, time
from workload import supervisor
from workload.errors import WorkloadError, Failure

def run(report):
    {statements}
    return 0

def report_death(failure, generation):
    pathlib.Path({result!r}).write_text(f"{{failure}}")

sys.exit(supervisor.supervise(run, report_death))
"""


def command(statements: str, folder: Path) -> Sequence[str]:
    """A command whose run executes this code, and whose death is reported in `result`."""
    return [
        sys.executable,
        "-c",
        PROGRAM.format(statements=statements, result=str(folder / "result")),
    ]


def ends(statements: str, folder: Path) -> tuple[int, str]:
    """The exit code, and the report of the first process."""
    done = subprocess.run(
        command(statements, folder), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False
    )
    result = folder / "result"
    return done.returncode, result.read_text() if result.exists() else ""


@contextmanager
def at_work(folder: Path) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The first process of a run that waits for a signal, and what both print."""
    statements = "print('at work', flush=True); signal.pause()"
    with subprocess.Popen(
        command(statements, folder), cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "at work\n"
        yield first, first.stdout


SIGNALS = {
    "SIGSEGV": "run_crashed: The run crashed (SIGSEGV).",
    "SIGABRT": "run_crashed: The run crashed (SIGABRT).",
    "SIGBUS": "run_crashed: The run crashed (SIGBUS).",
    "SIGILL": "run_crashed: The run crashed (SIGILL).",
    "SIGFPE": "run_crashed: The run crashed (SIGFPE).",
    "SIGSYS": "run_crashed: A signal ended the run.",
    "SIGRTMIN + 1": "run_crashed: A signal ended the run.",
    "SIGKILL": "run_killed: The run was killed (SIGKILL).",
    "SIGTERM": "run_stopped: The run was told to stop (SIGTERM).",
}


@pytest.mark.parametrize("name", SIGNALS)
def test_a_run_that_a_signal_ends_is_reported_by_the_signals_name(
    name: str, tmp_path: Path
) -> None:
    """The sentence names the signal."""
    code, result = ends(f"os.kill(os.getpid(), signal.{name})", tmp_path)
    assert result == SIGNALS[name]
    assert code == Failure[result.partition(":")[0].upper()].exit_code


LOADING = """
import hashlib, os, signal, sys
from contextlib import nullcontext
from pathlib import Path
from bench.folder import Folder
from bench.workload_run import ENVIRONMENT
from workload import job, supervisor
from workload.results import Results

archive, folder = Path({archive!r}), Path({folder!r})
buckets = {{
    "models": Folder(path=archive.parent),
    "pictures": Folder(path=folder),
    "results": Folder(path=folder / "results"),
}}
environment = ENVIRONMENT | {{
    "MODEL_URI": f"gs://models/{{archive.name}}",
    "MODEL_SHA256": hashlib.sha256(archive.read_bytes()).hexdigest(),
}}

def run(report):
    collaborators = job.Collaborators(
        operator=lambda: buckets.__getitem__,
        model_reader=lambda _: buckets.__getitem__,
        decoders=lambda: nullcontext(lambda model_input: None),
        load=lambda unpacked, manifest: os.kill(os.getpid(), signal.{name}),
        on_generation=report.state,
        on_end=report.ended,
    )
    job.run(environment, collaborators)

def report_death(failure, generation):
    Results(buckets["results"], folder, generation=generation).fail(failure)

sys.exit(supervisor.supervise(run, report_death))
"""


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGKILL"])
def test_a_model_that_ends_the_run_while_it_is_loaded_leaves_a_result(
    name: str, tmp_path: Path
) -> None:
    """With the workload's own steps; records of an earlier run are replaced, too."""
    results = tmp_path / "results"
    results.mkdir()
    (results / "results.jsonl").write_text("of an earlier run")
    archive = str(REPOSITORY / "model" / "model-litert.tar.gz")
    program = LOADING.format(archive=archive, folder=str(tmp_path), name=name)
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False)
    code, _, sentence = SIGNALS[name].partition(": ")
    assert done.returncode == Failure[code.upper()].exit_code
    assert (results / "result").read_text() == f"Error: {SIGNALS[name]}\n"
    record = json.loads((results / "results.jsonl").read_text())
    assert (record["error"], record["reason"]) == (code, sentence)


def test_every_signal_of_the_table_exists() -> None:
    """And says its own name; each is tried above."""
    names = [name for name in Detail.__members__ if name in signal.Signals.__members__]
    assert {name for name, result in SIGNALS.items() if name in result} == {
        *names,
        "SIGKILL",
        "SIGTERM",
    }
    assert all(f"({name})" in Detail[name] for name in names)


def test_no_failure_is_written_after_the_run_reported_its_end(tmp_path: Path) -> None:
    """Whatever the exit code, and even if the process dies later."""
    assert ends("report.ended(); sys.exit(17)", tmp_path) == (17, "")
    assert ends("report.ended(); return 0", tmp_path) == (0, "")
    assert ends("report.ended(); os.kill(os.getpid(), signal.SIGSEGV)", tmp_path) == (-11 % 256, "")


@pytest.mark.parametrize(
    ("statements", "failure"),
    [
        ("sys.exit(4)", Failure.RESULTS_NOT_WRITABLE),
        ("sys.exit(99)", Failure.INTERNAL_ERROR),
        ("sys.exit(0)", Failure.INTERNAL_ERROR),
        ("os._exit(0)", Failure.INTERNAL_ERROR),
        ("return 22", Failure.DECODERS_NOT_CONFINED),
    ],
)
def test_a_run_that_ends_without_a_report_is_reported(
    statements: str, failure: Failure, tmp_path: Path
) -> None:
    """By its exit code; exit code 0 without results is an internal error."""
    code, result = ends(statements, tmp_path)
    assert (code, result) == (failure.exit_code, f"{failure.code}: {failure.sentence}")


def test_the_last_generation_of_a_dead_run_is_passed_on(tmp_path: Path) -> None:
    """So that its end is not written over the results of a run that began later."""
    killed = "os.kill(os.getpid(), signal.SIGKILL)"
    program = PROGRAM.replace('f"{{failure}}"', 'f"{{generation}}"')
    for statements, mark in (
        (killed, "None"),
        (f"report.state('7'); {killed}", "7"),
        (f"report.state('7'); report.state('8'); {killed}", "8"),
    ):
        source = program.format(statements=statements, result=str(tmp_path / "result"))
        done = subprocess.run([sys.executable, "-c", source], cwd=REPOSITORY, check=False)
        assert done.returncode == Failure.RUN_KILLED.exit_code
        assert (tmp_path / "result").read_text() == mark


def test_a_run_without_file_descriptors_is_reported(tmp_path: Path) -> None:
    """The run can't open files any more; the first process has its own limit."""
    statements = "resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0)); open('/etc/passwd')"
    code, result = ends(statements, tmp_path)
    assert (code, result.partition(":")[0]) == (1, "internal_error")


def test_the_request_to_stop_reaches_the_run(tmp_path: Path) -> None:
    """PID 1 of a container gets only signals for which it has a handler."""
    with at_work(tmp_path) as (first, printed):
        first.send_signal(signal.SIGTERM)
        assert printed.read() == SIGNALS["SIGTERM"] + "\n"
    assert (tmp_path / "result").read_text() == SIGNALS["SIGTERM"]


LATE = """
import os, signal
waits = os.waitpid

def waited(*arguments):
    ended = waits(*arguments)
    os.kill(os.getpid(), signal.SIGTERM)
    return ended

os.waitpid = waited
"""


def test_a_sigterm_after_the_runs_end_is_ignored(tmp_path: Path) -> None:
    """The PID may belong to another process by then; the end of the run is reported."""
    program = LATE + command("sys.exit(4)", tmp_path)[-1]
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False)
    assert done.returncode == Failure.RESULTS_NOT_WRITABLE.exit_code
    assert (tmp_path / "result").read_text().startswith("results_not_writable: ")


def test_the_run_ends_with_its_first_process(tmp_path: Path) -> None:
    """If the first process is killed, the run ends, too."""
    with at_work(tmp_path) as (first, printed):
        first.kill()
        assert printed.read() == ""  # at its end: nobody holds the pipe any more
    assert not (tmp_path / "result").exists()


def test_the_kernel_kills_the_run_first_for_lack_of_memory(tmp_path: Path) -> None:
    """Before the process that would report it."""
    read = "open(f'/proc/{pid}/oom_score_adj').read().strip()"
    statements = (
        f"print(*({read} for pid in (os.getpid(), os.getppid())), sep='\\n'); report.ended()"
    )
    done = subprocess.run(
        command(statements, tmp_path),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    run, first = done.stdout.split()
    assert run == OOM_SCORE
    assert int(first) < int(run)


def test_a_lack_of_memory_differs_from_another_kill(tmp_path: Path) -> None:
    """The kernel counts these kills; the test replaces the counter."""
    counted = "iter([7, 8])"
    program = PROGRAM.replace(
        "def run(report):",
        f"counts = {counted}\nsupervisor._oom_kills = lambda: next(counts)\ndef run(report):",
    ).format(statements="os.kill(os.getpid(), signal.SIGKILL)", result=str(tmp_path / "result"))
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False)
    assert done.returncode == Failure.RUN_OUT_OF_MEMORY.exit_code
    assert (tmp_path / "result").read_text().startswith("run_out_of_memory: ")


def test_the_kernel_counts_kills_for_lack_of_memory() -> None:
    """In the file that the supervisor reads."""
    assert any(
        line.startswith("oom_kill ") for line in Path("/proc/vmstat").read_text().splitlines()
    )


def test_no_process_can_read_the_run_or_its_first_process(tmp_path: Path) -> None:
    """Both are hidden: their files in /proc belong to root."""
    owner = "os.stat(f'/proc/{pid}/mem').st_uid"
    statements = (
        f"time.sleep(0.1); print(*({owner} for pid in (os.getpid(), os.getppid()))); report.ended()"
    )
    done = subprocess.run(
        command(statements, tmp_path),
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout == "0 0\n"


def test_the_first_process_imports_no_library() -> None:
    """No cloud, no engine, no decoder; not even NumPy."""
    program = (
        "import sys, workload.__main__\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & "
        "{'google', 'numpy', 'requests', 'tensorflow', 'ai_edge_litert', 'PIL', 'subprocess'}))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert output.stdout == "[]\n"
