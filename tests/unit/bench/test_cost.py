"""What a run costs, from rates and prices."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from bench import cost, prices
from bench.cost import MACHINES, Rate, Run

if TYPE_CHECKING:
    from pathlib import Path

SEV, TDX = MACHINES
BENCH = "| small, cloud, 30 ms | TensorFlow | 400.0 | 5.5 | 800 | 4.50 | 2.5 |  | 0.8 |\n"
LITERT = BENCH.replace("TensorFlow", "LiteRT").replace("400.0", "500.0")
PAGE = "\n".join(
    ["# Page", *(f"{each}\n| old |\n" for each in cost.tables(1, [Rate("x", 1, 1)])), "The end.\n"]
)


def test_an_hour_of_a_machine_is_its_price_and_the_surcharge() -> None:
    """Added by hand: 0.084492 + 2 x 0.005479 + 8 x 0.0007342, and the like for TDX."""
    assert SEV.hour == pytest.approx(0.1013236)
    assert TDX.hour == pytest.approx(0.2224888)


def test_a_run_pays_for_the_time_that_the_machine_is_on() -> None:
    """180 s to boot, 10 s to the first result, 100,000 at 100 a second, 120 s to stop."""
    run = Run(SEV, Rate("any", 100, 10), 100_000)
    assert run.hours == pytest.approx(1310 / 3600)
    assert run.dollars - run.requests == pytest.approx(1310 / 3600 * (0.1013236 + 20 * 0.000136986))


def test_a_run_pays_for_its_requests() -> None:
    """One read for each of 1,025 pictures and 3 parts; 3 parts, 2 lists and 4 objects more."""
    run = Run(SEV, Rate("any", 100, 10), 1025)
    assert run.requests == pytest.approx((9 * 0.005 + 1028 * 0.0004) / 1000)


def test_the_rates_are_those_of_the_page_of_figures() -> None:
    """Pictures a second and seconds to the first result, of both engines."""
    assert [*cost.rates(BENCH + LITERT)] == [
        Rate("TensorFlow", 400.0, 4.5),
        Rate("LiteRT", 500.0, 4.5),
    ]


def test_a_page_without_a_rate_is_refused() -> None:
    """The message names the row."""
    with pytest.raises(ValueError, match=r"no row \| small, cloud, 30 ms \| LiteRT \|"):
        [*cost.rates(BENCH)]


def test_a_table_takes_the_place_of_the_one_with_its_heading() -> None:
    """The rest of the page stays."""
    written = cost.tables(2, [Rate("y", 2, 2)])
    page = cost.updated(PAGE, written)
    assert all(each in page for each in written)
    assert "| old |" not in page
    assert page.startswith("# Page\n")
    assert page.endswith("\n\nThe end.\n")


def test_a_page_without_a_table_is_not_written() -> None:
    """The message has the table's heading."""
    with pytest.raises(ValueError, match=r"without the table '\| machine \| engine"):
        cost.updated("# Page\n", cost.tables(2, [Rate("y", 2, 2)]))


def test_every_price_is_on_the_page_with_its_source() -> None:
    """No price is used that a reader cannot check."""
    used = {each for each in vars(prices).values() if isinstance(each, prices.Price)}
    assert used == set(prices.EVERY)
    rows = cost.price_rows().splitlines()[2:]
    assert len(rows) == len(prices.EVERY)
    assert all("https://cloud.google.com/" in row for row in rows)


def test_a_rate_of_ones_own_takes_the_place_of_the_measured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the only one in the table then."""
    monkeypatch.setattr(sys, "argv", ["cost", "--pictures", "1000000", "--rate", "200"])
    cost.main()
    printed = capsys.readouterr().out
    assert "| n2d-standard-2, SEV | yours | 200 | 88 |" in printed
    assert "TensorFlow" not in printed
    assert "upload 1,000,000 pictures, once | $5.00" in printed


def test_the_tables_are_written_into_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the measured rates."""
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    monkeypatch.setattr(cost, "PAGE", page)
    monkeypatch.setattr(sys, "argv", ["cost", "--write"])
    cost.main()
    assert "upload 100,000 pictures, once | $0.50" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate", "0"], "got 0, expected a number above 0"),
        (["--rate", "nan"], "got nan, expected a number above 0"),
        (["--pictures", "-1"], "got -1, expected a number above 0"),
        (["--write", "--pictures", "5"], "got --write with --pictures or --rate"),
        (["--write", "--rate", "5"], "got --write with --pictures or --rate"),
    ],
)
def test_what_would_be_ignored_is_refused(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No table is computed for it."""
    monkeypatch.setattr(sys, "argv", ["cost", *arguments])
    with pytest.raises(SystemExit):
        cost.main()
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.out == ""
