"""The values that Primus publishes for Secundus.

Both companies use this one definition, so both always agree on it. No value is secret.
`handover_checks` has Secundus' checks of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from infra import naming
from infra.config.problems import NAMESPACE
from infra.config.releases import UNNAMED_MODEL
from infra.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import Mapping


OUTPUT: Final = "handover"
"""The stack output with the handover to the operator without a name."""
NAMED: Final = "handovers"
"""The stack output with the handovers to named operators, by name."""

SCHEMA: Final = "confidential-inference/handover/v1"


_MOST_NAMES: Final = 10
"""Of an error, because the peer has written them."""


def by_operator(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The handovers among the outputs of a stack primus; "" is the operator without a name."""
    unnamed = {"": outputs[OUTPUT]} if OUTPUT in outputs else {}
    return {**unnamed, **outputs.get(NAMED, {})}


class HandoverError(ProgramError):
    """The published values cannot be used, or this company has not agreed to them."""


@dataclass(frozen=True, kw_only=True)
class Handover:
    """Primus' image and model, and the provider and account that release the model."""

    image: str
    audience: str
    model_uri: str
    model_sha256: str
    model_reader: str
    operator_number: str = ""
    """the one project whose machines are admitted; empty from versions that did not publish it"""
    operator_account: str = ""
    """the one account of these machines; empty from versions that did not publish it"""
    models: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each model that the operator may use, by name; `model_sha256` is one of them"""
    stopped: bool = False
    """whether the operator is refused every model for now"""

    def published(self) -> dict[str, Any]:
        """The published form.

        Versions before this one refuse keys that they do not know: so a key is there only if it
        says something.
        """
        only_unnamed = tuple(self.models) in ((), (UNNAMED_MODEL,))
        return {
            "schema": SCHEMA,
            "image": self.image,
            "audience": self.audience,
            "modelUri": self.model_uri,
            "modelSha256": self.model_sha256,
            "modelReader": self.model_reader,
            "operatorNumber": self.operator_number,
            "operatorAccount": self.operator_account,
            **({} if only_unnamed else {"models": dict(self.models)}),
            **({"stopped": True} if self.stopped else {}),
        }

    def of_model(self, name: str | None, source: str) -> Handover:
        """The handover for one of the models; the default one for None; HandoverError if absent."""
        if name is None:
            return self
        if name == UNNAMED_MODEL and not self.models:
            return self  # only this one is not published by its name
        if name not in self.models:
            names = sorted(self.models) or [UNNAMED_MODEL]
            if len(names) > _MOST_NAMES:
                names[_MOST_NAMES:] = [f"and {len(names) - _MOST_NAMES} more"]
            raise HandoverError(
                f"model: got {name!r}, expected a model that {source} gives this company:"
                f" {', '.join(names)}; nothing was changed. Use the first: pulumi config rm --stack"
                f" secundus {NAMESPACE}:model"
            )
        sha256 = self.models[name]
        bucket = naming.bucket_of(self.model_uri)
        uri = naming.model_uri(bucket, sha256)
        return replace(self, model_sha256=sha256, model_uri=uri)
