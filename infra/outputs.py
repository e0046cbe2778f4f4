"""Where values that are known only later meet the pure part of the program."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pulumi

from infra.errors import ProgramError

if TYPE_CHECKING:
    from collections.abc import Callable

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def applied(value: pulumi.Output[_In], pure: Callable[[_In], _Out]) -> pulumi.Output[_Out]:
    """The output of a pure function; its ProgramError ends the program with the sentence alone."""

    def told(known: _In) -> _Out:
        try:
            return pure(known)
        except ProgramError as error:
            raise pulumi.RunError(str(error)) from None

    return value.apply(told)
