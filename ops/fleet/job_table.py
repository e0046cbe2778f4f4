"""Prints what is known about a job: its machines, what is missing, why, and what to type."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from infra.untrusted_text import shown
from infra.wording import counted
from ops.commands import AGAIN, RESULTS, SUBMIT
from ops.detail_causes import cause_of_result
from ops.fleet.waiting import progress
from ops.terminal import Table
from ops.verdict_table import NOT_SAID
from workload.errors import SliceFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from ops.fleet.causes import Failed
    from ops.fleet.job_state import State
    from ops.terminal import Terminal

LONGEST: Final = 200
FEW: Final = 8
"""Slices that are named of each cause, and machines of the table."""
MOST_MACHINES: Final = 40
_OF_OLDER_MACHINES: Final = frozenset(
    each.code for each in (SliceFailure.OTHER_MODEL, SliceFailure.OTHER_IMAGE)
)
"""Codes of slices, where the stack has the job's model and image."""


def show(
    terminal: Terminal, state: State, for_stack: Callable[[str], str], *, other: str | None
) -> None:
    """Print the machines, the causes of the missing slices, and the next command.

    `other` says what the stack has another of than the job: its machines refuse the job. It is
    empty if there is no such thing, and None if the stack is not known.
    """
    head = state.job.head
    submitted = shown(head.submitted, LONGEST)
    terminal.print(f"job {head.job}, submitted {submitted}: {progress(state)}", soft_wrap=True)
    if state.headings:
        terminal.print(_machines(state))
    older = _OF_OLDER_MACHINES if other == "" else frozenset()
    causes = (*_causes(state.failed, head.job, older), *_causes(state.machines, head.job, older))
    for line in (*causes, *_lines(state, refused=bool(other))):
        terminal.print(for_stack(line), soft_wrap=True)


def _lines(state: State, *, refused: bool) -> Iterable[str]:
    """What the tables do not say."""
    if state.other_letters:
        yield (
            f"{counted(state.other_letters, 'dead letter')} of other jobs, of pictures, or of no"
            f" form that this program knows. Those of pictures: {RESULTS} --stream"
        )
    yield from (f"note: {note}" for note in state.notes)
    if state.missing and not refused:
        yield (
            "Slices without records may have been given up, or their messages expired after 7 days,"
            " or were never published because `submit` was stopped. If so, mend the causes, then"
            f" publish them again: {SUBMIT} --missing {state.job.head.job}"
        )


def missing(state: State) -> str:
    """How many slices have no records, of which there is one at least."""
    slices = counted(len(state.missing), "slice")
    if state.letters_known:
        others = len(state.missing) - len(state.dead)
        how = (
            f"{len(state.dead)} given up (dead letters), {others} waiting, at work, or without a"
            " message"
        )
    else:
        how = "how many of them were given up (dead letters) is not known"
    return f"{slices} without records: {how}. The first: {numbers(state.missing)}"


def numbers(all_numbers: Iterable[int]) -> str:
    """The first few numbers."""
    some = list(all_numbers)
    return ", ".join(map(str, some[:FEW])) + (", …" if len(some) > FEW else "")


def _machines(state: State) -> Table:
    table = Table("machine", "slices", "pictures", "pictures/s", "last slice", header_style="bold")
    work = state.work
    for each in work[:MOST_MACHINES]:
        table.add_row(
            shown(each.machine, LONGEST),
            f"{each.slices:,}",
            f"{each.pictures:,}",
            f"{each.rate:.1f}" if each.rate else "",
            f"{each.finished:%Y-%m-%d %H:%M:%S} UTC",
        )
    if len(work) > MOST_MACHINES:
        table.add_row(counted(len(work) - MOST_MACHINES, "more machine"), "", "", "", "")
    return table


def _causes(failed: Iterable[Failed], job: str, older: Collection[str]) -> Iterator[str]:
    """Each cause once, with the slices or machines that failed by it, and the fix.

    These are lines, no table, so that commands can be copied. `older` are codes of machines that an
    update of the stack replaces.
    """
    groups = defaultdict(list)
    for each in failed:
        groups[each.error, each.reason].append(each)
    for (error, reason), some in sorted(groups.items()):
        message = f"{error}: {reason}" if error else reason
        cause = cause_of_result(message)
        who = (
            f"{counted(len(some), 'slice')} ({numbers(each.number for each in some)})"
            if some[0].number >= 0
            else ", ".join(shown(each.machine, LONGEST) for each in some[:FEW])
            + (f" and {len(some) - FEW} more" if len(some) > FEW else "")
        )
        yield f"{who} failed: {shown(message, LONGEST)}"
        if error in older:
            yield "  an older machine refused it: a newer one gets it, unless it was given up"
            continue
        yield f"  mistake of: {cause.mistake_of or NOT_SAID}"
        # What runs again is the job: a fleet has no key `run`.
        yield f"  fix: {cause.fix.replace(AGAIN, f'{SUBMIT} --missing {job}')}"
