"""Every command of docs/tour.md, in its order, on the real engine and the local cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from rehearsal.repository import REPOSITORY
from tests.engine.deployed_stacks import of_working_tree, type_line
from tests.engine.page_blocks import blocks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine

PAGE: Final = (REPOSITORY / "docs" / "tour.md").read_text()

REFUSED: Final = "its memory is encrypted by hardware"


def test_the_page_can_be_followed_to_its_end(tmp_path: Path, pulumi_cli: Path) -> None:
    """Two runs give results, the one between is refused by the clause on the page; all is gone."""
    with of_working_tree(tmp_path, pulumi_cli) as deployed:
        deployed.workspace.create_stacks()
        printed = [
            type_line(
                deployed.workspace,
                block.company,
                block.commands,
                code=block.code,
                PYTHONPATH=str(REPOSITORY),
            )
            for block in blocks(PAGE)
        ]
        assert not deployed.local.cloud.buckets
        assert not deployed.local.cloud.service_accounts
    assert "primus-sa@primus-models" in printed[0]
    results = [output for output in printed if "predicted" in output]
    assert len(results) == 2
    (why,) = (output for output in printed if "1 of 17 clauses is not met" in output)
    for words in (f"✗ │ {REFUSED}", 'expected    "GCP_INTEL_TDX"', 'got         "GCP_AMD_SEV"'):
        assert words in why
