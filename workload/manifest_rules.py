"""Rules for the values of a manifest, and a reader that collects all problems of an object.

Each rule is a function that returns the value, or raises `UnfitError` with what is expected. A rule
judges one value; `workload.manifest` names the keys and the rules.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    T = TypeVar("T")

MAX_TEXT: Final = 1_000
"""Characters of a label or a name."""
_UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")
"""Control characters, line separators, overrides of the writing direction and halves of characters:
in a list of labels they could forge a line or hide a part of it. Everything else is allowed: labels
have any language."""
_SHOWN: Final = 60
"""Characters of a value in a problem."""


class Problem(NamedTuple):
    """One thing that is wrong with a manifest."""

    field: str
    """Path of the key, as in `input.range`; empty for the whole file."""
    got: str
    expected: str

    def __str__(self) -> str:
        """The problem as one line."""
        return f"{self.field or 'the file'}: got {self.got}, expected {self.expected}"


class UnfitError(ValueError):
    """A value breaks its rule; the message is what the rule expects."""


class Reader:
    """Reads the keys of one JSON object; adds to `problems` instead of raising.

    After a problem a value is None, whatever its type says: use no value before `problems` is known
    to be empty.
    """

    def __init__(self, data: object, problems: list[Problem], path: str = "") -> None:
        self._problems = problems
        self._path = path
        self._unread: dict[str, Any] = self._judged("", objects, data) or {}

    def required(self, key: str, rule: Callable[[Any], T]) -> T:
        """The value of a key that must be there."""
        if key not in self._unread:
            self._add(key, "nothing", _expected(rule))
            return cast("T", None)
        return self._judged(key, rule, self._unread.pop(key))

    def optional(self, key: str, rule: Callable[[Any], T], default: T) -> T:
        """The value of a key, or `default` if it is absent."""
        if key not in self._unread:
            return default
        return self._judged(key, rule, self._unread.pop(key))

    def inner(self, key: str) -> Reader:
        """The reader of an object in this one."""
        count = len(self._problems)
        data = self.required(key, objects)
        # One problem is enough for an object that is not there.
        problems = self._problems if len(self._problems) == count else []
        return Reader(data or {}, problems, f"{self._path}{key}.")

    def end(self) -> None:
        """Adds a problem for each key that nobody read.

        To ignore a key would feed the model other pixels than its owner declared.
        """
        for key, value in self._unread.items():
            shown = key if key.isprintable() else repr(key)
            self._add(shown, _shown(value), "no such key (`metadata` is for notes of your own)")

    def _judged(self, key: str, rule: Callable[[Any], T], value: object) -> T:
        try:
            return rule(value)
        except UnfitError as error:
            self._add(key, _shown(value), str(error))
            return cast("T", None)

    def _add(self, key: str, got: str, expected: str) -> None:
        self._problems.append(Problem((self._path + key).removesuffix("."), got, expected))


def _expected(rule: Callable[[Any], object]) -> str:
    """What a rule expects of a value that is not there."""
    try:
        rule(None)
    except UnfitError as error:
        return str(error)
    return "a value"


def _shown(value: object) -> str:
    """The beginning of a value as JSON, which is ASCII."""
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def objects(value: object) -> dict[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise UnfitError("an object")
    return dict(value)


def choice(values: Sequence[str | int]) -> Callable[[Any], Any]:
    """The rule for one of a few values."""

    def rule(value: object) -> object:
        # By JSON: in Python True equals 1.
        if json.dumps(value) not in map(json.dumps, values):
            raise UnfitError(" or ".join(map(str, values)))
        return value

    return rule


def only(condition: str, holds: bool, rule: Callable[[Any], T]) -> Callable[[Any], T]:
    """The rule for a key that is allowed only under a condition, which is given in words, too."""

    def conditional(value: object) -> T:
        if not holds:
            raise UnfitError(f"no such key unless {condition}")
        return rule(value)

    return conditional


def whole(low: int, high: int) -> Callable[[Any], int]:
    """The rule for a whole number."""

    def rule(value: Any) -> int:  # noqa: ANN401  whatever JSON the archive holds
        # `type`, because True is an int.
        if type(value) is not int or not low <= value <= high:
            raise UnfitError(f"a whole number from {low:,} to {high:,}")
        return int(value)

    return rule


def number(low: float, high: float) -> Callable[[Any], float]:
    """The rule for a number, not a text that looks like one."""

    def rule(value: Any) -> float:  # noqa: ANN401  whatever JSON the archive holds
        # Written so that NaN fails: every comparison with NaN is false.
        if type(value) not in (int, float) or not low <= value <= high:
            raise UnfitError(f"a number from {low:,} to {high:,}")
        return float(value)

    return rule


def text(value: object) -> str:
    """A text without control characters."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or _UNSAFE.search(value):
        raise UnfitError(f"a text of at most {MAX_TEXT:,} characters without control characters")
    return value


def name(value: object) -> str:
    """A text that is not empty."""
    if not value:
        raise UnfitError("a text that is not empty")
    return text(value)


def matching(pattern: str, meaning: str) -> Callable[[Any], str]:
    """The rule for a text of a form; `meaning` is the form in words."""

    def rule(value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise UnfitError(meaning)
        return value

    return rule


def sequence(
    rule: Callable[[Any], T], low: int, high: int, what: str
) -> Callable[[Any], tuple[T, ...]]:
    """The rule for a list whose elements follow one rule; `what` names its elements."""

    def listed(value: object) -> tuple[T, ...]:
        count = f"{low:,}" if low == high else f"{low:,} to {high:,}"
        if not isinstance(value, list) or not low <= len(value) <= high:
            raise UnfitError(f"a list of {count} {what}")
        return tuple(_element(rule, each, place) for place, each in enumerate(value))

    return listed


def record(of: Callable[[Reader], T]) -> Callable[[Any], T]:
    """The rule for an object in a list; `of` reads its keys."""

    def rule(value: object) -> T:
        problems: list[Problem] = []
        keys = Reader(value, problems)
        found = of(keys)
        keys.end()
        if problems:
            raise UnfitError("; ".join(map(str, problems)))
        return found

    return rule


def _element(rule: Callable[[Any], T], value: object, place: int) -> T:
    try:
        return rule(value)
    except UnfitError as error:
        raise UnfitError(f"{error}; it is {_shown(value)} at index {place}") from error
