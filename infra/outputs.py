"""Applies pure functions to values that Pulumi learns during an update."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pulumi

from infra import stack_name
from infra.errors import ProgramError
from infra.untrusted_text import lines

if TYPE_CHECKING:
    from collections.abc import Callable

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def applied(value: pulumi.Output[_In], pure: Callable[[_In], _Out]) -> pulumi.Output[_Out]:
    """The output of a pure function; its ProgramError ends the program without a stack trace."""

    def or_run_error(resolved: _In) -> _Out:
        try:
            return pure(resolved)
        except ProgramError as error:
            raise run_error(error) from None

    return value.apply(or_run_error)


def run_error(error: ProgramError) -> pulumi.RunError:
    """The error without a stack trace; names in it, as of a model's entries, control nothing."""
    return pulumi.RunError(_for_this_stack(lines(str(error))))


def warn(text: str) -> None:
    """Print a warning, whose commands are for this stack."""
    pulumi.log.warn(_for_this_stack(text))


def _for_this_stack(text: str) -> str:
    """A message for people; `infra` writes its commands for a company's main stack."""
    try:
        return stack_name.parse(pulumi.get_stack()).in_commands(text)
    except stack_name.StackNameError:
        return text  # which is about the name itself
