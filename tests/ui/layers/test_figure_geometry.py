from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vggscope.ui.layers.figure_geometry import (
    CLASSIFIER,
    Look,
    Plan,
    groups_of,
    place_names,
    plan_figure,
)
from vggscope.vgg import configs
from vggscope.vgg.network import Kind, Network, Operation, build_network

NAMES = st.sampled_from([*configs.CONFIGS])


def listing(count: int) -> Network:
    """``count`` nodes without any order that a figure could know of."""
    steps = (
        Operation(name=f"node_{i}", kind=Kind.OTHER, output_shape=(7, 7, 32)) for i in range(count)
    )
    return build_network(name="many", title="Many", input_shape=(224, 224, 3), operations=steps)


def bounds(plan: Plan) -> list[tuple[float, float]]:
    return [(block.bounds.left(), block.bounds.right()) for block in plan.blocks]


@given(name=NAMES, width=st.floats(40, 3000), height=st.floats(12, 300))
def test_blocks_stand_side_by_side_on_one_line_inside_the_figure(
    name: str, width: float, height: float
) -> None:
    network = configs.network(name)
    plan = plan_figure(network, width, height)
    assert [block.layer for block in plan.blocks] == list(network.layers)
    assert all(one[1] < other[0] for one, other in pairwise(bounds(plan)))
    assert all(block.front.bottom() == pytest.approx(height) for block in plan.blocks)
    assert all(block.bounds.top() >= -0.01 for block in plan.blocks)
    assert bounds(plan)[0][0] == 0
    assert bounds(plan)[-1][1] == pytest.approx(plan.width)
    assert min(block.front.width() for block in plan.blocks) >= 9 - 1e-6


@pytest.mark.parametrize(("name", "width"), [("A", 400), ("vgg16", 600), ("vgg19", 760)])
def test_networks_of_the_paper_fit_a_small_window(name: str, width: int) -> None:
    assert plan_figure(configs.network(name), width, 80).width <= width + 1


def test_many_layers_take_more_than_there_is_room_for() -> None:
    plan = plan_figure(listing(200), 900, 80)
    assert plan.width > 200 * 9
    assert len(plan.blocks) == 201


@given(name=NAMES, width=st.floats(300, 3000), height=st.floats(60, 300))
def test_sizes_follow_the_shapes(name: str, width: float, height: float) -> None:
    blocks = plan_figure(configs.network(name), width, height).blocks
    maps = [block for block in blocks if block.look is Look.MAP]
    for one in maps:
        for other in maps:
            (tall, across, channels), shape = one.layer.output_shape, other.layer.output_shape
            if tall > shape[0]:
                assert one.front.height() > other.front.height()
            if across > shape[1]:
                assert one.depth.x() > other.depth.x()
            if channels > shape[2]:
                assert one.front.width() >= other.front.width()
    if width > 1500:
        assert maps[0].front.width() < maps[-1].front.width()
    vectors = {b.layer.name: b.front.height() for b in blocks if b.look is Look.VECTOR}
    assert vectors["fc6"] == vectors["fc7"] > vectors["fc8"] == vectors["prob"]
    assert {b.layer.name for b in blocks if b.look is Look.GLYPH} == {"data", "flatten"}


@pytest.mark.parametrize("name", ["A", "A-LRN", "vgg16", "vgg19"])
def test_five_blocks_and_a_classifier(name: str) -> None:
    network = configs.network(name)
    groups = groups_of(network.layers)
    assert [group.number for group in groups] == [1, 2, 3, 4, 5, CLASSIFIER]
    ends = [network.layers[group.last].name for group in groups]
    assert ends == ["pool1", "pool2", "pool3", "pool4", "pool5", "prob"]
    assert network.layers[groups[0].first].name == "conv1_1"
    assert network.layers[groups[-1].first].name == "flatten"
    assert all(one.last + 1 == other.first for one, other in pairwise(groups))


def compact() -> Network:
    """A VGG whose fully connected layers were made convolutions, with a pooling between them."""
    wide, narrow = {"kernel": (3, 3), "padding": (1, 1, 1, 1)}, {"kernel": (1, 1)}
    halves = {"kernel": (2, 2), "stride": (2, 2)}
    steps = [
        Operation(name="conv1_1", kind=Kind.CONVOLUTION, units=8, **wide),
        Operation(name="pool1", kind=Kind.MAX_POOLING, **halves),
        Operation(name="conv2_1", kind=Kind.CONVOLUTION, units=16, **wide),
        Operation(name="pool2", kind=Kind.MAX_POOLING, **halves),
        Operation(name="fc6", kind=Kind.CONVOLUTION, units=64, **narrow),
        Operation(name="pool6", kind=Kind.AVERAGE_POOLING, **halves),
        Operation(name="fc7", kind=Kind.CONVOLUTION, units=64, **narrow),
        Operation(name="flatten", kind=Kind.FLATTEN),
        Operation(name="fc8", kind=Kind.FULLY_CONNECTED, units=10),
    ]
    return build_network(name="c", title="C", input_shape=(32, 32, 3), operations=steps)


def test_the_classifier_begins_with_fc6_though_it_is_a_convolution() -> None:
    network = compact()
    groups = groups_of(network.layers)
    names = [
        (group.number, network.layers[group.first].name, network.layers[group.last].name)
        for group in groups
    ]
    assert names == [(1, "conv1_1", "pool1"), (2, "conv2_1", "pool2"), (CLASSIFIER, "fc6", "fc8")]


def test_maps_without_a_pooling_are_a_group_and_an_input_alone_is_none() -> None:
    assert [(g.number, g.first, g.last) for g in groups_of(listing(3).layers)] == [(1, 1, 3)]
    alone = listing(0)
    assert groups_of(alone.layers) == ()
    assert len(plan_figure(alone, 500, 90).blocks) == 1


@given(
    name=NAMES,
    width=st.floats(300, 2000),
    letter=st.floats(4, 12),
    current=st.none() | st.integers(0, 16),
)
def test_names_never_overlap_and_the_current_one_is_there(
    name: str, width: float, letter: float, current: int | None
) -> None:
    plan = plan_figure(configs.network(name), width, 80)
    widths = [letter * len(block.layer.name) for block in plan.blocks]
    places = place_names(plan, widths, current)
    shown = sorted(place for place in places if place is not None)
    assert all(one[1] < other[0] for one, other in pairwise(shown))
    assert current is None or places[current] is not None
    assert [p[1] - p[0] for p in places if p] == pytest.approx(
        [w for w, p in zip(widths, places, strict=True) if p]
    )


def test_all_names_are_there_if_there_is_room() -> None:
    plan = plan_figure(configs.network("vgg16"), 2300, 100)
    assert None not in place_names(plan, [30.0] * len(plan.blocks), None)


def test_columns_are_found_again() -> None:
    plan = plan_figure(configs.network("vgg16"), 1000, 100)
    for index, block in enumerate(plan.blocks):
        assert plan.at(block.bounds.center().x()) == index
    assert plan.at(-20) is None
    assert plan.at(plan.width + 20) is None
