"""The messages of the engine's protocol, without the rest of Pulumi's library.

Each `pulumi` command starts the plugins; Pulumi's library takes a third of the time of a start.
"""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

__all__ = ["plugin_pb2", "provider_pb2", "status_pb2"]

if TYPE_CHECKING:
    from pulumi.runtime.proto import plugin_pb2, provider_pb2, status_pb2
else:
    # The generated modules import one another relatively, so any package's name will do.
    package = ModuleType("pulumi_protocol")
    package.__path__ = [f"{find_spec('pulumi').submodule_search_locations[0]}/runtime/proto"]
    sys.modules[package.__name__] = package
    plugin_pb2, provider_pb2, status_pb2 = (
        importlib.import_module(f"{package.__name__}.{name}") for name in __all__
    )
