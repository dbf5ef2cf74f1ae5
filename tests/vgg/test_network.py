from __future__ import annotations

import itertools
from typing import NamedTuple

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from vggscope.vgg.axis import Axis, OddPixel, Window
from vggscope.vgg.network import (
    Kind,
    MisfitError,
    Network,
    Operation,
    build_network,
    receptive_field_box,
)

windows = st.builds(
    Window,
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    begin=st.integers(0, 2),
    end=st.integers(0, 2),
    ceil=st.booleans(),
)


class Step(NamedTuple):
    """A window over both axes, as test data."""

    down: Window
    across: Window

    @property
    def operation(self) -> Operation:
        down, across = self
        return Operation(
            name="window",
            kind=Kind.MAX_POOLING,
            kernel=(down.kernel, across.kernel),
            stride=(down.stride, across.stride),
            dilation=(down.dilation, across.dilation),
            padding=(down.begin, across.begin, down.end, across.end),
            ceil=down.ceil,
        )


def build(operations: list[Operation], *, height: int = 8, width: int = 8) -> Network:
    return build_network(
        name="test", title="Test", input_shape=(height, width, 3), operations=operations
    )


def outputs_by_hand(size: int, window: Window) -> int:
    """Slide a ruler over the padded positions; with ceil, over one more stride of nothing."""
    padded = range(-window.begin, size + window.end)
    count = 0
    for first in padded[:: window.stride]:
        taps = [first + tap * window.dilation for tap in range(window.kernel)]
        fits = taps[-1] in padded
        # A window that hangs over is wanted once, and only if it begins before the end padding.
        hangs_over = window.ceil and first < size and taps[-1] - padded[-1] < window.stride
        if fits or hangs_over:
            count += 1
    return count


def seen_by(index: int, chain: list[Window]) -> set[int]:
    """Input positions that an output depends on, found by following every tap."""
    positions = {index}
    for window in reversed(chain):
        positions = {
            position * window.stride - window.begin + tap * window.dilation
            for position, tap in itertools.product(positions, range(window.kernel))
        }
    return positions


@given(size=st.integers(1, 20), window=windows)
def test_outputs_are_those_of_a_sliding_ruler(size: int, window: Window) -> None:
    assume(window.extent <= size + window.begin + window.end)
    assert window.outputs(size) == outputs_by_hand(size, window)


@given(
    size=st.integers(1, 20),
    window=windows,
    odd_pixel=st.sampled_from(["upper", "lower"]),
)
def test_same_padding_divides_by_the_stride(size: int, window: Window, odd_pixel: OddPixel) -> None:
    padded = window.padded_to_same(size, odd_pixel=odd_pixel)
    assert padded.outputs(size) == -(-size // window.stride)
    difference = padded.end - padded.begin
    assert difference in ({0, 1} if odd_pixel == "upper" else {0, -1})


@given(
    steps=st.lists(st.builds(Step, windows, windows), min_size=1, max_size=4),
    height=st.integers(1, 24),
    width=st.integers(1, 24),
    data=st.data(),
)
def test_boxes_enclose_exactly_what_an_output_sees(
    steps: list[Step], height: int, width: int, data: st.DataObject
) -> None:
    try:
        network = build([step.operation for step in steps], height=height, width=width)
    except MisfitError:
        reject()
    for depth, layer in enumerate(network.layers):
        rows, columns, _ = layer.output_shape
        row = data.draw(st.integers(0, rows - 1))
        column = data.draw(st.integers(0, columns - 1))
        tall = seen_by(row, [step.down for step in steps[:depth]])
        wide = seen_by(column, [step.across for step in steps[:depth]])
        expected = (min(wide), min(tall), max(wide) + 1, max(tall) + 1)
        assert receptive_field_box(layer, row, column) == expected
        assert layer.receptive_field == max(max(s) - min(s) + 1 for s in (tall, wide))


@given(steps=st.lists(st.builds(Step, windows, windows), max_size=3), side=st.integers(8, 24))
def test_fully_connected_layers_see_all_that_the_map_sees(steps: list[Step], side: int) -> None:
    connected = Operation(name="fc", kind=Kind.FULLY_CONNECTED, units=5)
    flat = Operation(name="flatten", kind=Kind.FLATTEN)
    operations = [step.operation for step in steps]
    try:
        network = build([*operations, flat, connected, connected], height=side, width=side)
    except MisfitError:
        reject()
    *_, last_map, flattened, first, second = network.layers
    rows, columns, _ = last_map.output_shape
    corners = [receptive_field_box(last_map, *p) for p in ((0, 0), (rows - 1, columns - 1))]
    assert receptive_field_box(first, 0, 0) == (*corners[0][:2], *corners[1][2:])
    assert receptive_field_box(second, 0, 0) == receptive_field_box(first, 0, 0)
    assert receptive_field_box(flattened, 0, 0) == corners[0]


def test_the_centre_of_a_padded_window_is_the_centre_of_its_pixel() -> None:
    axis = Axis(size=8).through(Window(kernel=3, begin=1, end=1))
    assert axis.span(0) == (-1, 2)
    assert axis.centre == 0.5


def test_a_grouped_convolution_has_a_share_of_the_weights() -> None:
    layer = build(
        [
            Operation(
                name="conv",
                kind=Kind.CONVOLUTION,
                kernel=(3, 5),
                padding=(1, 2, 1, 2),
                units=6,
                groups=3,
                bias=False,
                fan_in=3,
            )
        ]
    ).layers[-1]
    assert layer.parameters == layer.trainable == 6 * 1 * 3 * 5
    assert layer.macs == 8 * 8 * layer.parameters
    assert layer.output_shape == (8, 8, 6)
    assert layer.kernel == (3, 5)
    assert layer.padding == (1, 2, 1, 2)


def test_batch_normalization_trains_half_of_its_parameters() -> None:
    network = build([Operation(name="bn", kind=Kind.BATCH_NORMALIZATION)])
    assert (network.parameters, network.trainable, network.macs) == (12, 6, 0)


def test_what_reaches_nobody_knows_how_far_sees_everything() -> None:
    pool = Operation(name="pool", kind=Kind.MAX_POOLING, kernel=(2, 2), stride=(2, 2))
    resize = Operation(name="resize", kind=Kind.OTHER, type="Resize", output_shape=(9, 9, 3))
    conv = Operation(name="conv", kind=Kind.CONVOLUTION, kernel=(3, 3), units=1)
    _, _, resized, after = build([pool, resize, conv]).layers
    for layer in (resized, after):
        assert receptive_field_box(layer, 6, 2) == (0, 0, 8, 8)
        assert layer.stride == 0
    assert after.output_shape == (7, 7, 1)


def test_pointwise_operations_change_nothing() -> None:
    scale = Operation(name="scale", kind=Kind.OTHER, type="Mul")
    data, scaled = build([scale]).layers
    assert (scaled.rows, scaled.output_shape) == (data.rows, data.output_shape)
    assert scaled.type == "Mul"


def test_layers_are_found_by_name() -> None:
    network = build([Operation(name="prob", kind=Kind.SOFTMAX)])
    assert network.find("prob") is network.layers[1]
    assert network.find("fc8") is None


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ([Operation(name="x", kind=Kind.MAX_POOLING, kernel=(9, 9))], "does not fit"),
        ([Operation(name="x", kind=Kind.MAX_POOLING, kernel=(2, 2), stride=(0, 1))], "at least 1"),
        ([Operation(name="x", kind=Kind.CONVOLUTION, units=1)], "no convolution"),
        ([Operation(name="x", kind=Kind.CONVOLUTION, kernel=(1, 1), groups=2)], "2 groups"),
        ([Operation(name="x", kind=Kind.CONVOLUTION, kernel=(1, 1), groups=0)], "0 groups"),
        ([Operation(name="x", kind=Kind.FULLY_CONNECTED, units=1, fan_in=7)], "for 7 inputs"),
        (
            [
                Operation(name="flatten", kind=Kind.FLATTEN),
                Operation(name="x", kind=Kind.MAX_POOLING, kernel=(1, 1)),
            ],
            "needs a map",
        ),
    ],
)
def test_misfits_are_named(operations: list[Operation], reason: str) -> None:
    with pytest.raises(MisfitError, match=f"^x: .*{reason}") as caught:
        build(operations)
    assert caught.value.operation == "x"
