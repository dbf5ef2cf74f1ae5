"""The photos in the window, as a Qt model: the filmstrip and the table are two views of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from vggscope.errors import VggscopeError
from vggscope.ui.texts import as_tool_tip, message_of, percent

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from PySide6.QtGui import QImage

    from vggscope.inference.classification import Classification, Prediction

_Index = QModelIndex | QPersistentModelIndex
_keys = count(1)


class State(Enum):
    """How far a photo has come."""

    WAITING = auto()
    DONE = auto()
    FAILED = auto()
    STOPPED = auto()


@dataclass(eq=False, slots=True)
class Photo:
    """A picture that the user brought.

    Exactly one of ``path``, ``image``, ``data`` says where its pixels are, unless it could not
    even be found (``outcome`` is the error then).

    Attributes:
        name: for people.
        path: a file.
        image: pixels that were pasted or dragged.
        data: an encoded picture that was dragged.
        key: names it in requests.
        state: how far it has come.
        outcome: the last classification, or why there is none.
        stale: ``outcome`` is of a former model or setting.
        thumbnail: small, or None while there is none.
        size: (width, height) of the upright picture, or None until it was read.
    """

    name: str
    path: Path | None = None
    image: QImage | None = None
    data: bytes | None = None
    key: int = field(default_factory=_keys.__next__)
    state: State = State.WAITING
    outcome: Classification | VggscopeError | None = None
    stale: bool = False
    thumbnail: QImage | None = None
    size: tuple[int, int] | None = None

    @property
    def location(self) -> str:
        """What exports call it: the path, or the name of what has none."""
        return self.name if self.path is None else str(self.path)

    @property
    def error(self) -> VggscopeError | None:
        """Why there is no classification."""
        return self.outcome if isinstance(self.outcome, VggscopeError) else None

    @property
    def classification(self) -> Classification | None:
        """The last classification."""
        outcome = self.outcome
        return None if outcome is None or isinstance(outcome, VggscopeError) else outcome

    def await_again(self) -> None:
        """Wait to be classified anew; what was known until then is shown as out of date."""
        self.state, self.outcome = State.WAITING, self.classification
        self.stale = self.outcome is not None

    @property
    def best(self) -> Prediction | None:
        """The top-1 prediction."""
        return self.classification.predictions[0] if self.classification else None


class Column(Enum):
    """The columns of the table; the value is their number."""

    NAME = 0
    LABEL = 1
    PROBABILITY = 2
    TIME = 3
    FOLDER = 4


_NUMBERS: Final = frozenset({Column.PROBABILITY, Column.TIME})
PHOTO_ROLE: Final = Qt.ItemDataRole.UserRole
SORT_ROLE: Final = Qt.ItemDataRole.UserRole + 1


class PhotoModel(QAbstractTableModel):
    """The photos in the order in which they came."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._photos: list[Photo] = []
        self._rows: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._photos)

    def __iter__(self) -> Any:
        return iter(self._photos)

    def at(self, row: int) -> Photo:
        """The photo in ``row``."""
        return self._photos[row]

    def row_of(self, key: int) -> int | None:
        """The row of the photo ``key``, None if it was removed."""
        return self._rows.get(key)

    def add(self, photos: Sequence[Photo]) -> None:
        """Append photos."""
        if not photos:
            return
        first = len(self._photos)
        self.beginInsertRows(QModelIndex(), first, first + len(photos) - 1)
        self._photos.extend(photos)
        self._renumber(first)
        self.endInsertRows()

    def remove(self, row: int) -> None:
        """Take the photo in ``row`` out."""
        self.beginRemoveRows(QModelIndex(), row, row)
        del self._rows[self._photos.pop(row).key]
        self._renumber(row)
        self.endRemoveRows()

    def clear(self) -> None:
        """Take all out."""
        self.beginResetModel()
        self._photos.clear()
        self._rows.clear()
        self.endResetModel()

    def tell(self, photos: Iterable[Photo]) -> None:
        """The views are to show ``photos`` anew."""
        for photo in photos:
            row = self._rows.get(photo.key)
            if row is not None:
                self.dataChanged.emit(self.index(row, 0), self.index(row, len(Column) - 1))

    def count(self, *states: State) -> int:
        """How many photos are in one of ``states``."""
        return sum(photo.state in states for photo in self._photos)

    def _renumber(self, first: int) -> None:
        for row in range(first, len(self._photos)):
            self._rows[self._photos[row].key] = row

    def _text(self, photo: Photo, column: Column) -> str:
        best, done = photo.best, photo.classification
        if column is Column.NAME:
            return photo.name
        if column is Column.FOLDER:
            return "" if photo.path is None else str(photo.path.parent)
        if column is Column.LABEL:
            return best.label if best else self._state_text(photo)
        if column is Column.PROBABILITY:
            return percent(best.probability) if best else ""
        return f"{done.milliseconds:.0f} ms" if done else ""

    def state_word(self, photo: Photo) -> str:
        """What became of a photo that has no prediction, where there is room for a word."""
        return {
            State.WAITING: self.tr("waiting"),
            State.DONE: self.tr("done"),
            State.FAILED: self.tr("failed"),
            State.STOPPED: self.tr("stopped"),
        }[photo.state]

    def _state_text(self, photo: Photo) -> str:
        return self.state_word(photo) if photo.error is None else message_of(photo.error)

    def _sort_value(self, photo: Photo, column: Column) -> object:
        best, done = photo.best, photo.classification
        if column is Column.PROBABILITY:
            return best.probability if best else -1.0
        if column is Column.TIME:
            return done.milliseconds if done else -1.0
        return self._text(photo, column).casefold()

    def _description(self, photo: Photo) -> str:
        if best := photo.best:
            return f"{photo.name}: {best.label}, {percent(best.probability)}"
        return f"{photo.name}: {self._state_text(photo)}"

    # Qt overrides

    def rowCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008 (Qt's signature)
        return 0 if parent.isValid() else len(self._photos)

    def columnCount(self, parent: _Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(Column)

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        photo, column = self._photos[index.row()], Column(index.column())
        value: Any = None
        if role == Qt.ItemDataRole.DisplayRole:
            value = self._text(photo, column)
        elif role == PHOTO_ROLE:
            value = photo
        elif role == SORT_ROLE:
            value = self._sort_value(photo, column)
        elif role == Qt.ItemDataRole.ToolTipRole:
            value = as_tool_tip(f"{photo.location}\n{self._description(photo)}")
        elif role == Qt.ItemDataRole.AccessibleTextRole:
            value = self._description(photo)
        elif role == Qt.ItemDataRole.TextAlignmentRole and column in _NUMBERS:
            value = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return value

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        if role == Qt.ItemDataRole.TextAlignmentRole and orientation == Qt.Orientation.Horizontal:
            # As the cells below.
            side = "AlignRight" if Column(section) in _NUMBERS else "AlignLeft"
            return Qt.AlignmentFlag[side] | Qt.AlignmentFlag.AlignVCenter
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return section + 1
        return {
            Column.NAME: self.tr("Photo"),
            Column.LABEL: self.tr("Top-1 class"),
            Column.PROBABILITY: self.tr("Probability"),
            Column.TIME: self.tr("Time"),
            Column.FOLDER: self.tr("Folder"),
        }[Column(section)]
