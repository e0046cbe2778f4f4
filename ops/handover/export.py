"""Makes the file that goes to the other company."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra import handover, handover_file
from infra.config.releases import operator_key
from infra.handover import HandoverError
from infra.handover_file import FROM_AUTHOR, FROM_OPERATOR, HandoverFile, made
from infra.untrusted_text import described
from ops.handover import author_file, operator_file, parties
from ops.pulumi_command import StackError, typed
from ops.stack_configuration import configuration, remove
from ops.stack_outputs import outputs

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from infra.stack_name import StackName


def export(
    stack: str,
    name: StackName,
    operator: str | None,
    now: dt.datetime,
    days: int,
    environment: Mapping[str, str],
) -> HandoverFile:
    """The file of a stack for the other company; StackError, HandoverError or SettingsError."""
    if name.company == "primus":
        file = made(FROM_AUTHOR, _published(stack, operator, environment), now, days)
        author_file.accepted(file, stack, None)
    else:
        # By the configuration, not by the outputs: Primus must know it before the first update.
        us = parties.secundus(configuration(stack, environment), name).us
        file = made(FROM_OPERATOR, operator_file.values_of(us), now, days)
    return handover_file.read(file.written(), stack)


def _published(stack: str, operator: str | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """The deployed handover for one operator."""
    if not operator:
        try:
            published = outputs(stack, handover.OUTPUT, environment)[handover.OUTPUT]
        except StackError as error:
            raise StackError(f"{error}; or name one of its operators: --operator NAME") from error
    else:
        named = outputs(stack, handover.NAMED, environment)[handover.NAMED]
        names = sorted(named) if isinstance(named, dict) else []
        if operator not in names:
            raise StackError(
                f"the stack {stack} has deployed no operator {operator!r}, only"
                f" {', '.join(names) or 'none with a name'}; deploy it first:"
                f" `pulumi up --stack {stack}`"
            )
        published = named[operator]
    if not isinstance(published, dict):
        raise HandoverError(
            f"{stack} published {described(published)} as its handover, expected plain values:"
            f" nothing that crosses is secret; nothing was written. Deploy it again:"
            f" pulumi up --stack {stack}"
        )
    if published.get("stopped"):
        admit = typed(remove(stack, f"{operator_key(operator)}.stopped"))
        raise StackError(
            f"the stack {stack} has stopped this operator, so no machine of it would be given the"
            f" model. To admit it again: `{admit}`, then `pulumi up --stack {stack}`"
        )
    return published
