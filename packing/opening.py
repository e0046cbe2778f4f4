"""Recognises the format of a model and opens it."""

from __future__ import annotations

import tempfile
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packing import litert_models
from packing.errors import PackError
from workload import archive
from workload.errors import WorkloadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from packing.original import Original

_GRAPH: Final = "saved_model.pb"
_OTHERS: Final = {
    ".onnx": "an ONNX model. Convert it with onnx2tf (`onnx2tf -i MODEL.onnx -o FOLDER`), which"
    " writes a SavedModel with channels last, then pack the folder. It fails for operations that it"
    " does not know",
    ".pte": "an ExecuTorch program, which only ExecuTorch runs. Export the PyTorch model with"
    " litert-torch (`litert_torch.convert(model.eval(), inputs).export('model.tflite')`), then pack"
    " the .tflite",
    ".safetensors": "weights without a graph. Load them into the program that defines the model,"
    " and export that",
    ".ckpt": "weights without a graph. Load them into the program that defines the model, and"
    " export that",
    ".pb": "a frozen graph, which does not say what is input and what output. Import it with"
    " tf.compat.v1.wrap_function, name both, and save it with tf.saved_model.save",
}
_TORCH: Final = (
    "a PyTorch model. Convert it with litert-torch"
    " (`litert_torch.convert(model.eval(), inputs).export('model.tflite')`), then pack the .tflite;"
    " models with control flow that depends on the picture end there"
)
_TORCH_ENDINGS: Final = (".pt", ".pth", ".ts", ".torchscript")
_EXPECTED: Final = (
    "a SavedModel folder or a .tar.gz of one, or a file that ends in .keras, .h5 or .tflite"
)


@contextmanager
def opened(
    path: Path, signature: str | None, input_name: str | None, output_name: str | None
) -> Iterator[Original]:
    """Opens a model; raises PackError."""
    chosen = {"signature": signature, "input_name": input_name, "output_name": output_name}
    if path.is_dir():
        yield _saved_model(_folder(path), **chosen)
    elif path.name.endswith((".tar.gz", ".tgz")):
        with tempfile.TemporaryDirectory() as scratch:
            yield _saved_model(_unpacked(path, Path(scratch)), **chosen)
    elif not path.is_file():
        raise PackError(f"{path}: there is no such file or folder; expected {_EXPECTED}")
    elif path.suffix in (".keras", ".h5", ".hdf5"):
        from packing import tensorflow_models  # noqa: PLC0415  seconds; LiteRT does not need it

        yield tensorflow_models.open_keras(path)
    elif path.suffix == ".tflite" or path.read_bytes()[4:8] == litert_models.IDENTIFIER:
        yield litert_models.open_litert(path, **chosen)
    else:
        raise PackError(f"{path}: got {_other(path)}. Expected {_EXPECTED}")


def _saved_model(folder: Path, **chosen: str | None) -> Original:
    from packing import tensorflow_models  # noqa: PLC0415  seconds; LiteRT does not need it

    return tensorflow_models.open_saved_model(folder, **chosen)


def _other(path: Path) -> str:
    """What the file is, and how to convert it."""
    suffix = path.suffix.lower()
    if suffix in _TORCH_ENDINGS or (suffix == "" and _is_torch(path)):
        return _TORCH
    return _OTHERS.get(suffix, "a file of an unknown format")


def _is_torch(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as content:
        return any(name.endswith("/data.pkl") for name in content.namelist())


def _folder(path: Path) -> Path:
    """The folder with the graph: this one, or the only one in it."""
    if (path / _GRAPH).is_file():
        return path
    inner = [each.parent for each in path.glob(f"*/{_GRAPH}")]
    if len(inner) == 1:
        return inner[0]
    raise PackError(
        f"{path}: got a folder with {len(inner)} SavedModels, expected {_GRAPH} in it."
        + (f" Name one of {', '.join(sorted(each.name for each in inner))}" if inner else "")
    )


def _unpacked(path: Path, scratch: Path) -> Path:
    """The SavedModel in an archive, as TF-Hub publishes them, or as this command writes them."""
    folder = scratch / path.name.split(".")[0]
    try:
        archive.unpack(path, folder)
    except (WorkloadError, OSError) as error:
        raise PackError(
            f"{path}: can't be unpacked ({error}), expected a gzipped tar of regular files and"
            " folders. Unpack it yourself and name the folder"
        ) from error
    return _folder(folder)
