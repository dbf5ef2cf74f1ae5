"""Which network of the family a file of weights is for, and which tensor goes where."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vggscope.errors import (
    ConfigUndecidedError,
    NetworkOptionError,
    WeightsMisfitError,
    WeightsShapeError,
    WeightsTypeError,
)
from vggscope.vgg import configs
from vggscope.zoo.creating import LARGEST_SIZE, MOST_CLASSES, WIDTHS, check_size
from vggscope.zoo.weights_source import FLOATS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from onnx import ModelProto

    from vggscope.vgg.configs import Config
    from vggscope.vgg.network import Network
    from vggscope.zoo.weights_homes import Contents, Role
    from vggscope.zoo.weights_source import Tensor

_POOLED: Final = 32
"""What five poolings divide the size of a picture by."""
_MOST_TOLD: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the shapes of the tensors tell beside the structure.

    Attributes:
        classes: units of the last layer.
        size: side of the smallest picture that the first fully connected layer can be for.
        width: factor for the channels and units of hidden layers.
    """

    classes: int
    size: int
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A weight of the network, and the tensor that becomes it.

    Attributes:
        layer: classic name.
        role: of the weight.
        tensor: in the file.
        dims: of the weight in ONNX: [units, inputs, rows, columns], [units, inputs] or [units].
        flattened: (rows, columns, channels) of the map that its inputs were flattened from; None
            if they were not.
    """

    layer: str
    role: Role
    tensor: Tensor
    dims: tuple[int, ...]
    flattened: tuple[int, int, int] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A network, and what it is made of.

    Attributes:
        config: of the family.
        network: with the sizes of the file.
        proto: its graph, the weights without values.
        slots: by the names of the weights in ``proto``.
    """

    config: Config
    network: Network
    proto: ModelProto
    slots: Mapping[str, Slot]


def config_of(name: str, contents: Contents) -> Config:
    """The network that ``contents`` are for, as the number and kinds of its layers tell.

    A-LRN has the same tensors as A, which is taken for both.

    Args:
        name: of the file.
        contents: of it.

    Raises:
        ConfigUndecidedError: there is no such network.
    """
    sides = [_side(contents, key) for key in contents.convolutions]
    for config in configs.CONFIGS.values():
        if _sides(config) == sides and config.normalized == contents.is_normalized:
            return config
    what = f"it has {len(sides)} convolutions"
    if contents.is_normalized:
        what += " and batch normalisation"
    known = ", ".join(configs.CONFIGS)
    raise ConfigUndecidedError(name=name, reason=what, known=known)


def plan_of(name: str, contents: Contents, config: Config, *, size: int | None = None) -> Plan:
    """The network ``config``, made of ``contents``.

    Args:
        name: of the file, for errors.
        contents: of it.
        config: which network they are to make.
        size: side of the input; the smallest one that fits if None.

    Raises:
        WeightsMisfitError: tensors are missing, or left over.
        WeightsShapeError: one has another shape than the network's.
        WeightsTypeError: one holds no floating-point numbers.
        NetworkOptionError: the sizes are beyond what is made here, or ``size`` does not fit.
    """
    _check_complete(name, contents, config)
    numbers = numbers_of(contents, config)
    _check_numbers(config, numbers, size)
    network = configs.network(
        config.name, classes=numbers.classes, size=size or numbers.size, width=numbers.width
    )
    check_size(network)
    # Importing this imports onnx, for 162 ms.
    from vggscope.vgg.build import structure  # noqa: PLC0415

    proto = structure(network)
    keys = contents.keys(config)
    flattened = next(x.output_shape for x in reversed(network.layers) if len(x.output_shape) == 3)
    slots = {}
    for weight in proto.graph.initializer:
        layer, role = _split(weight.name)
        slot = Slot(
            layer=layer,
            role=role,
            tensor=contents.layers[keys[layer]][role],
            dims=tuple(weight.dims),
            flattened=flattened if weight.name == "fc6_w" else None,
        )
        _check(name, contents, config, slot)
        slots[weight.name] = slot
    return Plan(config=config, network=network, proto=proto, slots=slots)


def numbers_of(contents: Contents, config: Config) -> Numbers:
    """Classes, size and width; the usual ones where tensors that would tell are missing."""
    keys = contents.keys(config)
    paper = {layer.name: layer for layer in configs.network(config.name).layers}
    units = {
        layer: _units(contents, tensor)
        for layer, key in keys.items()
        if (tensor := contents.layers.get(key, {}).get("w")) is not None
    }
    ratios = Counter(
        count / paper[layer].output_shape[-1] for layer, count in units.items() if layer != "fc8"
    )
    [(width, _)] = ratios.most_common(1) or [(1.0, 0)]
    return Numbers(classes=units.get("fc8", 1000), size=_size(contents, keys, units), width=width)


def _size(contents: Contents, keys: Mapping[str, str], units: Mapping[str, int]) -> int:
    tensor = contents.layers.get(keys["fc6"], {}).get("w")
    last = [layer for layer in units if layer.startswith("conv")][-1:]
    if tensor is None or not last or not units["fc6"] or not units[last[0]]:
        return 224
    inputs = tensor.count // units["fc6"]
    return _POOLED * math.isqrt(inputs // units[last[0]])


def _check_numbers(config: Config, numbers: Numbers, size: int | None) -> None:
    least, most = WIDTHS
    side = numbers.size // _POOLED
    reason = choice = ""
    if not 1 <= numbers.classes <= MOST_CLASSES:
        reason = f"the file has {numbers.classes:,} classes"
        choice = f"a file of 1 to {MOST_CLASSES:,} classes"
    elif not _POOLED <= numbers.size <= LARGEST_SIZE:
        reason = f"its first fully connected layer reads {side} × {side} positions"
        choice = f"a file for pictures of {_POOLED} to {LARGEST_SIZE} pixels"
    elif not least <= numbers.width <= most:
        reason = f"its layers are {numbers.width:g} times as wide as the paper's"
        choice = f"a file of {least:g} to {most:g} times that width"
    elif size is not None and size // _POOLED != side:
        reason = f"the weights are for another size of pictures than {size}"
        choice = f"a size from {numbers.size} to {numbers.size + _POOLED - 1}"
    if reason:
        raise NetworkOptionError(config=config.short_title, reason=reason, choice=choice)


def _check_complete(name: str, contents: Contents, config: Config) -> None:
    keys = contents.keys(config)
    wanted: dict[tuple[str, Role], str] = {}
    for layer, key in keys.items():
        roles: tuple[Role, ...] = ("w", "b")
        for role in (*roles, "mean", "var") if layer.startswith("bn") else roles:
            wanted[key, role] = layer
    missing = [
        f"{contents.name_of(key, role)} ({layer})"
        for (key, role), layer in wanted.items()
        if role not in contents.layers.get(key, {})
    ]
    surplus = [
        tensor.name
        for key, roles in contents.layers.items()
        for role, tensor in roles.items()
        if (key, role) not in wanted
    ]
    surplus += [tensor.name for tensor in contents.others]
    if not missing and not surplus:
        return
    differences = " and ".join(
        f"{what} {_list(names)}"
        for what, names in (("it lacks", missing), ("there is no place for", surplus))
        if names
    )
    raise WeightsMisfitError(
        name=name,
        config=config.short_title,
        differences=differences,
        choice=_better_choice(contents, config),
    )


def _better_choice(contents: Contents, config: Config) -> str:
    """What to choose where ``config`` does not fit."""
    try:
        fitting = config_of("", contents)
    except ConfigUndecidedError:
        return "a file with all weights of the network, the fully connected layers included"
    if fitting.name == config.name:
        return "a file with the weights of the whole network, and nothing else"
    return f"{fitting.name}: the layers of the file are those of that network"


def _check(name: str, contents: Contents, config: Config, slot: Slot) -> None:
    """See that the tensor of ``slot`` is what its weight can be made of."""
    tensor = slot.tensor
    shapes = tuple(_shapes(contents, slot))
    if tensor.shape not in shapes:
        raise WeightsShapeError(
            name=name,
            tensor=tensor.name,
            layer=slot.layer,
            config=config.short_title,
            found=_shape_text(tensor.shape),
            expected=" or ".join(map(_shape_text, shapes)),
        )
    if tensor.type not in FLOATS:
        raise WeightsTypeError(name=name, tensor=tensor.name, layer=slot.layer, found=tensor.type)


def _shapes(contents: Contents, slot: Slot) -> Iterator[tuple[int, ...]]:
    """Those that a weight may have in the file."""
    dims = slot.dims
    if contents.home.units_first:
        yield dims
        if len(dims) == 2 and slot.layer != "fc8":
            # timm keeps them as the convolutions that they amount to.
            rows, columns, channels = slot.flattened or (1, 1, dims[1])
            yield dims[0], channels, rows, columns
    elif len(dims) == 4:
        yield dims[2], dims[3], dims[1], dims[0]
    else:
        yield dims[::-1]


def _units(contents: Contents, tensor: Tensor) -> int:
    if not tensor.shape:
        return 0
    return tensor.shape[0] if contents.home.units_first else tensor.shape[-1]


def _side(contents: Contents, key: str) -> int:
    shape = contents.layers[key]["w"].shape
    return shape[-1] if contents.home.units_first else shape[0]


def _sides(config: Config) -> list[int]:
    entries = (entry for block in config.blocks for entry in block if entry != "LRN")
    return [int(entry.removeprefix("conv").partition("-")[0]) for entry in entries]


def _split(weight: str) -> tuple[str, Role]:
    """Layer and role, of a weight that ``vgg.build`` named."""
    layer, _, role = weight.rpartition("_")
    return layer, role  # type: ignore[return-value]


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = len(names) - _MOST_TOLD
    told = ", ".join(name[:120] for name in names[:_MOST_TOLD])
    return f"{told} and {more} more tensors" if more > 0 else told


def _shape_text(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(f"{side}" for side in shape) + "]"
