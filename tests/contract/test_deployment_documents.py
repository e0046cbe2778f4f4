"""The pages of a deployment say which roles are needed."""

from __future__ import annotations

import re
from typing import Final

import pytest

from rehearsal.companies import COMPANIES
from rehearsal.repository import REPOSITORY

PAGE: Final = (REPOSITORY / "docs" / "deploy-primus.md").read_text()


@pytest.mark.parametrize(("column", "company"), [(1, "primus"), (2, "secundus")])
def test_the_roles_of_the_table_are_those_of_the_rehearsal(column: int, company: str) -> None:
    """The rehearsal's deployers hold exactly the roles that a real one is told to get."""
    table = PAGE.partition("| whoever deploys primus")[2].partition("\n\n")[0]
    rows = [row.split("|") for row in table.splitlines()[2:]]
    named = {role for row in rows for role in re.findall(r"`(roles/[^`]+)`", row[column])}
    assert named == set(COMPANIES[company].roles)
