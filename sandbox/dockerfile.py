"""Dockerfile to image, without a container engine: files are copied, commands are not run.

COPY is executed across all stages. RUN is not: each is recorded in the image's history as not
executed, and what it would have installed comes from the local Python environment instead. Base
images cannot be fetched; a known one stands in by its configuration, with no files. Whatever else
a Dockerfile asks for is refused by line number, never skipped.
https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

import copy
import posixpath
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sandbox import build_context, dockerfile_text
from sandbox.dockerfile_text import DockerfileError, Instruction, words
from sandbox.oci import FOLDER, Image, Json, Tree, assemble

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PLATFORM = "linux/amd64"

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
        """What a `$NAME` may refer to; ENV wins over ARG."""
        return {**self.arguments, **self.config.get("Env", {})}


def build(
    context: Path, dockerfile: Path, arguments: Mapping[str, str], target: str | None = None
) -> Image:
    """Build the target stage (the last one if None); DockerfileError, ContextError, OSError."""
    builder = _Builder(build_context.read(context, dockerfile), arguments)
    return builder.build(dockerfile_text.parse(dockerfile.read_text()), target)


class _Builder:
    """The stages of one build, by name and by number."""

    def __init__(self, context: Tree, arguments: Mapping[str, str]) -> None:
        self.context = context
        self.given = arguments
        self.before_from: dict[str, str] = {}
        self.stages: dict[str, Stage] = {}

    def build(self, instructions: list[Instruction], target: str | None) -> Image:
        stage: Stage | None = None
        count = 0
        not_run: list[Json] = []
        for step in instructions:
            if step.name == "FROM":
                if stage is not None and stage is self.stages.get((target or "").lower()):
                    break
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
        if target is not None and target.lower() not in self.stages:
            raise DockerfileError(f"Dockerfile: got no stage {target}, which is the build's target")
        return self._finish(stage, not_run)

    def _finish(self, stage: Stage, not_run: list[Json]) -> Image:
        steps = [{**entry, "empty_layer": True} for entry in [*not_run, *stage.history]]
        config = {**stage.config}
        config["Env"] = [f"{name}={value}" for name, value in config.get("Env", {}).items()]
        if config.get("Entrypoint") and not stage.sets_cmd:
            # docker does the same: an entry point makes the base's command meaningless.
            config.pop("Cmd", None)
        name, at, digest = stage.base.partition("@")
        annotations = {"org.opencontainers.image.base.name": name}
        if at:
            annotations["org.opencontainers.image.base.digest"] = digest
        layer = {"created_by": "local builder", "comment": "all COPY instructions in one layer"}
        return assemble(stage.tree, config, [*steps, layer], annotations)

    def _from(self, step: Instruction) -> tuple[Stage, list[str]]:
        step.only_flags("platform")
        if step.flags.get("platform", PLATFORM) != PLATFORM:
            raise step.error(f"got platform {step.flags['platform']}, expected {PLATFORM}")
        match words(step, self.before_from):
            case [image]:
                names = []
            case [image, keyword, name] if keyword.upper() == "AS":
                names = [name.lower()]
            case _:
                raise step.error("expected FROM IMAGE [AS NAME]")
        if image.lower() in self.stages:
            earlier = copy.deepcopy(self.stages[image.lower()])
            earlier.arguments = {}
            return earlier, names
        if image == "scratch":
            return Stage(image, {}), names
        if PYTHON.fullmatch(image):
            return Stage(image, copy.deepcopy(PYTHON_CONFIG)), names
        raise step.error(
            f"got base image {image!r}, expected python:3.13-slim[@sha256:…], scratch or an "
            "earlier stage: base images cannot be fetched, and only these are known here"
        )

    def _arg(self, step: Instruction, stage: Stage | None) -> None:
        known = self.before_from if stage is None else stage.variables
        for word in words(step, known):
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
                stage.config["Entrypoint"] = _exec_form(step)
            case "CMD":
                stage.config["Cmd"], stage.sets_cmd = _exec_form(step), True
            case "USER":
                stage.config["User"] = _single(step, stage)
            case "WORKDIR":
                folder = posixpath.join(_workdir(stage), _single(step, stage))
                stage.config["WorkingDir"] = posixpath.normpath(folder)
                if _key(folder):
                    stage.tree.setdefault(_key(folder), (FOLDER, b""))
            case _:
                raise step.error("the local builder does not know this instruction")
        stage.history.append({"created_by": step.source})

    def _copy(self, step: Instruction, stage: Stage) -> None:
        step.only_flags("from", "chmod", "link")
        names = step.array() or words(step, stage.variables)
        if len(names) < 2:  # noqa: PLR2004  one source and one destination
            raise step.error("expected COPY SOURCE… DESTINATION")
        *sources, destination = names
        mode = _mode(step)
        origin, found = self._origin(step), []
        for source in sources:
            matches = _matches(origin, source)
            if not matches:
                raise step.error(
                    f"got no file {source!r} there (or .dockerignore leaves it out, or only a RUN "
                    "would make it, which the local builder does not execute)"
                )
            found += matches
        into_folder = destination.endswith("/") or destination in (".", "..") or len(found) > 1
        place = posixpath.normpath(posixpath.join(_workdir(stage), destination))
        for source in found:
            if _is_folder(origin, source):
                _copy_folder(origin, source, stage.tree, _key(place), mode)
                continue
            inside = into_folder or _is_folder(stage.tree, _key(place))
            path = posixpath.join(place, posixpath.basename(source)) if inside else place
            _put(stage.tree, _key(path), origin[source], mode)

    def _origin(self, step: Instruction) -> Tree:
        if "from" not in step.flags:
            return self.context
        name = step.flags["from"].lower()
        if name not in self.stages:
            raise step.error(
                f"got --from={name}, expected an earlier stage ({', '.join(self.stages)})"
            )
        return self.stages[name].tree


def _key(path: str) -> str:
    return posixpath.normpath(posixpath.join("/", path)).strip("/")


def _workdir(stage: Stage) -> str:
    folder: str = stage.config.get("WorkingDir") or "/"
    return folder


def _is_folder(tree: Tree, path: str) -> bool:
    if path in tree:
        return tree[path][0] == FOLDER
    return not path or any(name.startswith(path + "/") for name in tree)


def _matches(tree: Tree, source: str) -> list[str]:
    """The files and folders that a source, which may have wildcards, names; sorted."""
    wanted = _key(source)
    folders = {name.rsplit("/", depth)[0] for name in tree for depth in range(name.count("/") + 1)}
    candidates = {"", *tree, *folders}
    if not set("*?[").intersection(wanted):
        return [wanted] if wanted in candidates else []
    pieces = wanted.split("/")
    return sorted(
        name
        for name in candidates
        if name.count("/") == len(pieces) - 1
        and all(fnmatchcase(*pair) for pair in zip(name.split("/"), pieces, strict=True))
    )


def _copy_folder(origin: Tree, source: str, tree: Tree, place: str, mode: int | None) -> None:
    """Copy what is in a folder, not the folder itself, as COPY does."""
    prefix = source + "/" if source else ""
    for name, entry in list(origin.items()):
        if name.startswith(prefix):
            _put(tree, _key(posixpath.join(place, name.removeprefix(prefix))), entry, mode)


def _put(tree: Tree, path: str, entry: tuple[int, bytes], mode: int | None) -> None:
    tree[path] = entry if mode is None or entry[0] == FOLDER else (mode, entry[1])


def _mode(step: Instruction) -> int | None:
    text = step.flags.get("chmod")
    if text is None:
        return None
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise step.error(f"got --chmod={text}, expected three octal digits")
    return int(text, 8)


def _pairs(step: Instruction, stage: Stage) -> dict[str, str]:
    pairs = [word.partition("=") for word in words(step, stage.variables)]
    if not pairs or not all(name and equals for name, equals, _ in pairs):
        raise step.error(f'expected {step.name} NAME="value" …')
    return {name: value for name, _, value in pairs}


def _single(step: Instruction, stage: Stage) -> str:
    found = words(step, stage.variables)
    if len(found) != 1:
        raise step.error(f"got {len(found)} words, expected one")
    return found[0]


def _exec_form(step: Instruction) -> list[str]:
    found = step.array()
    if found is None:
        raise step.error(
            f'got the shell form, expected the exec form {step.name} ["program", "argument"]: a '
            "shell between launcher and program would interpret what the operator passes"
        )
    return found
