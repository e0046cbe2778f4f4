"""What is around the resources: the plugins' settings, the stack's project, the firewall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ops.review.change import Change, Effect, Section
from ops.review.values import at, differences, text
from policy.resource import is_unknown
from policy.rules.machines import MACHINE, TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ops.review.preview import Preview, Step

GOOGLE: Final = "pulumi:providers:gcp"
FIREWALL: Final = "gcp:compute/firewall:Firewall"
NETWORK: Final = "gcp:compute/network:Network"

_PLUGIN: Final = "pulumi:providers:"
_OF_PLUGIN: Final = ("project", "region", "version", "zone")
"""Inputs of a plugin that neither send files elsewhere nor change by whose right it acts."""
_DENIAL: Final[Mapping[str, Any]] = {
    "denies": [{"protocol": "all"}],
    "direction": "INGRESS",
    "priority": 0,
    "sourceRanges": ["0.0.0.0/0"],
}
"""The rule that refuses all ingress, as this program declares it."""
_WEAKENED_BY: Final = ("allows", "disabled", "sourceServiceAccounts", "sourceTags", "targetTags")
"""Inputs of a rule that let something through."""
_SECRET: Final = "[secret]"  # noqa: S105  what the engine prints in place of one


def changes(preview: Preview) -> Iterator[Change]:
    """What sends files elsewhere, moves a resource to others, opens the network, or is hidden."""
    projects = _projects(list(preview.of_type(GOOGLE)))
    networks = [step for step in preview.of_type(NETWORK) if step.after is not None]
    machines = [step for step in preview.of_type(MACHINE, TEMPLATE) if step.after is not None]
    for step in preview.steps:
        if not step.changes:
            continue
        if step.type.startswith(_PLUGIN):
            yield from _plugin(step)
        else:
            yield from _project(step, projects)
        if step.type == FIREWALL:
            yield from _firewall(step, machines, still_there=bool(networks))
        yield from _hidden(step)


def _projects(plugins: list[Step]) -> set[Any]:
    """The projects of the plugins that the stack had before, or of all in a new stack."""
    known = [step for step in plugins if step.before is not None] or plugins
    return {at(step.after, "project") for step in known} - {None}


def _plugin(step: Step) -> Iterator[Change]:
    internal = at(step.declared_before, "__internal") or {}
    others = sorted(step.changed_keys - {*_OF_PLUGIN})
    if step.after is not None and (at(step.after, "__internal") or {}) != internal:
        others.append("pluginDownloadURL")
    if step.after is not None and others:
        yield _change(
            step,
            Effect.UNJUDGED,
            f"the plugin {step.name} gets {', '.join(others)}: that can send every file to another"
            " address, or act by another right",
        )


def _project(step: Step, projects: set[Any]) -> Iterator[Change]:
    before, after = at(step.before, "project"), at(step.after, "project")
    if after is None or before == after or after in projects:
        return
    if not projects or any(is_unknown(each) for each in projects):
        return  # nothing to compare with; a preview without any plugin is no whole one
    what = f"{step.type} {step.name}"
    if is_unknown(after):
        yield _change(step, Effect.UNKNOWN, f"in which project {what} is")
    else:
        yield _change(
            step,
            Effect.LOOSENING,
            f"{what} is in the project {text(after)}, and not in that of the stack,"
            f" {', '.join(sorted(map(text, projects)))}: others administer it",
        )


def _holds_for(machines: list[Step], rule: Step) -> bool:
    """Whether a rule holds for every machine: in a network of others it names their accounts."""
    accounts = at(rule.after, "targetServiceAccounts")
    own = [at(each.after, "serviceAccount", "email") for each in machines]
    return accounts is None or (bool(own) and all([each] == accounts for each in own))


def _firewall(step: Step, machines: list[Step], *, still_there: bool) -> Iterator[Change]:
    if step.after is None:
        if still_there and _refuses(step.before):
            sentence = f"the firewall rule {step.name}, which refuses all ingress, is deleted"
            yield _change(step, Effect.LOOSENING, sentence)
    elif not _refuses(step.after) or not _holds_for(machines, step):
        details = tuple(
            f"{path}: {text(old)} → {text(new)}"
            for path, old, new in differences(step.declared_before, step.after)
        )
        sentence = f"the firewall rule {step.name} is not the one that refuses all ingress"
        yield _change(step, Effect.LOOSENING, sentence, details)


def _refuses(properties: Mapping[str, Any] | None) -> bool:
    same = all(at(properties, key) == value for key, value in _DENIAL.items())
    return same and not any(at(properties, key) for key in _WEAKENED_BY)


def _hidden(step: Step) -> Iterator[Change]:
    """The engine does not print a secret, so it could be anything."""
    secret = sorted(path for path, _, new in differences({}, step.after) if new == _SECRET)
    if secret:
        sentence = f"{step.type} {step.name} has inputs that are secret: {', '.join(secret)}"
        yield _change(step, Effect.UNJUDGED, sentence)


def _change(step: Step, effect: Effect, sentence: str, details: tuple[str, ...] = ()) -> Change:
    return Change(
        effect=effect,
        section=Section.OTHERS,
        sentence=sentence,
        details=details,
        urn=step.urn,
    )
