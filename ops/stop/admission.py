"""What admits an operator, by what Primus' stack published: a provider, an account, a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra import naming
from infra.handover import NAMED, OUTPUT, by_operator
from ops.pulumi_command import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST: Final = "//iam.googleapis.com/"


@dataclass(frozen=True, kw_only=True)
class Admission:
    """One operator's way to the models."""

    operator: str
    """its name in Primus' configuration; empty for the operator without a name"""
    provider: str
    """projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER"""
    reader: str
    """the e-mail address of the account that reads the models"""
    bucket: str
    """the bucket that holds them"""

    @property
    def pool(self) -> str:
        """The full name of the provider's pool."""
        return self.provider.rpartition("/providers/")[0]


def admissions(outputs: Mapping[str, Any], stack: str) -> dict[str, Admission]:
    """Those of all operators, by name; StackError if the outputs are not of a deployed stack."""
    handovers = by_operator(outputs)
    if not handovers:
        raise StackError(
            f"the stack {stack} has neither an output {OUTPUT!r} nor {NAMED!r}, so it admits"
            " nobody: there is nothing to stop. If another stack releases the models, name that:"
            " --stack STACK"
        )
    return {name: _admission(name, published, stack) for name, published in handovers.items()}


def _admission(operator: str, published: Mapping[str, str], stack: str) -> Admission:
    try:
        audience, reader, uri = (published[key] for key in ("audience", "modelReader", "modelUri"))
    except KeyError as error:
        raise StackError(
            f"the handover in the outputs of the stack {stack} has no {error}"
        ) from None
    if not re.fullmatch(naming.AUDIENCE, audience):
        raise StackError(
            f"the stack {stack} published {audience!r}, expected the full name of a"
            " workload identity provider"
        )
    return Admission(
        operator=operator,
        provider=audience.removeprefix(_HOST),
        reader=reader,
        bucket=naming.bucket_of(uri),
    )
