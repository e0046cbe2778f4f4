"""Reads the handover from the peer's stack: the only input from the other company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pulumi

from infra import handover, handover_checks
from infra.handover import Handover, HandoverError
from infra.outputs import applied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.company_settings import Operator
    from infra.config.secundus_settings import Author


def from_stack(stacks: Sequence[str], author: Author, us: Operator) -> pulumi.Output[Handover]:
    """The handover of the first of these stacks that this backend has, as of its last `up`.

    A preview has it, and checks it. Raises HandoverError at once if there is no such stack; an
    invalid handover ends the program with RunError.
    """
    stack = _existing(stacks)
    reference = pulumi.StackReference("peer", stack)
    # Read these outputs only: all outputs together are secret as soon as one of them is, and a
    # preview would hide everything made of them, metadata and image too.
    return applied(
        pulumi.Output.all(
            reference.get_output(handover.OUTPUT),
            reference.get_output(handover.NAMED),
            reference.secret_output_names,
        ),
        lambda read: _read(
            {handover.OUTPUT: read[0], handover.NAMED: read[1]}, read[2], author, us, stack
        ),
    )


def _read(
    outputs: Mapping[str, Any], secret: list[str] | None, author: Author, us: Operator, stack: str
) -> Handover:
    for output in outputs:
        if output in (secret or ()):
            raise HandoverError(
                f"{stack} published its {output!r} as a secret, expected plain values: nothing"
                " that crosses is secret, and a preview of what is launched would show nothing but"
                " [secret]; nothing was changed. Let that stack export it without"
                f" pulumi.Output.secret, then: pulumi up --stack {stack}"
            )
    published = handover_checks.own(outputs, us, stack)
    return handover_checks.accepted(published, author, us, stack)


def _existing(stacks: Sequence[str]) -> str:
    """The first stack that exists; HandoverError if none does.

    StackReference says only 'unknown stack'.
    """
    for stack in stacks:
        try:
            pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack})
        except Exception as error:
            if "unknown stack" not in str(error):
                raise
        else:
            return stack
    raise HandoverError(
        f"The stack {' or '.join(stacks)} does not exist in this backend, so there is nothing to"
        f" launch; nothing was changed. Deploy it first: pulumi up --stack {stacks[0]}\nIf Primus'"
        " stack is called otherwise: pulumi config set --stack secundus"
        " 'confidential-inference:peer' ORGANIZATION/PROJECT/STACK"
    )
