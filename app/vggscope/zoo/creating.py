"""Networks of the VGG family with random weights, for lessons and benchmarks."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vggscope.errors import NetworkOptionError, UnknownConfigError
from vggscope.vgg import configs
from vggscope.zoo.choices import look, resize_for
from vggscope.zoo.class_labels import labels_for, write_labels
from vggscope.zoo.meter import never, nothing
from vggscope.zoo.models import place_for, staged
from vggscope.zoo.normal_form import read_model
from vggscope.zoo.weights_writer import write_streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vggscope.vgg.configs import Config
    from vggscope.vgg.network import Network
    from vggscope.zoo.class_labels import Naming
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model

MOST_CLASSES: Final = 65_536
SMALLEST_SIZE: Final = 32
"""Five poolings leave one position of it."""
LARGEST_SIZE: Final = 1024
WIDTHS: Final = (1 / 64, 4.0)
"""The narrowest network has one channel in its first layer."""
MOST_BYTES: Final = 1 << 33
"""Of weights: 8 GiB, 14 times those of the largest network of the paper."""
_FLOAT_BYTES: Final = 4
_LONGEST_NAME: Final = 64

OUTPUT: Final[Mapping[str, str]] = MappingProxyType({"probabilities": "prob", "logits": "fc8"})
"""The outputs of ``vgg.build``."""


def create_model(  # noqa: PLR0913 (each but the first has its usual value)
    config: str,
    *,
    classes: int = 1000,
    size: int = 224,
    seed: int = 0,
    width: float = 1.0,
    name: str | None = None,
    title: str | None = None,
    labels: Naming = None,
    replace: bool = False,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
) -> Model:
    """Make a network of ``vgg.configs`` with random weights, and install it.

    Its description says that it is untrained, which everything that shows predictions repeats.
    The same seed makes the same weights, with the same version of NumPy; they are drawn and
    written block by block, so that the network is never in memory as a whole.

    Args:
        config: family name or letter, such as vgg16, E or vgg19-bn.
        classes: units of the last fully connected layer.
        size: side of the square input in pixels.
        seed: of the random weights.
        width: factor for the channels and units of all hidden layers.
        name: of the model; tells the network and what is unusual about it if None.
        title: what the window shows; likewise.
        labels: how classes get names, see ``labels_for``.
        replace: whether a model of the user that has the name may be replaced.
        progress: told how many bytes of weights are written.
        stop: asked between blocks of some megabytes.

    Raises:
        UnknownConfigError, NetworkOptionError: there is no such network.
        ModelError: the name cannot be had.
        OutputError: the model cannot be written.
        Cancelled: ``stop`` said so; as after an error, nothing is left behind.
    """
    found = find_config(config)
    _check(found, classes=classes, size=size, width=width, seed=seed)
    network = configs.network(found.name, classes=classes, size=size, width=width)
    check_size(network)
    unusual = _unusual(classes=classes, size=size, width=width, seed=seed)
    if name is None:
        name = "-".join((found.name, "untrained", *unusual)).replace(" ", "-")
        name = name[:_LONGEST_NAME].rstrip("-.")
    place = place_for(name, replace=replace)
    label_set = labels_for(classes, labels)
    # Importing these imports onnx, for 162 ms: whoever asks for what cannot be is told at once.
    import numpy as np  # noqa: PLC0415

    from vggscope.vgg.build import first_values, structure  # noqa: PLC0415

    random = np.random.default_rng(seed)
    with staged(place, replace=replace) as folder:
        write_streamed(
            structure(network),
            lambda tensor: first_values(tensor, random),
            folder,
            progress=progress,
            stop=stop,
            name=name,
            title=title or ", ".join((f"{found.short_title} untrained", *unusual)),
            note=f"{found.title} before any training: its answers are random.",
            source=f"VGGscope: vggscope models create, seed {seed}",
            licence="None needed: random numbers",
            precision="fp32",
            input=input_facts(look("imagenet"), size),
            output=dict(OUTPUT),
            labels=write_labels(label_set, folder),
            accuracy=[],
            untrained=True,
        )
    return read_model(place)


def find_config(name: str) -> Config:
    """The network of the family that is called ``name``.

    Raises:
        UnknownConfigError: there is none.
    """
    config = configs.find(name)
    if config is None:
        raise UnknownConfigError(config=name, known=", ".join(configs.CONFIGS))
    return config


def check_size(network: Network) -> None:
    """See that the weights of a network can be written.

    Raises:
        NetworkOptionError: there are too many.
    """
    size = _FLOAT_BYTES * network.parameters
    if size > MOST_BYTES:
        raise NetworkOptionError(
            config=network.name,
            reason=f"its weights would take {size / 1e9:.1f} GB",
            choice=f"less of everything: up to {MOST_BYTES / 1e9:.1f} GB can be made",
        )


def input_facts(colours: Mapping[str, object], size: int) -> dict[str, object]:
    """The field ``input`` of a description: how pixels become the input of ``vgg.build``."""
    return {
        "name": "data",
        "layout": "NCHW",
        "height": size,
        "width": size,
        "resize": resize_for(size),
        "fit": "crop",
        **colours,
    }


def _check(config: Config, *, classes: int, size: int, width: float, seed: int) -> None:
    """See that the numbers are such as a network can have."""
    least, most = WIDTHS
    rules = {
        f"{classes} classes": (1 <= classes <= MOST_CLASSES, f"1 to {MOST_CLASSES} classes"),
        f"pictures of {size} × {size} pixels": (
            SMALLEST_SIZE <= size <= LARGEST_SIZE,
            f"a size from {SMALLEST_SIZE} to {LARGEST_SIZE} pixels",
        ),
        f"the width {width:g}": (least <= width <= most, f"a width from {least:g} to {most:g}"),
        f"the seed {seed}": (0 <= seed < 1 << 64, "a seed from 0 to 2⁶⁴ - 1"),
    }
    for what, (is_possible, choice) in rules.items():
        if not is_possible:
            reason = f"{what} cannot be had"
            raise NetworkOptionError(config=config.name, reason=reason, choice=choice)


def _unusual(*, classes: int, size: int, width: float, seed: int) -> tuple[str, ...]:
    """What tells a network from the one of the paper."""
    differences = {
        f"{classes} classes": classes != 1000,
        f"{size} px": size != 224,
        f"width {width:g}": width != 1,
        f"seed {seed}": seed != 0,
    }
    return tuple(text for text, differs in differences.items() if differs)
