"""The command `pack`: packs a model for the workload."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from ops.exit_codes import BROKEN, OK, UNUSABLE
from ops.terminal import print_error, print_progress, standard_output, without_native_messages
from packing import options as pack_options
from packing.errors import PackError

if TYPE_CHECKING:
    import argparse

HELP: Final = "pack a model for the workload: inspect, export, check, compare"
EPILOG: Final = pack_options.EPILOG
add = pack_options.add


def run(options: argparse.Namespace) -> int:
    """Run the command; returns its exit code."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        from ops import pack_table  # noqa: PLC0415  TensorFlow is needed by this command only

        with without_native_messages():
            from packing.pack import pack  # noqa: PLC0415  same
    except ImportError as error:
        print_error(
            f"pack: Python has no {error.name}; this command needs TensorFlow, which the others do"
            " not: pip install --require-hashes -r requirements-pack.txt"
        )
        return UNUSABLE
    try:
        packed = pack(options, pack_options.said(options), print_progress)
    except PackError as error:
        print_error(error)
        return UNUSABLE
    pack_table.show(standard_output(), packed)
    return OK if packed.succeeded else BROKEN
