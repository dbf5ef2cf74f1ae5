"""Small VGG networks as files of other libraries, and what they compute by NumPy alone.

Nothing here uses the program: names, layouts and arithmetic are written down a second time, in the
conventions of the libraries that the files come from.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]

# Convolutions between two poolings.
BLOCKS = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}
UNITS = (4, 8, 16, 32, 32)
"""Of each block: a sixteenth of the paper's."""
HIDDEN = 256
CLASSES = 10
SIZE = 64
"""The last pooling leaves 2 × 2 positions of it: their order counts."""
SIDE = SIZE // 32


class Numbers:
    """Random weights that let activations keep their scale."""

    def __init__(self, seed: int = 0) -> None:
        self._random = np.random.default_rng(seed)

    def kernel(self, *shape: int, fan_in: int) -> NDArray[np.float32]:
        return self._random.normal(0, (2 / fan_in) ** 0.5, shape).astype(np.float32)

    def bias(self, units: int) -> NDArray[np.float32]:
        return self._random.normal(0, 0.1, units).astype(np.float32)

    def variance(self, units: int) -> NDArray[np.float32]:
        return self._random.uniform(0.5, 2, units).astype(np.float32)


# --- torchvision and timm ---------------------------------------------------------------------


def torch_state(
    name: str, *, timm: bool = False, normalized: bool = False, classes: int = CLASSES
) -> Arrays:
    """A state dict: [out, in, rows, columns], flattened by channels, then rows."""
    numbers, state = Numbers(), {}
    index, inputs = 0, 3
    for count, units in zip(BLOCKS[name], UNITS, strict=True):
        for _ in range(count):
            state[f"features.{index}.weight"] = numbers.kernel(
                units, inputs, 3, 3, fan_in=9 * inputs
            )
            state[f"features.{index}.bias"] = numbers.bias(units)
            index, inputs = index + 1, units
            if normalized:
                state[f"features.{index}.weight"] = 1 + numbers.bias(units)
                state[f"features.{index}.bias"] = numbers.bias(units)
                state[f"features.{index}.running_mean"] = numbers.bias(units)
                state[f"features.{index}.running_var"] = numbers.variance(units)
                state[f"features.{index}.num_batches_tracked"] = np.array(7, np.int64)
                index += 1
            index += 1
        index += 1
    heads = ("pre_logits.fc1", "pre_logits.fc2", "head.fc")
    heads = heads if timm else ("classifier.0", "classifier.3", "classifier.6")
    shapes = ((HIDDEN, inputs, SIDE, SIDE), (HIDDEN, HIDDEN, 1, 1), (classes, HIDDEN))
    for head, shape in zip(heads, shapes, strict=True):
        fan_in = int(np.prod(shape[1:]))
        if not timm:
            shape = (shape[0], fan_in)  # noqa: PLW2901 (the same numbers)
        state[f"{head}.weight"] = numbers.kernel(*shape, fan_in=fan_in)
        state[f"{head}.bias"] = numbers.bias(shape[0])
    return state


def torch_logits(state: Arrays, picture: NDArray[np.float32], name: str) -> NDArray[np.float64]:
    """What PyTorch computes of ``picture`` [3, H, W]."""
    values, index = picture.astype(np.float64), 0
    for count in BLOCKS[name]:
        for _ in range(count):
            kernel = state[f"features.{index}.weight"].astype(np.float64)
            margins = ((0, 0), (1, 1), (1, 1))
            windows = np.lib.stride_tricks.sliding_window_view(
                np.pad(values, margins), (3, 3), axis=(1, 2)
            )
            values = np.einsum("chwij,ocij->ohw", windows, kernel, optimize=True)
            values += state[f"features.{index}.bias"][:, None, None]
            index += 1
            if f"features.{index}.running_mean" in state:
                scale, shift, mean, variance = (
                    state[f"features.{index}.{part}"][:, None, None].astype(np.float64)
                    for part in ("weight", "bias", "running_mean", "running_var")
                )
                values = (values - mean) / np.sqrt(variance + 1e-5) * scale + shift
                index += 1
            values = values.clip(0)
            index += 1
        units, height, width = values.shape
        values = values.reshape(units, height // 2, 2, width // 2, 2).max(axis=(2, 4))
        index += 1
    values = values.reshape(-1)
    is_timm = "head.fc.weight" in state
    heads = ("pre_logits.fc1", "pre_logits.fc2", "head.fc")
    for head in heads if is_timm else ("classifier.0", "classifier.3", "classifier.6"):
        matrix = state[f"{head}.weight"].astype(np.float64)
        values = matrix.reshape(len(matrix), -1) @ values + state[f"{head}.bias"]
        if not head.endswith((".6", "head.fc")):
            values = values.clip(0)
    return values


# --- Keras, and what was made of Caffe's weights for TensorFlow -------------------------------


def keras_layers(name: str, *, classes: int = CLASSES) -> dict[str, Arrays]:
    """Layers of Keras' applications: [rows, columns, in, out], flattened rows first."""
    numbers, layers, inputs = Numbers(1), {}, 3
    for block, (count, units) in enumerate(zip(BLOCKS[name], UNITS, strict=True), start=1):
        for position in range(1, count + 1):
            kernel = numbers.kernel(3, 3, inputs, units, fan_in=9 * inputs)
            bias = numbers.bias(units)
            layers[f"block{block}_conv{position}"] = {"kernel": kernel, "bias": bias}
            inputs = units
    inputs *= SIDE * SIDE
    for key, units in (("fc1", HIDDEN), ("fc2", HIDDEN), ("predictions", classes)):
        kernel = numbers.kernel(inputs, units, fan_in=inputs)
        layers[key] = {"kernel": kernel, "bias": numbers.bias(units)}
        inputs = units
    return layers


def keras_logits(
    layers: dict[str, Arrays], picture: NDArray[np.float32], name: str
) -> NDArray[np.float64]:
    """What Keras computes of ``picture`` [H, W, 3]."""
    values = picture.astype(np.float64)
    for block, count in enumerate(BLOCKS[name], start=1):
        for position in range(1, count + 1):
            layer = layers[f"block{block}_conv{position}"]
            windows = np.lib.stride_tricks.sliding_window_view(
                np.pad(values, ((1, 1), (1, 1), (0, 0))), (3, 3), axis=(0, 1)
            )
            kernel = layer["kernel"].astype(np.float64)
            values = np.einsum("hwcij,ijco->hwo", windows, kernel, optimize=True)
            values = (values + layer["bias"]).clip(0)
        height, width, units = values.shape
        values = values.reshape(height // 2, 2, width // 2, 2, units).max(axis=(1, 3))
    values = values.reshape(-1)
    for key in ("fc1", "fc2", "predictions"):
        values = values @ layers[key]["kernel"].astype(np.float64) + layers[key]["bias"]
        if key != "predictions":
            values = values.clip(0)
    return values


def write_old_keras(path: Path, layers: dict[str, Arrays], **options: object) -> Path:
    """The layout of ``vgg16_weights_tf_dim_ordering_tf_kernels.h5``."""
    import h5py  # noqa: PLC0415

    with h5py.File(path, "w") as file:
        names = ["input_1", *layers, "flatten"]
        file.attrs["layer_names"] = [name.encode() for name in names]
        for name in names:
            group = file.create_group(name)
            for role, value in layers.get(name, {}).items():
                letter = {"kernel": "W", "bias": "b"}[role]
                group.create_dataset(f"{name}_{letter}_1:0", data=value, **options)
            group.attrs["weight_names"] = [key.encode() for key in group]
    return path


def write_nested_keras(path: Path, layers: dict[str, Arrays]) -> Path:
    """The layout of ``model.save("x.h5")``, with an optimiser's state."""
    import h5py  # noqa: PLC0415

    with h5py.File(path, "w") as file:
        for name, arrays in layers.items():
            for role, value in arrays.items():
                file[f"model_weights/{name}/{name}/{role}:0"] = value
                file[f"optimizer_weights/Adam/m/{name}/{role}:0"] = value
    return path


def write_new_keras(path: Path, layers: dict[str, Arrays], *, top: str = "layers") -> Path:
    """The layout of ``model.save_weights("x.weights.h5")``: layers are called by their class."""
    import h5py  # noqa: PLC0415

    with h5py.File(path, "w") as file:
        file.create_group("optimizer/vars")
        file.create_group(f"{top}/input_layer/vars")
        counts = {"conv2d": 0, "dense": 0}
        for arrays in layers.values():
            kind = "conv2d" if arrays["kernel"].ndim == 4 else "dense"
            key = f"{kind}_{counts[kind]}" if counts[kind] else kind
            counts[kind] += 1
            file[f"{top}/{key}/vars/0"] = arrays["kernel"]
            file[f"{top}/{key}/vars/1"] = arrays["bias"]
        file.create_group(f"{top}/flatten/vars")
    return path


def classic_arrays(layers: dict[str, Arrays]) -> Arrays:
    """The names of ``vgg16_weights.npz``."""
    heads = {"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"}
    found = {}
    for key, arrays in layers.items():
        name = heads.get(key) or key.replace("block", "conv").replace("_conv", "_")
        found[f"{name}_W"], found[f"{name}_b"] = arrays["kernel"], arrays["bias"]
    return found


# --- safetensors, byte by byte ----------------------------------------------------------------


def safetensors_bytes(
    tensors: dict[str, tuple[str, tuple[int, ...], bytes]], **changes: object
) -> bytes:
    """A file of (type, shape, data); ``changes`` replace entries of its header as they are."""
    header: dict[str, object] = {}
    end = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {
            "dtype": dtype,
            "shape": list(shape),
            "data_offsets": [end, end + len(data)],
        }
        end += len(data)
    text = json.dumps(header | changes).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(t[2] for t in tensors.values())
