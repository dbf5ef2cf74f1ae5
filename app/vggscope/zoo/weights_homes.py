"""Where weights of VGG come from, and what is usual there: names, layouts, preprocessing."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from vggscope.zoo.choices import look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from vggscope.vgg.configs import Config
    from vggscope.zoo.weights_source import Tensor

Role: TypeAlias = Literal["w", "b", "mean", "var"]
"""What a tensor is to its layer; ``vgg.build`` ends names with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A library, or another place, with habits of its own.

    Attributes:
        name: short, a part of the names of models.
        title: what a user knows it by.
        units_first: whether tensors are [units, inputs, ...]; [..., inputs, units] otherwise, and
            what the first fully connected layer reads was flattened with the channels last.
        look: how pixels become the input, in the words of ``model.json``.
        words: what ends the name of a tensor, by its role.
    """

    name: str
    title: str
    units_first: bool
    look: Mapping[str, object]
    words: Mapping[Role, str]


_TORCH: Final[Mapping[Role, str]] = MappingProxyType(
    {"w": ".weight", "b": ".bias", "mean": ".running_mean", "var": ".running_var"}
)
TORCHVISION: Final = Home(
    name="torchvision", title="torchvision", units_first=True, look=look("imagenet"), words=_TORCH
)
TIMM: Final = Home(name="timm", title="timm", units_first=True, look=look("imagenet"), words=_TORCH)
KERAS: Final = Home(
    name="keras",
    title="Keras",
    units_first=False,
    look=look("caffe", "BGR"),
    words=MappingProxyType({"w": "/kernel", "b": "/bias"}),
)
NUMPY: Final = Home(
    name="numpy",
    title="NumPy",
    units_first=False,
    # Those that convert Caffe's weights for TensorFlow reverse its channels.
    look=look("caffe"),
    words=MappingProxyType({"w": "_W", "b": "_b"}),
)

_CLASSIC: Final = re.compile(
    r"(?P<layer>conv[1-5]_[1-9]|fc[678])[_./]?"
    r"(?:(?P<w>w|weights?|kernel)|(?P<b>b|bias(?:es)?))(?::0)?",
    re.IGNORECASE,
)
_TORCH_NAME: Final = re.compile(
    r"(?P<layer>features\.\d+|classifier\.\d+|pre_logits\.fc[12]|head\.fc)\."
    r"(?:(?P<w>weight)|(?P<b>bias)|(?P<mean>running_mean)|(?P<var>running_var))"
)
_ROLES: Final[tuple[Role, ...]] = ("w", "b", "mean", "var")
_COUNTED: Final = ".num_batches_tracked"
"""Ends the name of a tensor that only training needs."""
_FIRST: Final = "features.0.weight"
_KERAS_BLOCK: Final = re.compile(r"block([1-5])_conv([1-9])")
_KERAS_HEAD: Final = MappingProxyType({"fc1": "fc6", "fc2": "fc7", "predictions": "fc8"})
_HEAD: Final = ("fc6", "fc7", "fc8")
_HEADS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "torchvision": ("classifier.0", "classifier.3", "classifier.6"),
        "timm": ("pre_logits.fc1", "pre_logits.fc2", "head.fc"),
        "keras": tuple(_KERAS_HEAD),
        "numpy": _HEAD,
    }
)


@dataclass(slots=True, kw_only=True)
class Contents:
    """The tensors of a file, as layers.

    Attributes:
        home: where it comes from.
        prefix: begins all names.
        layers: a layer's name in the file -> its tensors by their roles.
        others: tensors that are no layer's.
    """

    home: Home
    prefix: str = ""
    layers: dict[str, dict[Role, Tensor]] = field(default_factory=dict)
    others: list[Tensor] = field(default_factory=list)

    @property
    def convolutions(self) -> list[str]:
        """The layers with a kernel, in their order."""
        return self._with_axes(4, lambda key: key not in _HEADS[self.home.name])

    @property
    def is_normalized(self) -> bool:
        """Whether there are batch normalisations."""
        return self.home.units_first and any(
            "mean" in roles or ("w" in roles and len(roles["w"].shape) == 1)
            for roles in self.layers.values()
        )

    def keys(self, config: Config) -> dict[str, str]:
        """The layers of ``config``, by their classic names -> their names in such a file."""
        places = [
            f"{block}_{number}"
            for block, entries in enumerate(config.blocks, start=1)
            for number in range(1, 1 + sum(entry != "LRN" for entry in entries))
        ]
        if self.home.units_first:
            keys = _torch_keys(config)
        elif self.home is KERAS:
            keys = self._keras_keys(places)
        else:
            keys = {f"conv{place}": f"conv{place}" for place in places}
        return keys | dict(zip(_HEAD, self.head, strict=True))

    @property
    def head(self) -> tuple[str, ...]:
        """The names of fc6, fc7 and fc8 in the file."""
        usual = _HEADS[self.home.name]
        if self.home is not KERAS:
            return usual
        dense = self._with_axes(2, lambda _key: True)
        if len(dense) != len(usual) or set(dense) & set(usual):
            return usual
        return tuple(dense)

    def name_of(self, key: str, role: Role) -> str:
        """What the file calls a tensor, or would call it."""
        tensor = self.layers.get(key, {}).get(role)
        return f"{self.prefix}{key}{self.home.words.get(role, role)}" if not tensor else tensor.name

    def _keras_keys(self, places: list[str]) -> dict[str, str]:
        """By their names, if those are the usual ones; by their order otherwise."""
        found = self.convolutions
        if any(map(_KERAS_BLOCK.fullmatch, found)):
            return {f"conv{p}": "block{}_conv{}".format(*p.split("_")) for p in places}
        lacking = [f"convolution {number}" for number in range(len(found) + 1, len(places) + 1)]
        return {f"conv{p}": key for p, key in zip(places, [*found, *lacking], strict=False)}

    def _with_axes(self, axes: int, is_wanted: Callable[[str], bool]) -> list[str]:
        found = (
            key
            for key, roles in self.layers.items()
            if "w" in roles and len(roles["w"].shape) == axes and is_wanted(key)
        )
        return sorted(found, key=_natural)


def contents_of(tensors: Iterable[Tensor], *, is_keras: bool) -> Contents | None:
    """What ``tensors`` are, by their names; None if no place names them like that.

    Args:
        tensors: of a file.
        is_keras: whether it is of the format that Keras alone writes.
    """
    tensors = tuple(tensors)
    if is_keras:
        return _read_keras(tensors)
    first = next((t.name for t in tensors if t.name.endswith(_FIRST)), None)
    if first is None:
        return _read(NUMPY, "", _CLASSIC, tensors)
    prefix = first.removesuffix(_FIRST)
    is_timm = any(t.name.removeprefix(prefix).startswith(("pre_logits.", "head.")) for t in tensors)
    kept = [tensor for tensor in tensors if not tensor.name.endswith(_COUNTED)]
    return _read(TIMM if is_timm else TORCHVISION, prefix, _TORCH_NAME, kept)


def _read(
    home: Home, prefix: str, pattern: re.Pattern[str], tensors: Iterable[Tensor]
) -> Contents | None:
    contents = Contents(home=home, prefix=prefix)
    for tensor in tensors:
        match = pattern.fullmatch(tensor.name.removeprefix(prefix))
        if match is None or not tensor.name.startswith(prefix):
            contents.others.append(tensor)
            continue
        roles = contents.layers.setdefault(match["layer"].lower(), {})
        role = next(role for role in _ROLES if role in pattern.groupindex and match[role])
        if role in roles:
            contents.others.append(tensor)
        else:
            roles[role] = tensor
    return contents if contents.layers else None


def _read_keras(tensors: Iterable[Tensor]) -> Contents | None:
    """Keras names its layers only; a kernel is told from a bias by its axes."""
    groups: dict[str, list[Tensor]] = defaultdict(list)
    for tensor in tensors:
        groups[tensor.name.rpartition("/")[0].removesuffix("/vars")].append(tensor)
    contents = Contents(home=KERAS)
    for path, members in groups.items():
        key = path.rpartition("/")[2]
        kernels = [tensor for tensor in members if len(tensor.shape) in {2, 4}]
        biases = [tensor for tensor in members if len(tensor.shape) == 1]
        is_layer = len(kernels) == 1 and len(biases) <= 1 and len(members) <= 2
        if not is_layer or key in contents.layers:
            contents.others += members
            continue
        contents.layers[key] = {"w": kernels[0]}
        if biases:
            contents.layers[key]["b"] = biases[0]
    return contents if contents.layers else None


def _torch_keys(config: Config) -> dict[str, str]:
    """Modules of a Sequential are numbered, those without tensors (ReLU, pooling) too."""
    keys, number = {}, 0
    for block, entries in enumerate(config.blocks, start=1):
        # The libraries have no local response normalisation.
        for position in range(1, 1 + sum(entry != "LRN" for entry in entries)):
            keys[f"conv{block}_{position}"] = f"features.{number}"
            if config.normalized:
                keys[f"bn{block}_{position}"] = f"features.{number + 1}"
            number += 3 if config.normalized else 2
        number += 1
    return keys


def _natural(key: str) -> list[tuple[int, str]]:
    """Sorts conv2d, conv2d_1, ..., conv2d_10 in the order of their numbers."""
    parts = re.split(r"(\d+)", key)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
