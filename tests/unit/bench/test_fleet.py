"""The simulation of fleets, held against arithmetic that can be done by hand."""

from __future__ import annotations

import sys
from math import inf
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from bench import cost
from bench.fleet import chart, command, costs, facts, report
from bench.fleet.capacity import Capacity
from bench.fleet.facts import Origin
from bench.fleet.setting import WARM, Setting
from bench.fleet.simulation import Fleet, Outcome, run
from bench.fleet.works import MACHINES, Work, works
from bench.subjects import Engine

if TYPE_CHECKING:
    from pathlib import Path

    from simpy.events import ProcessGenerator

WITHOUT_LIMITS = {
    "reads": inf,
    "writes": inf,
    "bandwidth": inf,
    "pulls": inf,
    "attestations": inf,
    "exchanges": inf,
    "credentials": inf,
    "registry": inf,
    "creations": inf,
    "reads_doubling": inf,
}
READY = 60 + 120 + 100 + 10
"""Until the first machine has its model: the backlog is sampled and seen, boot, start."""
SLICE = 10 + 1
"""Seconds of 1,000 pictures at 100 a second, and the end of the slice."""
BENCH = """\
| small, cloud, 30 ms | TensorFlow | 400.0 | 5.5 | 800 | 4.50 | 2.5 |  | 0.8 |
| small, cloud, 30 ms | LiteRT | 500.0 | 5.5 | 800 | 1.50 | 2.5 |  | 0.8 |
| 16 MP, folder | TensorFlow | 40.0 | 60.0 | 1060 | 3.36 |  |  |
| 16 MP, folder | LiteRT | 50.0 | 60.0 | 1060 | 3.36 |  |  |

| TensorFlow | LiteRT |
|---|---|
| 1,500 MB | 167 MB |
"""


def setting(**others: float) -> Setting:
    """Ten slices of 1,000 pictures on one machine that takes 100 a second, without any limit."""
    values: dict[str, Any] = {
        "pictures": 10_000,
        "machines": 1,
        "zones": 1,
        "pictures_per_slice": 1000,
        "rate": 100,
        "picture_bytes": 0,
        "image_bytes": 0,
        "boot": 100,
        "start": 10,
        "latency": 0,
        "slice_seconds": 1,
        "delivered_twice": 0,
        "grace": 30,
        **WITHOUT_LIMITS,
    }
    return Setting(**{**values, **others})


def stopped(at: float, *, noticed: bool) -> Outcome:
    """The job of `setting`, whose machine is preempted at that moment."""
    fleet = Fleet(setting())

    def preempt() -> ProcessGenerator:
        yield fleet.env.timeout(at)
        (machine,) = fleet.groups[0]._machines
        machine.stop(noticed=noticed)

    fleet.env.process(preempt())
    return fleet.run()


def test_one_machine_takes_its_start_and_its_slices() -> None:
    """180 s until the backlog is seen, 110 s to start, ten slices of 11 s: 400 s."""
    assert run(setting()).seconds == pytest.approx(READY + 10 * SLICE)


def test_a_machine_is_paid_until_the_autoscaler_has_forgotten_the_backlog() -> None:
    """The last backlog is seen at 480 s and counts until 1,080 s; the next look is at 1,140 s.

    On from 180 s to 1,140 s, and 30 s to stop.
    """
    assert run(setting()).machine_seconds == pytest.approx(1140 - 180 + 30)


def test_what_machines_did_adds_up() -> None:
    """Of one machine: each second has one name."""
    spent = run(setting()).spent
    assert {what: seconds for what, seconds in spent.items() if seconds} == {
        "boot and pull": pytest.approx(100),
        "release of the model": pytest.approx(10),
        "work": pytest.approx(100),
        "ends of slices": pytest.approx(10),
        "idle": pytest.approx(1140 - 400),
        "stop": pytest.approx(30),
    }


def test_ten_machines_do_ten_times_as_much_in_the_same_time() -> None:
    """Nothing is shared, so nothing is lost."""
    outcome = run(setting(pictures=100_000, machines=10, backlog_per_machine=1))
    assert outcome.seconds == pytest.approx(READY + 10 * SLICE)
    assert outcome.most == 10


def test_the_image_is_pulled() -> None:
    """500 MB at 100 MB/s: 5 s."""
    assert run(setting(image_bytes=500e6)).seconds == pytest.approx(READY + 5 + 10 * SLICE)


def test_the_next_slice_is_listed_while_one_is_at_work() -> None:
    """Only the first listing takes time: one page of 2 s."""
    assert run(setting(latency=2)).seconds == pytest.approx(READY + 2 + 10 * SLICE)


def test_a_quota_of_reads_caps_four_machines() -> None:
    """They ask for 400 a second and get 100: 40,000 pictures and 40 lists take 400.4 s.

    Four machines wait for what is no work of one, until some have nothing left to do.
    """
    outcome = run(setting(pictures=40_000, machines=4, backlog_per_machine=1, reads=100))
    assert outcome.seconds == pytest.approx(READY + 400.4 + 1, abs=1)
    waited = outcome.spent["wait for reads of the bucket"]
    assert waited == pytest.approx(4 * 400 - 400, rel=0.1)


def test_bandwidth_caps_as_requests_do() -> None:
    """1 MB each at 50 MB a second: half of the machine's rate."""
    outcome = run(setting(picture_bytes=1e6, bandwidth=50e6))
    assert outcome.seconds == pytest.approx(READY + 10 * (20 + 1))


def test_attestation_is_a_queue_of_machines() -> None:
    """Two requests each at one a second: the fifth machine starts 10 s late.

    The first two hold two of the five slices each by then, so the second one ends last.
    """
    outcome = run(setting(pictures=5000, machines=5, backlog_per_machine=1, attestations=1))
    assert outcome.seconds == pytest.approx(READY + 4 + 2 * SLICE)
    assert outcome.spent["wait for attestation"] == pytest.approx(2 + 4 + 6 + 8 + 10)


def test_a_preemption_in_the_middle_costs_half_a_slice() -> None:
    """With notice: 5 s of work, 30 s until the machine is off, and 110 s for the next one."""
    outcome = stopped(READY + 2 * SLICE + 5, noticed=True)
    assert outcome.spent["work that is lost"] == pytest.approx(5)
    assert outcome.seconds == pytest.approx(READY + 10 * SLICE + 5 + 30 + 110)


def test_without_notice_the_lease_runs_out_first() -> None:
    """The other slices wait for nothing, the two that were held for 60 s, and 10 s of back-off."""
    outcome = stopped(READY + 9 * SLICE + 5, noticed=False)
    assert outcome.spent["work that is lost"] == pytest.approx(5)
    assert outcome.seconds == pytest.approx(READY + 10 * SLICE + 5 + 110)
    fleet = Fleet(setting())
    message: Any = fleet.subscription.pull().value
    fleet.subscription.give_back(message, noticed=False)
    fleet.env.run(until=69.9)
    assert message not in fleet.subscription._ready
    fleet.env.run(until=70.1)
    assert message in fleet.subscription._ready


def test_every_slice_is_done_exactly_once() -> None:
    """Half of the messages come twice, and a machine lives for two minutes: one record a slice."""
    outcome = run(
        setting(pictures=99_500, machines=9, zones=3, preemptions=30, delivered_twice=0.5)
    )
    assert outcome.preemptions > 20
    assert outcome.dead == []
    assert set(outcome.records) == set(range(100))
    assert set(outcome.records.values()) == {1}
    assert 30 < outcome.refused < 70


def test_what_always_fails_ends_among_the_dead_letters() -> None:
    """A slice of 1,000 s on machines that live for a minute; no record, and an end."""
    outcome = run(setting(pictures=1000, rate=1, preemptions=60))
    assert outcome.dead == [0]
    assert not outcome.records


def test_the_sixth_delivery_is_the_last_one() -> None:
    """After 10, 20, 40, 80 and 160 s of back-off: 310 s."""
    fleet = Fleet(setting(pictures=1000))
    pulled: Any = fleet.subscription.pull()
    for _ in range(5):
        fleet.subscription.give_back(pulled.value, noticed=True)
        assert fleet.subscription.dead == []
        pulled = fleet.subscription.pull()
        fleet.env.run(until=pulled)
    assert fleet.env.now == pytest.approx(310)
    fleet.subscription.give_back(pulled.value, noticed=True)
    assert fleet.subscription.dead == [0]
    assert fleet.subscription.unacknowledged == 0


def test_the_same_seed_gives_the_same_outcome() -> None:
    """Preemptions and second deliveries included; another seed gives another one."""
    lively = {"pictures": 100_000, "machines": 9, "preemptions": 10, "delivered_twice": 0.1}
    assert run(setting(**lively)) == run(setting(**lively))
    assert run(setting(**lively)) != run(setting(**lively, seed=18))


def test_the_autoscaler_asks_for_a_machine_for_so_many_messages() -> None:
    """100 messages, one machine for 4, in three zones: 9 each, as 100 / 12 is rounded up."""
    assert run(setting(pictures=100_000, machines=1000, zones=3)).most == 27


def test_the_first_zones_get_the_remainder() -> None:
    """As the program divides `fleet.mostMachines`."""
    assert [setting(machines=8, zones=3).most_in(zone) for zone in range(3)] == [3, 3, 2]


def test_a_capacity_lets_requests_through_one_after_the_other() -> None:
    """10 a second: 20 requests take 2 s, and 10 more that ask meanwhile another one."""
    capacity = Capacity("any", 10)
    assert capacity.admit(0, 20) == pytest.approx(2)
    assert capacity.admit(1, 10) == pytest.approx(3)
    assert capacity.admit(9, 10) == pytest.approx(10)


def test_a_capacity_that_doubles() -> None:
    """5,000 a second that double in 20 minutes: 8.656 million in the first 20 minutes.

    5,000 x 1,200 / ln 2; with twice as many in the next 20 minutes.
    """
    assert Capacity("any", 5000, 1200).admit(0, 8_656_170) == pytest.approx(1200, abs=0.01)
    assert Capacity("any", 5000, 1200).admit(7, 3 * 8_656_170) == pytest.approx(2407, abs=0.01)


def test_a_job_pays_for_machines_and_requests() -> None:
    """990 s of a machine with its disk; ten lists and ten records; 10,000 reads."""
    outcome = run(setting())
    machine = 990 / 3600 * (0.1013236 + 20 * 0.000136986)
    requests = 20 * 0.005 / 1000 + 10_000 * 0.0004 / 1000
    assert costs.dollars(outcome) == pytest.approx(machine + requests)
    assert costs.per_million(outcome) == pytest.approx(100 * (machine + requests))


def test_spot_takes_its_discount_from_the_machine_only() -> None:
    """60 % of 0.084492 less; the surcharge and the disk cost the same."""
    assert costs.hour(spot=False) - costs.hour(spot=True) == pytest.approx(0.6 * 0.084492)


def test_a_stream_pays_for_a_record_and_a_message_a_picture() -> None:
    """A million uploads at 0.005 and reads at 0.0004 a thousand; 4 GB of messages at 40 a TiB."""
    requests, messages = costs.stream_million()
    assert requests == pytest.approx(5.4)
    assert messages == pytest.approx(4e9 / 2**40 * 40)


def test_every_fact_is_on_the_page_with_its_origin() -> None:
    """What is published has a link, what is assumed a reason."""
    used = {each for each in vars(facts).values() if isinstance(each, facts.Fact)}
    assert used == set(facts.EVERY)
    for each in facts.EVERY:
        assert each.source.startswith("https://docs.cloud.google.com/") == (
            each.origin is Origin.PUBLISHED
        )
        assert each.source


def test_the_rates_are_those_of_the_page_of_figures() -> None:
    """Both kinds of pictures, both engines; the time to start is that of the small ones."""
    found = [*works(BENCH)]
    assert [(each.name, each.rate, each.start, each.image) for each in found] == [
        ("small, TensorFlow", 400.0, 4.5, 1500e6),
        ("small, LiteRT", 500.0, 1.5, 167e6),
        ("16 MP, TensorFlow", 40.0, 4.5, 1500e6),
        ("16 MP, LiteRT", 50.0, 1.5, 167e6),
    ]


def test_a_page_without_sizes_of_images_is_refused() -> None:
    """The message names the table."""
    with pytest.raises(ValueError, match=r"no table \| TensorFlow \| LiteRT \| with sizes"):
        [*works(BENCH.replace("MB |", "GB |"))]


@pytest.fixture(scope="module")
def found() -> list[Work]:
    """The works of the page of figures as it is."""
    return [*works((cost.DOCS / "bench.md").read_text())]


@pytest.fixture(scope="module")
def small_jobs(found: list[Work]) -> report.Scaling:
    """Jobs of a million pictures, on fleets of each size."""
    return {
        (work.name, machines): run(work.setting(machines, 1_000_000, WARM))
        for work in found
        for machines in MACHINES
    }


def test_the_plot_has_a_point_for_each_fleet(found: list[Work], small_jobs: report.Scaling) -> None:
    """Two kinds of pictures, two curves each, and no point outside."""
    drawn = ET.fromstring(chart.svg(found, small_jobs, small_jobs))  # noqa: S314  our own text
    _, _, width, height = (float(each) for each in drawn.attrib["viewBox"].split())
    points = drawn.findall("{*}circle")
    assert len(points) == 2 * 2 * len(MACHINES)
    for point in points:
        assert 0 < float(point.attrib["cx"]) < width
        assert 0 < float(point.attrib["cy"]) < height


def test_efficiency_is_against_one_machine(found: list[Work], small_jobs: report.Scaling) -> None:
    """One machine has 100 %; ten have a tenth of what their rate is as a multiple of its."""
    work = found[0]
    one, ten = (small_jobs[work.name, machines] for machines in (1, 10))
    assert report.efficiency(work, small_jobs, 1) == 1
    assert report.efficiency(work, small_jobs, 10) == pytest.approx(one.seconds / ten.seconds / 10)


def test_what_machines_do_beside_work_is_told_by_its_share() -> None:
    """Of 990 s: 740 idle, 100 for boot; the end of slices, 10, is the fifth."""
    assert report.beside_work(run(setting())) == "idle 75 %, boot and pull 10 %"


@pytest.mark.parametrize("zones", [1, 3])
def test_a_message_alone_starts_a_machine_in_every_zone(found: list[Work], zones: int) -> None:
    """Each autoscaler rounds up; so with three zones it costs three times as much."""
    alone = [costs.dollars(run(found[0].setting(each, 1))) for each in (1, zones)]
    assert run(found[0].setting(zones, 1)).most == zones
    assert alone[1] == pytest.approx(zones * alone[0], rel=0.01)


def test_the_page_has_the_tables_of_the_script(found: list[Work]) -> None:
    """Those that need no long simulation, and one that does; the others are written with them."""
    page = command.PAGE.read_text()
    assert report.limits(found) in page
    assert report.standing(found[0]) in page
    assert report.slices([work for work in found if work.engine is Engine.TENSORFLOW]) in page
    for line in report.sources([*facts.EVERY]).splitlines():
        assert line in page


def test_the_tables_and_the_plot_are_written(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: list[Work],
    small_jobs: report.Scaling,
) -> None:
    """In place of those with the same headings."""
    monkeypatch.setattr(report, "scaling", lambda *_, **__: small_jobs)
    monkeypatch.setattr(report, "JOBS", (10_000,))
    monkeypatch.setattr(report, "slices", lambda _: "| pictures per slice |\n|---|\n| new |")
    page, plot = tmp_path / "fleet.md", tmp_path / "fleet.svg"
    page.write_text(command.PAGE.read_text().replace("| pictures per slice |", "| none |"))
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "PLOT", plot)
    monkeypatch.setattr(sys, "argv", ["fleet", "--write"])
    with pytest.raises(ValueError, match="without the table"):
        command.main()
    headings = [each.partition("\n")[0] for each in report.tables(found, small_jobs, small_jobs)]
    page.write_text("\n".join(f"\n{each}\n| old |\n" for each in headings) + "\n")
    command.main()
    assert "| old |" not in page.read_text()
    assert plot.read_text().startswith("<svg")
