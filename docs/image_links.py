"""Makes each image of the built pages a link to its file.

A window that is narrower than a drawing shows it smaller than can be read; GitHub links its images
in the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.osutil import relative_uri

if TYPE_CHECKING:
    from sphinx.application import Sphinx


class ImageLinks(SphinxPostTransform):
    """When the names of the copied files are known."""

    default_priority = 500
    formats = ("html",)

    def run(self, **_: Any) -> None:  # noqa: ANN401 - the signature of Sphinx
        """Put a link around each image of the site that has none."""
        builder = self.app.builder
        page = builder.get_target_uri(self.env.docname)
        for image in [*self.document.findall(nodes.image)]:
            if image["uri"] in self.env.images and not isinstance(image.parent, nodes.reference):
                name = self.env.images[image["uri"]][1]
                link = nodes.reference(refuri=relative_uri(page, f"{builder.imagedir}/{name}"))
                image.replace_self(link)
                link += image


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(ImageLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
