"""The releases: what each of Primus' operators is admitted with, every default filled in.

Each operator has a release of its own, so that one can be stopped, audited or given another model
while nothing of the others changes, and no condition grows with the number of customers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from infra import naming
from infra.config import contradictions, validators

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.config.company_settings import Company
    from infra.config.operators import (
        AdmittedImages,
        AdmittedOperator,
        NamedOperator,
    )
    from infra.config.reader import Table

UNNAMED_MODEL: Final = "model"
"""The name of the model under the key `model`."""

MAX_MODELS: Final = 20
"""Bindings of one policy with the same role and principal, and other conditions:
https://docs.cloud.google.com/iam/quotas#limits"""


@dataclass(frozen=True, kw_only=True)
class Release:
    """One operator, and what it is admitted with."""

    name: str
    """the operator's name under `operators`; empty for the one under `operator`"""
    project: str
    project_number: str
    service_account: str
    """the e-mail address of the one account that its machine runs as"""
    digest: str | None
    """the image that it is to launch; None: the one that the stack builds"""
    admit_also: tuple[str, ...]
    """digests of other admitted images"""
    hardware: tuple[str, ...]
    models: tuple[str, ...]
    """names of its models; the first is the one that it uses by default"""
    stopped: bool
    pool: str
    """the first part of its pool's id; the whole id of a pool that is not created here"""
    reader: str
    """the id of the account that reads its models"""
    existing: tuple[str, ...] = ()
    """of `pool` and `serviceAccount`, what others have made"""
    adopt: tuple[str, ...] = ()
    """of both, what exists and is to be managed from now on"""

    @property
    def pool_prefix(self) -> str:
        """The first part of the pool's id, also where config has the whole of an adopted one."""
        suffix = naming.pool_suffix(self.pool) if "pool" in self.adopt else None
        return self.pool.removesuffix(f"-{suffix}") if suffix else self.pool

    @property
    def key(self) -> str:
        """Where its operator is configured."""
        return operator_key(self.name)


def operator_key(name: str | None) -> str:
    """Where an operator is configured; without a name, the one that has none."""
    return f"operators.{name}" if name else "operator"


class Identity(NamedTuple):
    """Pool and reader of one release, and which of them exist."""

    pool: str
    reader: str
    existing: tuple[str, ...] = ()
    adopt: tuple[str, ...] = ()


def of(
    *,
    operator: AdmittedOperator | None,
    operators: Mapping[str, NamedOperator],
    unnamed_model: bool,
    image: AdmittedImages,
    hardware: tuple[str, ...],
    stopped: bool,
    identity: Identity,
) -> tuple[Release, ...]:
    """The release of each operator; what is not its own is that of all.

    `identity` is that of the operator without a name.
    """
    named = [
        (
            name,
            each,
            Identity(each.names.pool, each.names.service_account, each.existing, each.adopt),
        )
        for name, each in operators.items()
    ]
    unnamed = [("", operator, identity)] if operator is not None else []
    # Never a named one that nobody chose: an operator would lose its model to one that is added.
    default = (UNNAMED_MODEL,) if unnamed_model else ()
    return tuple(
        Release(
            name=name,
            project=each.project,
            project_number=each.project_number,
            service_account=each.service_account,
            digest=each.image.digest or image.digest,
            admit_also=_also(each, image),
            hardware=hardware if each.hardware is None else each.hardware,
            models=default if each.models is None else each.models,
            stopped=stopped or each.stopped,
            pool=own.pool,
            reader=own.reader,
            existing=own.existing,
            adopt=own.adopt,
        )
        for name, each, own in [*unnamed, *named]
    )


def _also(operator: AdmittedOperator, image: AdmittedImages) -> tuple[str, ...]:
    if operator.image.admit_also is not None:
        return operator.image.admit_also
    return () if operator.image.digest else image.admit_also


def check_models(table: Table, unnamed: Sequence[str], named: Sequence[str]) -> None:
    """Report a set of models that is empty, or has two of one name."""
    if not unnamed and not named:
        table.refuse(
            "models",
            got="no model",
            consequence="there would be nothing to release",
            fix=table.command("rm", "models") + "   # the key `model` has defaults",
        )
    for name in set(unnamed).intersection(named):
        table.table("models").refuse(
            name,
            got=f"a model called {name!r}",
            expected=f"another name: {name!r} is the model under the key `model`",
            consequence="it would be unclear which of the two an operator is given",
            fix=table.command("rm", f"models.{name}"),
        )


def check(
    table: Table, releases: Sequence[Release], company: Company, models: Mapping[str, int]
) -> None:
    """Report what defeats a release, or makes two of them one.

    `models` has the number of admitted versions of each model.
    """
    readers = [naming.service_account(each.reader, company.project) for each in releases]
    for n, each in enumerate(releases):
        own = table.table("operators").table(each.name) if each.name else table.table("operator")
        contradictions.two_numbers(
            own,
            (each.project, each.project_number),
            (company.project, company.project_number),
        )
        if own.has("hardware"):
            contradictions.no_hardware(own, each.hardware)
        contradictions.reader_as_operator(own, each.service_account, readers)
        _check_reader(own, each, [other.reader for other in releases[:n]])
        _check_models(own, each, models)
        same = [
            other.key
            for other in releases[:n]
            if (other.project_number, other.service_account)
            == (each.project_number, each.service_account)
        ]
        if same and each.service_account:
            own.refuse(
                "serviceAccount",
                got=repr(each.service_account),
                expected=f"another account or project than that of {same[0]}",
                consequence="both would admit the same machine, so stopping one would stop nothing",
                fix=table.command("rm", each.key),
            )


def _check_reader(own: Table, release: Release, others: Sequence[str]) -> None:
    if not release.name or not release.reader:
        return
    names = own.table("names")
    if not re.fullmatch(validators.ACCOUNT.pattern, release.reader):
        names.refuse("serviceAccount", got=f"{release.reader!r} ({len(release.reader)} characters)")
    elif release.reader in others:
        names.refuse(
            "serviceAccount",
            got=repr(release.reader),
            expected="an account that no other operator's models are read by",
            consequence="whoever is admitted for one operator would read the models of the other",
            fix=names.command("set", "serviceAccount", f"reader-{release.name}"),
        )


def _check_models(own: Table, release: Release, models: Mapping[str, int]) -> None:
    unknown = [name for name in release.models if name and name not in models]
    versions = sum(models.get(name, 0) for name in release.models)
    if unknown or not release.models:
        own.refuse(
            "models",
            got=", ".join(map(repr, unknown)) or "no model",
            expected="a list of at least one of " + ", ".join(models),
            consequence="the operator would be admitted and have nothing to load",
            fix=own.command("set", "models[0]", next(iter(models), UNNAMED_MODEL)),
        )
    elif versions > MAX_MODELS:
        own.refuse(
            "models",
            got=f"{versions} models with all their admitted versions",
            expected=f"at most {MAX_MODELS}: each is a conditional grant to one account, and Google"
            f" takes no more than {MAX_MODELS} of them on a bucket",
            consequence="Google would refuse the grants in the middle of an update",
            fix=own.command("rm", f"models[{len(release.models) - 1}]"),
        )
