"""Applies pure functions to values that Pulumi learns during an update."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pulumi

from infra.errors import ProgramError
from infra.stack_name import for_stack
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
    return pulumi.RunError(for_stack(lines(str(error)), pulumi.get_stack()))


def warn(text: str) -> None:
    """Print a warning, whose commands are for this stack."""
    pulumi.log.warn(for_stack(text, pulumi.get_stack()))
