"""What a window shows of layers, and of two of them that are compared."""

from __future__ import annotations

import numpy as np
import pytest

from inference.maps import maps_of
from vggscope.inference.map_pictures import GAP
from vggscope.inference.map_views import Look, channel_picture, maps_picture, shared_look

_TOP = 254


def two(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Maps of a layer for two pictures: the second ones are brighter, and one is silent in both."""
    random = np.random.default_rng(seed)
    values = random.random((2, 6, 5, 5)).astype(np.float32)
    values[1] *= np.arange(1, 7, dtype=np.float32)[:, None, None]
    values[:, 4] = 0
    return values[0], values[1]


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("normalisation", ["channel", "layer"])
def test_equal_values_of_what_is_compared_have_equal_levels(
    normalisation: str, symmetric: bool
) -> None:
    ours, theirs = two()
    look = shared_look(
        Look(normalisation=normalisation, symmetric=symmetric), maps_of(ours), maps_of(theirs)
    )
    both = np.stack([ours, theirs])
    axes = (0, 2, 3) if normalisation == "channel" else None
    low, high = (np.broadcast_to(f(both, axis=axes), 6) for f in (np.min, np.max))
    if symmetric:
        high = np.maximum(-low, high)
        low = -high
    for values in (ours, theirs):
        maps = maps_of(values)
        shown = maps_picture(maps, look).grid
        assert np.array_equal(shown.low, low)
        assert np.array_equal(shown.high, high)
        for channel in range(6):
            picture = channel_picture(maps, channel, look)
            assert (picture.low, picture.high) == (low[channel], high[channel])
            if low[channel] < high[channel]:
                share = (values[channel] - low[channel]) / (high[channel] - low[channel])
                assert np.abs(picture.pixels - share * _TOP).max() <= 0.51
            else:
                assert (picture.pixels == (_TOP / 2 if symmetric else 0)).all()
            x, y, width, height = shown.tile_box(channel)
            tile = shown.pixels[y : y + height, x : x + width]
            assert np.array_equal(tile, picture.pixels), "large as in the grid"


def test_compared_alone_each_would_fill_the_scale() -> None:
    ours, theirs = two()
    look = shared_look(Look(), maps_of(ours), maps_of(theirs))
    assert channel_picture(maps_of(ours), 5, Look()).pixels.max() == _TOP
    assert channel_picture(maps_of(ours), 5, look).pixels.max() < _TOP / 2
    assert channel_picture(maps_of(theirs), 5, look).pixels.max() == _TOP


def test_what_only_one_of_two_models_has_keeps_its_own_range() -> None:
    ours, theirs = two()
    look = shared_look(Look(), maps_of(ours[:3]), maps_of(theirs))
    assert maps_picture(maps_of(ours[:3]), look).grid.high.tolist() == [
        max(ours[i].max(), theirs[i].max()) for i in range(3)
    ]
    alone = channel_picture(maps_of(theirs), 5, look)
    assert (alone.low, alone.high) == (theirs[5].min(), theirs[5].max())


def test_a_fixed_range_stays_what_it_is_and_no_numbers_stay_none() -> None:
    ours, theirs = two()
    look = Look(normalisation="fixed", fixed=(0.0, 0.5))
    assert shared_look(look, maps_of(ours), maps_of(theirs)) == look
    ours[0, 1, 2], theirs[0, 0, 0] = np.nan, np.inf
    shared = shared_look(Look(), maps_of(ours), maps_of(theirs))
    pixels = channel_picture(maps_of(ours), 0, shared).pixels
    assert np.argwhere(pixels == GAP).tolist() == [[1, 2]]
    assert channel_picture(maps_of(theirs), 0, shared).pixels[0, 0] == GAP


def test_units_share_one_scale_and_the_strongest_are_named() -> None:
    values = np.arange(24, dtype=np.float32)[::-1].reshape(24, 1, 1).copy()
    values[7] = 100
    picture = maps_picture(maps_of(values, "fc8"), Look())
    assert picture.top_units == (7, 0, 1, 2, 3, 4, 5, 6, 8, 9)
    assert maps_picture(maps_of(two()[0]), Look()).top_units == ()
    look = shared_look(Look(), maps_of(values, "fc8"), maps_of(values - 5, "fc8"))
    for shown in (values, values - 5):
        found = maps_picture(maps_of(shown, "fc8"), look).grid
        assert set(found.low.tolist()) == {-5.0}
        assert set(found.high.tolist()) == {100.0}
