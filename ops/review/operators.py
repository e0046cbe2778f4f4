"""Which operator a change is about, where a stack has several.

The program names the resources of an operator's release after it, and of the others it says so.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ops.review.change import Change

_OF_AN_OPERATOR: Final = re.compile(
    r"primus-operator-(?P<release>.+)-(attestation|model-reader)(-.*)?"
    r"|primus-model-operator-(?P<reading>.+)-reader-[0-9a-f]{12}"
)


def named(change: Change) -> Change:
    """The change, with its operator's name before the sentence if it has one."""
    found = _OF_AN_OPERATOR.fullmatch(change.urn.rpartition("::")[2])
    if found is None:
        return change
    operator = found["release"] or found["reading"]
    return replace(change, sentence=f"operator {operator}: {change.sentence}")
