"""How samples become figures, and how a process is measured."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree as ET

import pytest

from bench import (
    agreement,
    by_thread,
    chart,
    image,
    local,
    pictures,
    process,
    projects,
    report,
    rules,
    steps,
)
from bench.agreement import DisagreementError
from bench.cloud import BenchCloud, moments
from bench.connection import Connection, Request
from bench.figures import NAIVE, Bound, Key, Round, Sample, figures
from bench.folder import Folder
from bench.peers import conversion
from bench.run import DEMONSTRATION, Measured, missing_peers, without_bounds
from bench.schedule import QUICK, SMALL_ONLY, Inputs, Subject, all_subjects, run_rounds
from bench.subjects import ARCHIVES, EXACT_PEERS, MODULES, Engine, Peer
from workload import archive

if TYPE_CHECKING:
    from bench.limits import Steps
    from rehearsal.cloud.http.server import LocalCloud

TF, LITERT = Engine.TENSORFLOW, Engine.LITERT
DONE = (
    rules.SMALL,
    rules.LARGE,
    rules.REDUCED,
    rules.IN_PROCESS,
    rules.SLOW,
    rules.FAST,
    rules.MANY,
    rules.OF_FLEET,
    rules.ONE,
)
MACHINE = report.Machine(date="2026-11-24", cores=2, processor="a", load=0.1, versions="Python 3")
HOLD = "import sys; print('ready', flush=True); sys.stdin.read()"


def sample(pictures: int) -> Sample:
    """A run of one second."""
    return Sample(pictures=pictures, seconds=1, cpu=1, peak=100, first=1)


def a_round(naive: int, tensorflow: int, litert: int) -> Round:
    """All subjects, each of one speed."""
    speeds = {NAIVE: naive, TF: tensorflow, LITERT: litert}
    peers = {(rules.SMALL, peer): sample(naive) for peer in Peer}
    return peers | {(what, who): sample(rate) for what in DONE for who, rate in speeds.items()}


def measured(rounds: list[Round], missing: dict[Key, str] | None = None) -> Measured:
    """A measurement that consists of these rounds."""
    return Measured(
        size=QUICK,
        rounds=rounds,
        figures=figures(rules.RULES, rounds, missing or {}),
        missing=missing or {},
        score_differences={TF: 0.0},
        same_best={Peer.ONNX: 0.9},
        steps={(rules.SMALL, TF): {"read": 0.001, "predict": 0.003}},
        usages={},
        images={TF: 2_000_000_000, LITERT: 200_000_000},
    )


def test_a_ratio_is_the_median_of_ratios_within_a_round() -> None:
    """A slow round is slow for both: 5, 3 and 2 times make 3; the medians' ratio would be 2."""
    rounds = [a_round(20, 100, 1), a_round(100, 300, 1), a_round(75, 150, 1)]
    naive = [rule for rule in rules.RULES if rule.name.endswith("times the naive loop")]
    small, _ = figures(naive[:1], rounds, {})
    assert list(small.values) == [5, 3, 2]
    assert small.median == 3


@pytest.mark.parametrize(
    ("bound", "value", "met"),
    [
        (Bound(value=4), 4, True),
        (Bound(value=4), 3.999, False),
        (Bound(value=5, most=True), 5, True),
        (Bound(value=5, most=True), 5.001, False),
        (Bound(value=5, most=True), float("nan"), False),
    ],
)
def test_a_figure_at_its_bound_meets_it(bound: Bound, value: float, *, met: bool) -> None:
    """At the bound a figure is good enough; beyond it, or without being a number, it is not."""
    assert bound.met_by(value) is met


def test_a_figure_that_misses_its_bound_is_reported_with_both() -> None:
    """Before rounding: 3.96 is not shown as 4.0."""
    measurement = measured([a_round(1000, 1296, 2000)]).problems
    assert measurement[0] == (
        "small JPEGs from a folder, times the best peer, TensorFlow: got 1.296x, "
        "expected at least 1.300x"
    )


def test_the_best_peer_is_the_fastest_one_with_the_same_pixels() -> None:
    """300 against tf.data's 200 make 1.5, whatever Keras and ONNX Runtime do."""
    samples = a_round(100, 300, 500)
    samples[rules.SMALL, Peer.TF_DATA] = sample(200)
    samples[rules.SMALL, Peer.ONNX] = sample(1000)
    tensorflow, litert = figures(rules.RULES[:1], [samples], {})
    assert (tensorflow.median, litert.median) == (1.5, 2.5)


def test_the_share_of_the_limit_is_a_figure_with_a_goal() -> None:
    """Two cores, 4 ms of steps for each picture: 500 a second, of which 320 are 64 %."""
    steps_by_key: dict[Key, Steps] = {
        (rules.SMALL, engine): {"read": 0.001, "predict": 0.003} for engine in Engine
    }
    rule = rules.of_the_limit(steps_by_key, 2)
    tensorflow, litert = figures([rule], [a_round(1, 320, 451)], {})
    assert tensorflow.median == pytest.approx(64)
    assert "got 64.0 %, expected at least 90.0 %" in tensorflow.problem
    assert litert.problem == ""


def test_a_figure_without_a_subject_is_reported_with_the_reason() -> None:
    """It is a problem even in a smoke run, which checks no goals."""
    samples = a_round(1, 100, 100)
    del samples[rules.REDUCED, LITERT]
    missing: dict[Key, str] = {(rules.REDUCED, LITERT): "no archive"}
    measurement = replace(
        measured([samples]), figures=figures(without_bounds(rules.RULES), [samples], missing)
    )
    assert measurement.problems == [
        "16 MP JPEGs, reduced scale, times the naive loop, LiteRT: not measured: no archive"
    ]


def test_a_fleet_costs_what_its_only_machine_takes_longer() -> None:
    """97 pictures a second in place of 100: 3.1 % more time for each, above the goal."""
    samples = a_round(1, 100, 100)
    samples[rules.OF_FLEET, TF] = sample(97)
    (rule,) = (each for each in rules.RULES if "fleet" in each.name)
    tensorflow, litert = figures([rule], [samples], {})
    assert tensorflow.median == pytest.approx(100 * 3 / 97)
    assert "expected at most 3" in tensorflow.problem
    assert (litert.median, litert.problem) == (0, "")


def test_an_image_of_unknown_size_is_reported() -> None:
    """An unknown size is a problem."""
    result = replace(measured([a_round(1, 100, 100)]), images={LITERT: "no lock"}, figures=[])
    assert result.problems == ["size of the image, LiteRT: not measured: no lock"]


def test_a_round_without_a_subject_is_left_out_of_its_figure() -> None:
    """The figure uses the rounds that have all its samples."""
    short = {key: each for key, each in a_round(1, 9, 9).items() if key[0] != rules.MANY}
    grown = next(rule for rule in rules.RULES if "memory" in rule.name)
    figure, _ = figures([grown], [a_round(1, 9, 9), short], {})
    assert (list(figure.values), figure.missing) == ([0], "")


def test_every_subject_runs_once_in_a_round() -> None:
    """In the order of the plan, round after round; one that is missing is left out."""
    ran: list[str] = []

    def subject(name: str, **others: Any) -> Subject:
        def run() -> Sample:
            ran.append(name)
            return sample(1)

        return Subject(key=(name, NAIVE), run=run, **others)

    subjects_to_run = [
        subject("a"),
        subject("b", rounds=1),
        subject("c", missing="none"),
        subject("d"),
    ]
    rounds = run_rounds(subjects_to_run, 2, lambda _: None)
    assert ran == ["a", "b", "d", "a", "d"]
    assert [[what for what, _ in each] for each in rounds] == [["a", "b", "d"], ["a", "d"]]


def test_the_document_shows_figures_goals_and_gaps() -> None:
    """A figure with its spread and its goal; a missed one is marked, a missing one has a reason."""
    rounds = [a_round(100, 120, 700), a_round(100, 124, 900)]
    for each in rounds:
        del each[rules.LARGE, LITERT]
    text = report.text(measured(rounds, {(rules.LARGE, LITERT): "no archive"}), MACHINE)
    assert (
        "| small JPEGs from a folder, times the best peer | **1.22x (1.20 to 1.24): missed** "
        "| 8.00x (7.00 to 9.00) | ≥ 1.3x / ≥ 2x |" in text
    )
    assert "| **1.2x (1.2 to 1.2): missed** | not measured: no archive | ≥ 1.8x |" in text
    rows = [f"| small, folder | {who} | 100.0 | 10.00 | 0 | 1.00 |  |  |" for who in (NAIVE, *Peer)]
    assert "\n".join(rows) in text
    assert "2026-11-24, 2 cores (a),\nload 0.1 at the start. Python 3." in text


def test_the_document_shows_the_limit_and_how_much_of_it_is_reached() -> None:
    """Two cores, 4 ms of steps for each picture: 500 a second, of which 320 are 64 %."""
    text = report.text(measured([a_round(100, 320, 700)]), MACHINE)
    assert (
        """
| processor ms each | small, folder, TensorFlow |
|---|---|
| read | 1.00 |
| predict | 3.00 |
| together | 4.00 |
| so at most, pictures/s | 500.0 |
| measured | 320.0 |
| of the limit | 64 % |
"""
        in text
    )


def test_the_threads_of_a_run_are_told_apart() -> None:
    """By process, by who predicts, by name; from the loaded model to the last result."""
    root, decoder, engine, download = 10, 20, 11, 12
    used = {
        (root, root, "python"): 3.0,
        (decoder, decoder, "python"): 1.5,
        (root, engine, "python"): 0.5,
        (root, 13, "tf_Compute"): 0.5,
        (root, download, "python"): 0.25,
    }
    times = {"loaded": 1.0, "predicted": 1.5, "last": 4.5, "done": 5.0, "predicting": [engine]}
    main = root, root, "python"
    samples = [
        (0.5, root, {main: 0.0}),
        (0.9, root, {main: 1.75}),
        (1.1, root, {main: 2.25}),
        (5.0, root, used),
        (6.0, root, {each: 2 * seconds for each, seconds in used.items()}),
    ]
    usage = by_thread.usage(samples, times, 1000)
    assert usage.each == pytest.approx(
        {"decoders": 0.0015, "engine": 0.001, "downloads": 0.00025, "main thread": 0.001}
    )
    assert (usage.cores, usage.first, usage.last) == pytest.approx((3.75 / 4, 0.5, 0.5))
    steps_of_it = {step: 0.0001 for names in by_thread.GROUPS.values() for step in names}
    table = by_thread.usage_table(
        {("small", "TF"): usage}, {("small", "TF"): steps_of_it | {"record": 0.0002}}
    )
    assert "| decoders: header, libjpeg-turbo, resize | 1.50 (0.30) |" in table
    assert "| main thread: record | 1.00 (0.20) |" in table


def test_the_threads_of_a_real_run_are_watched(tmp_path: Path) -> None:
    """On the demonstration model: each group uses some time."""
    folder = pictures.make(pictures.SMALL, 16, tmp_path)
    usage = by_thread.measure(ARCHIVES[LITERT], folder, 320)
    assert all(seconds > 0 for seconds in usage.each.values())
    assert usage.first > 0
    assert usage.last > 0


def test_each_step_of_a_picture_is_measured(tmp_path: Path) -> None:
    """By the workload's own code, on the demonstration model."""
    folder = pictures.make(pictures.SMALL, 16, tmp_path)
    seconds_by_step = steps.on_all_cores(ARCHIVES[LITERT], folder, 16)
    names = ["read", "SHA-256", "header", "libjpeg-turbo", "resize", "predict", "record"]
    assert list(seconds_by_step) == names
    assert all(seconds > 0 for step, seconds in seconds_by_step.items() if step != "resize")


def test_bars_are_as_long_as_rates() -> None:
    """Well-formed XML, a bar for each choice in proportion to its rate, a gap is written out."""
    samples = a_round(100, 300, 900)
    del samples[rules.SMALL, Peer.ONNX]
    root = ET.fromstring(chart.svg([samples], 2))  # noqa: S314  our own
    space = "{http://www.w3.org/2000/svg}"
    ours, others = (
        [
            float(each.get("width", 0))
            for each in root.iter(f"{space}rect")
            if each.get("fill") == it
        ]
        for it in (chart.OURS, chart.OTHERS)
    )
    assert (len(ours), len(others)) == (2, 3)
    assert [ours[1] / each for each in (ours[0], *others)] == pytest.approx([3, 9, 9, 9], rel=0.01)
    assert [each.text for each in root.iter(f"{space}text")].count("not measured") == 1


def test_a_measurement_of_small_pictures_runs_nothing_else() -> None:
    """No large picture and no cloud: each subject reads small files from a folder."""
    inputs = Inputs(
        size=SMALL_ONLY,
        small=Path(),
        large=Path(),
        unpacked=Path(),
        reduced={},
        bench_cloud=BenchCloud(local=cast("LocalCloud", None), connection=Connection()),
        missing={Peer.ONNX: "no converter"},
    )
    subjects_to_run = all_subjects(inputs)
    assert {what.partition(",")[0] for (what, _) in (each.key for each in subjects_to_run)} == {
        "small",
        "one picture",
    }
    assert [each.key[1] for each in subjects_to_run if each.missing] == [Peer.ONNX]


def test_peers_with_the_same_pixels_classify_like_the_naive_loop(tmp_path: Path) -> None:
    """The demonstration's JPEGs, in the order of names, by the SavedModel."""
    model, jpegs = tmp_path / "model", tmp_path / "jpegs"
    archive.unpack(ARCHIVES[TF], model)
    jpegs.mkdir()
    for path in DEMONSTRATION.glob("*.jpg"):
        (jpegs / path.name).symlink_to(path)
    count = len(list(jpegs.iterdir()))
    naive = local.answers("bench.naive", model, jpegs, count)
    for peer in EXACT_PEERS:
        records = local.answers(MODULES[peer], model, jpegs, count)
        assert agreement.check(records, naive, peer) < agreement.TOLERANCE
        assert [each["name"] for each in records] == [each["name"] for each in naive]


def test_a_model_that_cannot_be_converted_is_a_missing_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the output of what failed; the other subjects run."""
    model = tmp_path / "model"
    archive.unpack(ARCHIVES[TF], model)
    monkeypatch.setattr(conversion, "PACKAGES", tmp_path / "none.txt")
    (tmp_path / "none.txt").write_text("no-such-package-at-all==1 --hash=sha256:00\n")
    missing = missing_peers(model, tmp_path)
    assert "could not be converted" in missing[Peer.ONNX]


@pytest.mark.parametrize(("best", "same"), [((1, 0), 1.0), ((0, 1), 0.5)])
def test_a_peer_with_another_resize_is_compared_by_its_best_classes(
    best: tuple[int, int], same: float
) -> None:
    """Scores may differ; a best class that differs is an error, and counts in the share."""
    first, second = best
    naive = [record((1, 0.9), (0, 0.1)), record((0, 0.8), (1, 0.2))]
    others = [record((1, 0.6), (0, 0.4)), record((second, 0.7), (first, 0.3))]
    assert agreement.same_best(others, naive) == same
    if same < 1:
        with pytest.raises(DisagreementError, match=r"another best class .* file\.jpg"):
            agreement.check_best(others, naive, "a peer")
    else:
        agreement.check_best(others, naive, "a peer")


def test_a_picture_is_the_same_every_time() -> None:
    """Number 7 has the same bytes again, and others than number 8."""
    seven, again, eight = (pictures.picture(pictures.SMALL, number) for number in (7, 7, 8))
    assert seven == again != eight
    assert seven.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([(1, 0.50001), (0, 0.5)], "file.jpg"),
        ([(0, 0.5002), (1, 0.49998)], "within 0.0001"),
    ],
)
def test_subjects_that_disagree_are_not_timed(scores: list[tuple[int, float]], words: str) -> None:
    """Another best class, or a difference of scores beyond the tolerance."""
    with pytest.raises(DisagreementError, match=words):
        agreement.check([record(*scores)], [record((0, 0.5), (1, 0.49998))], "LiteRT")


def test_the_largest_difference_of_two_subjects_is_reported() -> None:
    """The largest difference of a score that both list."""
    workload_record, naive = record((0, 0.60003), (1, 0.4)), record((0, 0.6), (2, 0.4))
    assert agreement.check([workload_record], [naive], "LiteRT") == pytest.approx(3e-5)


def record(*scores: tuple[int, float]) -> dict[str, Any]:
    """A record of results."""
    top = [{"classIndex": index, "score": score} for index, score in scores]
    return {"name": "file.jpg", "topK": top}


def test_a_folder_lists_more_pictures_than_it_has(tmp_path: Path) -> None:
    """Each under further names, in the order of names, with the same bytes."""
    for name in ("b", "a"):
        (tmp_path / name).write_text(name)
    folder = Folder(path=tmp_path, count=5)
    listed = list(folder.pictures())
    names = [each.name for each in listed]
    assert names == sorted(names) == ["0000-a", "0000-b", "0001-a", "0001-b", "0002-a"]
    assert [folder.read(each, 1) for each in listed] == [b"a", b"b", b"a", b"b", b"a"]


def test_times_come_from_the_requests_to_the_cloud() -> None:
    """From the first listing after the model's download to the last result."""
    listing = f"/storage/v1/b/{projects.PICTURES}/o"
    results = f"/upload/storage/v1/b/{projects.RESULTS}/o"
    requests = [
        Request(method="POST", path=results, arrived=1, answered=2),
        Request(method="GET", path=listing, arrived=2, answered=3),
        Request(method="POST", path="/v1/token", arrived=3, answered=4),
        Request(
            method="GET",
            path=f"/download/storage/v1/b/{projects.MODELS}/o/m",
            arrived=5,
            answered=6,
        ),
        Request(method="GET", path=listing, arrived=7, answered=8),
        Request(method="POST", path=results, arrived=9, answered=10),
        Request(method="POST", path=results, arrived=11, answered=12),
    ]
    assert moments(requests) == (7, 12, 10, 3)


def test_the_time_of_a_fleet_is_from_its_pull_to_its_acknowledgement() -> None:
    """The listing of a slice comes after the pull, and its records before the end."""
    model = f"/download/storage/v1/b/{projects.MODELS}/o/m"
    requests = [
        Request(method=method, path=path, arrived=at, answered=at + 0.5)
        for at, (method, path) in enumerate(
            [
                ("POST", "/v1/token"),
                ("GET", model),
                ("POST", f"/v1/{projects.SUBSCRIPTION}:pull"),
                ("GET", f"/storage/v1/b/{projects.PICTURES}/o"),
                ("POST", f"/upload/storage/v1/b/{projects.RESULTS}/o"),
                ("POST", f"/v1/{projects.SUBSCRIPTION}:acknowledge"),
                ("POST", f"/v1/{projects.SUBSCRIPTION}:pull"),
            ]
        )
    ]
    assert moments(requests) == (2, 5.5, 4.5, 0)


def test_memory_includes_child_processes() -> None:
    """A child's 50 MB count for its parent."""
    code = f"held = b'x' * 50_000_000; {HOLD}"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"
    with _held(outer) as running:
        assert process.memory(running.pid, set()) > 50_000_000


def test_processor_time_includes_children_that_run_and_that_ended() -> None:
    """0.25 s of a child that runs, and 0.25 s of one that was waited for.

    0.1 s less may be seen: the kernel cuts each of a process's times to whole ticks of 0.01 s.
    """
    busy = "import time\nwhile time.process_time() < 0.25: pass\n"
    code = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {busy!r}])\n"
        f"subprocess.run([sys.executable, '-c', {busy + HOLD!r}])"
    )
    with _held(code) as running:
        assert 0.4 <= process.cpu(running.pid) < 2


def test_a_forked_process_is_not_counted_twice() -> None:
    """Between fork and exec, a child shares its parent's memory."""
    code = f"import os; held = b'x' * 50_000_000; os.fork() and os.read(0, 1) or exec({HOLD!r})"
    with _held(code) as it:
        assert 50_000_000 < process.memory(it.pid, set()) < 100_000_000


def test_a_process_that_works_without_exec_is_counted() -> None:
    """The run of the workload is one: its first process forks it, and only waits."""
    child = f"held = b'x' * 50_000_000; {HOLD}"
    code = f"import os; os.fork() and os.wait() or exec({child!r})"
    with _held(code) as it:
        forked: set[int] = set()
        assert process.memory(it.pid, forked) < 50_000_000
        assert process.memory(it.pid, forked) > 50_000_000


def test_a_failed_process_is_an_error_with_its_output(tmp_path: Path) -> None:
    """The error holds its output."""
    command = [sys.executable, "-c", "import sys; print('why'); sys.exit(3)"]
    with pytest.raises(process.FailedError, match="got exit code 3: why"):
        process.run(command, {}, tmp_path)


def test_a_process_is_killed_at_its_deadline(tmp_path: Path) -> None:
    """With an error."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    with pytest.raises(process.FailedError, match="got no end within 0 s"):
        process.run(command, {}, tmp_path, deadline=0)


def test_a_package_that_is_not_installed_is_an_error() -> None:
    """The size of an image is not guessed."""
    lock = "numpy==2.4.6 \\\n    --hash=sha256:aa\nno-such-package==1 ; python_version < '4'\n"
    assert image.names(lock) == ["numpy", "no-such-package"]
    assert image.installed(["numpy"]) > 1_000_000
    with pytest.raises(image.NotInstalledError, match="no-such-package is not installed here"):
        image.installed(image.names(lock))


def _held(code: str) -> subprocess.Popen[str]:
    """A program that has printed "ready", and waits until its standard input is closed."""
    running = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "ready\n"
    return running
