"""The weights of a large model: mapped from their file once, whatever runs on them.

Every session of ONNX Runtime maps the file for itself, and copies matrices into an order of its
own. Of a network of half a gigabyte that is another half a gigabyte for each use of it: one that
classifies, one for each layer that is looked at. Instead all sessions of the CPU are given the very
same arrays. Measured with VGG16 in fp32 (2 cores, AVX-512): a run takes as long with as without
copied matrices, for 1 picture and for 8; benchmarks/memory.py has what it saves.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from vggscope.zoo.normal_form import WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import ModelProto

    from vggscope.inference.devices import Device
    from vggscope.zoo.normal_form import Model

_SMALL: Final = 100_000_000
"""Bytes of weights of which a copy in the CPU's favourite order is no loss. The networks of the
paper have four times as much and more."""
_TYPES: Final = frozenset("?bhilBHILefdqQ")
"""Of NumPy, those that ONNX Runtime takes arrays of."""
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_mappings: weakref.WeakValueDictionary[tuple[object, ...], _Mapping] = weakref.WeakValueDictionary()


class SharedWeights:
    """Arrays for one session; the file stays mapped as long as any of these lives.

    Attributes:
        arrays: by the names of the initializers.
    """

    def __init__(self, mapping: _Mapping, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._mapping = mapping
        self.arrays = arrays


def prepacks(model: Model) -> bool:
    """Whether ONNX Runtime's CPU provider is to copy the weights of ``model`` for itself.

    8-bit networks take almost three times as long without.
    """
    description = model.description
    return description.precision == "int8" or description.files[WEIGHTS].bytes <= _SMALL


def shared_weights(
    model: Model, device: Device, graph: ModelProto | bytes | None = None
) -> SharedWeights | None:
    """What a session of ``model`` on ``device`` is to compute with; None: whatever it loads itself.

    Args:
        model: which one.
        device: where it is to run; others than the CPU have memory of their own.
        graph: one that was derived from the model's, or its content; the model's own if None.
    """
    if not device.is_cpu or prepacks(model):
        return None
    # ValueError: an array that reaches beyond the file. ONNX Runtime tells what is wrong with it.
    with contextlib.suppress(OSError, ValueError):
        mapping = _mapped(model.folder / WEIGHTS)
        return SharedWeights(mapping, mapping.arrays_of(_proto(model, graph)))
    _log.warning("The weights of %s are not shared", model.name)
    return None


def _proto(model: Model, graph: ModelProto | bytes | None) -> ModelProto:
    from onnx import ModelProto  # noqa: PLC0415 (162 ms that small models do not need)

    if graph is None:
        return model.graph()
    return ModelProto.FromString(graph) if isinstance(graph, bytes) else graph


def _mapped(path: Path) -> _Mapping:
    """The file, mapped; the same for whoever asks while it is."""
    if path.is_symlink():
        raise ValueError("weights are not taken from elsewhere")
    found = path.stat()
    # Another file of the same name, too, is another one.
    key = (str(path), found.st_ino, found.st_size, found.st_mtime_ns)
    with _lock:
        mapping = _mappings.get(key)
        if mapping is None:
            mapping = _mappings[key] = _Mapping(path)
        return mapping


class _Mapping:
    """A mapped file of weights."""

    def __init__(self, path: Path) -> None:
        self._bytes = np.memmap(path, np.uint8, "r")

    def arrays_of(self, proto: ModelProto) -> dict[str, NDArray[Any]]:
        """The arrays of the initializers that lie in the file."""
        from onnx import helper  # noqa: PLC0415 (162 ms; it is there already)

        found = {}
        for tensor in proto.graph.initializer:
            place = {entry.key: entry.value for entry in tensor.external_data}
            type_ = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))
            if place.get("location") == WEIGHTS and type_.char in _TYPES:
                start, length = int(place.get("offset", 0)), int(place["length"])
                values = self._bytes[start : start + length].view(type_)
                found[tensor.name] = values.reshape(tuple(tensor.dims))
        return found
