"""Weights of a unit, and what feeds it: contributions add up to the unit's value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import tiny_input, tiny_model
from vgg.chains import Chain
from vggscope import paths
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import cpu_device
from vggscope.inference.feature_maps import FeatureMaps, Position
from vggscope.inference.layer_reader import LayerReader
from vggscope.inference.map_pictures import GAP
from vggscope.inference.preprocessing import CropBox
from vggscope.inference.weight_views import (
    PassThrough,
    UnitWeights,
    source_of,
    unit_weights_view,
)
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 17
RANDOM = np.random.default_rng(5)
BIASES = {"conv1_1": 0.25, "conv1_2": -0.5, "fc2": 0.75, "fc3": -1.0}
PICTURE = RANDOM.uniform(-1, 1, (3, SIDE, SIDE)).astype(np.float32)


def numbers(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape)


def reader_of(folder: Path, *, channels_last: bool = False, groups: int = 1) -> LayerReader:
    """Two convolutions (one strided, padded unevenly and dilated), pooling, two matrices."""
    chain = Chain("N", SIDE, SIDE, 3) if channels_last else Chain("N", 3, SIDE, SIDE)
    if channels_last:
        chain.add("Transpose", perm=[0, 3, 1, 2])
    chain.add(
        "Conv",
        chain.constant(numbers(6, 3, 3, 3), "f4"),
        chain.constant([BIASES["conv1_1"]] * 6, "f4"),
        pads=[1] * 4,
    ).add("Relu")
    chain.add(
        "Conv",
        chain.constant(numbers(4, 6 // groups, 3, 2), "f4"),
        chain.constant([BIASES["conv1_2"]] * 4, "f4"),
        pads=[2, 1, 0, 1],
        strides=[2, 1],
        dilations=[2, 3],
        group=groups,
    ).add("Relu")
    chain.add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    if channels_last:
        chain.add("Transpose", perm=[0, 2, 3, 1])
    inputs = 4 * 4 * 8
    chain.add("Flatten")
    for name, count, units in (("fc2", inputs, 5), ("fc3", 5, 4)):
        chain.add(
            "Gemm",
            chain.constant(numbers(units, count), "f4"),
            chain.constant([BIASES[name]] * units, "f4"),
            transB=1,
        )
        chain.add("Relu" if name == "fc2" else "Softmax")
    model = tiny_model(
        folder / "small",
        proto=chain.model(),
        input=tiny_input(
            height=SIDE,
            width=SIDE,
            resize=SIDE,
            channels="BGR",
            layout="NHWC" if channels_last else "NCHW",
        ),
        output={"probabilities": chain.tip},
        layers=[],
    )
    return LayerReader(model, cpu_device())


def maps(reader: LayerReader, layer: str, *, before_relu: bool = False) -> FeatureMaps:
    site = reader.site(layer)
    picture = PICTURE.transpose(1, 2, 0) if reader.anatomy.sites[0].channels_last else PICTURE
    return FeatureMaps(
        layer=site.layer,
        values=reader.read(np.ascontiguousarray(picture), layer, before_relu=before_relu),
        before_relu=before_relu,
        input_size=(SIDE, SIDE),
        crop=CropBox(0, 0, SIDE, SIDE),
        picture_size=(SIDE, SIDE),
        model="small",
        device="CPU",
    )


def view(reader: LayerReader, layer: str, unit: int, position: Position | None) -> UnitWeights:
    source = source_of(reader.anatomy, layer)
    assert source is not None
    found = unit_weights_view(
        reader, layer, unit, maps_before=maps(reader, source.name), position=position
    )
    assert isinstance(found, UnitWeights)
    return found


def total(weights: UnitWeights) -> float:
    assert weights.rest is not None
    return weights.rest + sum(feeder.contribution for feeder in weights.feeders)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_contributions_add_up_to_what_the_unit_says(
    channels_last: bool, groups: int, tmp_path: Path
) -> None:
    reader = reader_of(tmp_path, channels_last=channels_last, groups=groups)
    shapes = {site.layer.name: site.layer.output_shape for site in reader.anatomy.sites}
    assert shapes["pool1"] == (4, 8, 4), "the test is about maps that are not square"
    fed_by = {"conv1_1": "data", "conv1_2": "conv1_1", "fc2": "pool1", "fc3": "fc2"}
    for layer, source in fed_by.items():
        has_relu = layer != "fc3"
        expected = maps(reader, layer, before_relu=has_relu).values
        unit = 3
        rows, columns = expected.shape[1:]
        # The corners see padding.
        for row, column in {(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)}:
            found = view(reader, layer, unit, Position(row, column, 0.0))
            assert found.source == source
            assert total(found) + BIASES[layer] == pytest.approx(
                expected[unit, row, column], rel=1e-3, abs=1e-4
            ), layer
            sizes = [abs(feeder.contribution) for feeder in found.feeders]
            assert sizes == sorted(sizes, reverse=True)


def test_a_group_reads_its_own_channels(tmp_path: Path) -> None:
    reader = reader_of(tmp_path, groups=2)
    first, last = (view(reader, "conv1_2", unit, Position(2, 2, 0.0)) for unit in (1, 2))
    assert sorted(first.slices) == [0, 1, 2]
    assert sorted(last.slices) == [3, 4, 5]
    assert {feeder.channel for feeder in last.feeders} == {3, 4, 5}


def test_a_matrix_behind_a_map_is_shown_as_maps(tmp_path: Path) -> None:
    reader = reader_of(tmp_path)
    found = view(reader, "fc2", 1, None)
    assert found.values.shape == (4, 4, 8)
    np.testing.assert_array_equal(found.values.ravel(), reader.weights("fc2", 1))
    assert found.contribution_at is None, "a unit has no positions"
    assert view(reader, "fc3", 1, None).values.shape == (5, 1, 1)


def test_filters_of_the_picture_are_colours(tmp_path: Path) -> None:
    reader = reader_of(tmp_path)
    found = view(reader, "conv1_1", 0, Position(3, 3, 0.0))
    weights = reader.weights("conv1_1", 0)
    assert found.rgb is not None
    assert found.channels == "BGR"
    assert (found.rgb.min(), found.rgb.max()) == (0, 255)
    # The model reads blue first; the picture begins with red.
    channel, row, column = np.unravel_index(weights.argmax(), weights.shape)
    assert found.rgb[row, column, 2 - channel] == 255
    assert view(reader, "conv1_2", 0, Position(3, 3, 0.0)).rgb is None


def test_slices_are_on_one_scale_around_zero(tmp_path: Path) -> None:
    reader = reader_of(tmp_path)
    found = view(reader, "conv1_2", 2, Position(3, 3, 0.0))
    weights = reader.weights("conv1_2", 2)
    norms = np.linalg.norm(weights.reshape(6, -1), axis=1)
    assert list(found.slices) == list(np.argsort(-norms))
    assert found.scale == pytest.approx(np.abs(weights).max())
    shown = (found.levels.astype(float) - 127) / 127 * found.scale
    np.testing.assert_allclose(shown, weights[list(found.slices)], atol=found.scale / 250)


def test_weights_that_are_zero_or_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = reader_of(tmp_path)
    weights = np.zeros((6, 3, 2), np.float32)
    weights[4, 0, 0], weights[4, 1, 1] = np.nan, -2
    monkeypatch.setattr(reader, "weights", lambda *_: weights)
    found = unit_weights_view(reader, "conv1_2", 0, maps_before=None, position=None)
    assert isinstance(found, UnitWeights)
    assert found.slices == (4,), "what is multiplied by 0 does not feed it"
    assert found.levels[0].tolist() == [[GAP, 127], [127, 0], [127, 127]]
    assert found.scale == 2


def test_without_fitting_maps_nothing_is_said_of_contributions(tmp_path: Path) -> None:
    reader = reader_of(tmp_path)
    wrong = maps(reader, "data")
    before = maps(reader, "conv1_1", before_relu=True)
    for given in (None, wrong, before):
        found = unit_weights_view(
            reader, "conv1_2", 0, maps_before=given, position=Position(0, 0, 0.0)
        )
        assert isinstance(found, UnitWeights)
        assert found.rest is None
        assert {feeder.contribution for feeder in found.feeders} == {None}
        norms = [feeder.norm for feeder in found.feeders]
        assert norms == sorted(norms, reverse=True)


@pytest.mark.parametrize("channels_last", [False, True])
def test_layers_without_weights_say_what_they_are_made_of(
    channels_last: bool, tmp_path: Path
) -> None:
    reader = reader_of(tmp_path, channels_last=channels_last)

    def through(layer: str, unit: int) -> PassThrough:
        found = unit_weights_view(reader, layer, unit, maps_before=None, position=None)
        assert isinstance(found, PassThrough)
        return found

    pool = through("pool1", 2)
    assert (pool.source, pool.source_unit, pool.how) == ("conv1_2", 2, Kind.MAX_POOLING)
    assert (through("prob", 1).source, through("prob", 1).source_unit) == ("fc3", 1)
    assert through("data", 0).source == ""
    flat, maps_before = maps(reader, "flatten").values.ravel(), maps(reader, "pool1").values
    for unit in (0, 37, 127):
        place = through("flatten", unit)
        assert maps_before[place.source_unit, place.row, place.column] == flat[unit]
    with pytest.raises(IndexError):
        through("pool1", 4)


def test_the_8_bit_model_resembles_its_own_sums() -> None:
    classifier = Classifier.load("vgg16-compact-int8", device="cpu")
    zebra = paths.resource("samples", "zebra.jpg")
    position = classifier.activations(zebra, "conv3_3").strongest(84, 1)[0]
    found = unit_weights_view(
        classifier.layers,
        "conv3_3",
        84,
        maps_before=classifier.activations(zebra, "conv3_2"),
        position=position,
    )
    assert isinstance(found, UnitWeights)
    assert total(found) == pytest.approx(position.value, rel=0.1)
