"""Links from a page to files of the repository that are no pages.

On GitHub such a link opens the file. The built pages have no repository beside them, and there is
no public address of it, so the link becomes the file's path. A link to a file or folder that does
not exist fails the build, as every other broken link does.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms import SphinxTransform

if TYPE_CHECKING:
    from sphinx.application import Sphinx

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
            if not path.exists():
                continue  # Sphinx says where the broken link is
            within = path.relative_to(docs.parent).as_posix()
            if within in PAGES:
                link["reftarget"] = PAGES[within]
            else:
                link.replace_self(_as_text(link, within))


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
