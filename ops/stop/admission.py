"""What admits an operator, by what Primus' stack published: a provider, an account, a bucket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.handover import NAMED, OUTPUT
from ops.stack_outputs import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST: Final = "//iam.googleapis.com/"
_PROVIDER: Final = re.compile(
    r"(?P<pool>projects/\d+/locations/global/workloadIdentityPools/[a-z0-9-]+)/providers/[a-z0-9-]+"
)


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
    unnamed = {"": outputs[OUTPUT]} if OUTPUT in outputs else {}
    handovers = {**unnamed, **outputs.get(NAMED, {})}
    if not handovers:
        raise StackError(
            f"the stack {stack} has neither an output {OUTPUT!r} nor {NAMED!r}, so it admits"
            " nobody: there is nothing to stop. If another stack releases the models, name that:"
            " --stack STACK"
        )
    return {name: _admission(name, published, stack) for name, published in handovers.items()}


def _admission(operator: str, published: Mapping[str, str], stack: str) -> Admission:
    try:
        provider = published["audience"].removeprefix(_HOST)
        reader, uri = published["modelReader"], published["modelUri"]
    except KeyError as error:
        raise StackError(
            f"the handover in the outputs of the stack {stack} has no {error}"
        ) from None
    if not _PROVIDER.fullmatch(provider):
        raise StackError(
            f"the stack {stack} published {published['audience']!r}, expected the full name of a"
            " workload identity provider"
        )
    bucket = uri.removeprefix("gs://").partition("/")[0]
    return Admission(operator=operator, provider=provider, reader=reader, bucket=bucket)
