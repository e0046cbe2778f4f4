"""Reads the handover from the peer's stack: the only input from the other company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

from infra import handover
from infra.handover import Handover, HandoverError
from infra.outputs import applied

if TYPE_CHECKING:
    from infra.config.company_settings import Operator
    from infra.config.secundus_settings import Author


def from_stack(stack: str, author: Author, us: Operator) -> pulumi.Output[Handover]:
    """The handover of a stack of the same backend, as of its last `up`.

    A preview has it, and checks it. Raises HandoverError at once if there is no such stack; an
    invalid handover ends the program with RunError.
    """
    _require(stack)
    reference = pulumi.StackReference("peer", stack)
    # Read this one output: all outputs together are secret as soon as one of them is, and a
    # preview would hide everything made of them, metadata and image too.
    return applied(
        pulumi.Output.all(reference.get_output(handover.OUTPUT), reference.secret_output_names),
        lambda read: _read(read[0], read[1], author, us, stack),
    )


def _read(
    published: object, secret: list[str] | None, author: Author, us: Operator, stack: str
) -> Handover:
    if handover.OUTPUT in (secret or ()):
        raise HandoverError(
            f"{stack} published its {handover.OUTPUT!r} as a secret, expected plain values: nothing"
            " that crosses is secret, and a preview of what is launched would show nothing but"
            " [secret]; nothing was changed. Let that stack export it without"
            f" pulumi.Output.secret, then: pulumi up --stack {stack}"
        )
    return handover.accepted(published, author, us, stack)


def _require(stack: str) -> None:
    """HandoverError for a missing stack, of which StackReference says only 'unknown stack'."""
    try:
        pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack})
    except Exception as error:
        if "unknown stack" not in str(error):
            raise
        raise HandoverError(
            f"The stack {stack} does not exist in this backend, so there is nothing to launch;"
            f" nothing was changed. Deploy it first: pulumi up --stack {stack}\nIf Primus' stack is"
            " called otherwise: pulumi config set --stack secundus 'confidential-inference:peer'"
            " ORGANIZATION/PROJECT/STACK"
        ) from error
