"""Times of single layers: whose they are, and that they add up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vggscope.errors import Cancelled
from vggscope.inference.devices import cpu_device
from vggscope.inference.layer_times import _layer_called, measure_layers
from vggscope.inference.runtime import Cancellation
from vggscope.vgg.anatomy import anatomy_of
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from vggscope.vgg.anatomy import Anatomy
    from vggscope.zoo.normal_form import Model


def anatomy(model: Model) -> Anatomy:
    return anatomy_of(model.graph(), name=model.name, title=model.title)


@pytest.mark.parametrize("name", ["vgg16-compact", "vgg16-compact-int8"])
def test_every_layer_that_computes_has_a_time(name: str) -> None:
    model = find_model(name)
    whole = anatomy(model)
    times = measure_layers(model, whole, cpu_device(), runs=2)
    assert (times.device, times.is_substitute, times.runs) == (cpu_device().name, False, 2)
    costly = {layer.name for layer in whole.network.layers if layer.macs}
    assert costly <= set(times.milliseconds)
    assert all(times.milliseconds[layer] > 0 for layer in costly)
    assert list(times.milliseconds) == [
        layer.name for layer in whole.network.layers if layer.name in times.milliseconds
    ], "in the order of the network"
    together = sum(times.milliseconds.values()) + times.other
    # Medians of single layers do not add up to the median of the whole, on a busy machine.
    assert 0.3 * times.total < together < 1.7 * times.total
    assert times.other < 0.5 * together


def test_large_layers_take_longer_than_small_ones() -> None:
    model = find_model("vgg16-compact")
    times = measure_layers(model, anatomy(model), cpu_device(), runs=3).milliseconds
    assert times["conv1_2"] > 3 * times["fc8"]


def test_measuring_can_be_cancelled() -> None:
    model = find_model("vgg16-compact")
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        measure_layers(model, anatomy(model), cpu_device(), cancellation=cancellation)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("conv1_1", "conv1_1"),
        ("relu1_1_nchwc", "conv1_1"),
        ("conv1_1_token_4", "conv1_1"),
        ("conv1_10", "conv1_10"),
        ("conv1_10_nchwc", "conv1_10"),
        ("conv1_2", ""),
        ("conv1_1x", ""),
        ("ReorderOutput", ""),
        ("", ""),
    ],
)
def test_whose_a_node_is(name: str, layer: str) -> None:
    names = {"conv1_1": "conv1_1", "relu1_1": "conv1_1", "conv1_10": "conv1_10"}
    assert _layer_called(name, names) == layer
