"""Dense evaluation in loops and sums: nothing of ONNX, nothing of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import numpy_helper

from vggscope.vgg import configs
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto


class Reference:
    """A network of ``configs`` with the weights of ``proto``, in float64."""

    def __init__(self, proto: ModelProto, letter: str, *, size: int, width: float) -> None:
        self.layers = configs.network(letter, size=size, width=width).layers[1:]
        self.fold = size // 32
        self.tensors = {
            t.name: numpy_helper.to_array(t).astype(float) for t in proto.graph.initializer
        }

    def logits(self, values: NDArray[Any]) -> NDArray[Any]:
        """[rows, columns, classes] of a picture [3, H, W] of any size."""
        x = values.astype(float)
        head = next(i for i, layer in enumerate(self.layers) if layer.kind is Kind.FLATTEN)
        for layer in self.layers[:head]:
            x = self._pooled(x) if layer.kind is Kind.MAX_POOLING else self._convolved(x, layer)
        rows, columns = (side - self.fold + 1 for side in x.shape[1:])
        answers = [
            [
                self._connected(x[:, r : r + self.fold, c : c + self.fold].reshape(-1), head)
                for c in range(columns)
            ]
            for r in range(rows)
        ]
        return np.array(answers)

    def _convolved(self, x: NDArray[Any], layer: Any) -> NDArray[Any]:
        weights, bias = self.tensors[f"{layer.name}_w"], self.tensors[f"{layer.name}_b"]
        margin = weights.shape[-1] // 2
        padded = np.pad(x, ((0, 0), (margin, margin), (margin, margin)))
        windows = sliding_window_view(padded, weights.shape[2:], axis=(1, 2))
        found = np.einsum("oikl,ihwkl->ohw", weights, windows, optimize=True)
        return np.maximum(found + bias[:, None, None], 0)

    def _pooled(self, x: NDArray[Any]) -> NDArray[Any]:
        height, width = (side // 2 * 2 for side in x.shape[1:])
        x = x[:, :height, :width]
        return x.reshape(len(x), height // 2, 2, width // 2, 2).max(axis=(2, 4))

    def _connected(self, x: NDArray[Any], head: int) -> NDArray[Any]:
        for layer in self.layers[head + 1 : -1]:
            x = self.tensors[f"{layer.name}_w"] @ x + self.tensors[f"{layer.name}_b"]
            if layer.activation == "relu":
                x = np.maximum(x, 0)
        return x


def softmax(logits: NDArray[Any]) -> NDArray[Any]:
    """Over the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)
