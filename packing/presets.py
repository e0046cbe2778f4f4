"""Presets: the preprocessing that published families of models were trained with.

A preset has keys of a manifest's `input`; width, height and type come from the model. For a family
of `keras.applications` it is what `keras.utils.load_img(file, target_size=...)` and the family's
`preprocess_input` do. Two differences remain: the workload turns a picture upright by its EXIF
orientation, and it converts CMYK as TensorFlow does.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


def _preset(*sources: Mapping[str, Any], **more: object) -> Mapping[str, Any]:
    """The keys of all sources; of two values the last counts."""
    keys: dict[str, Any] = {}
    for source in (*sources, more):
        keys.update(source)
    return MappingProxyType(keys)


_LOAD_IMG: Final = {"resize": "pillow-nearest", "fit": "stretch", "decode": "accurate"}
"""Its default interpolation is the nearest pixel. Pillow decodes JPEGs accurately."""
_IMAGENET: Final = {
    "channels": "RGB",
    "range": [0.0, 1.0],
    "mean": [0.485, 0.456, 0.406],
    "deviation": [0.229, 0.224, 0.225],
}
"""Mean and standard deviation of ImageNet's pixels."""

# The three modes of `preprocess_input`, by Keras' names, and models with the step in their graph.
_TF: Final = _preset(_LOAD_IMG, channels="RGB", range=[-1.0, 1.0])
_CAFFE: Final = _preset(
    _LOAD_IMG, channels="BGR", range=[0.0, 255.0], mean=[103.939, 116.779, 123.68]
)
_TORCH: Final = _preset(_LOAD_IMG, _IMAGENET)
_IN_THE_GRAPH: Final = _preset(_LOAD_IMG, channels="RGB", range=[0.0, 255.0])

PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "mobilenet": _TF,
        "mobilenet_v2": _TF,
        "mobilenet_v3": _IN_THE_GRAPH,
        "inception_v3": _TF,
        "xception": _TF,
        "inception_resnet_v2": _TF,
        "nasnet": _TF,
        "resnet": _CAFFE,
        "resnet_v2": _TF,
        "vgg": _CAFFE,
        "densenet": _TORCH,
        "efficientnet": _IN_THE_GRAPH,
        "efficientnet_v2": _IN_THE_GRAPH,
        "convnext": _IN_THE_GRAPH,
        # Its weights' own transforms: Resize(256), CenterCrop(224), ToTensor, Normalize.
        "torchvision": _preset(
            _IMAGENET, resize="pillow-bilinear", fit="crop", shortSide=256, decode="accurate"
        ),
    }
)
"""Keys of `input` by the name of a family; values are as in JSON."""


def named(model: str) -> str | None:
    """The preset of a Keras model with this name, such as resnet50 or ResNet50; None if unknown.

    Only names that Keras gives: a model with a similar name may have been trained otherwise.
    """
    for preset, pattern in _NAMES.items():
        # Keras numbers models of one name.
        if re.fullmatch(rf"(?:{pattern})(?:_\d+)?", model, re.IGNORECASE):
            return preset
    return None


_NAMES: Final = {
    "mobilenet": r"mobilenet(?:_\d\.\d\d_\w+)?",
    "mobilenet_v2": r"mobilenet_?v2(?:_\d\.\d\d_\w+)?",
    "mobilenet_v3": r"mobilenet_?v3_?(?:small|large)",
    "inception_v3": r"inception_?v3",
    "xception": r"xception",
    "inception_resnet_v2": r"inception_?resnet_?v2",
    "nasnet": r"nasnet(?:_?mobile|_?large)?",
    "resnet": r"resnet(?:50|101|152)",
    "resnet_v2": r"resnet(?:50|101|152)_?v2",
    "vgg": r"vgg(?:16|19)",
    "densenet": r"densenet(?:121|169|201)",
    "efficientnet": r"efficientnet_?b[0-7]",
    "efficientnet_v2": r"efficientnet_?v2[-_]?(?:b[0-3]|s|m|l)",
    "convnext": r"convnext_?(?:tiny|small|base|large|xlarge)",
}
"""Names that Keras gives to its models, and the names of the functions that make them."""
