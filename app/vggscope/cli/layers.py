"""``vggscope layers``: a network as a table."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Final

from vggscope.errors import ModelNotFoundError, NoModelError
from vggscope.vgg import configs
from vggscope.vgg.table import as_csv, as_markdown, as_rows, format_table
from vggscope.zoo.models import DEFAULT_MODEL, find_model

if TYPE_CHECKING:
    import argparse

    from vggscope.vgg.network import Network
    from vggscope.zoo.normal_form import Model

_TEXTS: Final = {"table": format_table, "csv": as_csv, "markdown": as_markdown}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--model",
        default=DEFAULT_MODEL,
        metavar="M",
        help="an installed model, or a network of the VGG paper: "
        f"{', '.join(configs.FAMILY)} (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=(*_TEXTS, "json"),
        default="table",
        help="how to print it (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the layers of the chosen network; return the exit status."""
    network = _network(arguments.model)
    if arguments.format == "json":
        document = json.dumps(_document(network), ensure_ascii=False, indent=2)
        sys.stdout.write(f"{document}\n")
    else:
        sys.stdout.write(_TEXTS[arguments.format](network))
    return 0


def _document(network: Network) -> dict[str, object]:
    return {
        "model": network.name,
        "title": network.title,
        "input": list(network.input_shape),
        "layers": as_rows(network),
        "totals": {
            "parameters": network.parameters,
            "trainable": network.trainable,
            "macs": network.macs,
        },
    }


def _network(name: str) -> Network:
    config = configs.find(name)
    if config is not None:
        return configs.network(config.name)
    try:
        model = find_model(name)
    except (ModelNotFoundError, NoModelError) as error:
        installed = str(error.details.get("known", ""))
        known = ", ".join(filter(None, (installed, *configs.FAMILY)))
        raise ModelNotFoundError(model=name, known=known) from error
    return _network_of(model)


def _network_of(model: Model) -> Network:
    # The paper's networks do not need onnx.
    from vggscope.vgg.graph import network_of  # noqa: PLC0415

    return network_of(
        model.graph(), name=model.name, title=model.title, size=model.description.input.height
    )
