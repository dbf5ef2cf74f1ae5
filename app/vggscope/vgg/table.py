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


def format_table(network: Network, times: Mapping[str, float] | None = None) -> str:
    """One line for each layer, then the totals; the text ends with a line break.

    Sizes in bytes are those of 32-bit floating-point numbers, as in Keras, however the file stores
    them: of all parameters, and as "Memory" of a layer's output for one picture.

    Args:
        network: what to tell of.
        times: layer -> milliseconds, for a column of them; layers that take none may be missing.
    """
    header, body = _header(times), [_cells(layer, times) for layer in network.layers]
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
        *_totals(network),
    ]
    return "".join(f"{line}\n" for line in lines)


def as_markdown(network: Network, times: Mapping[str, float] | None = None) -> str:
    """The same as a Markdown table, with the totals as a list below."""
    header = zip(*_header(times), strict=True)
    first, *others = (" ".join(filter(None, lines)) for lines in header)
    rows = [
        (first, *others),
        (":---", *("---:" for _ in others)),
        *(_cells(layer, times) for layer in network.layers),
    ]
    lines = [f"**{network.title}**", ""]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    lines += ["", *(f"- {total}" for total in _totals(network))]
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
            "output_bytes": _BYTES_PER_NUMBER * math.prod(layer.output_shape),
            "kernel": None if layer.kernel is None else list(layer.kernel),
            "activation": layer.activation,
        }
        | ({} if times is None else {"milliseconds": times.get(layer.name)})
        for layer in network.layers
    ]


def _header(times: Mapping[str, float] | None) -> tuple[tuple[str, ...], ...]:
    if times is None:
        return _HEADER
    return tuple((*line, more) for line, more in zip(_HEADER, _TIME, strict=True))


def _cells(layer: Layer, times: Mapping[str, float] | None) -> tuple[str, ...]:
    cells = (
        f"{layer.name} ({layer.type})",
        " × ".join(str(side) for side in layer.output_shape),
        f"{layer.parameters:,}",
        f"{'' if layer.exact else '≤ '}{layer.receptive_field:,}",
        f"{layer.stride:,}" if layer.exact else "–",
        short_count(layer.macs) if layer.macs else "–",
        short_bytes(_BYTES_PER_NUMBER * math.prod(layer.output_shape)),
    )
    if times is None:
        return cells
    return (*cells, f"{times[layer.name]:.2f}" if layer.name in times else "–")


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *numbers = cells
    name_width, *number_widths = widths
    aligned = (cell.rjust(width) for cell, width in zip(numbers, number_widths, strict=True))
    return _GAP.join((name.ljust(name_width), *aligned)).rstrip()


def _totals(network: Network) -> tuple[str, ...]:
    return (
        f"Total params: {_with_bytes(network.parameters)}",
        f"Trainable params: {_with_bytes(network.trainable)}",
        f"Non-trainable params: {_with_bytes(network.parameters - network.trainable)}",
        f"Multiply-accumulates: {short_count(network.macs)} per picture",
    )


def _with_bytes(parameters: int) -> str:
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
