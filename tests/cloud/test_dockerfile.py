"""Images from a Dockerfile have the files and the configuration that Docker would give them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rehearsal.image_builder import build_context
from rehearsal.image_builder.dockerfile import NOT_RUN, build
from rehearsal.image_builder.dockerfile_text import DockerfileError
from rehearsal.image_builder.oci import Image, Json, unpack

if TYPE_CHECKING:
    from pathlib import Path

ADDRESS = "sha256:" + "7c" * 32
FILES = {"main.py": "print()", "lib/a.py": "a", "lib/deep/b.py": "b", "notes.txt": "n"}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context."""
    folder = tmp_path / "context"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def built(context: Path, text: str, target: str | None = None, **arguments: str) -> Image:
    """The image of a Dockerfile's text."""
    (context / "Dockerfile").write_text(text)
    return build(context, context / "Dockerfile", arguments, target)


def files(image: Image, folder: Path) -> set[str]:
    """The names of all files in an image."""
    unpack(image, folder)
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def history(image: Image) -> list[Json]:
    """The image's history."""
    found: list[Json] = json.loads(image.blobs[image.config_digest])["history"]
    return found


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("COPY . /app/", {"app/" + name for name in (*FILES, "Dockerfile")}),
        ("COPY main.py /app/", {"app/main.py"}),
        ("COPY main.py /app", {"app"}),
        ("COPY lib /app", {"app/a.py", "app/deep/b.py"}),
        ("WORKDIR /work\nCOPY main.py .", {"work/main.py"}),
        ("WORKDIR /work\nWORKDIR sub\nCOPY main.py other.py", {"work/sub/other.py"}),
        ("COPY ../main.py /", {"main.py"}),
    ],
)
def test_copy_puts_files_where_docker_puts_them(
    context: Path, tmp_path: Path, copy: str, expected: set[str]
) -> None:
    """A folder gives its content, a trailing slash means into, the context has no outside."""
    image = built(context, f"FROM scratch\n{copy}\n")
    assert files(image, tmp_path / "root") == expected


def test_copy_takes_files_from_an_earlier_stage(context: Path, tmp_path: Path) -> None:
    """By name or number; other files of that stage are not in the image."""
    image = built(
        context,
        "FROM python:3.13-slim AS Build\nCOPY lib /layout/lib\nCOPY notes.txt /tmp/\n"
        "FROM scratch\nCOPY --from=build /layout/ /\nCOPY --from=0 /tmp/notes.txt /n\n",
    )
    assert files(image, tmp_path / "root") == {"lib/a.py", "lib/deep/b.py", "n"}


def test_the_last_instruction_sets_the_configuration(context: Path) -> None:
    """ENV, LABEL, USER, WORKDIR and the entry point."""
    image = built(
        context,
        "FROM scratch\nENV A=1 B=$MISSING\nLABEL one=1\nUSER 1:1\n"
        'ENV C="${A}x" D=d\nLABEL "two words"="2 3"\nUSER 65532:65532\n'
        'WORKDIR /w\nENTRYPOINT ["python", "-m", "x"]\nCMD ["--flag"]\n',
    )
    assert image.config == {
        "Env": ["A=1", "B=", "C=1x", "D=d"],
        "Labels": {"one": "1", "two words": "2 3"},
        "User": "65532:65532",
        "WorkingDir": "/w",
        "Entrypoint": ["python", "-m", "x"],
        "Cmd": ["--flag"],
    }


def test_a_build_argument_overrides_its_default(context: Path) -> None:
    """One from before FROM is visible in a stage that declares it."""
    image = built(
        context,
        "ARG IMAGE=no-such-image\nARG SHARED=shared\nFROM ${IMAGE}\n"
        "ARG SHARED\nARG OWN=own\nARG HIDDEN=h\nENV S=$SHARED O=$OWN I=[$IMAGE] G=$GIVEN\n",
        IMAGE="scratch",
        OWN="given",
        GIVEN="not declared",
    )
    assert image.config["Env"] == ["S=shared", "O=given", "I=[]", "G="]


def test_the_image_has_the_configuration_of_its_base(context: Path) -> None:
    """The base's environment and command are those of the real image; its digest is recorded."""
    image = built(context, f"FROM python:3.13-slim@{ADDRESS}\nCOPY main.py /\n")
    env = dict(pair.split("=", 1) for pair in image.config["Env"])
    assert env["PYTHON_VERSION"].startswith("3.13.")
    assert env["PATH"].startswith("/usr/local/bin:")
    assert image.config["Cmd"] == ["python3"]
    annotations = json.loads(image.manifest)["annotations"]
    assert annotations == {
        "org.opencontainers.image.base.name": "python:3.13-slim",
        "org.opencontainers.image.base.digest": ADDRESS,
    }


def test_an_entry_point_removes_the_command_of_the_base(context: Path) -> None:
    """As Docker does: else `python3` would be an argument of the entry point."""
    image = built(context, 'FROM python:3.13-slim\nENTRYPOINT ["python", "-m", "x"]\n')
    assert "Cmd" not in image.config


def test_a_run_instruction_is_recorded_and_not_executed(context: Path) -> None:
    """Each RUN, also of earlier stages, is in the history with that remark."""
    image = built(
        context,
        "FROM scratch AS b\nRUN touch /made && \\\n    # a remark\n    echo\n"
        "FROM scratch\nRUN id\n",
    )
    found = [(e["created_by"], e.get("comment")) for e in history(image)[:2]]
    assert found == [("RUN touch /made &&     echo", NOT_RUN), ("RUN id", NOT_RUN)]


def test_the_history_has_one_entry_with_a_layer(context: Path) -> None:
    """As many entries as the image has layers."""
    image = built(context, "FROM scratch\nCOPY . /\nENV A=1\n")
    assert sum("empty_layer" not in entry for entry in history(image)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "got no FROM"),
        ("COPY a b", r"Dockerfile:1: COPY: got it before the first FROM"),
        ("# c\n\nFROM debian:13", r"Dockerfile:3: FROM: got base image 'debian:13'"),
        ("FROM python:3.12-slim", r"got base image 'python:3.12-slim', expected python:3.13-slim"),
        ("FROM python:3.13-slim@sha256:12", r"got base image"),
        ("FROM a b c", r"expected FROM IMAGE \[AS NAME\]"),
        ("FROM scratch\nADD x y", r"Dockerfile:2: ADD: the local builder does not know"),
        ("FROM scratch\nHEALTHCHECK NONE", r"HEALTHCHECK: the local builder does not know"),
        ("FROM scratch\nFETCH x", r"FETCH: the local builder does not know"),
        ("FROM scratch\nENTRYPOINT python x", r"ENTRYPOINT: got the shell form"),
        ('FROM scratch\nCMD ["a", 1]', r"CMD: got the shell form"),
        ("FROM scratch\nENV A 1", r'expected ENV NAME="value"'),
        ('FROM scratch\nLABEL a="1', r'LABEL: got a " that is not closed'),
        ("FROM scratch\nLABEL a='1'", r"LABEL: .*expected no backslash and only double quotes"),
        ("FROM scratch\nLABEL a=\\$B", r"LABEL: .*expected no backslash and only double quotes"),
        ("FROM scratch\nENV A=${B:-x}", r"ENV: got '\$\{B:-x\}', expected \$\{NAME\}"),
        ("FROM scratch\nENV A=${B?x}", r"ENV: got '\$\{B\?x\}', expected \$\{NAME\}"),
        ("FROM scratch\nCOPY no-such /", r"COPY: got no file 'no-such' there"),
        ("FROM scratch\nCOPY --from=x a /", r"COPY: got --from=x, expected an earlier stage \(0\)"),
        ("FROM --platform=linux/arm64 scratch", r"FROM: got --platform, which the local builder"),
        (
            "FROM scratch\nCOPY --chown=1 main.py /",
            r"got --chown, which the local builder",
        ),
        ("FROM scratch\nCOPY main.py lib /", r"expected COPY SOURCE DESTINATION"),
        ("FROM scratch\nCOPY *.py /", r"COPY: got no file '\*.py' there"),
        ("FROM scratch\nCOPY main.py", r"expected COPY SOURCE DESTINATION"),
        ("FROM scratch\nUSER a b", r"USER: got 2 words, expected one"),
        ("FROM scratch\nRUN <<EOF\nid\nEOF", r"RUN: here-documents are not known"),
        ("FROM scratch\nRUN id \\\n", r"Dockerfile:2: got the end of the file after a backslash"),
        ("# escape=`\nFROM scratch", r"Dockerfile:1: another escape character"),
    ],
)
def test_an_unknown_instruction_is_refused_with_its_line(
    context: Path, text: str, message: str
) -> None:
    """No instruction, flag or form is skipped silently."""
    with pytest.raises(DockerfileError, match=message):
        built(context, text)


def test_a_build_target_is_refused(context: Path) -> None:
    """A request for one stage must not give the last one."""
    with pytest.raises(DockerfileError, match="got target test, expected none"):
        built(context, "FROM scratch AS test\nFROM scratch\n", "test")


def test_a_changed_byte_changes_the_images_digest(context: Path) -> None:
    """So a changed workload is another image."""
    text = "FROM scratch\nCOPY main.py /\n"
    first, again = built(context, text).digest, built(context, text).digest
    (context / "main.py").write_text("print(1)")
    assert first == again
    assert built(context, text).digest != first


def test_dates_and_umask_do_not_change_the_image(context: Path) -> None:
    """Another checkout of the same files is the same image."""
    text = "FROM scratch\nCOPY . /\n"
    first = built(context, text).digest
    (context / "main.py").chmod(0o664)
    (context / "main.py").touch()
    assert built(context, text).digest == first


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        ("", {"main.py", "lib/a.py", "lib/deep/b.py", "notes.txt"}),
        ("*\n!*.py\n", {"main.py"}),
        ("# remark\nlib\n", {"main.py", "notes.txt"}),
        ("**/*.py\n", {"notes.txt"}),
        ("lib\n!lib/deep\n", {"main.py", "notes.txt", "lib/deep/b.py"}),
        ("/lib/*.py\n", {"main.py", "lib/deep/b.py", "notes.txt"}),
        ("[mn]*.??*\n", {"lib/a.py", "lib/deep/b.py"}),
    ],
)
def test_dockerignore_excludes_what_docker_excludes(
    context: Path, rules: str, left: set[str]
) -> None:
    """The last rule that matches a file or a folder above it decides; `*` stops at a slash."""
    (context / ".dockerignore").write_text(rules)
    found = build_context.read(context, context / "Dockerfile")
    assert set(found) - {".dockerignore", "Dockerfile"} == left


def test_a_dockerignore_beside_the_dockerfile_wins(context: Path) -> None:
    """NAME.dockerignore replaces the context's."""
    (context / ".dockerignore").write_text("main.py\n")
    (context / "Dockerfile.dockerignore").write_text("*\n!main.py\n")
    assert set(build_context.read(context, context / "Dockerfile")) == {"main.py"}


def test_the_digest_has_the_whole_mode_and_the_image_has_not(context: Path) -> None:
    """As with the genuine plugin, another umask looks like another context."""
    before = build_context.read(context, context / "Dockerfile")
    digest = build_context.digest(context, before, b"")
    (context / "main.py").chmod(0o664)
    after = build_context.read(context, context / "Dockerfile")
    assert after == before
    assert build_context.digest(context, after, b"") != digest


def test_a_symbolic_link_in_the_context_is_refused(context: Path) -> None:
    """It could point out of the context, and Docker would copy the link, not the file."""
    (context / "link").symlink_to("main.py")
    with pytest.raises(build_context.ContextError, match="does not copy symbolic links"):
        build_context.read(context, context / "Dockerfile")


def test_a_missing_context_is_refused(tmp_path: Path) -> None:
    """A misspelt context must not give an empty image."""
    with pytest.raises(build_context.ContextError, match="got no folder there"):
        build_context.read(tmp_path / "nowhere", tmp_path / "Dockerfile")
