"""What a file says otherwise than what was agreed before, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIGEST: Final = "image digest"

_MEANINGS: Final = {
    "image": ("image repository", "the machine would get its code from another repository"),
    DIGEST: (DIGEST, "other code would run on the pictures"),
    "audience": ("identity provider", "another provider would judge the machine's token"),
    "modelUri": ("model address", "the machine would load the model from another place"),
    "modelSha256": ("model hash", "another model would answer"),
    "modelReader": ("model reader", "the machine would act as another account to read the model"),
    "operatorNumber": ("operator's project number", "machines of another project are admitted"),
    "operatorAccount": ("operator's account", "machines of another account are admitted"),
    "project": ("operator's project", "accounts of another project could read the image"),
    "projectNumber": ("operator's project number", "machines of another project would be admitted"),
    "serviceAccount": ("operator's account", "machines of another account would be admitted"),
}
"""What each value is, and what it means that it is another one."""


class Difference(NamedTuple):
    """One value that is another one than before."""

    what: str
    agreed: str
    now: str
    meaning: str


def named(values: Mapping[str, Any]) -> dict[str, str]:
    """The values of a file with names for people; the image's digest is one of its own."""
    return {
        _MEANINGS.get(key, (key, ""))[0]: text for key, text in sorted(_facts(values), key=_place)
    }


def differences(agreed: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Each value that is not what was agreed."""
    before, after = dict(_facts(agreed)), dict(_facts(now))
    return [
        Difference(
            _MEANINGS.get(key, (key, ""))[0],
            before.get(key, "nothing"),
            after.get(key, "nothing"),
            _MEANINGS.get(key, ("", ""))[1],
        )
        for key, _ in sorted({**before, **after}.items(), key=_place)
        if before.get(key) != after.get(key)
    ]


def _place(fact: tuple[str, str]) -> int:
    """The known values come first, in the order above; the others stay in the file's order."""
    known = list(_MEANINGS)
    return known.index(fact[0]) if fact[0] in known else len(known)


def _facts(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from _facts(value, f"{prefix}{key}.")
        elif key == "image" and not prefix:
            repository, _, digest = str(value).partition("@")
            yield key, repository
            yield DIGEST, digest
        else:
            yield prefix + key, str(value)
