"""A network as a table, in the manner of Keras' ``model.summary()``."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vggscope.vgg.network import Layer, Network

# In two lines, so that the counts leave room: VGG16 takes 90 columns.
_HEADER: Final = (
    ("", "Output", "", "Receptive", "", "", ""),
    ("Layer (type)", "(H × W × C)", "Param #", "field", "Stride", "MACs", "Memory"),
)
_TIME: Final = ("", "ms")
_GAP: Final = "  "
_BYTES_PER_NUMBER: Final = 4
NOTHING: Final = "–"
"""Stands where a layer has no such number, or none is known."""


def format_table(network: Network, times: Mapping[str, float] | None = None) -> str:
    """One line for each layer, then the totals; the text ends with a line break.

    Sizes in bytes are those of 32-bit floating-point numbers, as in Keras, however the file stores
    them: of all parameters, and as "Memory" of a layer's output for one picture.

    Args:
        network: what to tell of.
        times: layer -> milliseconds, for a column of them; layers that take none may be missing.
    """
    header, body = _header(times), [cells_of(layer, times) for layer in network.layers]
    columns = zip(*header, *body, strict=True)
    widths = [max(len(cell) for cell in column) for column in columns]
    rule = "-" * (sum(widths) + len(_GAP) * (len(widths) - 1))
    lines = [
        f"Model: {network.title}",
        rule,
        *(_line(row, widths) for row in header),
        rule,
        *(_line(row, widths) for row in body),
        rule,
        *totals_of(network),
    ]
    return "".join(f"{line}\n" for line in lines)


def as_markdown(network: Network, times: Mapping[str, float] | None = None) -> str:
    """The same as a Markdown table, with the totals as a list below."""
    header = zip(*_header(times), strict=True)
    first, *others = (" ".join(filter(None, lines)) for lines in header)
    rows = [
        (first, *others),
        (":---", *("---:" for _ in others)),
        *(cells_of(layer, times) for layer in network.layers),
    ]
    lines = [f"**{network.title}**", ""]
    lines += map(_markdown_row, rows)
    lines += ["", *(f"- {total}" for total in totals_of(network))]
    return "".join(f"{line}\n" for line in lines)


def as_csv(network: Network, times: Mapping[str, float] | None = None) -> str:
    """The layers as CSV for spreadsheets: plain numbers, one line each, no totals."""
    rows = as_rows(network, times)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        lists = {key: "×".join(map(str, v)) for key, v in row.items() if isinstance(v, list)}
        writer.writerow(row | lists)
    return text.getvalue()


def as_rows(network: Network, times: Mapping[str, float] | None = None) -> list[dict[str, object]]:
    """The layers as plain values for JSON; with ``times``, their milliseconds (None: unknown)."""
    return [
        {
            "name": layer.name,
            "type": layer.type,
            "output_shape": list(layer.output_shape),
            "parameters": layer.parameters,
            "macs": layer.macs,
            "receptive_field": layer.receptive_field,
            "stride": layer.stride,
            "output_bytes": output_bytes(layer),
            "kernel": None if layer.kernel is None else list(layer.kernel),
            "activation": layer.activation,
        }
        | ({} if times is None else {"milliseconds": times.get(layer.name)})
        for layer in network.layers
    ]


def cells_of(layer: Layer, times: Mapping[str, float] | None = None) -> tuple[str, ...]:
    """The texts of one line, in the order of the columns; the last one only with ``times``."""
    cells = (
        f"{layer.name} ({layer.type})",
        shape_text(layer),
        f"{layer.parameters:,}",
        field_text(layer),
        f"{layer.stride:,}" if layer.exact else NOTHING,
        short_count(layer.macs) if layer.macs else NOTHING,
        short_bytes(output_bytes(layer)),
    )
    if times is None:
        return cells
    return (*cells, f"{times[layer.name]:.2f}" if layer.name in times else NOTHING)


def totals_of(network: Network) -> tuple[str, ...]:
    """What stands below the table, one sentence each."""
    return (
        f"Total params: {with_bytes(network.parameters)}",
        f"Trainable params: {with_bytes(network.trainable)}",
        f"Non-trainable params: {with_bytes(network.parameters - network.trainable)}",
        f"Multiply-accumulates: {short_count(network.macs)} per picture",
    )


def shape_text(layer: Layer) -> str:
    """The output of a layer: "56 × 56 × 256" of a map (H × W × C), "4096" of a vector."""
    return " × ".join(str(side) for side in layer.output_shape)


def field_text(layer: Layer) -> str:
    """Side of the receptive field, with a mark if it is an upper bound."""
    return f"{'' if layer.exact else '≤ '}{layer.receptive_field:,}"


def output_bytes(layer: Layer) -> int:
    """Size of a layer's output for one picture, as 32-bit floating-point numbers."""
    return _BYTES_PER_NUMBER * math.prod(layer.output_shape)


def with_bytes(parameters: int) -> str:
    """A number of parameters, and their size as 32-bit floating-point numbers."""
    if parameters == 0:
        return "0"
    return f"{parameters:,} ({short_bytes(_BYTES_PER_NUMBER * parameters)})"


def short_bytes(size: int) -> str:
    """A size in Keras' units: powers of 1024 under the decimal names."""
    units = ("B", "KB", "MB", "GB")
    power = min(max(size.bit_length() - 1, 0) // 10, len(units) - 1)
    return f"{size / 1024**power:.2f} {units[power]}"


def short_count(count: int) -> str:
    """A count in three digits or so, with the usual letter: 1.85 G."""
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= factor:
            return f"{count / factor:.2f} {unit}"
    return str(count)


def _header(times: Mapping[str, float] | None) -> tuple[tuple[str, ...], ...]:
    if times is None:
        return _HEADER
    return tuple((*line, more) for line, more in zip(_HEADER, _TIME, strict=True))


def _markdown_row(cells: Sequence[str]) -> str:
    escaped = (cell.replace("|", r"\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = cells
    name_width, *number_widths = widths
    aligned = (cell.rjust(width) for cell, width in zip(numbers, number_widths, strict=True))
    return _GAP.join((name.ljust(name_width), *aligned)).rstrip()
