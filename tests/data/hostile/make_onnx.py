"""Make the hostile corpus of models: what is given to ``vggscope models import`` and is none.

    python make_onnx.py FOLDER

Nothing here is random from run to run. One file claims to have 3 GB and takes none on the disk.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import sys
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
from making import written
from onnx_networks import NETWORKS
from onnx_pieces import GOOD, Case, put

from vggscope.errors import (
    BareWeightsError,
    DamagedModelError,
    ModelTooLargeError,
    ModelUnreadableError,
    NotOnnxError,
    PickledModelError,
)


def _zip(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), data)
    return stream.getvalue()


def _field(number: int, data: bytes) -> bytes:
    out, length = bytes([number << 3 | 2]), len(data)
    while length > 0x7F:
        out += bytes([length & 0x7F | 0x80])
        length >>= 7
    return out + bytes([length]) + data


def _claims(path: Path) -> None:
    with path.open("wb") as file:
        file.write(GOOD)
        file.truncate(3 * 10**9)


_NUMPY: Final = io.BytesIO()
np.save(_NUMPY, np.zeros(3))
_SAFETENSORS: Final = json.dumps({"__metadata__": {"format": "pt"}}).encode()

_NOT_ONNX: Final = {
    "empty": Case("a download that never began", NotOnnxError, "empty", put(b"")),
    "zeros": Case("nothing but zeros", NotOnnxError, "zeros", put(bytes(4096))),
    "text": Case("a letter", NotOnnxError, "a text", put(b"Dear Sir or Madam,\n")),
    "web page": Case(
        *("a server's error page", NotOnnxError, "a web page"),
        put(b"\n<!DOCTYPE html><title>404</title>"),
    ),
    "lfs pointer": Case(
        *("a clone without its large files", NotOnnxError, "Git LFS"),
        put(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    ),
    "picture": Case("a picture", NotOnnxError, "a picture (PNG)", put(b"\x89PNG\r\n\x1a\n\0\0")),
    "gzip": Case("compressed", NotOnnxError, "gzip", put(b"\x1f\x8b\x08\0\0\0")),
    "tflite": Case("TensorFlow Lite", NotOnnxError, "Lite", put(b"\x1c\0\0\0TFL3\0\0")),
    "zip": Case("an archive", NotOnnxError, "ZIP", put(_zip(model_dot_onnx=GOOD))),
    "broken zip": Case("half an archive", NotOnnxError, "ZIP", put(_zip(a=b"1" * 99)[:40])),
    "no graph": Case(
        *("a model without a graph", NotOnnxError, "without a network"),
        put(b"\x08\x09" + _field(2, b"pytorch")),
    ),
    "torch": Case(
        *("PyTorch's own format", PickledModelError, "pickle"),
        put(_zip(archive__data_dot_pkl=pickle.dumps({}))),
        file="model.pt",
    ),
    "pickle": Case("a pickle", PickledModelError, "pickle", put(pickle.dumps([1]))),
    "safetensors": Case(
        *("weights by another name", BareWeightsError, "safetensors"),
        put(struct.pack("<Q", len(_SAFETENSORS)) + _SAFETENSORS),
    ),
    "hdf5": Case("weights of Keras", BareWeightsError, "HDF5", put(b"\x89HDF\r\n\x1a\n\0")),
    "npy": Case("an array", BareWeightsError, "NumPy", put(_NUMPY.getvalue())),
    "npz": Case("arrays", BareWeightsError, "npz", put(_zip(a_dot_npy=_NUMPY.getvalue()))),
}
_NO_FILES: Final = {
    "missing": Case("no file", ModelUnreadableError, "No such file", lambda _path: None),
    "folder": Case("a folder", ModelUnreadableError, "a folder", Path.mkdir),
    "pipe": Case("nobody writes into it", ModelUnreadableError, "no file", os.mkfifo),
    "device": Case(
        *("endless zeros", ModelUnreadableError, "no file"),
        lambda path: path.symlink_to("/dev/zero"),
    ),
    "link loop": Case(
        *("a link to itself", ModelUnreadableError, "link"),
        lambda path: path.symlink_to(path.name),
    ),
}
_DAMAGED: Final = {
    "cut early": Case(
        *("the first third", DamagedModelError, "bytes are missing"), put(GOOD[: len(GOOD) // 3])
    ),
    "cut late": Case("all but a byte", DamagedModelError, "missing", put(GOOD[:-1])),
    "endless number": Case(
        "a number without end", DamagedModelError, "no end", put(b"\x08" + b"\xff" * 40)
    ),
    "huge length": Case(
        *("a graph of 8 exabytes", DamagedModelError, "missing"),
        put(b"\x3a" + b"\xff" * 8 + b"\x7f" + GOOD),
    ),
    "noise": Case("noise", DamagedModelError, "", put(b"\xf3" + random.Random(3).randbytes(4096))),
    "groups": Case("groups in groups", DamagedModelError, "no field", put(b"\x13" * 5000)),
    "deep": Case(
        *("a hundred thousand messages in each other", DamagedModelError, "protobuf"),
        put(b"\x08\x09" + _field(7, _field(1, _field(5, b"\x32\x02" * 5000 + bytes(1))))),
    ),
}
_TOO_LARGE: Final = {
    "3 GB": Case("more than protobuf takes", ModelTooLargeError, "3.0 GB", _claims),
    "much ado": Case(
        *("50 MB of remarks", ModelTooLargeError, "its structure alone"),
        put(GOOD + _field(6, b"x" * 50 * 2**20)),
    ),
    "many nodes": Case(
        *("60,000 nodes", ModelTooLargeError, "60,005 nodes"),
        put(GOOD + _field(7, _field(1, b"\x22\x04Relu") * 60_000)),
    ),
}
CASES: Final[dict[str, Case]] = {
    **_NOT_ONNX,
    **_NO_FILES,
    **_DAMAGED,
    **_TOO_LARGE,
    **NETWORKS,
}
"""Every case by its key."""


def make(folder: Path) -> dict[str, Case]:
    """Create the corpus, each in a folder of its own, and tell which this platform could make."""
    return written(CASES, lambda key, case: folder / key.replace(" ", "-") / case.file)


if __name__ == "__main__":
    for key, case in make(Path(sys.argv[1])).items():
        print(f"{key:18} {getattr(case.error, 'kind', 'refused'):20} {case.why}")  # noqa: T201
