"""``vggscope layers``: a network as a table."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

from vggscope.errors import ModelNotFoundError, NoModelError, NoWeightsError
from vggscope.vgg import configs
from vggscope.vgg.table import as_csv, as_markdown, as_rows, format_table
from vggscope.zoo.models import DEFAULT_MODEL, find_model, installed_models

if TYPE_CHECKING:
    import argparse

    from vggscope.inference.layer_times import LayerTimes
    from vggscope.vgg.anatomy import Anatomy
    from vggscope.vgg.network import Network
    from vggscope.zoo.normal_form import Model

_BRANCHES: Final = (
    "{reason}. The layers follow in the order of computation; receptive fields behind the branch "
    "are upper bounds."
)
_TEXTS: Final = {"table": format_table, "csv": as_csv, "markdown": as_markdown}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help="an installed model, or a network of the VGG family: "
        f"{', '.join(configs.CONFIGS)} (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=(*_TEXTS, "json"),
        default="table",
        help="how to print it (default: %(default)s)",
    )
    parser.add_argument(
        "--times",
        action="store_true",
        help="run an installed model, and tell the time of each layer",
    )
    parser.add_argument(
        "--device",
        default="auto",
        help="what to measure, with --times; see “vggscope devices” (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the layers of the chosen network; return the exit status."""
    config = configs.find(arguments.model)
    times = None
    if config is not None:
        if arguments.times:
            known = ", ".join(model.name for model in installed_models())
            raise NoWeightsError(model=config.name, known=known)
        network = configs.network(config.name)
    else:
        anatomy = (model := _model(arguments.model)).anatomy()
        network = anatomy.network
        if not anatomy.is_chain:
            sys.stderr.write(f"vggscope: {_BRANCHES.format(reason=anatomy.reason)}\n")
        if arguments.times:
            times = _measured(model, anatomy, arguments.device)
    milliseconds = None if times is None else times.milliseconds
    if arguments.format == "json":
        document = json.dumps(_document(network, times), ensure_ascii=False, indent=2)
        sys.stdout.write(f"{document}\n")
    else:
        sys.stdout.write(_TEXTS[arguments.format](network, milliseconds))
    if times is not None and arguments.format != "json":
        # Apart from what a spreadsheet or another program is to read.
        stream = sys.stdout if arguments.format == "table" else sys.stderr
        stream.write(_origin(times))
    return 0


def _document(network: Network, times: LayerTimes | None) -> dict[str, object]:
    document: dict[str, object] = {
        "model": network.name,
        "title": network.title,
        "input": list(network.input_shape),
        "layers": as_rows(network, None if times is None else times.milliseconds),
        "totals": {
            "parameters": network.parameters,
            "trainable": network.trainable,
            "macs": network.macs,
        },
    }
    if times is not None:
        document["times"] = {
            "device": times.device,
            "milliseconds": times.total,
            "other": times.other,
            "runs": times.runs,
        }
    return document


def _origin(times: LayerTimes) -> str:
    reason = ""
    if times.is_substitute:
        reason = " (the chosen device runs the network as one piece, and tells of no layers)"
    return (
        f"Time: {times.total:.1f} ms per picture on {times.device}{reason}, "
        f"{times.other:.1f} of them between the layers; medians of {times.runs} runs\n"
    )


def _model(name: str) -> Model:
    try:
        return find_model(name)
    except (ModelNotFoundError, NoModelError) as error:
        installed = str(error.details.get("known", ""))
        known = ", ".join(filter(None, (installed, *configs.CONFIGS)))
        raise ModelNotFoundError(model=name, known=known) from error


def _measured(model: Model, anatomy: Anatomy, device: str) -> LayerTimes:
    # Only what runs a model needs the engines.
    from vggscope.cli.devices import tell_progress  # noqa: PLC0415
    from vggscope.inference.layer_times import measure_layers  # noqa: PLC0415
    from vggscope.inference.selection import select  # noqa: PLC0415

    return measure_layers(model, anatomy, select(model, device, progress=tell_progress))
