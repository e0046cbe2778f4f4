"""The pages of a deployment: roles, costs, and no block of commands that nothing checks."""

from __future__ import annotations

import re
from typing import Final

import pytest

from bench import cost
from infra.components import pinned_machine
from ops.doctor.project import OF_A_FLEET, ROLES
from rehearsal.companies import COMPANIES
from rehearsal.repository import REPOSITORY
from tests.fixtures.locked import versions

DOCS: Final = REPOSITORY / "docs"
PAGES: Final = ("first-deployment.md", "deploy-primus.md", "deploy-secundus.md")
CHECKED: Final = re.compile(r"sh (google|(primus|secundus)( exit \d)?)|text")
FIRST: Final = (DOCS / PAGES[0]).read_text()


def unchecked(page: str) -> list[str]:
    """What stands behind the fences that begin a block which no test reads."""
    opening = re.findall(r"^ *```(.*)\n(?:.*\n)*?^ *```$", page, re.MULTILINE)
    return [info for info in opening if not CHECKED.fullmatch(info)]


@pytest.mark.parametrize("name", PAGES)
def test_every_block_of_commands_says_who_types_it(name: str) -> None:
    """A company, by a test; or a person on Google Cloud."""
    assert unchecked((DOCS / name).read_text()) == []


@pytest.mark.parametrize("info", ["sh", "", "bash", "sh tertius", "sh google exit"])
def test_a_block_that_no_test_reads_is_found(info: str) -> None:
    """Also behind one that is read."""
    assert unchecked(f"```sh primus\na\n```\n\n```{info}\nb\n```\n") == [info]


@pytest.mark.parametrize("company", COMPANIES)
def test_the_table_of_roles_is_that_of_the_rehearsal_and_of_the_doctor(company: str) -> None:
    """The deployers of the local cloud hold exactly the roles that a person is told to get."""
    rows = re.findall(r"^\| `(roles/[\w.]+)` \| (\w+) \| ", FIRST, re.MULTILINE)
    named = sorted(role for role, of in rows if of in {company, "both"})
    assert named == sorted(COMPANIES[company].roles) == sorted(ROLES[company])


def test_what_a_fleet_needs_besides_is_in_the_table_of_roles() -> None:
    """Who deploys one machine needs no role for messages."""
    rows = re.findall(r"^\| `(roles/[\w.]+)` \| secundus, a fleet \| ", FIRST, re.MULTILINE)
    assert rows == list(OF_A_FLEET) == list(COMPANIES["secundus"].fleet_roles)


def test_the_number_of_packages_is_that_of_both_locks() -> None:
    """What `.venv` holds after the three lines."""
    page = (DOCS / "deploy-primus.md").read_text()
    locked = versions("requirements.txt") | versions("requirements-ops.txt")
    assert re.findall(r"install (\d+) packages", page) == [str(len(locked))]


def test_half_the_rate_costs_what_the_page_says() -> None:
    """On the machine whose two vCPUs are one core."""
    (said,) = re.findall(r"may take twice as long: less than (\d+) cent more", FIRST)
    for rate in cost.rates((DOCS / "bench.md").read_text()):
        slow = rate._replace(pictures=rate.pictures / 2)
        dollars = [cost.Run(cost.MACHINES[0], each, cost.PICTURES).dollars for each in (rate, slow)]
        assert 100 * (dollars[1] - dollars[0]) < int(said)


def test_the_disk_that_is_paid_is_the_one_that_is_deployed() -> None:
    """The computation of the costs has a number of its own."""
    assert cost.DISK_GIB == pinned_machine.DISK_GIB


def test_the_table_of_costs_is_the_computed_one() -> None:
    """The rates are those of docs/bench.md, the prices those of `bench.prices`."""
    rates = [*cost.rates((DOCS / "bench.md").read_text())]
    written = cost.tables(cost.PICTURES, rates)
    assert cost.updated(FIRST, written) == FIRST, f"run {cost.COMMAND}"
