"""`make docs`: pages build without a warning, load nothing from elsewhere, and links lead on."""

from __future__ import annotations

import hashlib
import re
import shutil
from html import unescape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

import pytest

from rehearsal.repository import REPOSITORY
from tests.fixtures.documentation_site import DOCS, build, built

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

DRAWINGS: Final = sorted((DOCS / "diagrams").glob("*.dot"))
LOADED: Final = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "link": "href",
    "object": "data",
    "script": "src",
    "source": "srcset",
    "use": "href",
    "video": "src",
}
"""What a browser gets by itself, by the attribute that says where from. A link of a person, `a`, is
no such thing."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    return built(tmp_path_factory.mktemp("pages"))


def test_every_page_is_built(pages: Path) -> None:
    """No Markdown below docs/ is left out, but the template of a decision."""
    sources = {page.relative_to(DOCS).with_suffix(".html") for page in DOCS.rglob("*.md")}
    built = {page.relative_to(pages) for page in pages.rglob("*.html")}
    assert {str(page) for page in sources - built} == {"adr/0000-template.html"}


def broken_anchors(text: str, pages: Path) -> list[str]:
    """The headings that a text names as `docs/PAGE.md#heading` and that the page does not have."""
    return [
        f"{page}.md#{anchor}"
        for page, anchor in re.findall(r"docs/([\w/-]+)\.md#([\w-]+)", text)
        if f'id="{anchor}"' not in (pages / f"{page}.html").read_text()
    ]


def test_every_heading_that_a_message_names_exists(pages: Path) -> None:
    """Of the program, the workload and the commands: nobody builds those."""
    folders = ("infra", "ops", "packing", "policy", "workload", "rehearsal")
    sources = [path for each in folders for path in (REPOSITORY / each).rglob("*.py")]
    texts = [path.read_text() for path in sources if ".venv" not in path.parts]
    assert sum("docs/" in text for text in texts) > 20
    assert [found for text in texts for found in broken_anchors(text, pages)] == []


def test_a_heading_that_does_not_exist_is_found(pages: Path) -> None:
    """Beside one that does."""
    text = "see docs/first-deployment.md#roles, docs/first-deployment.md#rules"
    assert broken_anchors(text, pages) == ["first-deployment.md#rules"]


class Resources(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each element."""
        values = dict(attrs)
        self.found.append(values.get(LOADED.get(tag, "")) or "")
        self.found += re.findall(r"url\(([^)]*)\)", values.get("style") or "")


def resources(html: str) -> list[str]:
    """What a page loads by itself."""
    parser = Resources()
    parser.feed(html)
    return [address for address in parser.found if address]


def foreign(addresses: list[str]) -> list[str]:
    """Those of another host."""
    return [each for each in addresses if re.match(r"['\"]?(?:[a-z]+:)?//", each)]


def test_no_page_loads_anything_from_another_host(pages: Path) -> None:
    """Neither scripts, nor styles, nor fonts, nor pictures, also not from a style sheet."""
    loaded = [each for page in pages.rglob("*.html") for each in resources(page.read_text())]
    assert len(loaded) > 100
    assert foreign(loaded) == []
    styles = [path.read_text() for path in pages.rglob("*.css")]
    assert len(styles) > 3
    in_styles = [
        each
        for style in styles
        for each in re.findall(r"url\(([^)]*)\)|@import\s+(\S+)", style)
        if foreign([each[0], each[1]])
    ]
    assert in_styles == []


def test_a_resource_of_another_host_is_found() -> None:
    """The check can fail."""
    html = '<a href="https://a.example/"><script src="//b.example/x.js"><img src="x.svg">'
    assert foreign(resources(html)) == ["//b.example/x.js"]
    assert foreign(resources('<link href="https://c.example/font">')) == ["https://c.example/font"]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small site with the configuration of the real one, inside of a small repository."""
    docs = tmp_path / "docs"
    docs.mkdir()
    for program in DOCS.glob("*.py"):
        shutil.copy(program, docs)
    shutil.copytree(DOCS / "_static", docs / "_static")
    (tmp_path / "infra").mkdir()
    (tmp_path / "infra" / "naming.py").touch()
    (tmp_path / "README.md").write_text("# Read me\n\n## Part `x`, a\n")
    (docs / "other.md").write_text("# Other\n\n## Some heading\n")
    return docs


def with_index(docs: Path, text: str) -> subprocess.CompletedProcess[str]:
    """Build the small site with this text on its first page."""
    (docs / "index.md").write_text(f"# First\n\n{text}\n\n```{{toctree}}\nother\n```\n")
    return build(docs, docs.parent / "pages")


BROKEN: Final = (
    "[a page](nothing.md)",
    "[an anchor](#nothing)",
    "[an anchor of another page](other.md#nothing)",
    "[a file of the repository](../nothing.py)",
    "[a folder of the repository](../nothing/)",
    "[a document of the repository](../nothing.md)",
    "[a heading of a document](../README.md#nothing)",
    "[a file above the repository](../../nothing.md)",
    "[a folder above the repository](../../)",
    "![a picture](nothing.svg)",
)


def test_every_broken_link_fails_the_build(site: Path) -> None:
    """Of each kind, with its line; the first one does not hide the others."""
    done = with_index(site, "\n\n".join(BROKEN))  # a paragraph each
    assert done.returncode == 1
    reported = re.findall(r"index\.md:(\d+): WARNING: ", done.stderr)
    first = 3  # below the heading
    assert sorted(map(int, reported)) == [first + 2 * number for number in range(len(BROKEN))]


def test_no_link_leads_to_the_page_that_only_includes_another() -> None:
    """On GitHub it is a line of code; the site makes a page of a link to what it includes."""
    pages = {page: page.read_text() for page in DOCS.rglob("*.md")}
    included = [page.name for page, text in pages.items() if text.startswith("```{include}")]
    assert included == ["rehearsal.md"]
    assert [page.name for page, text in pages.items() if "](rehearsal.md" in text] == []


def test_a_page_outside_of_the_navigation_fails_the_build(site: Path) -> None:
    """Nobody would find it."""
    (site / "lost.md").write_text("# Lost\n")
    done = with_index(site, "text")
    assert done.returncode == 1
    assert "lost.md: WARNING: document isn't included in any toctree" in done.stderr


def test_links_lead_on(site: Path) -> None:
    """To pages by a link; a file of the repository, which is not beside the pages, is its path."""
    links = (
        "[a](other.md#some-heading) [b](../README.md#part-x-a)"
        " [`infra/naming.py`](../infra/naming.py) [c](../infra/)"
    )
    done = with_index(site, links)
    assert (done.returncode, done.stderr) == (0, "")
    html = (site.parent / "pages" / "index.html").read_text()
    (line,) = re.findall("<p>(.*)</p>", html)
    assert 'href="other.html#some-heading"' in line
    assert line.count("href") == 1
    text = re.sub("<[^>]*>", "", line)
    assert text == "a b (README.md) infra/naming.py c (infra)"


@pytest.mark.parametrize("source", DRAWINGS, ids=lambda path: path.stem)
def test_a_drawing_is_of_its_source(source: Path) -> None:
    """The first line has the hash of the source, so that nobody needs Graphviz to see it."""
    drawn = source.with_suffix(".svg").read_text()
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    expected = f"<!-- drawn by `make diagrams` from {source.name}, SHA-256 {digest} -->"
    assert drawn.splitlines()[0] == expected, "run: make diagrams"


def test_a_drawing_holds_every_text_of_its_source() -> None:
    """So a drawing that was cut, or is of another source, is found, too."""
    assert len(DRAWINGS) == 2
    for source in DRAWINGS:
        drawn = unescape(source.with_suffix(".svg").read_text()).replace("\N{NO-BREAK SPACE}", " ")
        for label in re.findall(r'label="([^"]+)"', source.read_text()):
            for line in label.split(r"\n"):
                assert line in drawn
