"""What stack `secundus` configures of a fleet: many machines share the work, in place of one."""

# No `from __future__ import annotations`: `keys` reads the annotations at run time.
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Final

from infra import naming
from infra.config import contradictions, locations, validators
from infra.config.keys import Key
from infra.config.problems import Rule
from infra.config.reader import Table

STEP: Final = 512
"""Pictures. A slice holds a multiple of it, so that no batch holds pictures of two slices:
workload/fleet/jobs.py"""
MOST_PICTURES: Final = 65_536
"""Of a slice: a worker holds its listing in memory."""

_TO_1000: Final = "[1-9][0-9]{0,2}|1000"
MOST: Final = Rule(
    pattern=_TO_1000,
    expected=f"a whole number from 1 to {naming.MAX_FLEET}",
    consequence="it would be unclear what the fleet may cost",
    example="10",
)
LEAST: Final = Rule(
    pattern=f"0|{_TO_1000}",
    expected=f"a whole number from 0 to {naming.MAX_FLEET}",
    consequence="it would be unclear how many machines run, and cost, without any work",
    example="0",
)
BACKLOG: Final = Rule(
    pattern=_TO_1000,
    expected="a whole number from 1 to 1000",
    consequence="no number of machines would follow from the waiting messages",
    example="4",
)
PICTURES: Final = Rule(
    pattern="|".join(str(STEP * n) for n in range(1, MOST_PICTURES // STEP + 1)),
    expected=f"a multiple of {STEP}, at most {MOST_PICTURES}",
    consequence="the workload would refuse every slice: a record must not depend on how a job is"
    " cut",
    example="4096",
)
PROVISIONING: Final = Rule(
    pattern="standard|spot",
    expected="standard or spot",
    consequence="it would be unclear whether Google may end a machine at any time",
    example="spot",
)
STREAM: Final = Rule(
    pattern="true|false",
    expected="true or false",
    consequence="it would be unclear whether each new picture is classified at once",
    example="true",
)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The size of a fleet, and how it gets its work."""

    zones: Annotated[
        tuple[str, ...],
        Key(
            validators.ZONE,
            "a list of zones of `region`; the machines are divided over them",
            unset="`zone` alone",
        ),
    ]
    most_machines: Annotated[
        int,
        Key(
            MOST,
            "the most machines of the whole fleet, at least one for each zone: the limit of what"
            " it can cost in an hour",
        ),
    ]
    least_machines: Annotated[
        int,
        Key(
            LEAST,
            "how many machines of the whole fleet run even when there is no work",
            default="0",
        ),
    ]
    provisioning: Annotated[
        str,
        Key(
            PROVISIONING,
            "`standard` or `spot`: Google may end a Spot VM at any time, and takes less for it",
            default="standard",
        ),
    ]
    pictures_per_slice: Annotated[
        int,
        Key(
            PICTURES,
            f"pictures that one machine classifies as a unit: a multiple of {STEP}, at most"
            f" {MOST_PICTURES:,}",
            default="4096",
        ),
    ]
    backlog_per_machine: Annotated[
        int,
        Key(
            BACKLOG,
            "for so many unfinished messages, each of a slice or a picture, the fleet gets one"
            " more machine",
            default="4",
        ),
    ]
    stream: Annotated[
        bool,
        Key(
            STREAM,
            "each picture that somebody uploads is classified at once, without a job",
            default="false",
        ),
    ]
    submitters: Annotated[
        tuple[str, ...],
        Key(
            validators.MEMBER,
            "a list of who may submit jobs and read their results: they read the input bucket, and"
            " read, write and delete in the result bucket",
        ),
    ]

    def sizes(self) -> Mapping[str, tuple[int, int]]:
        """By zone, how many of its machines there are at least and at most."""
        least, most = (
            _divided(total, len(self.zones)) for total in (self.least_machines, self.most_machines)
        )
        return dict(zip(self.zones, zip(least, most, strict=True), strict=True))

    @property
    def assignment(self) -> int:
        """For how many unfinished messages the group of one zone gets one more machine.

        The autoscaler of each zone sees all messages, not only a share of them.
        """
        return self.backlog_per_machine * len(self.zones)


def _divided(total: int, parts: int) -> list[int]:
    """Whole shares; the first ones get what remains."""
    return [total // parts + (part < total % parts) for part in range(parts)]


def checked(
    table: Table, fleet: Fleet, *, zone: str, region: str, opened: tuple[str, ...]
) -> Fleet:
    """The fleet in its zones, after a report of values that defeat one another."""
    own = table.table("fleet")
    if own.has("zones") and not fleet.zones:
        own.refuse("zones[0]", got="an empty list")
    for n, each in enumerate(fleet.zones):
        locations.check_zone(table, each, region, opened, f"fleet.zones[{n}]")
    fleet = replace(fleet, zones=fleet.zones or (zone,))
    if 0 < fleet.most_machines < len(fleet.zones):
        own.refuse(
            "mostMachines",
            expected=f"at least {len(fleet.zones)}, one for each zone",
            consequence="there would be a zone without any machine",
            fix=own.command("set", "mostMachines", str(len(fleet.zones))),
        )
    if fleet.most_machines and fleet.least_machines > fleet.most_machines:
        own.refuse(
            "leastMachines",
            got=str(fleet.least_machines),
            expected=f"at most {fleet.most_machines}, which is mostMachines",
            consequence="Google would refuse the autoscaler",
            fix=own.command("set", "leastMachines", "0"),
        )
    contradictions.one_member_twice(own, "submitters", fleet.submitters)
    return fleet


def check_submitters(
    table: Table, submitters: tuple[str, ...], *, granted: tuple[str, ...]
) -> None:
    """Report a submitter that gets grants of the program by itself, whoever submits.

    Both would be one binding, which goes when the submitter goes. And a machine must not publish.
    """
    own = table.table("fleet")
    for n, member in enumerate(submitters):
        if member.casefold() in map(str.casefold, granted):
            own.refuse(
                f"submitters[{n}]",
                got=repr(member),
                expected="none of the accounts that a fleet itself works with",
                consequence="removing the submitter would remove the account's own grants, and the"
                " fleet would stop",
                fix=own.command("rm", f"submitters[{n}]"),
            )


def check_company(table: Table, *, run: str, machine: str, topic: str, dead_letters: str) -> None:
    """Report what one machine may have and a fleet may not, and two topics of one name."""
    names = table.table("names")
    if run:
        table.refuse(
            "run",
            expected="no such key beside `fleet`: what runs again is a job",
            consequence="a new text would replace every machine in the middle of its work",
            fix=table.command("rm", "run") + "   # then: confidential-inference submit",
        )
    if len(machine) > naming.MAX_MACHINE_BASE:
        names.refuse(
            "vm",
            expected=f"at most {naming.MAX_MACHINE_BASE} characters in a fleet: Google adds five to"
            " the name of each machine",
        )
    if topic and topic == dead_letters:
        names.refuse(
            "deadLetters",
            got=repr(dead_letters),
            expected="another topic than names.topic",
            consequence="work that failed six times would become work again",
        )
