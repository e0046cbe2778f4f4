"""Reads configuration key by key, and collects every problem, to report all of them at once.

It looks values up, checks them against rules, and words problems. `settings` declares the keys.
The engine gives each value as text, which is JSON where a key holds a list or an object.
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

_LONGEST = 80

_OBJECT = Rule(
    pattern="",
    expected="an object with keys of its own",
    consequence="its content cannot be read",
    example="",
)


class Table:
    """One object of the configuration.

    Each reader returns a value of the right type even where it reports a problem, so that the
    reading continues and finds the next problem too.
    """

    def __init__(self, values: Mapping[str, object], stack: str, prefix: str = "") -> None:
        self._values = values
        self._stack = stack
        self._prefix = prefix
        self._rules: dict[str, Rule] = {}
        self._tables: dict[str, Table] = {}
        self.problems: list[Problem] = []

    def has(self, key: str) -> bool:
        """Whether the key exists, even with nothing under it."""
        return key in self._values

    def is_empty(self, key: str) -> bool:
        """Whether the key exists with nothing under it."""
        return self.has(key) and self._values[key] in (None, "")

    def full(self, key: str) -> str:
        """The key with the objects above it, such as `names.vm`."""
        return self._prefix + key

    def text(self, key: str, rule: Rule, default: str | None = None) -> str:
        """A text that meets the rule; required where no default is given."""
        value = self._look(key, rule)
        if value in (None, ""):
            if default is None:
                self.refuse(key)
            return default or ""
        return self._checked(key, value)

    def texts(self, key: str, rule: Rule, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """A list of texts without doubles, each of which meets the rule; the default if unset.

        A key with nothing under it, as a YAML list leaves whose last entry was removed, is an empty
        list: what was restricted by entries is not to become unrestricted without them.
        """
        value = self._decoded(key, rule)
        if not self.has(key):
            return default
        if value is None:
            return ()
        if not isinstance(value, list):
            self.refuse(
                key,
                expected=f"a list, each entry {rule.expected}",
                fix=self.command("set", f"{key}[0]", rule.example),
            )
            return default
        entries = [self._checked(f"{key}[{n}]", entry) for n, entry in enumerate(value)]
        for n, entry in enumerate(entries):
            if entry and entry in entries[:n]:  # an invalid entry is a problem of its own
                self.refuse(
                    f"{key}[{n}]",
                    got=repr(entry),
                    expected="each entry once",
                    fix=self.command("rm", f"{key}[{n}]"),
                )
        return tuple(entries)

    def pairs(self, key: str, names: Rule, values: Rule) -> dict[str, str]:
        """An object whose keys and values each meet a rule."""
        value = self._decoded(key, names)
        if value is not None and not isinstance(value, dict):
            # An earlier version had a list of the names.
            listed = value if isinstance(value, list) else []
            meant = [n for n in listed if isinstance(n, str) and re.fullmatch(names.pattern, n)]
            self.refuse(
                key,
                expected=f"an object with keys, each {names.expected}, and values, each"
                f" {values.expected}",
                consequence="its content cannot be read",
                fix="\n    then:        ".join(
                    [
                        self.command("rm", key),
                        *(
                            self.command("set", f"{key}.{n}", values.example)
                            for n in meant or [names.example]
                        ),
                    ]
                ),
            )
            return {}
        table = self.table(key)
        return {name: table.text(name, values, default="") for name in table._names(names)}  # noqa: SLF001

    def objects(self, key: str, names: Rule, what: Rule) -> dict[str, Table]:
        """The objects under a key, each under a free name that meets a rule."""
        self._rules[key] = what
        table = self.table(key)
        return {
            name: table.table(name)
            for name in table._names(names, what)  # noqa: SLF001  an object of the same class
            if re.fullmatch(names.pattern, name)
        }

    def _names(self, names: Rule, what: Rule | None = None) -> list[str]:
        """The free names of this object, after a report of those that do not meet the rule."""
        for name in self._values:
            self._rules[name] = what or names
            if not re.fullmatch(names.pattern, name):
                self._rules[name] = names
                self.refuse(name, got=repr(name), fix=self.command("rm", name))
        return [*self._values]

    def table(self, key: str) -> Table:
        """The object under a key; empty where it is not set. Always the same one for a key."""
        if key in self._tables:
            return self._tables[key]
        value = self._decoded(key, self._rules.get(key, _OBJECT))
        inner = Table(value if isinstance(value, dict) else {}, self._stack, f"{self.full(key)}.")
        inner.problems = self.problems
        self._tables[key] = inner
        if value is not None and not isinstance(value, dict):
            fix = self.command("rm", key) + "   # then set its keys, each with --path"
            self.refuse(key, got=_shown(value), fix=fix)
        return inner

    def finish(self) -> None:
        """Report each key that was not read; raise SettingsError if anything is wrong."""
        self._report_unknown()
        if self.problems:
            raise SettingsError(self._stack, tuple(self.problems))

    def refuse(
        self,
        key: str,
        *,
        got: str | None = None,
        expected: str | None = None,
        consequence: str | None = None,
        fix: str | None = None,
    ) -> None:
        """Report a problem with a key that was read; its rule words the parts not given here."""
        rule, value = self._rule(key), self._values.get(key)
        self.problems.append(
            Problem(
                key=self.full(key),
                got=got or _shown(value),
                expected=expected or rule.expected,
                consequence=consequence or rule.consequences.get(str(value), rule.consequence),
                fix=fix or self.command("set", key, rule.example),
            )
        )

    def command(self, verb: str, key: str, value: str | None = None) -> str:
        """The line of `pulumi config` that sets or removes a key of this table."""
        path = f"{NAMESPACE}:{self.full(key)}"
        words = ["pulumi", "config", verb, "--stack", self._stack, "--path", f"'{path}'"]
        return " ".join(words + ([] if value is None else [quote(value)]))

    def _look(self, key: str, rule: Rule) -> object:
        self._rules[key] = rule
        return self._values.get(key)

    def _rule(self, key: str) -> Rule:
        """The rule by which the key was read; for an entry such as `operators[0]` its list's."""
        return self._rules.get(key) or self._rules[key.partition("[")[0]]

    def _decoded(self, key: str, rule: Rule) -> object:
        """The value with its JSON read: the engine gives objects and lists as text."""
        value = self._look(key, rule)
        if self._prefix or not isinstance(value, str):
            return value
        try:
            decoded: object = json.loads(value) if value else None
        except (ValueError, RecursionError):  # the latter where it is nested too deeply
            return value  # the caller expects a list or an object, and reports the text
        return decoded

    def _checked(self, key: str, value: object) -> str:
        # `pulumi config set --path` stores a number or a truth value where the text looks like one
        if isinstance(value, bool):
            value = str(value).lower()
        elif isinstance(value, int):
            value = str(value)
        if not isinstance(value, str) or not re.fullmatch(self._rule(key).pattern, value):
            self.refuse(key, got=_shown(value))
            return ""
        return value

    def _report_unknown(self) -> None:
        for key in self._values:
            if key in self._rules:
                continue
            near = difflib.get_close_matches(key, self._rules, n=1)
            expected = self.full(near[0]) + "?" if near else "one of " + ", ".join(self._rules)
            fix = self.command("rm", key)
            first = re.split(r"[.\[]", key)[0]
            if not self._prefix and first in self._rules:
                # `pulumi config set ns:a.b` without --path makes one key with a dot in its name
                expected = f"{first} as an object or a list, set with the option --path"
                fix = fix.replace(" --path", "")
            self.problems.append(
                Problem(
                    key=self.full(key),
                    got="a key that this stack does not have",
                    expected=expected,
                    consequence="the setting that you meant would silently stay unchanged",
                    fix=fix,
                )
            )
        for inner in self._tables.values():
            inner._report_unknown()  # noqa: SLF001  an object of the same class


def _shown(value: object) -> str:
    if value in (None, ""):
        return "nothing"
    text = repr(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
