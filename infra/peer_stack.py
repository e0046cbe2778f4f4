"""What the other company published, wherever it did so: the only door to the peer's side.

Each source is a function that returns the same checked Handover. There is one so far: the peer's
stack. A handed-over file for companies that share no backend will be the second.
"""

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
    """What a stack of the same backend published when it was last deployed.

    Known at preview, so that everything about it is checked there. Raises HandoverError at once if
    there is no such stack; what is published but wrong ends the program with the reason.
    """
    _require(stack)
    reference = pulumi.StackReference("peer", stack)
    # The one output by its name: all outputs together count as secret as soon as one of them is,
    # and a preview would then hide everything that is made of them, metadata and image too.
    return applied(
        pulumi.Output.all(reference.get_output(handover.OUTPUT), reference.secret_output_names),
        lambda known: _read(known[0], known[1], author, us, stack),
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
    """Ask for the stack first: a reference to a missing one dies with a bare 'unknown stack'."""
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
