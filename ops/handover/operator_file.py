"""The values of an operator's file: whom Primus' people are asked to admit."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from infra import naming
from infra.handover import HandoverError
from infra.handover_file import FROM_OPERATOR
from infra.untrusted_text import described, shown
from infra.wording import counted
from ops.handover.parties import OPERATOR_KEYS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.config.company_settings import Operator

_LONGEST_KEY = 100
_MOST_KEYS = 5


def values_of(operator: Operator) -> dict[str, str]:
    """What an operator's file says."""
    return dict(
        zip(
            OPERATOR_KEYS,
            (operator.project, operator.project_number, operator.service_account),
            strict=True,
        )
    )


def accepted(values: Mapping[str, Any], source: str) -> dict[str, str]:
    """The values, if each has the form of Google's; HandoverError with every problem.

    They become configuration, and commands that people run: nothing else may be in them.
    """
    project = values.get("project")
    known = isinstance(project, str) and re.fullmatch(naming.PROJECT_ID, project)
    here = re.escape(str(project)) if known else naming.PROJECT_ID
    expected = {
        "project": (naming.PROJECT_ID, "a project id"),
        "projectNumber": (naming.PROJECT_NUMBER, "a project number, as a text"),
        "serviceAccount": (
            rf"{naming.ACCOUNT_ID}@{here}\.iam\.gserviceaccount\.com",
            "a service account of that project",
        ),
    }
    problems = [
        f"{key}: got {described(values.get(key))}, expected {meaning}"
        for key, (pattern, meaning) in expected.items()
        if not (isinstance(found := values.get(key), str) and re.fullmatch(pattern, found))
    ]
    unknown = [key for key in values if key not in OPERATOR_KEYS]
    problems += [
        f"{shown(key, _LONGEST_KEY)}: no value of an operator" for key in unknown[:_MOST_KEYS]
    ]
    if len(unknown) > _MOST_KEYS:
        problems.append(counted(len(unknown) - _MOST_KEYS, "more such key"))
    if problems:
        raise HandoverError(
            f"{source} names an operator that could not be admitted; nothing was changed."
            + "".join(f"\n  - {problem}" for problem in problems)
            + f"\nAsk the operator for a new file, made by: {FROM_OPERATOR.export}"
        )
    return {key: str(values[key]) for key in OPERATOR_KEYS}
