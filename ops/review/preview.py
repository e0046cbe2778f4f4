"""Reads what `pulumi preview --json` prints: for each resource, its state before and after.

The engine prints a digest of its own steps: https://www.pulumi.com/docs/iac/cli/commands/pulumi_preview/
An unknown value is a text that nothing else is, a secret the text [secret].
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a preview; one with 10,000 pictures has 60 million."""

BECAUSE_OF_POLICY: Final = "error: preview failed"
"""The engine's only message if a policy pack refuses; the steps are complete all the same."""

_NO_STEP_OF_ITS_OWN: Final = ("refresh", "create-replacement", "delete-replaced")
"""Steps that bring the state up to date, and the two halves of a replacement: each resource has
another step beside them."""


class PreviewError(Exception):
    """Nothing can be judged; the message says why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a preview does with one resource."""

    op: str
    """the engine's word: create, update, replace, delete, same, …; `import` also where the stack
    has only read the resource before"""
    urn: str
    before: Mapping[str, Any] | None
    """the properties before: inputs, and what the cloud said of them; None if there is nothing"""
    after: Mapping[str, Any] | None
    """the inputs after; None if the resource is deleted"""
    parent: str = ""
    declared_before: Mapping[str, Any] = field(default_factory=dict)
    """the inputs before"""
    protected: bool = False
    """whether the engine refuses to delete or replace it"""
    protected_after: bool = False
    kept_in_the_cloud: bool = False
    """whether the engine only forgets it when it is deleted"""
    given_up: bool = False
    """whether the stack has managed it, and only reads it from then on"""
    identity: str = ""
    """its id in the cloud, before a replacement; empty before it exists"""
    sources: Mapping[str, Collection[str]] = field(default_factory=dict)
    """by input, the URNs of the resources whose outputs its value is made of"""

    @property
    def type(self) -> str:
        """The type, such as `gcp:storage/bucket:Bucket`."""
        return self.urn.split("::")[2].rpartition("$")[2]

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.split("::", 3)[3]

    @property
    def physical_name(self) -> object:
        """Its name in the cloud from then on; of a bucket that is only read, its id is its name.

        A preview has no inputs of what is read, and of another one than before only its id is new.
        """
        return self.identity if self.op == "read" else (self.after or {}).get("name")

    @property
    def ends(self) -> bool:
        """Whether what is in the cloud ends: it is deleted, or replaced by another."""
        return self.op.startswith(("delete", "replace")) and not self.kept_in_the_cloud

    @property
    def changed_keys(self) -> frozenset[str]:
        """The inputs that differ from those before; of a new resource, all.

        Without those that the plugin adds by itself: it lists them in `__defaults`.
        """
        after = self.after or {}
        added = after.get("__defaults")
        return frozenset(
            key
            for key in {*self.declared_before, *after}
            if self.declared_before.get(key) != after.get(key)
            and not key.startswith("__")
            and not (isinstance(added, list) and key in added)
        )

    @property
    def changes(self) -> bool:
        """Whether anything happens to the resource."""
        return self.op not in ("same", "read", "discard")


@dataclass(frozen=True, kw_only=True)
class Preview:
    """One preview of one stack."""

    stack: str
    steps: tuple[Step, ...]
    refused: bool = False
    """whether the preview failed, and its steps are complete all the same: a policy pack refused"""
    unlisted: int = 0
    """unchanged resources that are not among the steps"""
    warnings: tuple[str, ...] = ()

    def of_type(self, *types: str) -> Iterator[Step]:
        """The steps of resources of these types."""
        return (step for step in self.steps if step.type in types)

    def names(self, type_: str) -> frozenset[str]:
        """Physical names of the stack's resources of a type, also of those that it only reads."""
        names = (step.physical_name for step in self.of_type(type_) if step.after is not None)
        return frozenset(str(name) for name in names if name)


def read(text: bytes) -> Preview:
    """The preview in a text; PreviewError if it is none, or if the preview failed."""
    if len(text) > LARGEST:
        raise PreviewError(f"got more than {LARGEST} bytes, expected a preview of one stack")
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PreviewError(
            f"got {len(text)} bytes that are no JSON ({error}), expected what `pulumi preview"
            " --json --show-sames` prints"
        ) from error
    if not isinstance(parsed, dict):
        raise PreviewError(
            f"got JSON of type {type(parsed).__name__}, expected the object that `pulumi preview"
            " --json --show-sames` prints"
        )
    errors, warnings = _diagnostics(parsed)
    others = [error for error in errors if error != BECAUSE_OF_POLICY]
    if others:
        raise PreviewError("the preview failed, so there is nothing to judge: " + "; ".join(others))
    # The engine's order differs from run to run, and a comment must not.
    steps = tuple(sorted(_steps(parsed), key=lambda step: step.urn))
    if not steps:
        raise PreviewError(
            "got a preview without a resource; `pulumi preview --json --show-sames` lists all"
        )
    summary = parsed.get("changeSummary")
    same = summary.get("same", 0) if isinstance(summary, dict) else 0
    unlisted = int(same) - sum(step.op == "same" for step in steps)
    return Preview(
        stack=steps[0].urn.split("::")[0].removeprefix("urn:pulumi:"),
        steps=steps,
        refused=bool(errors),
        unlisted=max(0, unlisted),
        warnings=warnings,
    )


def _diagnostics(parsed: Mapping[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    errors, warnings = [], []
    listed = parsed.get("diagnostics")
    for each in listed if isinstance(listed, list) else []:
        if not isinstance(each, dict):
            continue
        message = str(each.get("message", "")).strip()
        if each.get("severity") == "error":
            errors.append(message)
        elif each.get("severity") == "warning":
            warnings.append(message.removeprefix("warning: "))
    return errors, tuple(warnings)


def _steps(parsed: Mapping[str, Any]) -> Iterator[Step]:
    listed = parsed.get("steps", [])
    for number, each in enumerate(listed if isinstance(listed, list) else []):
        urn = each.get("urn") if isinstance(each, dict) else None
        op = each.get("op") if isinstance(each, dict) else None
        if not isinstance(op, str) or not isinstance(urn, str) or len(urn.split("::")) < 4:  # noqa: PLR2004  stack, project, type, name
            raise PreviewError(f"step {number}: got no operation with a URN, expected both")
        if op not in _NO_STEP_OF_ITS_OWN:
            yield _step(op, urn, each)


def _step(op: str, urn: str, parsed: Mapping[str, Any]) -> Step:
    old, new = _object(parsed, "oldState"), _object(parsed, "newState")
    inputs = _object(old, "inputs")
    outputs = _object(old, "outputs")
    # A deletion has only the old state. Its `newState` is null, or missing.
    gone = not new or op.startswith("delete")
    # The engine calls it a replacement, and only forgets that it has read the resource.
    imported = op == "replace" and old.get("external") is True and not new.get("external")
    if imported:
        inputs = {key: outputs.get(key) for key in _object(new, "inputs")}
    return Step(
        op="import" if imported else op,
        urn=urn,
        before={**inputs, **outputs} if old else None,
        after=None if gone else _object(new, "inputs"),
        parent=str((new or old).get("parent", "")),
        declared_before=inputs,
        protected=old.get("protect") is True,
        protected_after=new.get("protect") is True,
        kept_in_the_cloud=(old if gone else new).get("retainOnDelete") is True,
        given_up=op == "read" and old.get("external") is not True and bool(old),
        # The state after has none in a preview, also of what stays as it is.
        identity=str(new.get("id") or old.get("id", "")),
        sources={
            key: tuple(map(str, urns)) if isinstance(urns, list) else ()
            for key, urns in _object(new, "propertyDependencies").items()
        },
    )


def _object(parsed: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = parsed.get(key)
    return value if isinstance(value, dict) else {}
