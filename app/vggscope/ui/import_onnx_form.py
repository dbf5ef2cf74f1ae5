"""The form of an ONNX file: what was found in it, and what is to be made of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from vggscope.errors import VggscopeError
from vggscope.ui.import_fields import PictureFields, Rows, combo, lay_out, line, spin
from vggscope.ui.import_names import LabelsChoice, NameFields, pick
from vggscope.ui.texts import explanation_of, size_text

if TYPE_CHECKING:
    from vggscope.zoo.choices import Choices
    from vggscope.zoo.examination import Examination
    from vggscope.zoo.importing import Draft

_TOLD: Final = 4


class OnnxForm(QWidget):
    """The choices of an import, which begin with what is proposed.

    Signals:
        look_changed: something that changes what the network answers.
        changed: anything.
    """

    look_changed = Signal()
    changed = Signal()

    def __init__(self, draft: Draft) -> None:
        super().__init__()
        self._draft = draft
        proposed, reasons = draft.proposed, draft.reasons
        self._names = NameFields(proposed.title, proposed.name)
        self._layout_choice = combo(
            {
                "NCHW": self.tr("Channels first (NCHW)"),
                "NHWC": self.tr("Channels last (NHWC)"),
            },
            proposed.layout,
        )
        self._height, self._width = spin(proposed.height), spin(proposed.width)
        self._height.setAccessibleName(self.tr("Height"))
        self._width.setAccessibleName(self.tr("Width"))
        look = {key: getattr(proposed, key) for key in _LOOK}
        self._picture = PictureFields(look, reasons)
        self._outputs = self._output_choice(draft.examination)
        self._softmax = combo(
            {
                "probabilities": self.tr("Probabilities: nothing is added"),
                "logits": self.tr("Logits: a softmax is added"),
            },
            "probabilities" if proposed.has_softmax else "logits",
        )
        self._label_values: dict[str, Any] = {}
        self._labels = self._labels_choice(draft)
        self._licence = line(proposed.licence)
        self._lay_out(reasons)
        self._connect()

    @property
    def is_right(self) -> bool:
        """Whether the model can be installed under its name."""
        return self._names.is_right

    @property
    def title(self) -> str:
        """Of the model that is to be."""
        return self._names.title

    @property
    def replace(self) -> bool:
        """Whether it may take the place of another model of the user's."""
        return self._names.replace

    def choices(self) -> Choices:
        """What is chosen.

        Raises:
            ValueError: something is no number; tells what.
            ChoiceError, LabelsError: something does not go with the file.
        """
        look = self._picture.look()
        chosen = self._draft.proposed.changed(
            name=self._names.name,
            title=self._names.title,
            licence=self._licence.text().strip() or self._draft.proposed.licence,
            output=self._outputs.currentData(),
            has_softmax=self._softmax.currentData() == "probabilities",
            layout=self._layout_choice.currentData(),
            height=self._height.value(),
            width=self._width.value(),
            labels=pick(self._labels, self._label_values),
            **look,
        )
        self._draft.check(chosen)
        return chosen

    def problem(self) -> str:
        """Why what is chosen makes no model; "" if it may."""
        try:
            self.choices()
        except ValueError as error:
            return str(error)
        except VggscopeError as error:
            return explanation_of(error)
        return ""

    def _output_choice(self, found: Examination) -> Any:
        titles = {value.name: str(value) for value in found.outputs if value.name in found.ranks}
        box = combo(titles, found.proposed.output)
        box.setVisible(len(titles) > 1)
        return box

    def _labels_choice(self, draft: Draft) -> LabelsChoice:
        from vggscope.zoo.choices import IMAGENET_LABELS  # noqa: PLC0415 (msgspec)

        proposed, titles = draft.proposed.labels, {}
        if isinstance(proposed, tuple):
            titles["own"] = self.tr("As the file names them")
            self._label_values["own"] = proposed
        if draft.classes in {None, 1000}:
            titles["imagenet"] = self.tr("ImageNet’s 1,000 classes")
            self._label_values["imagenet"] = IMAGENET_LABELS
        titles["numbers"] = self.tr("Numbers")
        self._label_values["numbers"] = None
        value = next((k for k, v in self._label_values.items() if v == proposed), "numbers")
        return LabelsChoice(titles, value)

    def _lay_out(self, reasons: Any) -> None:
        size = QWidget()
        size.setFocusProxy(self._height)
        row = QHBoxLayout(size)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._height, 1)
        row.addWidget(QLabel("×"))
        row.addWidget(self._width, 1)
        shape = Rows()
        shape.add(self.tr("Layout"), self._layout_choice, reasons.get("layout", ""))
        shape.add(self.tr("Height × width"), size, reasons.get("size", ""))
        answer = Rows()
        if not self._outputs.isHidden() and self._outputs.count() > 1:
            answer.add(self.tr("Answer"), self._outputs)
        else:
            self._outputs.setParent(self)
            self._outputs.hide()
        answer.add(self.tr("It gives"), self._softmax, reasons.get("softmax", ""))
        answer.add(self.tr("Classes"), self._labels, reasons.get("labels", ""))
        answer.add(self.tr("Licence"), self._licence)
        lay_out(
            self,
            (self.tr("What was found"), self._facts()),
            (self.tr("What to call it"), self._names),
            (self.tr("What goes in"), shape),
            ("", self._picture),
            (self.tr("What comes out"), answer),
        )

    def _facts(self) -> Rows:
        """What the file says of itself."""
        found = self._draft.examination
        layers = ", ".join(found.layers)
        if len(found.layers) > 2 * _TOLD:
            shown = (*found.layers[:_TOLD], "…", *found.layers[-_TOLD:])
            layers = f"{len(found.layers)}: {', '.join(shown)}"
        writer = self.tr("{0}, opset {1}")
        figures = self.tr("{0} nodes, {1} parameters, {2}")
        facts = {
            self.tr("File"): f"{found.file}, {size_text(found.bytes)}",
            self.tr("Written by"): writer.format(
                found.producer or self.tr("nobody says"), found.opset
            ),
            self.tr("Input"): str(found.input),
            self.tr("Output"): ", ".join(map(str, found.outputs[:_TOLD])),
            self.tr("Network"): figures.format(
                f"{found.nodes:,}", f"{found.parameters:,}", found.precision
            ),
            self.tr("Layers"): layers or self.tr("none that can be listed"),
        }
        rows = Rows(spacing=5)
        for title, text in facts.items():
            rows.add_fact(title, text)
        for warning in found.warnings:
            rows.add_fact(self.tr("Note"), warning)
        return rows

    def _connect(self) -> None:
        self._names.changed.connect(self.changed)
        self._licence.textChanged.connect(self.changed)
        self._picture.changed.connect(self.look_changed)
        self._labels.changed.connect(self.look_changed)
        for box in (self._layout_choice, self._outputs, self._softmax):
            box.currentIndexChanged.connect(self.look_changed)
        for side in (self._height, self._width):
            side.valueChanged.connect(self.look_changed)
        self.look_changed.connect(self.changed)


_LOOK: Final = ("channels", "scale", "mean", "std", "fit", "resize")
"""Fields that ``PictureFields`` edits."""
