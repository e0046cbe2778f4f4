"""Packs models of many architectures and formats, and writes what came of it to docs/models.md.

All weights are random, because nothing is downloaded: the table shows that a packed model computes
what its owner's model computes, not that it recognises anything.
"""

import os

# Before TensorFlow is imported: its notes about the processor would hide the rows.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
