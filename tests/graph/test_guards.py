"""Rules about the sources themselves, read as syntax trees; each guard is seen to fail."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from rehearsal.repository import REPOSITORY

if TYPE_CHECKING:
    from pathlib import Path

SOURCES = sorted(
    [*(REPOSITORY / "infra").glob("**/*.py"), *(REPOSITORY / "workload").glob("**/*.py")]
)

AUTHORITATIVE = re.compile(r"iam_?(binding|policy)|access_?control", re.IGNORECASE)
"""Resources that own a whole policy or role: they silently remove what others were granted."""

STAND_IN = re.compile(
    r"sandbox|emulat|simulat|rehears|mock|fake(?!_?quant)|dry_?run|pytest|unittest|localhost|"
    r"127\.0\.0|"
    r"(^|_)(is|in|on)?_?(test|testing|ci|dev|debug|local)(_?mode)?$",
    re.IGNORECASE,
)
"""Any word by which a program could tell that it is not on Google Cloud."""


def authoritative(source: str) -> list[str]:
    """Names of authoritative IAM resources that a source uses."""
    names = [
        node.attr if isinstance(node, ast.Attribute) else node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute | ast.alias)
    ]
    return [name for name in names if AUTHORITATIVE.search(name)]


def stand_ins(source: str) -> list[str]:
    """Names and texts by which a source could ask where it runs; prose in docstrings is free."""
    tree = ast.parse(source)
    prose = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    words = [word for node in ast.walk(tree) if node not in prose for word in _words(node)]
    return [word for word in words if STAND_IN.search(word)]


def _words(node: ast.AST) -> list[str]:
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word) | ast.alias(name=word):
            return [word]
        case ast.arg(arg=word) | ast.keyword(arg=str(word)) | ast.Constant(value=str(word)):
            return [word]
        case (
            ast.FunctionDef(name=word) | ast.ClassDef(name=word) | ast.ImportFrom(module=str(word))
        ):
            return [word]
    return []


def test_there_are_sources_to_check() -> None:
    """Without a source the checks below would always pass."""
    assert {"program.py", "model_release.py", "secundus.py", "job.py", "credentials.py"} <= {
        path.name for path in SOURCES
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_grants_are_additive(path: Path) -> None:
    """Only *IAMMember: whatever others granted on the same resource stays."""
    assert authoritative(path.read_text()) == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_line_asks_where_it_runs(path: Path) -> None:
    """Endpoints and trust roots come from outside; behaviour never depends on where it runs."""
    assert stand_ins(path.read_text()) == []


@pytest.mark.parametrize(
    "source",
    [
        "gcp.storage.BucketIAMBinding('x')",
        "gcp.projects.IAMPolicy('x')",
        "from pulumi_gcp.serviceaccount import IAMBinding",
        "gcp.storage.BucketAccessControl('x')",
        "gcp.artifactregistry.RepositoryIamPolicy('x')",
    ],
)
def test_an_authoritative_grant_is_detected(source: str) -> None:
    """In every spelling of the provider."""
    assert authoritative(source)


def test_additive_grants_and_prose_are_accepted() -> None:
    """Otherwise people would work around it."""
    assert not authoritative("'''never an IAMBinding'''\ngcp.storage.BucketIAMMember('x')")


@pytest.mark.parametrize(
    "source",
    [
        "if sandbox: pass",
        "if os.environ.get('SANDBOX'): pass",
        "if settings.is_local: pass",
        "if 'STORAGE_EMULATOR_HOST' in os.environ: pass",
        "if project == 'sandbox-project': pass",
        "if host.startswith('localhost'): pass",
        "url = 'http://127.0.0.1:8080'",
        "def f(fake=False): pass",
        "if sys.modules.get('pytest'): pass",
        "run(in_test=True)",
        "import sandbox",
        "from rehearsal.cloud.state import Cloud",
        "DEBUG = True",
    ],
)
def test_a_line_that_asks_where_it_runs_is_detected(source: str) -> None:
    """In any spelling."""
    assert stand_ins(source)


def test_prose_and_ordinary_words_are_accepted() -> None:
    """A docstring may explain it, and 'latest' is not a test."""
    assert not stand_ins('"""No sandbox here."""\nlatest = contest = "attestation"')
