"""Links from a page to files of the repository that are no pages.

On GitHub such a link opens the file. The built pages have no repository beside them, and there is
no public address of it, so the link becomes the file's path. A link to a file, folder or heading
that does not exist, or is outside of the repository, fails the build, as every other broken link
does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from markdown_it import MarkdownIt
from mdit_py_plugins.anchors import anchors_plugin
from sphinx import addnodes
from sphinx.transforms import SphinxTransform
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_LOG: Final = logging.getLogger(__name__)
PAGES: Final = {"rehearsal/README.md": "rehearsal"}
"""Files outside of docs/ whose text a page includes: a link to the file is one to the page."""


class RepositoryLinks(SphinxTransform):
    """Before Sphinx resolves links, and before it would copy what they point to."""

    default_priority = 1

    def apply(self, **_: Any) -> None:  # noqa: ANN401 - the signature of docutils
        """Replace each link that leaves docs/."""
        docs = Path(self.env.srcdir)
        links = [
            *self.document.findall(addnodes.pending_xref),
            *self.document.findall(addnodes.download_reference),
        ]
        for link in links:
            if link.get("reftype") != "myst":
                continue
            # MyST has removed the ending of Markdown files already.
            target = str(link["reftarget"]).partition("#")[0]
            path = (docs / Path(self.env.docname).parent / target).resolve()
            if not target or path.is_relative_to(docs):
                continue
            path = path if path.exists() else path.with_name(path.name + ".md")
            if not path.is_relative_to(docs.parent):
                _LOG.warning("a link out of the repository: %s", target, location=link)
                link.replace_self(link.children)
                continue
            if not path.exists():
                continue  # Sphinx says where the broken link is
            within = path.relative_to(docs.parent).as_posix()
            if within in PAGES:
                link["reftarget"] = PAGES[within]
                continue
            anchor = link.get("reftargetid")  # of Markdown only: MyST drops those of other files
            if anchor and anchor not in _anchors(path):
                _LOG.warning("no heading %s in %s", anchor, within, location=link)
            link.replace_self(_as_text(link, within))


def _anchors(path: Path) -> set[str]:
    """What a link can name of a Markdown file on GitHub: its headings."""
    tokens = MarkdownIt().use(anchors_plugin, max_level=6).parse(path.read_text(encoding="utf-8"))
    return {str(token.attrs["id"]) for token in tokens if token.type == "heading_open"}


def _as_text(link: nodes.Element, path: str) -> list[nodes.Node]:
    """The text of the link, and the path behind it where the text is another."""
    (text,) = link.children
    if text.astext().rstrip("/") == path:
        return [nodes.literal(path, path)]
    return [text, nodes.Text(" ("), nodes.literal(path, path), nodes.Text(")")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_transform(RepositoryLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
