"""The results of all attacks, for people and as data.

It prints the verdicts, and decides only whether there is a problem.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from rehearsal.attacks.gates import Gate
from rehearsal.attacks.guards import UNGUARDED
from rehearsal.attacks.mutants import refused_by_one_guard_alone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from rehearsal.attacks.fuzz import Fuzzed
    from rehearsal.attacks.matrix import Judged
    from rehearsal.attacks.mutants import Removal

SCHEMA = "confidential-inference/attack/v1"
LEGITIMATE = "legitimate"
EXAMPLES = 4
ACTED = ("machine", "launch", "around")
"""Layers in which somebody acts; in the others a token only claims something."""
FUZZED = {
    "cases": "cases",
    "accepted": "let in, and all that is pinned was true",
    "refused_by_mapping": "refused by the attribute mapping",
    "refused_by_condition": "refused by the condition",
    "refused_by_engine": "not judged: values that this engine cannot take (never let in)",
    "explain_agreed": "engine and explanation agree",
    "clauses_compared": "single clauses compared besides",
}
"""The words for each count of a fuzz."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """All verdicts."""

    ours: list[Judged]
    example: list[Judged]
    """the same rows under the published example's release policy"""
    compared: int
    """verdicts of the deployed condition that were compared with the explanation in Python"""
    disagreements: int
    removals: list[Removal]
    fuzzed: Fuzzed

    @property
    def problems(self) -> list[str]:
        """Every problem, for people."""
        found = [judged.problem for judged in self.ours if judged.problem]
        found += [
            f"NOBODY MISSES: {each.kind}: {each.guard}"
            for each in self.removals
            if not each.noticed
        ]
        found += [f"FUZZ: {failure}" for failure in self.fuzzed.failures]
        if self.disagreements:
            found.append(f"ENGINE AND EXPLANATION DISAGREE on {self.disagreements} rows")
        return found


def show(console: Console, attack: Attack) -> None:
    """Print everything."""
    console.rule("[bold]The matrix: who is the first to refuse[/]", align="left")
    console.print(_matrix(attack.ours))
    console.rule("[bold]Without each guard: who notices[/]", align="left")
    console.print(_kills(attack.removals))
    held = refused_by_one_guard_alone(attack.removals)
    for role, reason in UNGUARDED.items():
        console.print(f"not removed: the restriction of {role}: {reason}")
    console.print(
        f"{len(held)} lies are kept out by one guard alone; JSON=FILE lists them, by these:"
    )
    console.print(_alone(attack.removals))
    console.rule("[bold]Fuzz: changed claims of accepted tokens[/]", align="left")
    console.print(_fuzz(attack))
    console.rule("[bold]Scoreboard: lies that get the model[/]", align="left")
    console.print(_scoreboard(attack))
    acted = [each for each in attack.example if each.accepted and each.row.layer in ACTED]
    console.print(
        f"{len(acted)} of those that get in there can be acted out by an operator today; the claims"
        " are tokens that Google would not sign, and show what a condition leaves to others."
    )


def _matrix(judged: Iterable[Judged]) -> Table:
    shown = Table("layer", "rows", *Gate, "let in", "as it must be", header_style="bold")
    for layer, rows in _by_layer(judged).items():
        by = Counter(each.verdict.by for each in rows)
        right = sum(not each.problem for each in rows)
        counts = [str(by[gate] or "") for gate in (*Gate, None)]
        shown.add_row(layer, str(len(rows)), *counts, f"{right} of {len(rows)}")
    return shown


def _by_layer(judged: Iterable[Judged]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = {}
    for each in judged:
        found.setdefault(each.row.layer, []).append(each)
    return found


def _kills(removals: list[Removal]) -> Table:
    shown = Table("guards", "removed", "noticed", "rate", header_style="bold")
    kinds = dict.fromkeys(removal.kind for removal in removals)
    for kind in kinds:
        those = [bool(each.noticed) for each in removals if each.kind == kind]
        shown.add_row(kind, *_rate(those))
    shown.add_row("all", *_rate([bool(each.noticed) for each in removals]), style="bold")
    return shown


def _rate(noticed: list[bool]) -> tuple[str, str, str]:
    return str(len(noticed)), str(sum(noticed)), f"{sum(noticed) / len(noticed):.0%}"


def _alone(removals: list[Removal]) -> Table:
    """By guard; the workload's checks are one line here, and single entries in the data."""
    shown = Table("guard", "lies", "for example", header_style="bold")
    checks: list[str] = []
    for removal in removals:
        if removal.kind in {"check", "fleet"}:
            checks += removal.released
        elif removal.released:
            name = escape(f"{removal.kind}: {removal.guard}")
            shown.add_row(name, str(len(removal.released)), escape(removal.released[0]))
    shown.add_row("checks of the workload", str(len(set(checks))), escape("".join(checks[:1])))
    return shown


def _fuzz(attack: Attack) -> Table:
    shown = Table("what", "how often", header_style="bold")
    shown.add_row(
        "verdicts on rows, engine and explanation agree", _of(attack.compared, attack.disagreements)
    )
    for count, words in FUZZED.items():
        shown.add_row(f"fuzz: {words}", f"{getattr(attack.fuzzed, count):,}")
    shown.add_row("fuzz: failures", f"{len(attack.fuzzed.failures):,}")
    return shown


def _of(all_of_them: int, wrong: int) -> str:
    return f"{all_of_them - wrong:,} of {all_of_them:,}"


def _scoreboard(attack: Attack) -> Table:
    shown = Table(
        "layer", "lies", "published example", "this program", "got in there", header_style="bold"
    )
    ours = _by_layer(attack.ours)
    lies = {layer: rows for layer, rows in _by_layer(attack.example).items() if layer != LEGITIMATE}
    for layer, rows in lies.items():
        accepted = [each.row.lie for each in rows if each.accepted]
        shown.add_row(
            layer,
            str(len(rows)),
            str(len(accepted)),
            str(sum(each.accepted for each in ours[layer])),
            escape("; ".join(accepted[-EXAMPLES:])),
        )
    shown.add_row(
        "all",
        str(sum(map(len, lies.values()))),
        str(sum(each.accepted for rows in lies.values() for each in rows)),
        str(sum(each.accepted for layer in lies for each in ours[layer])),
        style="bold",
    )
    return shown


def data(attack: Attack) -> dict[str, Any]:
    """The same as JSON, every row of it."""
    return {
        "schema": SCHEMA,
        "rows": [
            {
                "layer": mine.row.layer,
                "lie": mine.row.lie,
                "expected": mine.row.by,
                "by": mine.verdict.by,
                "said": mine.verdict.said,
                "publishedExample": theirs.verdict.by,
                "asItMustBe": not mine.problem,
            }
            for mine, theirs in zip(attack.ours, attack.example, strict=True)
        ],
        "guards": [
            {
                "kind": each.kind,
                "name": each.guard,
                "noticed": each.noticed,
                "heldAlone": each.released,
            }
            for each in attack.removals
        ],
        "explanation": {"compared": attack.compared, "disagreements": attack.disagreements},
        "fuzz": dataclasses.asdict(attack.fuzzed),
        "problems": attack.problems,
    }
