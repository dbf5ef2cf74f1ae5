"""The configurations of table 1 of the paper (Simonyan and Zisserman, arXiv:1409.1556).

And of four of them the batch-normalised forms, which came later (Ioffe and Szegedy,
arXiv:1502.03167): libraries train and publish those under the names vgg11_bn to vgg19_bn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from vggscope.vgg.network import Kind, Network, Operation, build_network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HIDDEN_UNITS: Final = 4096
_NORMALIZED: Final = "-BN"
"""Ends the letters of what is batch-normalised."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One column of table 1.

    Attributes:
        name: family name, such as vgg16.
        letter: the column's head, such as D.
        blocks: what stands between two poolings, in the paper's words: "conv3-64" is a
            convolution with a 3 × 3 kernel and 64 channels.
        normalized: whether each convolution is batch-normalised before its ReLU.
    """

    name: str
    letter: str
    blocks: tuple[tuple[str, ...], ...]
    normalized: bool = False

    @property
    def short_title(self) -> str:
        """What to call it where the configuration is told otherwise, such as VGG16-BN."""
        return self.name.upper()

    @property
    def title(self) -> str:
        """What to call it in front of a user."""
        depth = self.name.removeprefix("vgg").partition("-")[0]
        letter = self.letter.removesuffix(_NORMALIZED)
        suffix = ", batch-normalised" if self.normalized else ""
        return f"VGG{depth} (configuration {letter}{suffix})"


def _config(name: str, letter: str, column: str) -> Config:
    blocks = tuple(tuple(block.split()) for block in column.split("|"))
    return Config(name=name, letter=letter, blocks=blocks)


_COLUMNS: Final = (
    _config(
        "vgg11",
        "A",
        "conv3-64 | conv3-128 | conv3-256 conv3-256 | conv3-512 conv3-512 | conv3-512 conv3-512",
    ),
    _config(
        "vgg11-lrn",
        "A-LRN",
        "conv3-64 LRN | conv3-128 | conv3-256 conv3-256 | conv3-512 conv3-512| conv3-512 conv3-512",
    ),
    _config(
        "vgg13",
        "B",
        "conv3-64 conv3-64 | conv3-128 conv3-128 | conv3-256 conv3-256 | conv3-512 conv3-512"
        "| conv3-512 conv3-512",
    ),
    _config(
        "vgg16-c",
        "C",
        "conv3-64 conv3-64 | conv3-128 conv3-128 | conv3-256 conv3-256 conv1-256"
        "| conv3-512 conv3-512 conv1-512 | conv3-512 conv3-512 conv1-512",
    ),
    _config(
        "vgg16",
        "D",
        "conv3-64 conv3-64 | conv3-128 conv3-128 | conv3-256 conv3-256 conv3-256"
        "| conv3-512 conv3-512 conv3-512 | conv3-512 conv3-512 conv3-512",
    ),
    _config(
        "vgg19",
        "E",
        "conv3-64 conv3-64 | conv3-128 conv3-128 | conv3-256 conv3-256 conv3-256 conv3-256"
        "| conv3-512 conv3-512 conv3-512 conv3-512 | conv3-512 conv3-512 conv3-512 conv3-512",
    ),
)

FAMILY: Final[Mapping[str, Config]] = MappingProxyType({c.name: c for c in _COLUMNS})
"""The configurations by family name, in the order of the paper."""

NORMALIZED: Final[Mapping[str, Config]] = MappingProxyType(
    {
        f"{c.name}-bn": replace(
            c, name=f"{c.name}-bn", letter=f"{c.letter}{_NORMALIZED}", normalized=True
        )
        for c in _COLUMNS
        if c.letter in {"A", "B", "D", "E"}
    }
)
"""Those that are also published batch-normalised: each convolution is followed by a batch
normalisation, and that by the ReLU."""

CONFIGS: Final[Mapping[str, Config]] = MappingProxyType({**FAMILY, **NORMALIZED})
"""All of them."""


def find(name: str) -> Config | None:
    """The configuration with this family name or letter, in capitals or not.

    Hyphens may be underscores, as in Python's names of the networks: vgg16_bn.
    """
    wanted = name.casefold().replace("_", "-")
    for config in CONFIGS.values():
        if wanted in {config.name, config.letter.casefold()}:
            return config
    return None


def network(name: str, *, classes: int = 1000, size: int = 224, width: float = 1.0) -> Network:
    """The network of the paper.

    Args:
        name: family name or letter, see ``find``.
        classes: units of the last fully connected layer.
        size: side of the square input in pixels, at least 32.
        width: factor for the channels and units of all hidden layers. The paper's networks have
            1; with less, the structure stays and everything takes a fraction of the time.

    Raises:
        KeyError: no configuration of this name.
        MisfitError: ``size`` leaves nothing after five poolings.
    """
    config = find(name)
    if config is None:
        raise KeyError(name)
    return build_network(
        name=config.name,
        title=config.title,
        input_shape=(size, size, 3),
        operations=_operations(config, classes, width),
    )


def _operations(config: Config, classes: int, width: float) -> Iterator[Operation]:
    for number, block in enumerate(config.blocks, start=1):
        for position, entry in enumerate(block, start=1):
            if entry == "LRN":
                yield Operation(name=f"norm{number}", kind=Kind.LOCAL_RESPONSE_NORMALIZATION)
            else:
                yield from _convolution(f"{number}_{position}", entry, config, width)
        yield Operation(name=f"pool{number}", kind=Kind.MAX_POOLING, kernel=(2, 2), stride=(2, 2))
    yield Operation(name="flatten", kind=Kind.FLATTEN)
    # Section 2.1: all hidden layers are rectified.
    hidden = _scaled(_HIDDEN_UNITS, width)
    for name in ("fc6", "fc7"):
        yield Operation(name=name, kind=Kind.FULLY_CONNECTED, units=hidden, activation="relu")
    yield Operation(name="fc8", kind=Kind.FULLY_CONNECTED, units=classes)
    yield Operation(name="prob", kind=Kind.SOFTMAX)


def _convolution(place: str, entry: str, config: Config, width: float) -> Iterator[Operation]:
    side, units = (int(number) for number in entry.removeprefix("conv").split("-"))
    # Section 2.1: the padding preserves the resolution, 1 pixel for 3 × 3 kernels.
    margin = side // 2
    yield Operation(
        name=f"conv{place}",
        kind=Kind.CONVOLUTION,
        kernel=(side, side),
        padding=(margin, margin, margin, margin),
        units=_scaled(units, width),
        activation=None if config.normalized else "relu",
    )
    if config.normalized:
        yield Operation(name=f"bn{place}", kind=Kind.BATCH_NORMALIZATION, activation="relu")


def _scaled(units: int, width: float) -> int:
    return max(1, round(units * width))
