"""The keys `existing` and `adopt`: which resources the stack does not create."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from infra import naming
from infra.config.problems import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.config.reader import Table


class Lists(Protocol):
    """Settings or a release: what the stack does not create."""

    @property
    def existing(self) -> Sequence[str]:
        """The keys of what it only uses."""

    @property
    def adopt(self) -> Sequence[str]:
        """The keys of what it takes over."""


def _rule(*keys: str) -> Rule:
    return Rule(
        pattern="|".join(keys),
        expected="one of " + ", ".join(keys),
        consequence="what you meant would be created, and Google would refuse a second one of its"
        " name",
        example=keys[0],
    )


PRIMUS: Final = _rule("modelBucket", "serviceAccount", "repository", "pool")
OPERATOR: Final = _rule("pool", "serviceAccount")
SECUNDUS: Final = _rule("inputBucket", "resultBucket", "serviceAccount", "network", "subnetwork")
ABOUT_EXISTING: Final = (
    "a list of what others have made and this stack uses, by its key under `names`: {}. It is"
    " looked up and checked on each preview, granted on, and never created, changed or deleted:"
    " `docs/existing-resources.md`"
)
ABOUT_ADOPT: Final = (
    "a list of the same keys: what exists already, and this stack manages from the next `up` on."
    " Remove the key after that `up`"
)


def about_existing(rule: Rule) -> str:
    """The description of the key `existing`, for docs/configuration.md."""
    return ABOUT_EXISTING.format(", ".join(f"`{key}`" for key in rule.pattern.split("|")))


def check(
    table: Table, existing: Sequence[str], adopt: Sequence[str], protect: Sequence[str] = ()
) -> None:
    """Report keys that are in two lists whose meanings exclude each other."""
    for n, key in enumerate(adopt):
        if key and key in existing:
            table.refuse(
                f"adopt[{n}]",
                got=repr(key),
                expected="a key that `existing` does not list",
                consequence="it would be unclear whether this stack manages it",
                fix=table.command("rm", f"existing[{list(existing).index(key)}]"),
            )
    for n, key in enumerate(protect):
        if key and key in existing:
            table.refuse(
                f"protect[{n}]",
                got=repr(key),
                expected="a key that `existing` does not list",
                consequence="this stack never deletes what others have made, so there is nothing to"
                " protect",
                fix=table.command("rm", f"protect[{n}]"),
            )


def check_operator(table: Table, existing: Sequence[str], adopt: Sequence[str]) -> None:
    """Report what belongs to the operator without a name, where there is no such operator."""
    for key, listed in (("existing", existing), ("adopt", adopt)):
        for n, entry in enumerate(listed):
            if entry in OPERATOR.pattern.split("|"):
                table.refuse(
                    f"{key}[{n}]",
                    got=repr(entry),
                    expected=f"that entry under `operators.NAME.{key}`: no operator here is without"
                    " a name",
                    consequence="it would have no effect",
                    fix=table.command("rm", f"{key}[{n}]"),
                )


def check_network(table: Table, existing: Sequence[str], adopt: Sequence[str]) -> None:
    """Report an existing subnetwork whose network would be created."""
    for key, listed in (("existing", existing), ("adopt", adopt)):
        if "subnetwork" in listed and "network" not in (*existing, *adopt):
            table.refuse(
                f"{key}[{list(listed).index('subnetwork')}]",
                got="subnetwork without network",
                expected="network beside it: a subnetwork cannot exist before its network",
                consequence="Google would refuse the second network of that name",
                fix=table.command("set", f"{key}[{len(listed)}]", "network"),
            )


def check_pool(own: Table, pool: str, existing: Sequence[str], adopt: Sequence[str]) -> None:
    """Report a pool's name that is no whole id where it must be, or one where it must not be.

    `own` has the lists and the names.
    """
    names = own.table("names")
    if not pool:
        return
    if "pool" in adopt and naming.pool_suffix(pool) is None:
        names.refuse(
            "pool",
            got=repr(pool),
            expected="the whole id of a pool that this program has created: it ends with a hyphen"
            f" and {2 * naming.SUFFIX_BYTES} of 0-9 and a-f",
            consequence="this stack gives its pools such ids, and could not keep another one",
            fix=names.command("set", "pool", f"{naming.POOL}-1a2b3c")
            + "   # or leave `pool` in `existing`",
        )
    elif "pool" in existing and not re.fullmatch(naming.POOL_ID, pool):
        names.refuse(
            "pool",
            got=repr(pool),
            expected="the whole id of an existing pool: 4 to 32 of a-z, 0-9 and -",
            consequence="there can be no such pool",
        )
    elif "pool" not in (*existing, *adopt) and not _is_first_part(pool):
        names.refuse("pool", got=repr(pool))


def _is_first_part(pool: str) -> bool:
    return re.fullmatch(naming.POOL_PREFIX, pool) is not None
