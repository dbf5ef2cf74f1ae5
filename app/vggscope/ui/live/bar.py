"""The bar below the moving picture: what can be done with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSlider,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from vggscope.sources.live.base import State
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.screen import ScreenSource
from vggscope.sources.live.video import SPEEDS, VideoSource
from vggscope.ui.actions import without_mnemonic
from vggscope.ui.texts import as_tool_tip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QAction

    from vggscope.sources.live.base import Format, LiveSource
    from vggscope.ui.actions import Actions

_TICKS: Final = 1000
"""Steps of the slider: no screen shows finer ones."""
_STEP_SECONDS: Final = 5
_COMBO_WIDTH: Final = 190


class LiveBar(QWidget):
    """Freeze on the left, then what is particular to the source, snapshot and recording right.

    Signals:
        change_wanted: a function that changes the source so that its pictures are others.
        camera_chosen: the description of a camera that the user chose.
    """

    change_wanted = Signal(object)
    camera_chosen = Signal(str)

    def __init__(self, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._video = VideoBar(actions)
        self._camera = CameraBar(actions)
        self._screen = ScreenBar(actions)
        self._parts = QStackedWidget()
        for part in (self._video, self._camera, self._screen):
            self._parts.addWidget(part)
            part.change_wanted.connect(self.change_wanted)
        self._camera.camera_chosen.connect(self.camera_chosen)
        self._parts.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 12, 6)
        layout.setSpacing(8)
        actions["snapshot"].setIconText(self.tr("Snapshot"))
        actions["record"].setIconText(self.tr("Record"))
        actions["region"].setIconText(self.tr("Region…"))
        layout.addWidget(_button(actions["freeze"]))
        layout.addWidget(self._parts, 1)
        layout.addWidget(_button(actions["snapshot"]))
        layout.addWidget(_button(actions["record"]))

    def show_source(self, source: LiveSource) -> None:
        """Serve ``source`` from now on."""
        part: _Part
        if isinstance(source, VideoSource):
            part = self._video
        elif isinstance(source, CameraSource):
            part = self._camera
        elif isinstance(source, ScreenSource):
            part = self._screen
        else:
            raise TypeError(f"there is no bar for {type(source).__name__}")
        self.release()
        part.serve(source)
        self._parts.setCurrentWidget(part)

    def release(self) -> None:
        """Know nothing of the source any more: it is about to be deleted."""
        for part in (self._video, self._camera, self._screen):
            part.release()

    def show_region(self) -> None:
        """The region of the screen is another."""
        self._screen.show_targets()


class _Part(QWidget):
    """The controls of one kind of source."""

    change_wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(8)

    def serve(self, source: LiveSource) -> None:
        """Show and change ``source`` until it is released."""
        raise NotImplementedError

    def release(self) -> None:
        """Forget the source."""
        raise NotImplementedError

    def _combo(self, name: str) -> QComboBox:
        combo = QComboBox()
        combo.setAccessibleName(name)
        combo.setToolTip(name)
        combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.setMinimumContentsLength(8)
        combo.setMaximumWidth(_COMBO_WIDTH)
        combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        combo.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return combo


class VideoBar(_Part):
    """Where the video stands, whether it loops, how fast it goes."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._source: VideoSource | None = None
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _TICKS)
        self._slider.setAccessibleName(self.tr("Position in the video"))
        self._slider.setToolTip(self._slider.accessibleName())
        self._slider.valueChanged.connect(self._seek)
        self._time = QLabel()
        self._time.setProperty("muted", True)
        self._speed = self._combo(self.tr("Speed"))
        self._speed.setMinimumContentsLength(4)
        self._speed.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        for speed in SPEEDS:
            self._speed.addItem(f"{speed:g}×", speed)
        self._speed.currentIndexChanged.connect(self._set_speed)
        self._row.addWidget(self._slider, 1)
        self._row.addWidget(self._time)
        self._row.addWidget(_button(actions["loop"], with_text=False))
        self._row.addWidget(self._speed)

    def serve(self, source: LiveSource) -> None:
        if not isinstance(source, VideoSource):
            raise TypeError(f"{source} is no video")
        self._source = source
        source.position_changed.connect(self._show_position)
        source.duration_changed.connect(self._show_position)
        with QSignalBlocker(self._speed):
            self._speed.setCurrentIndex(SPEEDS.index(source.speed))
        self._show_position()

    def release(self) -> None:
        if self._source is not None:
            self._source.position_changed.disconnect(self._show_position)
            self._source.duration_changed.disconnect(self._show_position)
        self._source = None

    def _show_position(self) -> None:
        source = self._source
        if source is None:
            return
        position, duration = source.position, source.duration
        self._slider.setEnabled(source.is_seekable and duration > 0)
        if duration > 0:
            # A step of the keyboard is some seconds, whatever the length.
            self._slider.setSingleStep(max(1, round(_TICKS * _STEP_SECONDS / duration)))
            if not self._slider.isSliderDown():
                with QSignalBlocker(self._slider):
                    self._slider.setValue(round(_TICKS * position / duration))
        text = f"{_clock(position)} / {_clock(duration)}"
        if text != self._time.text():
            self._time.setText(text)
            self._slider.setAccessibleDescription(text)

    def _seek(self, tick: int) -> None:
        if self._source is not None:
            self._source.seek(self._source.duration * tick / _TICKS)

    def _set_speed(self, index: int) -> None:
        if self._source is not None:
            self._source.set_speed(SPEEDS[index])


class CameraBar(_Part):
    """Which camera, in which format, mirrored or not."""

    camera_chosen = Signal(str)

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._source: CameraSource | None = None
        self._cameras = self._combo(self.tr("Camera"))
        self._formats = self._combo(self.tr("Format"))
        self._cameras.activated.connect(self._choose_camera)
        self._formats.activated.connect(self._choose_format)
        self._row.addWidget(self._cameras, 1)
        self._row.addWidget(self._formats, 1)
        self._row.addWidget(_button(actions["mirror"], with_text=False))
        self._row.addStretch()

    def serve(self, source: LiveSource) -> None:
        if not isinstance(source, CameraSource):
            raise TypeError(f"{source} is no camera")
        self._source = source
        source.cameras_changed.connect(self._show)
        source.formats_changed.connect(self._show)
        self._show()

    def release(self) -> None:
        if self._source is not None:
            self._source.cameras_changed.disconnect(self._show)
            self._source.formats_changed.disconnect(self._show)
        self._source = None

    def _show(self) -> None:
        source = self._source
        if source is None:
            return
        cameras, formats = list(source.cameras), list(source.formats)
        _fill(
            self._cameras,
            [(camera.description, camera) for camera in cameras],
            cameras.index(source.camera) if source.camera in cameras else -1,
            self.tr("No camera"),
        )
        _fill(
            self._formats,
            [(_format_text(form), form) for form in formats],
            formats.index(source.format) if source.format in formats else -1,
            self.tr("Format"),
        )

    def _choose_camera(self, index: int) -> None:
        source, camera = self._source, self._cameras.itemData(index)
        if source is not None and camera is not None and camera != source.camera:
            self.camera_chosen.emit(camera.description)
            self.change_wanted.emit(lambda: source.use_camera(camera.id))

    def _choose_format(self, index: int) -> None:
        source, form = self._source, self._formats.itemData(index)
        if source is not None and form is not None and form != source.format:
            self.change_wanted.emit(lambda: source.use_format(form))


class ScreenBar(_Part):
    """Which screen or window, and which part of it."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._source: ScreenSource | None = None
        self._targets = _Targets()
        self._targets.setAccessibleName(self.tr("Screen or window"))
        self._targets.setToolTip(self._targets.accessibleName())
        self._targets.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._targets.setMinimumContentsLength(10)
        self._targets.setMaximumWidth(_COMBO_WIDTH + 60)
        self._targets.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._targets.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._targets.opened.connect(self.show_targets)
        self._targets.activated.connect(self._choose)
        self._whole = QToolButton()
        self._whole.setText(self.tr("Whole screen"))
        self._whole.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._whole.clicked.connect(self._use_whole)
        self._row.addWidget(self._targets, 1)
        self._row.addWidget(_button(actions["region"]))
        self._row.addWidget(self._whole)
        self._row.addStretch()

    def serve(self, source: LiveSource) -> None:
        if not isinstance(source, ScreenSource):
            raise TypeError(f"{source} is no screen")
        self._source = source
        self.show_targets()

    def release(self) -> None:
        self._source = None

    def show_targets(self) -> None:
        """Offer what can be captured now."""
        source = self._source
        if source is None:
            return
        targets = source.targets()
        names = [target.name for target in targets]
        # Nothing is chosen when a window was closed; then the first one can be.
        unlisted = -1 if source.state is State.FAILED else 0
        current = names.index(source.name) if source.name in names else unlisted
        titles = [name or self.tr("(a window without a title)") for name in names]
        _fill(
            self._targets,
            list(zip(titles, targets, strict=True)),
            current if targets else -1,
            source.name if targets else self.tr("No screen"),
        )
        self._whole.setVisible(source.has_region)

    def _choose(self, index: int) -> None:
        source, target = self._source, self._targets.itemData(index)
        if source is not None and target is not None:
            self.change_wanted.emit(lambda: source.use_target(target))
            self.show_targets()

    def _use_whole(self) -> None:
        source = self._source
        if source is not None:
            self.change_wanted.emit(lambda: source.use_region(None))
            self.show_targets()


class _Targets(QComboBox):
    """Windows come and go: the list is made anew whenever it opens."""

    opened = Signal()

    # Qt overrides

    def showPopup(self) -> None:
        self.opened.emit()
        super().showPopup()


def _button(action: QAction, *, with_text: bool = True) -> QToolButton:
    """A button for ``action`` that mouse clicks leave unfocused: Space goes on to freeze."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    style = Qt.ToolButtonStyle
    button.setToolButtonStyle(
        style.ToolButtonTextBesideIcon if with_text else style.ToolButtonIconOnly
    )
    name = without_mnemonic(action.text())
    button.setAccessibleName(name)
    keys = action.shortcut().toString()
    button.setToolTip(f"{name} ({keys})" if keys else name)
    return button


def _fill(
    combo: QComboBox, items: Sequence[tuple[str, object]], current: int, placeholder: str
) -> None:
    """Offer ``items`` (text, data); -1 for none of them."""
    with QSignalBlocker(combo):
        combo.clear()
        for text, data in items:
            combo.addItem(text, data)
            combo.setItemData(combo.count() - 1, as_tool_tip(text), Qt.ItemDataRole.ToolTipRole)
        combo.setPlaceholderText(placeholder)
        combo.setCurrentIndex(current)
    combo.setEnabled(bool(items))


def _format_text(of: Format) -> str:
    return f"{of.width} × {of.height} · {of.fps:g} fps · {of.coding}"


def _clock(seconds: float) -> str:
    """As players write it: 3:07, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
