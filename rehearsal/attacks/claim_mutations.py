"""One random change of a token's claims: a place in the tree, and an operation on it.

Claims that a clause is about, their parents and their contents are changed most often.
`value_mutations` has the operations on a single value; this module also moves values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rehearsal.attacks import value_mutations
from rehearsal.attacks.value_mutations import OTHERS, TEXT, copied

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from rehearsal.attacks.value_mutations import Make

    Do = Callable[[Random, "Place"], None]


@dataclass(frozen=True)
class Place:
    """The place of a value in a token's claims, which may be empty."""

    trail: tuple[tuple[Any, Any], ...]
    """each object or list from the top down, with the key or index of the next"""

    @property
    def inside(self) -> Any:
        """The object or list that holds the value."""
        return self.trail[-1][0]

    @property
    def key(self) -> Any:
        """Its key there, or its index."""
        return self.trail[-1][1]

    @property
    def empty(self) -> bool:
        """Whether there is no value."""
        return isinstance(self.inside, dict) and self.key not in self.inside

    @property
    def value(self) -> Any:
        """The value."""
        return self.inside[self.key]

    def put(self, value: Any) -> None:
        """Set another value."""
        self.inside[self.key] = value

    def take(self) -> Any:
        """Remove the value, and give it."""
        return self.inside.pop(self.key)

    def __str__(self) -> str:
        """Its keys and indices, joined by dots."""
        return ".".join(str(key) for _, key in self.trail)


def mutate(rng: Random, claims: dict[str, Any], pinned: Sequence[str]) -> tuple[str, str]:
    """Make one change; gives the place and the name of the operation."""
    place = _place(rng, claims, pinned)
    name = MADE_UP if place.empty else rng.choice(_possible(place))
    if not place.empty and isinstance(place.value, str) and rng.random() < 0.2:
        # Often: claims that must fit each other are only tested if all of them change alike.
        name = EVERYWHERE
    where = str(place)
    OPERATIONS[name](rng, place)
    return where, name


def _place(rng: Random, claims: dict[str, Any], pinned: Sequence[str]) -> Place:
    of_which = rng.random()
    if of_which < 0.3:
        return _inwards(rng, claims)
    keys = rng.choice(pinned).split(".")
    if of_which < 0.4:
        keys = keys[: rng.randint(1, len(keys))]
    place = _named(claims, keys)
    if of_which < 0.85 or place.empty or not _holds_something(place.value):
        return place
    return Place(place.trail + _inwards(rng, place.value).trail)


def _named(claims: dict[str, Any], keys: Sequence[str]) -> Place:
    """The place of a claim, or of its first parent that is absent."""
    trail: list[tuple[Any, Any]] = []
    inside: Any = claims
    for key in keys:
        if not isinstance(inside, dict):
            break
        trail.append((inside, key))
        inside = inside.get(key)
    return Place(tuple(trail))


def _inwards(rng: Random, inside: Any) -> Place:
    """A random place in a value that is not empty, the outer ones more often."""
    trail = []
    while True:
        key = rng.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
        trail.append((inside, key))
        inside = inside[key]
        if not _holds_something(inside) or rng.random() < 0.2:
            return Place(tuple(trail))


def _holds_something(value: Any) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _similar(rng: Random, text: str) -> str:
    return str(TEXT[rng.choice(tuple(TEXT)[:10])](rng, text))


def _beside(rng: Random, place: Place) -> None:
    place.inside[_similar(rng, place.key)] = copied(place.value)


def _instead(rng: Random, place: Place) -> None:
    place.inside[_similar(rng, place.key)] = place.take()


def _swap(rng: Random, place: Place) -> None:
    other = _inwards(rng, place.trail[0][0])
    # Copies, because one may be inside the other.
    here, there = copied(place.value), copied(other.value)
    other.put(here)
    place.put(there)


def _everywhere(rng: Random, place: Place) -> None:
    """The same change in every text that contains this one: a consistent lie."""
    claims, said = place.trail[0][0], place.value
    claims.update(_replaced_in(claims, said, _similar(rng, said)))


def _replaced_in(value: Any, said: str, instead: str) -> Any:
    match value:
        case str():
            return value.replace(said, instead) if said else value
        case list():
            return [_replaced_in(each, said, instead) for each in value]
        case dict():
            return {key: _replaced_in(each, said, instead) for key, each in value.items()}
        case _:
            return value


def _overwrite(rng: Random, place: Place) -> None:
    place.put(copied(_inwards(rng, place.trail[0][0]).value))


def _move(rng: Random, place: Place) -> None:
    if len(place.trail) > 1 and rng.random() < 0.5:
        above, value = place.trail[-2][0], place.take()
        if isinstance(above, dict):
            above[str(place.key)] = value
        else:
            above.append(value)
        return
    objects = [key for key in place.inside if isinstance(place.inside[key], dict)]
    below = rng.choice([key for key in objects if key != place.key] or [place.key])
    value = place.take()
    place.inside.setdefault(below, {})[place.key] = value


def _made(make: Make) -> Do:
    return lambda rng, place: place.put(make(rng, place.value))


def _all(kind: str, makes: Mapping[str, Make]) -> dict[str, Do]:
    return {f"{kind} {name}": _made(make) for name, make in makes.items()}


MADE_UP: Final = "made up"
EVERYWHERE: Final = "text: alike wherever it stands"
_OF_TYPE: Final[Mapping[type, Mapping[str, Do]]] = {
    str: {EVERYWHERE: _everywhere, **_all("text:", value_mutations.TEXT)},
    bool: _all("flag:", value_mutations.FLAG),
    int: _all("number:", value_mutations.NUMBER),
    float: _all("number:", value_mutations.NUMBER),
    list: _all("list:", value_mutations.LIST),
    dict: _all("object:", value_mutations.OBJECT),
    type(None): {},
}
_ANYWHERE: Final[Mapping[str, Do]] = {
    **_all("any:", value_mutations.ANY),
    "left out": lambda _, place: place.take(),
    "swapped with another": _swap,
    "overwritten by another": _overwrite,
}
_IN_OBJECTS: Final[Mapping[str, Do]] = {
    "under a similar name besides": _beside,
    "under a similar name instead": _instead,
    "moved to another level": _move,
}
OPERATIONS: Final[Mapping[str, Do]] = {
    MADE_UP: lambda rng, place: place.put(
        copied(rng.choice((["-c"], {"LD_PRELOAD": "x"}, *OTHERS)))
    ),
    **{name: do for kind in _OF_TYPE.values() for name, do in kind.items()},
    **_ANYWHERE,
    **_IN_OBJECTS,
}
"""All operations, by name."""

_POSSIBLE: Final = {
    # Operations for the type of the value are chosen twice as often.
    (of_type, into): (*fitting, *fitting, *_ANYWHERE, *(_IN_OBJECTS if into is dict else ()))
    for of_type, fitting in _OF_TYPE.items()
    for into in (dict, list)
}


def _possible(place: Place) -> tuple[str, ...]:
    return _POSSIBLE[type(place.value), type(place.inside)]
