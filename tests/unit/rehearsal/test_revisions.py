"""A commit, and the working tree as a commit of everything would have it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from rehearsal import revisions
from rehearsal.revisions import RevisionError

if TYPE_CHECKING:
    from pathlib import Path

WHO = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    """Run git, which must succeed."""
    done = subprocess.run(
        ["git", "-C", str(folder), *WHO, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit on main, in place of this one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "kept").write_text("old")
    (folder / "deleted").write_text("x")
    (folder / ".gitignore").write_text("ignored\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "First")
    monkeypatch.setattr(revisions, "REPOSITORY", folder)
    return folder


def files(folder: Path) -> dict[str, str]:
    """Content by name."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_commit_has_none_of_the_working_trees_changes(repository: Path, tmp_path: Path) -> None:
    """It is what was reviewed before."""
    (repository / "kept").write_text("new")
    revisions.copy_commit("HEAD", tmp_path / "copy")
    assert files(tmp_path / "copy") == {"kept": "old", "deleted": "x", ".gitignore": "ignored\n"}


def test_the_working_tree_has_all_changes_and_nothing_that_git_ignores(
    repository: Path, tmp_path: Path
) -> None:
    """Also what is not yet added, and without what is deleted."""
    (repository / "kept").write_text("new")
    (repository / "deleted").unlink()
    (repository / "ä b").write_text("untracked")
    (repository / "ignored").write_text("x")
    (repository / "link").symlink_to("kept")
    revisions.copy_working_tree(tmp_path / "copy")
    copied = tmp_path / "copy"
    assert files(copied) == {
        "kept": "new",
        "ä b": "untracked",
        ".gitignore": "ignored\n",
        "link": "new",
    }
    assert (copied / "link").is_symlink()


def test_what_git_ignores_is_added_where_the_configuration_names_it(
    repository: Path, tmp_path: Path
) -> None:
    """Models and pictures are seldom in git; what the copy has already stays as it is."""
    (repository / "ignored").write_text("model")
    (repository / "pictures").mkdir()
    (repository / "pictures" / "a.jpg").write_text("picture")
    (repository / "kept").write_text("new")
    copy = tmp_path / "copy"
    revisions.copy_commit("HEAD", copy)
    revisions.add_ignored(copy, ["ignored", "pictures", "kept", "nowhere", "/etc/hostname"])
    assert (copy / "ignored").read_text() == "model"
    assert (copy / "pictures" / "a.jpg").read_text() == "picture"
    assert (copy / "kept").read_text() == "old"
    assert not (copy / "nowhere").exists()


def test_the_base_is_where_the_branch_left_main(repository: Path) -> None:
    """Not what main has become since."""
    base = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-qb", "branch")
    git(repository, "commit", "-qm", "On the branch", "--allow-empty")
    git(repository, "checkout", "-q", "main")
    git(repository, "commit", "-qm", "Later", "--allow-empty")
    git(repository, "checkout", "-q", "branch")
    assert revisions.merge_base() == base
    assert revisions.described(base) == f"{base[:7]} First"


def test_without_a_main_branch_the_base_must_be_named(repository: Path) -> None:
    """A shallow clone of CI has none."""
    git(repository, "branch", "-m", "other")
    with pytest.raises(RevisionError, match=r"git fetch --unshallow.*BASE=REV"):
        revisions.merge_base()


def test_a_commit_that_does_not_exist_is_refused(repository: Path, tmp_path: Path) -> None:
    """In git's own words."""
    assert repository.is_dir()
    with pytest.raises(RevisionError, match="got BASE='nowhere', expected a commit"):
        revisions.described("nowhere")
    with pytest.raises(RevisionError, match="git archive nowhere failed"):
        revisions.copy_commit("nowhere", tmp_path / "copy")


def test_a_link_out_of_the_copy_is_refused(repository: Path, tmp_path: Path) -> None:
    """The local deployment would read a file that is not of the commit."""
    (repository / "out").symlink_to("/etc/hostname")
    git(repository, "add", ".")
    git(repository, "commit", "-qm", "A link")
    with pytest.raises(RevisionError, match=r"HEAD holds a file that is not copied.*'out'"):
        revisions.copy_commit("HEAD", tmp_path / "copy")


def test_without_a_repository_nothing_can_be_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as in a downloaded archive."""
    monkeypatch.setattr(revisions, "REPOSITORY", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(RevisionError, match="git ls-files failed"):
        revisions.copy_working_tree(tmp_path / "copy")
