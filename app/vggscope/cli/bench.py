"""Measure how fast a model runs on the devices of this computer.

Each device is measured in a process of its own, one after the other. Times are in milliseconds,
from a decoded picture to its probabilities; "bare" is ONNX Runtime's session.run alone, on the
same session. Exit status: 0 all were measured, 1 some failed, 2 nothing could be done.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from vggscope.cli.main import ALL_DONE, NOTHING_DONE, SOME_FAILED
from vggscope.cli.tables import text_table
from vggscope.errors import DeviceError
from vggscope.inference.report import as_json
from vggscope.zoo.models import DEFAULT_MODEL

if TYPE_CHECKING:
    import argparse

    from vggscope.inference.bench import Figures
    from vggscope.inference.devices import Device
    from vggscope.zoo.normal_form import Model

_ALL: Final = "all"
_HEADS: Final = ("device", "load", "first", "median", "p95", "bare", "÷ bare")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: %(default)s")
    parser.add_argument(
        "--device", default="auto", help="a device, or “all” (default: %(default)s)"
    )
    parser.add_argument("--exact", action="store_true", help="only devices that compute in fp32")
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(arguments: argparse.Namespace) -> int:
    """Measure and print; the exit status."""
    # Engines are imported here, so that "--help" and a wrong option answer at once.
    from vggscope.cli.devices import tell_progress  # noqa: PLC0415
    from vggscope.inference.devices import EXACT  # noqa: PLC0415
    from vggscope.inference.probe import Status  # noqa: PLC0415
    from vggscope.inference.selection import probe, select  # noqa: PLC0415
    from vggscope.zoo.models import find_model  # noqa: PLC0415

    model = find_model(arguments.model)
    if arguments.device == _ALL:
        rows = probe(model, progress=tell_progress).rows
        # What is used only when it is named is not tried either.
        entries = [(r.device, r.problem) for r in rows if r.device and r.status != Status.UNTRIED]
        entries = [e for e in entries if not arguments.exact or e[0].precision == EXACT]
    else:
        chosen = select(model, arguments.device, exact=arguments.exact, progress=tell_progress)
        entries = [(chosen, None)]
    results = [(device, problem or _measured(model, device)) for device, problem in entries]
    if arguments.format == "json":
        document = {"model": model.name, "cores": os.cpu_count(), "results": _objects(results)}
        sys.stdout.write(as_json(document))
    else:
        sys.stdout.write(_text(model.name, results))
    failed = sum(isinstance(result, DeviceError) for _, result in results)
    if failed == len(results):
        return NOTHING_DONE
    return SOME_FAILED if failed else ALL_DONE


def _measured(model: Model, device: Device) -> Figures | DeviceError:
    from vggscope.inference.bench import bench  # noqa: PLC0415 (see run)

    sys.stderr.write(f"vggscope: measuring {device.name}\n")
    sys.stderr.flush()
    try:
        return bench(model, device)
    except DeviceError as error:
        return error


def _objects(results: list[tuple[Device, Figures | DeviceError]]) -> list[dict[str, Any]]:
    objects = []
    for device, result in results:
        entry: dict[str, Any] = {"device": device.key, "name": device.name}
        if isinstance(result, DeviceError):
            entry["error"] = result.as_json()
        else:
            figures = msgspec.to_builtins(result)
            entry |= {name: _rounded(value) for name, value in figures.items()}
        objects.append(entry)
    return objects


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return round(value, 3) if isinstance(value, float) else value


def _text(model: str, results: list[tuple[Device, Figures | DeviceError]]) -> str:
    measured = [(d, r) for d, r in results if not isinstance(r, DeviceError)]
    lines = [f"{model}, {os.cpu_count()} cores; milliseconds per picture, pictures per second\n\n"]
    if measured:
        batches = list(measured[0][1].images_per_second)
        rates = [f"img/s ×{batch}" for batch in batches]
        bare = [f"bare ×{batch}" for batch in batches]
        pairs = [head for pair in zip(rates, bare, strict=True) for head in pair]
        heads = (*_HEADS, *pairs, "peak MB")
        rows = [_cells(device, figures) for device, figures in measured]
        lines.append(text_table(heads, rows, numbers=heads[1:]))
    for device, result in results:
        if isinstance(result, DeviceError):
            lines.append(f"{device.key}: {result.message} {result.remedy}\n")
    return "".join(lines)


def _cells(device: Device, figures: Figures) -> list[str]:
    times = (figures.load, figures.first, figures.median, figures.p95, figures.bare)
    rates = [
        rate
        for batch, ours in figures.images_per_second.items()
        for rate in (ours, figures.bare_images_per_second[batch])
    ]
    return [
        device.key,
        *(f"{time:.1f}" for time in times),
        f"{figures.overhead:.2f}",
        *(f"{rate:.1f}" for rate in rates),
        f"{figures.peak_memory:.0f}",
    ]
