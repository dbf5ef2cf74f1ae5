"""A layer beside the probabilities, in one run: what moving pictures are looked into with.

Measured (``benchmarks/layers.py``): a device that fuses layers pays for what it hands out by its
size, OpenVINO half a run for the 3.2 million numbers of VGG's conv1_1 and next to nothing for
those of conv3_3. Large maps are handed out as the maxima of squares, so that no layer costs more
than a third of a run.

Cheap to import (no onnx, no numpy): the window names layers by ``Tap``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vggscope.inference.layer_reader import LayerReader
    from vggscope.vgg.network import Layer

_ROOM: Final = 802_816
"""Numbers that are handed out at most: what conv3_3 of VGG has, 256 × 56 × 56."""


@dataclass(frozen=True, slots=True)
class Tap:
    """What is looked at in a network.

    Attributes:
        layer: name of the layer.
        before_relu: what its ReLU gets instead of its output.
    """

    layer: str
    before_relu: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TappedGraph:
    """A model's graph that hands out a layer, too.

    Attributes:
        tap: which one.
        content: the ONNX graph; its weights are in the model's folder.
        output: name of the layer's output, float32 [1, C, H, W] or [1, N].
        shrink: of how many rows and columns that holds the maxima; see ``FeatureMaps.shrunk``.
    """

    tap: Tap
    content: bytes
    output: str
    shrink: int


def tapped_graph(reader: LayerReader, tap: Tap) -> TappedGraph:
    """The graph of the reader's model with ``tap``.

    Raises:
        LayerError: there is no such layer, or nothing before its ReLU.
    """
    from vggscope.vgg.surgery import Output, tapped  # noqa: PLC0415 (see above)

    site = reader.site(tap.layer, before_relu=tap.before_relu)
    name = "vggscope: tapped"
    shrink = _shrink(site.layer)
    output = Output.of(site, name=name, before_relu=tap.before_relu, shrink=shrink)
    content = tapped(reader.graph, output).SerializeToString()
    return TappedGraph(tap, content, name, shrink)


def _shrink(layer: Layer) -> int:
    """The smallest side of squares whose maxima are few enough to be handed out."""
    if len(layer.output_shape) != 3:
        return 1
    height, width, channels = layer.output_shape
    side = 1
    while channels * -(-height // side) * -(-width // side) > _ROOM and side < max(height, width):
        side += 1
    return side
