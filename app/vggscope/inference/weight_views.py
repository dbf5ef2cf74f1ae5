"""What a unit multiplies by, and what feeds it: worked out where it may take its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope.inference.map_pictures import GAP
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.inference.feature_maps import FeatureMaps, Position
    from vggscope.inference.layer_reader import LayerReader
    from vggscope.vgg.anatomy import Anatomy
    from vggscope.vgg.network import Layer

_SLICES: Final = 12
_FEEDERS: Final = 24
_COLOURS: Final = 3
_MIDDLE: Final = (GAP - 1) // 2
"""The level of 0."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feeder:
    """A channel, or unit, that a unit reads.

    Attributes:
        layer: where it is; "" if the graph branches and that is not known.
        channel: which one.
        norm: L2 norm of the weights that it is multiplied by.
        contribution: what it adds to the unit's value, before its bias and its ReLU; None if no
            picture is looked at, or if that cannot be said.
    """

    layer: str
    channel: int
    norm: float
    contribution: float | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitWeights:
    """What one unit, or channel, of a layer multiplies by.

    Attributes:
        layer, unit: which one.
        source: name of the layer that feeds it; "" if the graph branches and that is not known.
        first: the input channel that ``values[0]`` belongs to: 0, but for convolutions in groups.
        values: the weights, float32 [in, h, w]. Of a fully connected layer that reads a map, h and
            w are the map's; of one that reads a vector, 1.
        rgb: the filter as a picture, uint8 [h, w, 3], its smallest weight 0 and its largest 255;
            None unless it reads pictures in colour.
        channels: the colours of the input channels, "RGB" or "BGR", with ``rgb``; "" otherwise.
        slices: the input channels with the largest norms, the largest first; none without weights
            other than 0.
        levels: the weights of ``slices``, uint8 [k, h, w]: 0..254 from ``-scale`` to ``scale``, 0
            at 127; ``GAP`` where one is no finite number.
        scale: the largest absolute value of all weights of the unit.
        feeders: the channels that contribute most, or without contributions those with the largest
            norms; the first ones first, 24 at most, none whose weights are all 0.
        rest: what all other channels together contribute; None without contributions.
        contribution_at: the position of the unit's map that contributions are about; None without
            contributions, and if the unit has no map.
    """

    layer: str
    unit: int
    source: str
    first: int
    values: NDArray[np.float32]
    rgb: NDArray[np.uint8] | None
    channels: str
    slices: tuple[int, ...]
    levels: NDArray[np.uint8]
    scale: float
    feeders: tuple[Feeder, ...]
    rest: float | None
    contribution_at: Position | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassThrough:
    """A unit that multiplies by no weights of its own.

    Attributes:
        layer, unit: which one.
        source: name of the layer that feeds it; "" for the input, and if that is not known.
        source_unit: the channel, or unit, that it is made of; None if that is not known.
        how: what its layer does.
        row, column: the position that it is made of, where that is a single one (flatten).
    """

    layer: str
    unit: int
    source: str
    source_unit: int | None
    how: Kind
    row: int | None = None
    column: int | None = None


def source_of(anatomy: Anatomy, layer: str) -> Layer | None:
    """The layer whose values ``layer`` reads, or the one before, if that merely flattens them.

    Returns:
        None for the input, if there is no such layer, and if the graph branches.
    """
    found = anatomy.find(layer)
    if found is None or not anatomy.is_chain:
        return None
    before = anatomy.sites[: anatomy.sites.index(found)]
    return next((s.layer for s in reversed(before) if s.layer.kind is not Kind.FLATTEN), None)


def unit_weights_view(
    reader: LayerReader,
    layer: str,
    unit: int,
    *,
    maps_before: FeatureMaps | None,
    position: Position | None,
) -> UnitWeights | PassThrough:
    """What a unit multiplies by, and which channels feed it.

    Args:
        reader: of the model.
        layer: name of the layer.
        unit: which unit, or channel.
        maps_before: what the layer that ``source_of`` names made of the picture; None if none is
            looked at.
        position: where on the unit's map contributions are asked for, in positions of the layer
            itself. Units without a map need none.

    Raises:
        LayerNotFoundError: there is no such layer.
        IndexError: it has no such unit.
        InferenceError: its weights cannot be read.
    """
    site = reader.site(layer)
    source = source_of(reader.anatomy, layer)
    if site.weights is None:
        return _passing(site.layer, unit, source, channels_last=site.channels_last)
    values = _by_channel(
        reader.weights(layer, unit), site.layer, source, channels_last=_flattened(reader, layer)
    )
    name = "" if source is None else source.name
    first = 0 if source is None else _first_input(site.layer, unit, source, len(values))
    norms = np.sqrt((values.astype(np.float64) ** 2).sum(axis=(1, 2)))
    strongest = _strongest_first(norms, norms)[:_SLICES]
    levels, scale = _levels(values, strongest)
    inputs = range(first, first + len(values))
    read = None if source is None else _read(maps_before, source, inputs)
    parts = _contributions(values, read, site.layer, source, position)
    fed_most = _strongest_first(norms if parts is None else parts, norms)[:_FEEDERS]
    is_coloured = source is not None and source.kind is Kind.INPUT and len(values) == _COLOURS
    channels = reader.model.description.input.channels if is_coloured else ""
    has_place = parts is not None and site.layer.kind is Kind.CONVOLUTION
    return UnitWeights(
        layer=layer,
        unit=unit,
        source=name,
        first=first,
        values=values,
        rgb=_as_picture(values, channels) if channels else None,
        channels=channels,
        slices=tuple(inputs[index] for index in strongest),
        levels=levels,
        scale=scale,
        feeders=tuple(
            Feeder(
                layer=name,
                channel=inputs[index],
                norm=float(norms[index]),
                contribution=None if parts is None else float(parts[index]),
            )
            for index in fed_most
        ),
        rest=None if parts is None else float(np.delete(parts, fed_most).sum()),
        contribution_at=position if has_place else None,
    )


def _passing(
    layer: Layer, unit: int, source: Layer | None, *, channels_last: bool
) -> UnitWeights | PassThrough:
    """A unit of a layer without weights.

    Raises:
        IndexError: it has no such unit.
    """
    if not 0 <= unit < layer.output_shape[-1]:
        raise IndexError(f"{layer.name} has {layer.output_shape[-1]} units, not {unit}")
    made_of: int | None = None
    row = column = None
    if source is not None and layer.kind is Kind.FLATTEN and len(source.output_shape) == 3:
        height, width, channels = source.output_shape
        if channels_last:
            row, column, made_of = (
                int(i) for i in np.unravel_index(unit, (height, width, channels))
            )
        else:
            made_of, row, column = (
                int(i) for i in np.unravel_index(unit, (channels, height, width))
            )
    elif source is not None and source.output_shape[-1] == layer.output_shape[-1]:
        # What an unknown operation makes of channels is not known either.
        made_of = None if layer.kind is Kind.OTHER else unit
    return PassThrough(
        layer=layer.name,
        unit=unit,
        source="" if source is None else source.name,
        source_unit=made_of,
        how=layer.kind,
        row=row,
        column=column,
    )


def _flattened(reader: LayerReader, layer: str) -> bool:
    """Whether the units that ``layer`` reads are in the order row, column, channel."""
    sites = reader.anatomy.sites
    at = sites.index(reader.site(layer))
    # A Flatten knows in which layout it met the map; without one the layer met it itself.
    flatten = sites[at - 1] if sites[at - 1].layer.kind is Kind.FLATTEN else sites[at]
    return flatten.channels_last


def _by_channel(
    weights: NDArray[np.float32], layer: Layer, source: Layer | None, *, channels_last: bool
) -> NDArray[np.float32]:
    """Weights as [in, h, w]."""
    if layer.kind is Kind.CONVOLUTION:
        return weights
    if source is None or len(source.output_shape) != 3:
        return weights.reshape(-1, 1, 1)
    height, width, channels = source.output_shape
    if channels_last:
        return np.ascontiguousarray(weights.reshape(height, width, channels).transpose(2, 0, 1))
    return weights.reshape(channels, height, width)


def _first_input(layer: Layer, unit: int, source: Layer, count: int) -> int:
    """The first of the ``count`` input channels that a unit reads: those of its group."""
    if layer.kind is not Kind.CONVOLUTION:
        return 0
    groups = source.output_shape[-1] // count
    return unit * groups // layer.output_shape[-1] * count


def _strongest_first(numbers: NDArray[np.float64], norms: NDArray[np.float64]) -> NDArray[np.intp]:
    """The indices of ``numbers``, largest absolute value first; those without one last.

    Channels whose weights are all 0, by their ``norms``, are left out: the unit does not read them.
    """
    size = np.abs(numbers)
    order: NDArray[np.intp] = np.argsort(-np.where(np.isnan(size), -1.0, size), kind="stable")
    read: NDArray[np.intp] = order[norms[order] != 0]
    return read


def _levels(
    values: NDArray[np.float32], chosen: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], float]:
    """The weights of the input channels ``chosen`` as levels [k, h, w], and their scale."""
    finite = np.isfinite(values)
    scale = float(np.abs(values[finite]).max(initial=0.0))
    shown = values[chosen].astype(np.float64)
    known = np.isfinite(shown)
    steps = np.where(known, shown, 0.0) * (_MIDDLE / scale if scale else 0.0)
    return np.where(known, np.rint(steps) + _MIDDLE, GAP).astype(np.uint8), scale


def _as_picture(values: NDArray[np.float32], channels: str) -> NDArray[np.uint8]:
    """A filter of three channels as RGB [h, w, 3], from its smallest to its largest weight."""
    numbers = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = numbers.min(), numbers.max()
    shown = (numbers - low) / (high - low) if high > low else np.full_like(numbers, 0.5)
    in_order = shown[::-1] if channels == "BGR" else shown
    return np.ascontiguousarray(np.rint(in_order * 255).astype(np.uint8).transpose(1, 2, 0))


def _read(maps: FeatureMaps | None, source: Layer, channels: range) -> NDArray[np.float32] | None:
    """The maps that a unit reads, [in, H, W]; None if ``maps`` are not what its layer reads."""
    if maps is None or maps.layer.name != source.name or maps.before_relu or maps.shrunk > 1:
        return None
    return maps.values[channels.start : channels.stop]


def _contributions(
    values: NDArray[np.float32],
    read: NDArray[np.float32] | None,
    layer: Layer,
    source: Layer | None,
    position: Position | None,
) -> NDArray[np.float64] | None:
    """What each input channel adds to a unit's value at ``position``, [in].

    None where that cannot be said: without maps or a position, or if they do not fit the weights.
    """
    if source is None or read is None or not layer.exact:
        return None
    if layer.kind is not Kind.CONVOLUTION:
        window = read
    elif position is None:
        return None
    else:
        window = _window(read, layer, source, position)
    if window.shape != values.shape:
        return None
    parts: NDArray[np.float64] = (window.astype(np.float64) * values).sum(axis=(1, 2))
    return parts


def _window(
    maps: NDArray[np.float32], layer: Layer, source: Layer, position: Position
) -> NDArray[np.float32]:
    """What a convolution sees of ``maps`` [in, H, W] at ``position``: [in, h, w], padding 0."""
    kernel = layer.kernel or (1, 1)
    top, left, _, _ = layer.padding or (0, 0, 0, 0)
    seen = np.zeros((len(maps), *kernel), np.float32)
    places = []
    for axis, before, taps, margin, index, size in (
        (layer.rows, source.rows, kernel[0], top, position.row, maps.shape[1]),
        (layer.columns, source.columns, kernel[1], left, position.column, maps.shape[2]),
    ):
        # Layers tell strides and fields in pixels of the input: see ``Axis.through``.
        stride = axis.stride // before.stride
        extent = (axis.receptive_field - before.receptive_field) // before.stride
        dilation = extent // (taps - 1) if taps > 1 else 1
        steps = index * stride - margin + dilation * np.arange(taps)
        inside = (steps >= 0) & (steps < size)
        places.append((np.flatnonzero(inside), steps[inside]))
    (rows, from_rows), (columns, from_columns) = places
    seen[:, rows[:, None], columns] = maps[:, from_rows[:, None], from_columns]
    return seen
