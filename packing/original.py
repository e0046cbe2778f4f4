"""The owner's model as it is: what it takes, what it answers, and the graph between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from packing.inference_graph import InferenceGraph

PICTURES: Final = 4
"""Dimensions of a batch of pictures."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """One function of the owner's model, from a batch of pictures to answers."""

    kind: Literal["SavedModel", "Keras", "LiteRT"]
    name: str
    """Of the file or folder."""
    shape: tuple[int | None, ...]
    """Of the input; None is any size."""
    type: str
    """Of the input."""
    classes: int | None
    """Numbers of one answer; None if the model does not say."""
    output_operation: str
    """The operation that computes the answer."""
    run: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.generic]]
    """The model's own answers to a batch in its own layout and size."""
    first_constants: tuple[float, ...] = ()
    """The numbers that the model multiplies its input by first, or divides it by: a fraction like
    1/255 shows that the model takes pixel values."""
    graph: InferenceGraph | None = None
    """None for LiteRT, which needs no export."""
    content: bytes = b""
    """The file of a LiteRT model."""
    signature: str | None = None
    input: str | None = None
    output: str | None = None
    """Names in a LiteRT model, if there is a choice."""
    range: tuple[float, float] | None = None
    """The input for the pixel values 0 and 255, as metadata or quantisation declare it."""
    mean: tuple[float, ...] | None = None
    deviation: tuple[float, ...] | None = None
    """As metadata declare them, for pixel values from 0 to 255."""
    labels: tuple[str, ...] = ()
    """As metadata declare them."""
    keras_name: str = ""
    """The name that a Keras model has within its file."""
    chosen_output: str = ""
    """The output of a SavedModel that answers, if it has several."""
    owner: Any = None
    """The object that owns the variables."""
