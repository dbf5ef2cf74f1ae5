"""VGG weights from other homes: torchvision, timm, Keras, NumPy archives.

A file of weights holds no network. Which one of the family they are for is told by their names
and shapes, or by the user; the graph is built here, and the weights are copied into it tensor by
tensor. Nothing is ever unpickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from vggscope.errors import (
    ChoiceError,
    ModelError,
    WeightsFormatError,
    WeightsPickledError,
    WeightsValueError,
)
from vggscope.zoo.choices import NOT_STATED, one_line, plainly
from vggscope.zoo.class_labels import labels_for, write_labels
from vggscope.zoo.creating import OUTPUT, find_config, input_facts
from vggscope.zoo.meter import never, nothing
from vggscope.zoo.models import place_for, staged
from vggscope.zoo.normal_form import Input, read_model
from vggscope.zoo.weights_hdf5 import HDF5, Hdf5Source
from vggscope.zoo.weights_homes import contents_of
from vggscope.zoo.weights_matching import config_of, numbers_of, plan_of
from vggscope.zoo.weights_numpy import MOST_HEADER, NPY, NpzSource, refuse_npy
from vggscope.zoo.weights_safetensors import SafetensorsSource
from vggscope.zoo.weights_source import FLOATS, check_is_file, unreadable
from vggscope.zoo.weights_writer import write_streamed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from onnx import TensorProto

    from vggscope.vgg.configs import Config
    from vggscope.zoo.class_labels import Naming
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model
    from vggscope.zoo.weights_homes import Contents, Home
    from vggscope.zoo.weights_matching import Numbers, Plan, Slot
    from vggscope.zoo.weights_source import Source, Tensor

SUFFIXES: Final = (".safetensors", ".h5", ".hdf5", ".npz", ".npy")
"""What names of such files end with; what is in them is told by their content."""
_BLOCK: Final = 32 << 20
"""Bytes of a tensor that are turned around at a time."""
_ZIP: Final = b"PK"
_PICKLES: Final = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What a file of weights holds; the numbers themselves stay in it.

    Attributes:
        path: of the file.
        contents: its tensors, as layers.
        config: the network that they are for, or None if they are those of none.
        numbers: classes, size and width; None without a network.
        problem: why no model can be made of them; None if ``install_weights`` can.
    """

    path: Path
    contents: Contents
    config: Config | None
    numbers: Numbers | None
    problem: ModelError | None

    @property
    def home(self) -> Home:
        """Where they come from."""
        return self.contents.home

    @property
    def channels(self) -> Literal["RGB", "BGR"]:
        """The order of the colours that is usual where they come from."""
        return "BGR" if self.home.look["channels"] == "BGR" else "RGB"

    def input(
        self, plan: Plan | None = None, look: Mapping[str, object] | None = None
    ) -> dict[str, object]:
        """The field ``input`` of the description, as is usual where they come from.

        Args:
            plan: what is to be made of them, if not what they tell themselves.
            look: what is to be otherwise, see ``install_weights``.

        Raises:
            ChoiceError: ``look`` makes none.
        """
        size = self.numbers.size if self.numbers else 224
        if plan is not None:
            size = plan.network.input_shape[0]
        return _input(self.path, self.home, size, look or {})

    def plan(self, config: str | None = None, *, size: int | None = None) -> Plan:
        """The network ``config``, or else the one that they are for, made of these weights.

        Raises:
            ModelError: they are not such as that network has.
        """
        chosen = self.config if config is None else find_config(config)
        if chosen is None:
            chosen = config_of(self.path.name, self.contents)
        return plan_of(self.path.name, self.contents, chosen, size=size)


def read_weights(path: Path) -> Weights:
    """Look into a file of weights: safetensors, HDF5 of Keras, or ``.npz`` of NumPy.

    Raises:
        WeightsFormatError: it is of another sort, or its tensors are not named like a VGG's.
        WeightsPickledError: it is a pickle.
        WeightsUnreadableError, WeightsElsewhereError: it is damaged or made to do harm.
    """
    with _open(path) as source:
        return _weights(path, source)


def is_hdf5(path: Path) -> bool:
    """Whether a file begins like HDF5, of which foreign code is the reader.

    Raises:
        WeightsFormatError, WeightsUnreadableError: it is no file, or cannot be read.
    """
    return _begin(path).startswith(HDF5)


def read_through(path: Path) -> int:
    """Read every number in a file of weights that a network could be made of; how many.

    Raises:
        ModelError: as ``read_weights``, or a tensor is damaged.
    """
    count = 0
    with _open(path) as source:
        for tensor in source.tensors.values():
            if tensor.type in FLOATS and tensor.count:
                axis = -1 if isinstance(source, Hdf5Source) else 0
                units = tensor.shape[axis] if tensor.shape else 1
                for first, end in _steps(tensor, units):
                    count += source.read(tensor, first, end, axis=axis).size
    return count


def install_weights(  # noqa: PLR0913 (all but two have their usual values)
    path: Path,
    config: str | None,
    *,
    name: str | None = None,
    title: str | None = None,
    licence: str | None = None,
    labels: Naming = None,
    replace: bool = False,
    look: Mapping[str, object] | None = None,
    size: int | None = None,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
    try_out: Callable[[Model], object] = lambda _model: None,
) -> Model:
    """Make a model of a file of weights, and install it.

    Args:
        path: of the file, see ``read_weights``.
        config: the network of the family; None to let the tensors decide.
        name: of the model; tells the network and the home of the weights if None.
        title: what the window shows; likewise.
        licence: of the weights, if the user knows it: no file tells.
        labels: how classes get names, see ``labels_for``.
        replace: whether a model of the user that has the name may be replaced.
        look: fields of ``Input`` that differ from what is usual where the weights come from. With
            the other order of the channels and no other ``mean``, the usual one is reversed.
        size: side of the input; the smallest one that the weights fit if None.
        progress: told how many bytes of weights are written.
        stop: asked between blocks of some megabytes.
        try_out: sees whether the new model works, before it is installed; raises if not.

    Raises:
        ModelError: the file cannot be read, does not fit, or the name cannot be had.
        OutputError: the model cannot be written.
        Cancelled: ``stop`` said so; as after an error, nothing is left behind.
    """
    if config is not None:
        find_config(config)
    with _open(path) as source:
        weights = _weights(path, source)
        plan = weights.plan(config, size=size)
        home = weights.home
        if name is None:
            name = f"{plan.config.name}-{home.name}"
        place = place_for(name, replace=replace)
        classes = plan.network.layers[-1].output_shape[-1]
        label_set = labels_for(classes, labels)
        spec = weights.input(plan, look)
        with staged(place, replace=replace) as folder:
            made = write_streamed(
                plan.proto,
                lambda weight: _blocks(source, home, plan.slots[weight.name], weight),
                folder,
                progress=progress,
                stop=stop,
                name=name,
                title=title or f"{plan.config.short_title} ({home.title})",
                note=f"{plan.config.title}, with weights from a file of {home.title}.",
                source=f"Weights from {one_line(path.name)}",
                licence=licence or NOT_STATED,
                precision="fp32",
                input=spec,
                output=dict(OUTPUT),
                labels=write_labels(label_set, folder),
                accuracy=[],
            )
            try_out(made)
    return read_model(place)


def _open(path: Path) -> Source:
    """The file ``path``, by what it begins with."""
    begin = _begin(path)
    if begin.startswith(NPY):
        raise refuse_npy(path, begin)
    if begin.startswith(HDF5):
        return Hdf5Source(path)
    if begin.startswith(_ZIP):
        return NpzSource(path)
    if begin.startswith(_PICKLES):
        raise WeightsPickledError(name=path.name, reason="of Python")
    # Eight bytes of length, then JSON.
    if begin[8:9] == b"{" or path.suffix.lower() == ".safetensors":
        return SafetensorsSource(path)
    reason = "it is empty" if not begin else "it begins like none"
    raise WeightsFormatError(name=path.name, reason=reason)


def _begin(path: Path) -> bytes:
    """The first bytes of a file, as many as the header of an array may have."""
    check_is_file(path)
    try:
        with path.open("rb") as file:
            return file.read(MOST_HEADER)
    except OSError as error:
        raise unreadable(path, error.strerror or error) from error


def _weights(path: Path, source: Source) -> Weights:
    contents = contents_of(source.tensors.values(), is_keras=isinstance(source, Hdf5Source))
    if contents is None:
        some = ", ".join(name[:60] for name in list(source.tensors)[:3]) or "none"
        reason = f"its tensors ({some}) are not named like those of a VGG"
        raise WeightsFormatError(name=path.name, reason=reason)
    config = numbers = problem = None
    try:
        config = config_of(path.name, contents)
        numbers = numbers_of(contents, config)
        plan_of(path.name, contents, config)
    except ModelError as error:
        problem = error
    return Weights(path=path, contents=contents, config=config, numbers=numbers, problem=problem)


def _input(path: Path, home: Home, size: int, look: Mapping[str, object]) -> dict[str, object]:
    """The field ``input`` of the description.

    Raises:
        ChoiceError: ``look`` makes none.
    """
    fields = msgspec.to_builtins(input_facts(home.look, size))
    if look.get("channels", fields["channels"]) != fields["channels"]:
        fields |= {key: fields[key][::-1] for key in ("mean", "std")}
    try:
        spec = msgspec.convert(fields | dict(look), Input, strict=False)
    except msgspec.ValidationError as error:
        raise ChoiceError(name=path.name, reason=plainly(str(error))) from error
    if (spec.layout, spec.height, spec.width) != ("NCHW", size, size):
        reason = f"weights become a network with the layout NCHW, for {size} × {size} pixels"
        raise ChoiceError(name=path.name, reason=reason)
    if spec.resize < size:
        reason = f"{spec.resize} pixels hold no centre of {size} × {size}"
        raise ChoiceError(name=path.name, reason=reason)
    return msgspec.to_builtins(spec)  # type: ignore[no-any-return]


def _blocks(
    source: Source, home: Home, slot: Slot, weight: TensorProto
) -> Iterator[NDArray[np.float32]]:
    """The values of a weight in ONNX's order, some units at a time."""
    import numpy as np  # noqa: PLC0415 (whatever reads numbers has paid for it)

    axis = 0 if home.units_first else -1
    for first, end in _steps(slot.tensor, weight.dims[0]):
        read = source.read(slot.tensor, first, end, axis=axis)
        with np.errstate(over="ignore"):
            values: NDArray[np.float32] = read.astype("<f4", copy=False)
        _check_values(source, slot, values)
        yield values if home.units_first else _turned(values, slot)


def _steps(tensor: Tensor, units: int) -> Iterator[tuple[int, int]]:
    """First and end of so many of the ``units`` of a tensor as make a block."""
    step = max(1, _BLOCK * units // (4 * tensor.count))
    for first in range(0, units, step):
        yield first, min(first + step, units)


def _turned(values: NDArray[np.float32], slot: Slot) -> NDArray[np.float32]:
    """Units first, of ``values`` with the units last; flattened with the channels first."""
    if values.ndim == 4:
        return values.transpose(3, 2, 0, 1)
    if slot.flattened is not None:
        return values.reshape(*slot.flattened, -1).transpose(3, 2, 0, 1)
    return values.T


def _check_values(source: Source, slot: Slot, values: NDArray[np.float32]) -> None:
    import numpy as np  # noqa: PLC0415

    found = ""
    if not np.isfinite(values).all():
        found = "numbers that are infinite, too large or none at all (NaN)"
    elif slot.role == "var" and (values < 0).any():
        found = "a variance below 0"
    if found:
        raise WeightsValueError(
            name=source.path.name, tensor=slot.tensor.name, layer=slot.layer, found=found
        )
