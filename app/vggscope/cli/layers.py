"""``vggscope layers``: a network as a table."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from vggscope.errors import ModelCorruptError, ModelFileMissingError, ModelNotFoundError
from vggscope.vgg import configs
from vggscope.vgg.table import as_rows, format_table

if TYPE_CHECKING:
    import argparse

    from vggscope.vgg.network import Network
    from vggscope.zoo.normal_form import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "--model",
        default="vgg16-compact",
        metavar="M",
        help="an installed model, or a network of the VGG paper: "
        f"{', '.join(configs.FAMILY)} (default: %(default)s)",
    )
    parser.add_argument(
        "--format",
        choices=("table", "json"),
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
        sys.stdout.write(format_table(network))
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
    # The paper's networks need neither the zoo nor onnx.
    from vggscope.zoo.models import find_model  # noqa: PLC0415

    try:
        model = find_model(name)
    except ModelNotFoundError as error:
        installed = str(error.details["known"])
        known = ", ".join(filter(None, (installed, *configs.FAMILY)))
        raise ModelNotFoundError(model=name, known=known) from error
    return _network_of(model)


def _network_of(model: Model) -> Network:
    import onnx  # noqa: PLC0415 (costs 162 ms)
    from google.protobuf.message import (  # type: ignore[import-untyped]  # noqa: PLC0415
        DecodeError,
    )

    from vggscope.vgg.graph import network_of  # noqa: PLC0415

    file = model.graph_path.name
    try:
        proto = onnx.load(model.graph_path, load_external_data=False)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ModelFileMissingError(model=model.name, file=file, reason=reason) from error
    except DecodeError as error:
        raise ModelCorruptError(model=model.name, file=file, reason="is no ONNX file") from error
    return network_of(
        proto, name=model.name, title=model.title, size=model.description.input.height
    )
