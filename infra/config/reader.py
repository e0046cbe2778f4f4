"""Reads configuration key by key, and keeps every problem until all of them can be told at once.

It owns how a value is looked up, checked against a rule and reported. Which keys there are, and
what they mean, is in settings. Values come as the engine hands them over: text, and JSON text
where a key holds a list or an object.
"""

from __future__ import annotations

import difflib
import json
import re
from shlex import quote
from typing import TYPE_CHECKING

from infra.config.problems import NAMESPACE, Problem, Rule, SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHOWN = 80


class Table:
    """One object of the configuration.

    Each reader returns a value of the right type even where it reports a problem, so that the
    reading goes on and the next problem is found too.
    """

    def __init__(self, values: Mapping[str, object], stack: str) -> None:
        self._values = values
        self._stack = stack
        self._prefix = ""
        self._asked: list[str] = []
        self._inner: list[Table] = []
        self.problems: list[Problem] = []

    def has(self, key: str) -> bool:
        """Whether the key is there, even with nothing under it."""
        self._look(key)
        return key in self._values

    def peek(self, key: str) -> str:
        """The value as it stands, unchecked, to word a report by it."""
        return str(self._look(key))

    def text(self, key: str, rule: Rule, default: str | None = None) -> str:
        """A text that meets the rule; required where no default is given."""
        value = self._look(key)
        if value in (None, ""):
            if default is None:
                self.refuse(key, rule)
            return default or ""
        return self._checked(key, value, rule)

    def texts(self, key: str, rule: Rule, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts without doubles, each of which meets the rule; the default if unset.

        A key with nothing under it, as a YAML list leaves whose last entry was removed, is an empty
        list: what was restricted by entries is not to become unrestricted without them.
        """
        if not self.has(key):
            return default
        value = self._decoded(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(
                key,
                rule,
                expected=f"a list, each entry {rule.expected}",
                mend=self.command("set", f"{key}[0]", rule.example),
            )
            return default
        found = [self._checked(f"{key}[{n}]", entry, rule) for n, entry in enumerate(value)]
        for n, entry in enumerate(found):
            if entry and entry in found[:n]:  # what is no entry is told already
                self.refuse(
                    f"{key}[{n}]",
                    rule,
                    got=repr(entry),
                    expected="each entry once",
                    mend=self.command("rm", f"{key}[{n}]"),
                )
        return tuple(found)

    def flag(self, key: str, otherwise: str) -> bool:
        """True or false; false where it is not set."""
        rule = Rule(
            pattern="true|false", expected="true or false", otherwise=otherwise, example="false"
        )
        return self.text(key, rule, default="false") == "true"

    def pairs(self, key: str, names: Rule, values: Rule) -> dict[str, str]:
        """An object whose keys and values each meet a rule."""
        value = self._decoded(key)
        if value is not None and not isinstance(value, dict):
            # A list of the names is how an earlier version had it.
            listed = value if isinstance(value, list) else []
            told = [n for n in listed if isinstance(n, str) and re.fullmatch(names.pattern, n)]
            meant = told or [names.example]
            self.refuse(
                key,
                names,
                expected=f"an object with keys, each {names.expected}, and values, each"
                f" {values.expected}",
                otherwise="what stands in it cannot be read",
                mend="\n    then:      ".join(
                    [
                        self.command("rm", key),
                        *(self.command("set", f"{key}.{n}", values.example) for n in meant),
                    ]
                ),
            )
            return {}
        table = self.table(key)
        found = {}
        for name in table._values:  # noqa: SLF001  an object of the same class
            table._asked.append(name)  # noqa: SLF001
            if not re.fullmatch(names.pattern, name):
                table.refuse(name, names, got=repr(name), mend=table.command("rm", name))
            found[name] = table.text(name, values, default="")
        return found

    def table(self, key: str) -> Table:
        """The object under a key; empty where it is not set."""
        value = self._decoded(key)
        inner = Table(value if isinstance(value, dict) else {}, self._stack)
        inner._prefix = f"{self._prefix}{key}."
        inner.problems = self.problems
        self._inner.append(inner)
        if value is not None and not isinstance(value, dict):
            self.problems.append(
                Problem(
                    key=self._prefix + key,
                    got=_shown(value),
                    expected="an object with keys of its own",
                    otherwise="what stands in it cannot be read",
                    mend=self.command("rm", key) + "   # then set its keys, each with --path",
                )
            )
        return inner

    def finish(self) -> None:
        """Report the keys that nobody asked for, then raise SettingsError if anything is wrong."""
        self._report_unknown()
        if self.problems:
            raise SettingsError(self._stack, tuple(self.problems))

    def refuse(
        self,
        key: str,
        rule: Rule,
        *,
        got: str | None = None,
        expected: str | None = None,
        otherwise: str | None = None,
        mend: str | None = None,
    ) -> None:
        """Report a problem with a key, worded by its rule but for the parts given here."""
        self.problems.append(
            Problem(
                key=self._prefix + key,
                got=got or _shown(self._look(key)),
                expected=expected or rule.expected,
                otherwise=otherwise or rule.otherwise,
                mend=mend or self.command("set", key, rule.example),
            )
        )

    def command(self, verb: str, key: str, value: str | None = None) -> str:
        """The line of `pulumi config` that sets or removes a key of this table."""
        path = f"{NAMESPACE}:{self._prefix}{key}"
        words = ["pulumi", "config", verb, "--stack", self._stack, "--path", f"'{path}'"]
        return " ".join(words + ([] if value is None else [quote(value)]))

    def _look(self, key: str) -> object:
        if key not in self._asked:
            self._asked.append(key)
        return self._values.get(key)

    def _decoded(self, key: str) -> object:
        """The value with its JSON read: the engine hands over objects and lists as text."""
        value = self._look(key)
        if self._prefix or not isinstance(value, str):
            return value
        try:
            decoded: object = json.loads(value) if value else None
        except (ValueError, RecursionError):  # the latter where it is nested too deeply
            return value  # whoever expects a list or an object reports the text as it stands
        return decoded

    def _checked(self, key: str, value: object, rule: Rule) -> str:
        # `pulumi config set --path` stores a number or a truth value where the text looks like one
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, int):
            value = str(value)
        if not isinstance(value, str) or not re.fullmatch(rule.pattern, value):
            self.refuse(key, rule, got=_shown(value))
            return ""
        return value

    def _report_unknown(self) -> None:
        for key in self._values:
            if key in self._asked:
                continue
            near = difflib.get_close_matches(key, self._asked, n=1)
            expected = f"{self._prefix}{near[0]}?" if near else "one of " + ", ".join(self._asked)
            mend = self.command("rm", key)
            first = re.split(r"[.\[]", key)[0]
            if not self._prefix and first in self._asked:
                # `pulumi config set ns:a.b` without --path makes one key with a dot in its name
                expected = f"{first} as an object or a list, set with the option --path"
                mend = mend.replace(" --path", "")
            self.problems.append(
                Problem(
                    key=self._prefix + key,
                    got="a key that this stack does not know",
                    expected=expected,
                    otherwise="what you meant to set would silently stay as it is",
                    mend=mend,
                )
            )
        for inner in self._inner:
            inner._report_unknown()  # noqa: SLF001  an object of the same class


def _shown(value: object) -> str:
    if value in (None, ""):
        return "nothing"
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
