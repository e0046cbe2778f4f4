"""Builds an image from a Dockerfile without a container engine: files are copied, nothing is run.

COPY works across all stages. RUN is not executed: the image's history records that, and the local
Python environment has the packages that it would install. Base images cannot be fetched: for the
known ones, only their configuration is used, without files. Any other instruction is refused by
line number, never skipped.
https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import copy
import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rehearsal.image_builder import build_context, dockerfile_text
from rehearsal.image_builder.dockerfile_text import DockerfileError, Instruction
from rehearsal.image_builder.oci import FOLDER, Image, Json, Tree, assemble

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PYTHON = re.compile(
    r"(?:docker\.io/)?(?:library/)?python:3\.13-slim(?:-[a-z]+)?(?:@sha256:[0-9a-f]{64})?"
)
PYTHON_CONFIG: Json = {
    "Env": {
        "PATH": "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "GPG_KEY": "7169605F62C751356D054A26A821E680E5FA6305",
        "PYTHON_VERSION": "3.13.11",
        "PYTHON_SHA256": "16ede7bb7cdbfa895d11b0642fa0e523f291e6487194d53cf6d3b338c3a17ea2",
    },
    "Cmd": ["python3"],
}
"""https://github.com/docker-library/python/blob/master/3.13/slim-bookworm/Dockerfile"""

NOT_RUN = "not executed by the local builder"


@dataclass
class Stage:
    """One build stage while it is being executed; `config` holds Env as a mapping."""

    base: str
    config: Json
    tree: Tree = field(default_factory=dict)
    history: list[Json] = field(default_factory=list)
    arguments: dict[str, str] = field(default_factory=dict)
    sets_cmd: bool = False

    @property
    def variables(self) -> dict[str, str]:
        """The variables of `$NAME`; ENV wins over ARG."""
        return {**self.arguments, **self.config.get("Env", {})}

    @property
    def folder(self) -> str:
        """The folder to which paths are relative."""
        folder: str = self.config.get("WorkingDir") or "/"
        return folder


def build(
    context: Path, dockerfile: Path, arguments: Mapping[str, str], target: str | None = None
) -> Image:
    """Build the last stage; DockerfileError, ContextError, OSError.

    A `target` is a DockerfileError: a single stage cannot be built.
    """
    if target is not None:
        raise DockerfileError(f"Dockerfile: got target {target}, expected none: all is built")
    builder = _Builder(build_context.read(context, dockerfile), arguments)
    return builder.build(dockerfile_text.parse(dockerfile.read_text()))


class _Builder:
    """The stages of one build, by name and by number."""

    def __init__(self, context: Tree, arguments: Mapping[str, str]) -> None:
        self.context = context
        self.given = arguments
        self.before_from: dict[str, str] = {}
        self.stages: dict[str, Stage] = {}

    def build(self, instructions: list[Instruction]) -> Image:
        stage: Stage | None = None
        count = 0
        not_run: list[Json] = []
        for step in instructions:
            if step.name == "FROM":
                stage, names = self._from(step)
                self.stages.update(dict.fromkeys([str(count), *names], stage))
                count += 1
            elif step.name == "ARG":
                self._arg(step, stage)
            elif stage is None:
                raise step.error("got it before the first FROM, expected only ARG there")
            elif step.name == "RUN":
                not_run.append({"created_by": step.source, "comment": NOT_RUN})
            else:
                self._step(step, stage)
        if stage is None:
            raise DockerfileError("Dockerfile: got no FROM, expected at least one")
        return _finish(stage, not_run)

    def _from(self, step: Instruction) -> tuple[Stage, list[str]]:
        match step.words(self.before_from):
            case [image]:
                names = []
            case [image, keyword, name] if keyword.upper() == "AS":
                names = [name.lower()]
            case _:
                raise step.error("expected FROM IMAGE [AS NAME]")
        if image == "scratch":
            return Stage(image, {}), names
        if PYTHON.fullmatch(image):
            return Stage(image, copy.deepcopy(PYTHON_CONFIG)), names
        raise step.error(
            f"got base image {image!r}, expected python:3.13-slim[@sha256:…] or scratch: base "
            "images cannot be fetched, and only these are known here"
        )

    def _arg(self, step: Instruction, stage: Stage | None) -> None:
        for word in step.words(self.before_from if stage is None else stage.variables):
            name, given_default, default = word.partition("=")
            value = self.given.get(name, default if given_default else None)
            if stage is None:
                self.before_from[name] = value or ""
            else:
                stage.arguments[name] = self.before_from.get(name, "") if value is None else value

    def _step(self, step: Instruction, stage: Stage) -> None:
        match step.name:
            case "COPY":
                self._copy(step, stage)
            case "ENV" | "LABEL":
                key = {"ENV": "Env", "LABEL": "Labels"}[step.name]
                stage.config[key] = {**stage.config.get(key, {}), **_pairs(step, stage)}
            case "ENTRYPOINT":
                stage.config["Entrypoint"] = step.exec_form()
            case "CMD":
                stage.config["Cmd"], stage.sets_cmd = step.exec_form(), True
            case "USER":
                stage.config["User"] = _single(step, stage)
            case "WORKDIR":
                folder = posixpath.normpath(posixpath.join(stage.folder, _single(step, stage)))
                stage.config["WorkingDir"] = folder
                if _key(folder):
                    stage.tree.setdefault(_key(folder), (FOLDER, b""))
            case _:
                raise step.error("the local builder does not know this instruction")
        stage.history.append({"created_by": step.source})

    def _copy(self, step: Instruction, stage: Stage) -> None:
        names = step.words(stage.variables)
        if len(names) != 2:  # noqa: PLR2004  one source and one destination
            raise step.error("expected COPY SOURCE DESTINATION")
        source, place = _key(names[0]), _key(posixpath.join(stage.folder, names[1]))
        origin, tree = self._origin(step), stage.tree
        if source in origin and origin[source][0] != FOLDER:
            into = names[1].endswith("/") or names[1] == "." or _is_folder(tree, place)
            tree[_key(f"{place}/{posixpath.basename(source)}") if into else place] = origin[source]
            return
        if source and not _is_folder(origin, source):
            raise step.error(
                f"got no file {names[0]!r} there (or .dockerignore leaves it out, or only a RUN "
                "would make it, which the local builder does not execute)"
            )
        # COPY copies the files in a folder, not the folder itself.
        prefix = f"{source}/" if source else ""
        for name in [name for name in origin if name.startswith(prefix)]:
            tree[_key(f"{place}/{name.removeprefix(prefix)}")] = origin[name]

    def _origin(self, step: Instruction) -> Tree:
        """The source of COPY: the context, or an earlier stage."""
        name = step.flags.get("from", "").lower()
        if name and name not in self.stages:
            names = ", ".join(self.stages)
            raise step.error(f"got --from={name}, expected an earlier stage ({names})")
        return self.stages[name].tree if name else self.context


def _finish(stage: Stage, not_run: list[Json]) -> Image:
    steps = [{**entry, "empty_layer": True} for entry in [*not_run, *stage.history]]
    config = {**stage.config}
    config["Env"] = [f"{name}={value}" for name, value in config.get("Env", {}).items()]
    if config.get("Entrypoint") and not stage.sets_cmd:
        # As Docker does: the base image's command would be arguments of this entry point.
        config.pop("Cmd", None)
    name, at, digest = stage.base.partition("@")
    annotations = {"org.opencontainers.image.base.name": name}
    if at:
        annotations["org.opencontainers.image.base.digest"] = digest
    layer = {"created_by": "local builder", "comment": "all COPY instructions in one layer"}
    return assemble(stage.tree, config, [*steps, layer], annotations)


def _key(path: str) -> str:
    """A path as a key of a tree: from the root, without the leading slash."""
    return posixpath.normpath(posixpath.join("/", path)).strip("/")


def _is_folder(tree: Tree, path: str) -> bool:
    if path in tree:
        return tree[path][0] == FOLDER
    return any(name.startswith(f"{path}/") for name in tree)


def _pairs(step: Instruction, stage: Stage) -> dict[str, str]:
    pairs = [word.partition("=") for word in step.words(stage.variables)]
    if not pairs or not all(name and equals for name, equals, _ in pairs):
        raise step.error(f'expected {step.name} NAME="value" …')
    return {name: value for name, _, value in pairs}


def _single(step: Instruction, stage: Stage) -> str:
    found = step.words(stage.variables)
    if len(found) != 1:
        raise step.error(f"got {len(found)} words, expected one")
    return found[0]
