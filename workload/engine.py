"""Which engine runs a released model: by the manifest's format, of which there is one today.

An engine is imported only here and only now: it takes seconds, which a refusal shall not cost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from workload.job import Model
    from workload.manifest import Manifest


def load(folder: Path, manifest: Manifest) -> Model:
    """The model in an unpacked folder, ready to be asked; raises MODEL_UNUSABLE."""
    from workload.model import SavedModel  # noqa: PLC0415  the reason is above

    return SavedModel(folder, manifest)
