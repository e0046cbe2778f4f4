"""What both companies configure."""

# No `from __future__ import annotations`: `keys` reads the annotations at run time.
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from infra import naming
from infra.config import contradictions, locations, validators
from infra.config.keys import Key
from infra.config.reader import Table

SUFFIX: Final = "suffix of the stage"
"""The name under which defaults get what ends the default names: a hyphen and the stage, or
nothing."""


def staged(name: str) -> Callable[[Mapping[str, str]], str]:
    """A default name: in a stack with a stage, the stage ends it."""
    return lambda before: name + before[SUFFIX]


@dataclass(frozen=True, kw_only=True)
class Company:
    """What both companies configure."""

    project: Annotated[
        str, Key(validators.PROJECT, "the company's own project; no preview looks it up")
    ]
    project_number: Annotated[str, Key(validators.NUMBER, "the number of that project")]
    new_locations: Annotated[
        tuple[str, ...],
        Key(
            validators.PLACE,
            "regions and zones that Google has opened since this program's table was written"
            " (`infra/config/locations.py`)",
        ),
    ]
    labels: Annotated[
        Mapping[str, str],
        Key(
            validators.LABEL_VALUE,
            f"labels of all resources that can have them; at most {validators.MAX_LABELS}",
            names=validators.LABEL_KEY,
        ),
    ]
    force_destroy: Annotated[
        bool,
        Key(
            validators.FORCE_DESTROY,
            "`destroy` also deletes buckets that hold objects; `up` must deploy it first",
            default="false",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class Operator:
    """Who may use the model: Primus' decision, never read from the other side."""

    project: Annotated[str, Key(validators.PROJECT, "**who may use the model**")]
    project_number: Annotated[str, Key(validators.NUMBER, "the number of that project")]
    service_account: Annotated[
        str,
        Key(
            validators.SERVICE_ACCOUNT,
            "the one account that the workload must run as",
            default=lambda before: naming.service_account(
                staged(naming.WORKLOAD_ACCOUNT)(before), before[".project"]
            ),
        ),
    ]


def check(table: Table, company: Company, region: str) -> None:
    """Report values that defeat one another."""
    locations.check_region(table, region, company.new_locations)
    contradictions.too_many_labels(table, tuple(company.labels))
