"""The form of a file of weights: which network of the family they are for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from vggscope.ui.import_fields import PictureFields, Rows, combo, lay_out
from vggscope.ui.import_names import LabelsChoice, NameFields
from vggscope.ui.labels import wrapped, write_or_hide
from vggscope.ui.texts import explanation_of

if TYPE_CHECKING:
    from vggscope.zoo.weights import Weights

_IMAGENET: Final = 1000


class WeightsForm(QWidget):
    """The choices of an import of weights.

    Signals:
        changed: something else is chosen.
    """

    changed = Signal()

    def __init__(self, weights: Weights) -> None:
        from vggscope.vgg.configs import CONFIGS, find  # noqa: PLC0415 (when asked for)

        super().__init__()
        self._weights = weights
        config = weights.config
        titles = {name: each.title for name, each in CONFIGS.items()}
        self._configs = combo(titles, config.name if config is not None else "vgg16")
        self._find = find
        name = f"{config.name if config is not None else 'vgg'}-{weights.home.name}"
        title = f"{config.short_title if config is not None else 'VGG'} ({weights.home.title})"
        self._names = NameFields(title, name)
        self._problem = wrapped()
        self._problem.setProperty("wrong", True)
        classes = weights.numbers.classes if weights.numbers is not None else _IMAGENET
        usual = (
            self.tr("ImageNet’s 1,000 classes")
            if classes == _IMAGENET
            else self.tr("Numbers, 0 to {0}").format(classes - 1)
        )
        self._labels = LabelsChoice({"usual": usual}, "usual")
        reason = self.tr("As is usual for weights of {0}.").format(weights.home.title)
        self._picture = PictureFields(
            weights.input(), {"channels": reason, "normalisation": reason}
        )
        self._lay_out(classes)
        self._configs.currentIndexChanged.connect(self._check)
        self._names.changed.connect(self.changed)
        self._labels.changed.connect(self.changed)
        self._picture.changed.connect(self.changed)
        self._check()

    @property
    def is_right(self) -> bool:
        """Whether the weights are those of the chosen network, and the name can be had."""
        return self._problem.isHidden() and self._names.is_right

    @property
    def title(self) -> str:
        """Of the model that is to be."""
        return self._names.title

    def choices(self) -> dict[str, Any]:
        """What is chosen, as ``zoo.weights.install_weights`` takes it.

        Raises:
            ValueError: something is no number; tells what.
        """
        return {
            "config": self._configs.currentData(),
            "name": self._names.name,
            "title": self._names.title,
            "labels": self._labels.file,
            "replace": self._names.replace,
            "look": self._picture.look(),
        }

    def problem(self) -> str:
        """Why what is chosen makes no model; "" if it may."""
        try:
            self.choices()
        except ValueError as error:
            return str(error)
        return ""

    def _check(self) -> None:
        from vggscope.errors import ModelError  # noqa: PLC0415

        problem: ModelError | None = None
        try:
            self._weights.plan(self._configs.currentData())
        except ModelError as error:
            problem = error
        write_or_hide(self._problem, "" if problem is None else explanation_of(problem))
        self.changed.emit()

    def _lay_out(self, classes: int) -> None:
        contents, config = self._weights.contents, self._weights.config
        facts = Rows(spacing=5)
        numbers = self._weights.numbers
        rows = [
            (self.tr("File"), self._weights.path.name),
            (
                self.tr("From"),
                self.tr("{0}, by the names of its tensors").format(contents.home.title),
            ),
        ]
        if numbers is not None:
            text = self.tr("{0} × {0} pixels in, {1} classes out")
            rows.append((self.tr("Network"), text.format(numbers.size, f"{classes:,}")))
        for title, text in rows:
            facts.add_fact(title, text)
        network = QWidget()
        cell = QVBoxLayout(network)
        cell.setContentsMargins(0, 0, 0, 0)
        cell.addWidget(self._configs)
        cell.addWidget(self._problem)
        network.setFocusProxy(self._configs)
        reason = (
            self.tr("Its tensors are those of {0}.").format(config.title)
            if config is not None
            else self.tr("Its tensors are those of no network of the family.")
        )
        which = Rows()
        which.add(self.tr("Network"), network, reason)
        answer = Rows()
        answer.add(self.tr("Classes"), self._labels)
        lay_out(
            self,
            (self.tr("What was found"), facts),
            (self.tr("Which network they are for"), which),
            (self.tr("What to call it"), self._names),
            (self.tr("What goes in"), self._picture),
            (self.tr("What comes out"), answer),
        )
