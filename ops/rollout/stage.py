"""Where the rollout of an image is, by what is deployed and what is configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.config.releases import operator_key
from infra.handover import NAMED, OUTPUT
from ops.commands import OPS
from ops.pulumi_command import StackError, typed
from ops.stack_configuration import remove

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of one operator, by digest."""

    key: str
    """where they are configured: `image`, or `operators.NAME.image`"""
    launched: str
    """the one that its next machine launches"""
    deployed: tuple[str, ...]
    """all that the deployed condition admits"""
    also: tuple[str, ...]
    """those that are configured to stay admitted beside the launched one"""
    own: bool = True
    """whether `also` stands under `key`; an operator without a list has that of all"""

    @property
    def others(self) -> tuple[str, ...]:
        """Those that are admitted beside the launched one."""
        return tuple(digest for digest in self.deployed if digest != self.launched)

    def following(self, stack: str) -> str:
        """What is true now, and the command or the edit that comes next."""
        update = typed(("up", "--stack", stack))
        if self.others and not self.also:
            return (
                f"The configuration retires the others, the next update does it: {update}. Their"
                " machines are refused from then on; the model that one has loaded stays in it."
            )
        if self.others:
            return (
                "The old and the new are admitted. Each operator starts a machine with the new one:"
                " pulumi up --stack secundus, which says how to approve it first. When they have"
                f" results, retire the others: {OPS} rollout retire --stack {stack}"
            )
        if self.launched in self.also:
            return (
                "The deployed image stays admitted. Now change the sources in workload/, or name"
                " another image: pulumi config set --stack"
                f" {stack} --path {self.key}.digest sha256:… Then: {update}. To give it up:"
                f" {typed(remove(stack, f'{self.key}.admitAlso'))}"
            )
        return f"No rollout is under way. To begin one: {OPS} rollout begin --stack {stack}"


def images(
    outputs: Mapping[str, Any], configured: Mapping[str, object], stack: str, operator: str | None
) -> Images:
    """Those of an operator, or of the one without a name; StackError if it is not deployed."""
    if operator is None:
        published, own = outputs.get(OUTPUT), outputs
    else:
        published = outputs.get(NAMED, {}).get(operator)
        own = outputs.get("operators", {}).get(operator, {})
    if published is None:
        names = sorted(outputs.get(NAMED, {}))
        raise StackError(
            f"the stack {stack} has deployed no release for `{operator_key(operator)}`;"
            + (f" name one: --operator {' or '.join(names)}" if names else " deploy it first:")
            + ("" if names else f" pulumi up --stack {stack}")
        )
    key = "image" if operator is None else f"operators.{operator}.image"
    return Images(
        key=key,
        launched=published["image"].rpartition("@")[2],
        deployed=tuple(own["imageDigests"]),
        also=_list(configured, operator) or _list(configured, None),
        own=bool(_list(configured, operator)),
    )


def _list(configured: Mapping[str, object], operator: str | None) -> tuple[str, ...]:
    """The list under `image.admitAlso` of an operator, or of all for None."""
    operators = configured.get("operators")
    of_one = operators.get(operator) if operator and isinstance(operators, dict) else None
    settings = of_one if operator else configured
    image = settings.get("image") if isinstance(settings, dict) else None
    also = image.get("admitAlso") if isinstance(image, dict) else None
    return tuple(map(str, also)) if isinstance(also, list) else ()
