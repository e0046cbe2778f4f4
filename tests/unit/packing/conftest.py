"""Imports TensorFlow before all tests here, without the warnings of its own dependencies.

They use features that NumPy and Python have deprecated. Each other area is free of TensorFlow,
whose import takes seconds.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401
