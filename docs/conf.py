"""How Sphinx builds the documentation: `make docs`.

https://www.sphinx-doc.org/en/master/usage/configuration.html and
https://myst-parser.readthedocs.io/en/latest/configuration.html
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "confidential-inference"
html_title = project

extensions = ["myst_parser", "image_links", "repository_links"]
exclude_patterns = ["_build", "adr/0000-template.md"]
suppress_warnings: list[str] = []

# The anchors that GitHub gives to headings, so that one link works in both places.
myst_heading_anchors = 4

# Most blocks without a language are commands or their output, and no Python.
highlight_language = "text"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["width.css"]
# The pages are also read as files: nothing of a page comes from another host, and no copy of the
# Markdown lies beside it.
html_copy_source = False
html_show_copyright = False
# Quotation marks and dashes are text here, and part of commands that are copied.
smartquotes = False
