"""What is said about maps: what they are, what their colours mean, one of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication

from vggscope.ui.layers.histogram import value_text
from vggscope.ui.texts import percent
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.map_views import MapsPicture
    from vggscope.ui.layers.maps_grid import Cell

_BETWEEN = " · "


def facts(maps: FeatureMaps) -> str:
    """How many there are, of which size, at which place of the layer, computed by what."""
    count, height, width = maps.values.shape
    if maps.is_vector:
        said = [_tr("{0} units").format(count)]
    elif is_single(maps):
        said = [_tr("{0} channels with one value each").format(count)]
    else:
        size = _tr("{0} × {1} (H × W)").format(height, width)
        said = [_tr("{0} channels").format(count), size]
    if maps.before_relu:
        said.append(_tr("before ReLU"))
    elif maps.layer.activation == "relu":
        said.append(_tr("after ReLU"))
    if maps.shrunk > 1:
        said.append(_tr("largest of each {0} × {0}").format(maps.shrunk))
    return _BETWEEN.join((*said, maps.device))


def common_range(picture: MapsPicture) -> tuple[float, float] | None:
    """The values that the first and the last colour stand for; None if maps differ in them."""
    lows, highs = set(picture.grid.low.tolist()), set(picture.grid.high.tolist())
    return (lows.pop(), highs.pop()) if len(lows) == len(highs) == 1 else None


def legend(picture: MapsPicture) -> str:
    """From where to where the values go, how many are 0, and what the colours mean."""
    found = picture.histogram
    said = [
        _tr("values {0} … {1}").format(value_text(found.low), value_text(found.high)),
        _tr("{0} zeros").format(percent(picture.zeros, 0)),
    ]
    span = common_range(picture)
    shared = picture.look.shared is not None
    if span is not None:
        text = _tr("colours: {0} … {1} in both") if shared else _tr("colours: {0} … {1}")
        said.append(text.format(*map(value_text, span)))
    elif shared:
        said.append(_tr("colours: each channel from the lowest to the highest value of both"))
    elif picture.look.symmetric:
        said.append(_tr("colours: each channel up to its own largest magnitude"))
    else:
        said.append(_tr("colours: each channel from its own lowest to its highest value"))
    return _BETWEEN.join(said)


def reading(picture: MapsPicture, cell: Cell, pinned: MapsPicture | None) -> str:
    """The value at a place, and that of maps to compare with."""
    maps = picture.maps
    if maps.is_vector:
        said = [_tr("unit {0}").format(cell.channel)]
        if maps.labels is not None and cell.channel < len(maps.labels):
            said.append(maps.labels[cell.channel])
    elif is_single(maps):
        said = [_tr("channel {0}").format(cell.channel)]
    else:
        rows = _places(cell.row, maps.shrunk, maps.layer.rows.size)
        columns = _places(cell.column, maps.shrunk, maps.layer.columns.size)
        said = [
            _tr("channel {0}").format(cell.channel),
            _tr("(row {0}, column {1})").format(rows, columns),
        ]
    said.append(_value_at(picture, cell))
    if pinned is not None:
        said.append(_tr("pinned: {0}").format(_value_at(pinned, cell)))
    return _BETWEEN.join(said)


def strongest(picture: MapsPicture, count: int = 3) -> str:
    """The units with the largest values, in a line."""
    units = picture.top_units[:count]
    said = (f"{unit_name(picture.maps, each)} {unit_value(picture.maps, each)}" for each in units)
    return _tr("strongest: {0}").format(", ".join(said))


def is_single(maps: FeatureMaps) -> bool:
    """Whether each channel has one value and no map: so have units, and channels of 1 × 1."""
    return bool(maps.values[0].size == 1)


def unit_name(maps: FeatureMaps, unit: int) -> str:
    """The class that a unit stands for, or else its number."""
    if maps.labels is not None and unit < len(maps.labels):
        return maps.labels[unit]
    return (_tr("unit {0}") if maps.is_vector else _tr("channel {0}")).format(unit)


def unit_value(maps: FeatureMaps, unit: int) -> str:
    """The one value of a unit."""
    return _in_words(maps, float(maps.values[unit, 0, 0]))


def device_note() -> str:
    """Why maps may be of another device than the one that classifies."""
    return _tr(
        "Maps of photos are computed by the CPU in fp32, whatever device classifies:\n"
        "one run hands out all layers.\n"
        "Maps of moving pictures come from the run that classifies."
    )


def why_empty(picture: MapsPicture) -> str:
    """Why no map is shown although the layer has some."""
    if int(picture.histogram.counts.sum()) < picture.maps.values.size:
        return _tr("No channel is alive: every value is 0, or no number.")
    return _tr("No channel is alive: every value is 0.")


def _places(at: int, shrunk: int, size: int) -> str:
    """The rows, or columns, of the ``size`` of the layer that one value stands for."""
    first, last = at * shrunk, min((at + 1) * shrunk, size) - 1
    return str(first) if last <= first else f"{first}–{last}"


def _value_at(picture: MapsPicture, cell: Cell) -> str:
    """In words; "–" if these maps have no such place."""
    values = picture.maps.values
    place = (cell.channel, cell.row, cell.column)
    if any(not 0 <= i < size for i, size in zip(place, values.shape, strict=True)):
        return "–"
    return _in_words(picture.maps, float(values[place]))


def _in_words(maps: FeatureMaps, value: float) -> str:
    return percent(value) if maps.layer.kind is Kind.SOFTMAX else value_text(value)


def _tr(text: str) -> str:
    return QCoreApplication.translate("maps", text)
