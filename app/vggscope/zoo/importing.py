"""Importing a foreign ONNX classifier: a draft first, which can be looked at, changed and tried.

What a draft needs that is above this layer, a process to try a model in, is given to it: drafts are
made by ``inference.importing``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING, Any

import msgspec

from vggscope import paths
from vggscope.errors import (
    ChoiceError,
    LabelsError,
    ModelDescriptionError,
    OutputError,
    TrialError,
)
from vggscope.zoo.choices import plainly
from vggscope.zoo.class_labels import NUMBERS, labels_for, write_labels
from vggscope.zoo.labels import check_labels
from vggscope.zoo.meter import never, nothing
from vggscope.zoo.model_file import open_model_file
from vggscope.zoo.models import place_for, staged
from vggscope.zoo.normal_form import WEIGHTS, Input, Output, read_model
from vggscope.zoo.rooms import room_in
from vggscope.zoo.streaming import Base, finish, write_base

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Self

    from onnx import ModelProto

    from vggscope.zoo.choices import Choices
    from vggscope.zoo.examination import Examination
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Label, Model

    Stop = Callable[[], bool]
    TryOut = Callable[[Model, Stop], "Trial"]
    """Runs a model once, on a photo, where that does no harm."""


class Trial(msgspec.Struct, frozen=True):
    """What a run of a model gave.

    Attributes:
        classes: how many numbers.
        problem: why they are no probabilities; "" if they are.
        is_doubled: a softmax was added to what were probabilities already.
        milliseconds: how long it took, the first time.
    """

    classes: int
    problem: str
    is_doubled: bool
    milliseconds: float


class Draft:
    """A file that was examined, and may be installed.

    Use it as a context manager, or call ``close``: what previews need is kept until then. Owned by
    one thread at a time.

    Attributes:
        path: of the file.
        examination: what was found in it.
    """

    def __init__(self, path: Path, examination: Examination, *, try_out: TryOut) -> None:
        self.path = path
        self.examination = examination
        self._try_out = try_out
        self._stack = contextlib.ExitStack()
        self._room: Path | None = None
        self._base: tuple[bytes, Base] | None = None
        self._classes = examination.classes
        self._count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove all that was written for previews."""
        self._stack.close()
        self._room = self._base = None

    @property
    def proposed(self) -> Choices:
        """What to make of it, as far as the file tells."""
        return self.examination.proposed

    @property
    def reasons(self) -> Mapping[str, str]:
        """Why: layout, size, channels, normalisation, resize, labels, softmax -> a sentence."""
        return self.examination.reasons

    @property
    def classes(self) -> int | None:
        """How many there are; None until a preview or an installation has told."""
        return self._classes

    def check(self, choices: Choices) -> None:
        """See that ``choices`` go with the file and with each other (instant).

        Raises:
            ChoiceError: tells which does not.
            LabelsError: the file of labels cannot be used.
        """
        self._spec_of(choices)
        self._labels_of(choices)

    def preview(
        self,
        choices: Choices,
        *,
        progress: Callable[[Progress], None] = nothing,
        stop: Stop = never,
    ) -> Model:
        """The model as it would be installed, in a folder that is gone when this is closed.

        The weights are copied for the first one only.

        Raises:
            As ``install``, but for what the name is about.
        """
        try:
            base = self._copied(progress, stop)
            self._count += 1
            folder = base / f"preview-{self._count}"
            folder.mkdir()
            return self._tried(choices, folder, stop)
        except OSError as error:
            raise _output_error(paths.user_models(), error) from error

    def install(
        self,
        choices: Choices,
        *,
        replace: bool = False,
        progress: Callable[[Progress], None] = nothing,
        stop: Stop = never,
    ) -> Model:
        """Write the model among the user's, and run it once before it gets there.

        Args:
            choices: what to make of the file.
            replace: whether a model of the user that has the name may be replaced.
            progress: is told how many bytes are written.
            stop: is asked now and then; True ends it.

        Raises:
            ModelNameError, ModelNameTakenError, ModelNotReplaceableError: the name cannot be had.
            ChoiceError, LabelsError: a choice does not go with the file.
            TrialError: it does not run, or answers no probabilities.
            ImportRefusedError: the file is another one by now.
            OutputError: the model cannot be written.
            Cancelled: ``stop`` said so. As after any error, nothing is left behind.
        """
        place = place_for(choices.name, replace=replace)
        self.check(choices)
        with staged(place, replace=replace) as folder:
            self._copied(progress, stop)
            self._tried(choices, folder, stop)
        return read_model(place)

    def _copied(self, progress: Callable[[Progress], None], stop: Stop) -> Path:
        """The room, in which the weights are."""
        if self._room is not None and self._base is not None:
            return self._room
        # They import onnx, 162 ms.
        from vggscope.zoo.graph_checks import check_graph  # noqa: PLC0415
        from vggscope.zoo.wire import read_skeleton  # noqa: PLC0415

        if self._room is None:
            paths.user_models().mkdir(parents=True, exist_ok=True)
            self._room = self._stack.enter_context(room_in(paths.user_models()))
        with open_model_file(self.path) as (file, size):
            skeleton = read_skeleton(file, size=size, name=self.path.name)
            # It may have changed since it was examined.
            check_graph(skeleton)
            base = write_base(skeleton, file, self._room, progress=progress, stop=stop)
        self._base = base.proto.SerializeToString(), base
        return self._room

    def _tried(self, choices: Choices, folder: Path, stop: Stop) -> Model:
        """Write the model into ``folder`` and try it, anew if only that told what it is."""
        model = self._built(choices, folder)
        trial = self._try_out(model, stop)
        if trial.is_doubled and not choices.has_softmax:
            return self._tried(choices.changed(has_softmax=True), folder, stop)
        if trial.problem:
            raise TrialError(name=self.path.name, reason=trial.problem)
        if self._classes != trial.classes:
            if self._classes is not None:
                reason = f"it gives {trial.classes:,} numbers for {self._classes:,} classes"
                raise TrialError(name=self.path.name, reason=reason)
            self._classes = trial.classes
            model = self._built(choices, folder)
        return model

    def _built(self, choices: Choices, folder: Path) -> Model:
        from onnx import ModelProto  # noqa: PLC0415 (162 ms)

        if self._room is None or self._base is None:
            raise ValueError("the weights are not copied yet")
        spec = self._spec_of(choices)
        _share(self._room / WEIGHTS, folder / WEIGHTS)
        content, base = self._base
        facts = {
            **{key: getattr(choices, key) for key in ("name", "title", "source", "licence")},
            "note": choices.note,
            "input": spec,
            "labels": write_labels(self._labels_of(choices), folder),
            "accuracy": [],
        }
        proto = ModelProto.FromString(content)
        _drop_unread_inputs(proto, spec.name)
        try:
            return finish(
                proto,
                base.weights,
                folder,
                facts=facts,
                rewrite=lambda proto: {"output": self._adapted(proto, spec, choices)},
                name=self.path.name,
            )
        except ModelDescriptionError as error:
            reason = plainly(str(error.details["reason"]))
            raise ChoiceError(name=self.path.name, reason=reason) from error

    def _adapted(self, proto: ModelProto, spec: Input, choices: Choices) -> Output:
        from vggscope.zoo.shaping import adapt  # noqa: PLC0415 (onnx, 162 ms)

        return adapt(
            proto,
            spec,
            answer=choices.output,
            has_softmax=choices.has_softmax,
            rank=self.examination.ranks[choices.output],
        )

    def _spec_of(self, choices: Choices) -> Input:
        """The field ``input`` of the description."""
        fields = {key: getattr(choices, key) for key in Input.__struct_fields__ if key != "name"}
        content = {"name": self.examination.input.name} | msgspec.to_builtins(fields)
        try:
            spec = msgspec.convert(content, Input, strict=False)
        except msgspec.ValidationError as error:
            raise self._wrong(plainly(str(error))) from error
        if choices.output not in self.examination.ranks:
            known = ", ".join(self.examination.ranks)
            raise self._wrong(f"“{choices.output}” cannot be the answer, only {known}")
        dims = self.examination.input.dims
        for found, wished in zip(dims[1:], spec.shape(1)[1:], strict=True):
            if isinstance(found, int) and found != wished:
                wish = f"{spec.layout}, {spec.height} × {spec.width}"
                raise self._wrong(f"its input is {self.examination.input}, and not {wish}")
        if spec.resize < max(spec.height, spec.width):
            side = f"{spec.height} × {spec.width}"
            raise self._wrong(f"{spec.resize} pixels hold no centre of {side}")
        return spec

    def _labels_of(self, choices: Choices) -> tuple[Label, ...] | None:
        """The labels to write; None for those of ImageNet, which are there already."""
        labels: Any = choices.labels
        classes = self._classes
        if not isinstance(labels, tuple):
            return labels_for(classes, NUMBERS if labels is None else labels)
        try:
            check_labels(labels, classes)
        except ValueError as error:
            raise LabelsError(name=self.path.name, reason=str(error)) from error
        return labels

    def _wrong(self, reason: str) -> ChoiceError:
        return ChoiceError(name=self.path.name, reason=reason)


def _share(source: Path, target: Path) -> None:
    """Let ``target`` be ``source``, without another half of a gigabyte where that can be had."""
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _drop_unread_inputs(proto: ModelProto, name: str) -> None:
    kept = [value.SerializeToString() for value in proto.graph.input if value.name == name]
    del proto.graph.input[:]
    for content in kept:
        proto.graph.input.add().ParseFromString(content)


def _output_error(place: Path, error: OSError) -> OutputError:
    return OutputError(name=place, reason=error.strerror or str(error))
