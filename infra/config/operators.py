"""What Primus configures for one operator: who it is, and what it is admitted with."""

# No `from __future__ import annotations`: `keys` reads the annotations at run time.
from dataclasses import dataclass
from typing import Annotated

from infra import naming
from infra.config import existing_keys, validators
from infra.config.company_settings import Operator, staged
from infra.config.keys import Key


@dataclass(frozen=True, kw_only=True)
class AdmittedImages:
    """The admitted image (built by the stack if no digest is given), and others beside it."""

    digest: Annotated[
        str | None, Key(validators.DIGEST, "the admitted image", unset="built by the stack")
    ]
    admit_also: Annotated[
        tuple[str, ...], Key(validators.DIGEST, "a list of other digests during a rollout")
    ]


@dataclass(frozen=True, kw_only=True)
class OperatorImages:
    """The images of one operator, where they are not those of all."""

    digest: Annotated[
        str | None,
        Key(
            validators.DIGEST,
            "the image of this operator alone: it stays when that of all others changes",
            unset="that of all",
        ),
    ]
    admit_also: Annotated[
        tuple[str, ...] | None,
        Key(
            validators.DIGEST,
            "a list of other digests for this operator alone",
            unset="those of all; none beside a `digest` of its own",
        ),
    ]
    """None: those of all, or none beside a digest"""


@dataclass(frozen=True, kw_only=True)
class AdmittedOperator(Operator):
    """One operator, and what it may use."""

    hardware: Annotated[
        tuple[str, ...] | None,
        Key(
            validators.HARDWARE,
            "a list of the `hwmodel` claims that are admitted for this operator",
            unset="`hardware`",
        ),
    ]
    image: OperatorImages
    models: Annotated[
        tuple[str, ...] | None,
        Key(
            validators.FREE_NAME,
            "a list of the models that this operator may use, by their names under `models`;"
            " `model` is the one that has no name. The first is the one that it uses by default",
            unset="`model`",
        ),
    ]
    stopped: Annotated[
        bool,
        Key(
            validators.STOPPED,
            "the operator gets no model any more: its provider and its model reader are disabled,"
            " and its grants are removed",
            default="false",
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class OperatorNames:
    """The physical names of what one named operator has of its own."""

    service_account: Annotated[
        str,
        Key(
            validators.ACCOUNT,
            "the account that reads this operator's models",
            default=lambda before: staged(f"reader-{before['.']}")(before),
        ),
    ]
    pool: Annotated[
        str,
        Key(
            validators.POOL,
            "the first part of the id of this operator's pool",
            default=lambda before: naming.pool_prefix(
                staged(f"{naming.POOL}-{before['.']}")(before)
            ),
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class NamedOperator(AdmittedOperator):
    """One of several operators."""

    existing: Annotated[
        tuple[str, ...],
        Key(existing_keys.OPERATOR, existing_keys.about_existing(existing_keys.OPERATOR)),
    ]
    adopt: Annotated[tuple[str, ...], Key(existing_keys.OPERATOR, existing_keys.ABOUT_ADOPT)]
    names: OperatorNames
