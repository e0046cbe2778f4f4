"""The hash of a build context is equal on every machine, and changes with what goes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from infra.build_context import context_hash, set_modes
from infra.config.local_files import FilesError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A small build context."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "job.py").write_text("print('job')\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "a.txt").write_text("a")
    return tmp_path


def test_the_hash_depends_on_the_files_only(context: Path) -> None:
    """Neither on where the folder is, nor on the umask, nor on times."""
    before = context_hash(context)
    for path in context.rglob("*.py"):
        path.chmod(0o640)
    moved = context.rename(context.with_name("elsewhere"))
    assert context_hash(moved) == before


def test_the_modes_become_those_that_git_stores(context: Path) -> None:
    """Of what docker receives; the docker provider takes another umask for another image."""
    (context / ".dockerignore").write_text("ignored\n")
    modes = {"job.py": 0o664, "inner/a.txt": 0o600, "Dockerfile": 0o666, "ignored": 0o600}
    for name, mode in modes.items():
        (context / name).touch()
        (context / name).chmod(mode)
    (context / "run.sh").touch()
    (context / "run.sh").chmod(0o775)
    before = context_hash(context)
    set_modes(context)
    assert {
        name: f"{(context / name).stat().st_mode & 0o777:o}" for name in [*modes, "run.sh"]
    } == {
        "job.py": "644",
        "inner/a.txt": "644",
        "Dockerfile": "644",
        "ignored": "600",
        "run.sh": "755",
    }
    assert context_hash(context) == before


def test_a_mode_that_cannot_be_changed_is_an_error(
    context: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as of a file that belongs to somebody else; with the command for its owner."""

    def refuse(_path: Path, _mode: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    (context / "job.py").chmod(0o664)
    monkeypatch.setattr(type(context), "chmod", refuse)
    with pytest.raises(FilesError, match=r"got mode 664, expected 644.*chmod 644 .*job\.py"):
        set_modes(context)


@pytest.mark.parametrize(
    ("path", "content"),
    [("job.py", "print('jab')\n"), ("new.py", ""), ("inner/a.txt", "b")],
)
def test_hash_changes_with_every_file(context: Path, path: str, content: str) -> None:
    """One changed character of the workload is another image."""
    before = context_hash(context)
    (context / path).write_text(content)
    assert context_hash(context) != before


def test_hash_changes_with_the_executable_bit(context: Path) -> None:
    """It is part of what runs."""
    before = context_hash(context)
    (context / "job.py").chmod(0o755)
    assert context_hash(context) != before


def test_a_renamed_file_is_another_context(context: Path) -> None:
    """The path counts, not only the bytes."""
    before = context_hash(context)
    (context / "job.py").rename(context / "jab.py")
    assert context_hash(context) != before


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("**/__pycache__", "__pycache__/job.pyc"),
        ("**/__pycache__", "inner/__pycache__/job.pyc"),
        ("*.md", "README.md"),
        ("**/*.pyc", "inner/deep.pyc"),
        ("notes/", "notes/a/b.txt"),
        ("/top.txt", "top.txt"),
        ("a?.txt", "ab.txt"),
        ("*\n!README.md\nREADME.md", "README.md"),
    ],
)
def test_a_file_that_docker_ignores_does_not_change_the_hash(
    context: Path, line: str, path: str
) -> None:
    """Byte code appears as soon as a test runs, and must not make another image."""
    (context / ".dockerignore").write_text(f"# comment\n\n{line}\n")
    before = context_hash(context)
    (context / path).parent.mkdir(parents=True, exist_ok=True)
    (context / path).write_text("x")
    assert context_hash(context) == before


@pytest.mark.parametrize(
    ("line", "path"),
    [("*.md", "inner/README.md"), ("a?.txt", "a.txt"), ("*.txt\n!a.txt", "a.txt")],
)
def test_a_file_that_docker_receives_changes_the_hash(context: Path, line: str, path: str) -> None:
    """A pattern must not ignore more than docker does."""
    (context / ".dockerignore").write_text(f"{line}\n")
    before = context_hash(context)
    (context / path).write_text("x")
    assert context_hash(context) != before


def test_an_ignored_dockerfile_changes_the_hash(context: Path) -> None:
    """Docker always receives it."""
    (context / ".dockerignore").write_text("*\n!*.py\n")
    before = context_hash(context)
    (context / "Dockerfile").write_text("FROM other\n")
    assert context_hash(context) != before


def test_a_link_is_refused(context: Path) -> None:
    """Its target differs between machines."""
    (context / "link").symlink_to(context / "job.py")
    with pytest.raises(FilesError, match="is a link"):
        context_hash(context)


def test_a_missing_dockerfile_is_refused_with_the_alternative(context: Path) -> None:
    """An image that is built elsewhere is named by its digest."""
    (context / "Dockerfile").unlink()
    with pytest.raises(FilesError, match=r"Dockerfile is missing.*image.digest"):
        context_hash(context)
