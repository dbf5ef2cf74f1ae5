"""The bar below the moving picture: what can be done with its source."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QWidget,
)

from vggscope.sources.live.base import State
from vggscope.sources.live.camera import CameraSource
from vggscope.sources.live.screen import ScreenSource
from vggscope.sources.live.video import SPEEDS, VideoSource
from vggscope.ui.live.controls import ActionButton, Combo, FreshCombo, SeekSlider
from vggscope.ui.texts import as_tool_tip
from vggscope.ui.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent

    from vggscope.sources.live.base import Format, LiveSource
    from vggscope.sources.live.screen import Target
    from vggscope.ui.actions import Actions

_STEP_MS: Final = 5000
"""What an arrow key skips, at most."""
_STEPS: Final = 20
"""Arrow keys from the beginning of a short video to its end."""
_SEEK_MS: Final = 60
"""Between two seeks while the slider is dragged: each one makes the player decode anew."""
_COMBO_WIDTH: Final = 260
_NARROW: Final = 760
"""Width of the bar below which its buttons show their icons alone."""


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
        freeze, *captures = (ActionButton(actions[key]) for key in ("freeze", "snapshot", "record"))
        layout.addWidget(freeze)
        layout.addWidget(self._parts, 1)
        for capture in captures:
            layout.addWidget(capture)
        self._buttons = (freeze, *captures, self._screen.region)

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

    # Qt overrides

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for button in self._buttons:
            button.show_text(self.width() >= _NARROW)
        # Now: nobody shall see for a moment how the texts do not fit.
        if (layout := self.layout()) is not None:
            layout.activate()


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
        combo = Combo()
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
        self._wanted: int | None = None
        self._seeks = Throttle(self._go, _SEEK_MS, self)
        self._slider = SeekSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName(self.tr("Position in the video"))
        self._slider.setToolTip(self._slider.accessibleName())
        self._slider.valueChanged.connect(self._seek)
        self._slider.sliderReleased.connect(self._finish_seek)
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
        self._row.addWidget(ActionButton(actions["loop"]))
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
        self._forget_seek()
        # The next video is not held by a mouse that held this one.
        self._slider.setSliderDown(False)
        self._show_time(0, 0)

    def _show_position(self) -> None:
        if self._source is not None:
            self._slider.setEnabled(self._source.is_seekable and self._source.duration > 0)
            self._show_time(self._source.position, self._source.duration)

    def _show_time(self, position: float, duration: float) -> None:
        """``position``, ``duration``: seconds."""
        slider, end = self._slider, round(duration * 1000)
        with QSignalBlocker(slider):
            if end != slider.maximum():
                slider.setRange(0, end)
                step = max(1, min(_STEP_MS, end // _STEPS))
                slider.setSingleStep(step)
                slider.setPageStep(2 * step)
            # Where the player still is says nothing of where the user wants it to be.
            if self._wanted is None and not slider.isSliderDown():
                slider.setValue(round(position * 1000))
        text = f"{_clock(position)} / {_clock(duration)}"
        if text != self._time.text():
            self._time.setText(text)
            slider.setAccessibleDescription(text)

    def _seek(self, milliseconds: int) -> None:
        self._wanted = milliseconds
        self._seeks()

    def _finish_seek(self) -> None:
        """Do now what waits, and nothing later."""
        if self._wanted is not None:
            self._seeks.forget()
            self._go()

    def _forget_seek(self) -> None:
        self._seeks.forget()
        self._wanted = None

    def _go(self) -> None:
        wanted, self._wanted = self._wanted, None
        if self._source is not None and wanted is not None:
            self._source.seek(wanted / 1000)

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
        # Formats are short, and alike at their beginnings; the names of cameras may be shortened.
        self._formats.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._formats.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._row.addWidget(self._cameras, 1)
        self._row.addWidget(self._formats)
        self._row.addWidget(ActionButton(actions["mirror"]))
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
        self._show()

    def _show(self) -> None:
        source = self._source
        cameras = [] if source is None else list(source.cameras)
        formats = [] if source is None else list(source.formats)
        camera, form = (None, None) if source is None else (source.camera, source.format)
        _fill(
            self._cameras,
            [(each.description, each) for each in cameras],
            cameras.index(camera) if camera in cameras else -1,
            self.tr("No camera"),
        )
        _fill(
            self._formats,
            [(self._text_of(each), each) for each in formats],
            formats.index(form) if form in formats else -1,
            self.tr("Format"),
        )

    def _text_of(self, form: Format) -> str:
        return self.tr("{0} × {1} · {2} fps · {3}").format(
            form.width, form.height, f"{form.fps:g}", form.coding
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
    """Which screen or window, and which part of it.

    Attributes:
        region: the button that lets the user draw that part.
    """

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        self._source: ScreenSource | None = None
        self._chosen: Target | None = None
        self.region = ActionButton(actions["region"])
        self._targets = FreshCombo()
        self._targets.setAccessibleName(self.tr("Screen or window"))
        self._targets.setToolTip(self._targets.accessibleName())
        self._targets.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._targets.setMinimumContentsLength(10)
        self._targets.setMaximumWidth(_COMBO_WIDTH)
        self._targets.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._targets.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._targets.opened.connect(self.show_targets)
        self._targets.activated.connect(self._choose)
        self._whole = QToolButton()
        self._whole.setText(self.tr("Whole screen"))
        self._whole.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._whole.clicked.connect(self._use_whole)
        self._row.addWidget(self._targets, 1)
        self._row.addWidget(self.region)
        self._row.addWidget(self._whole)
        self._row.addStretch()

    def serve(self, source: LiveSource) -> None:
        if not isinstance(source, ScreenSource):
            raise TypeError(f"{source} is no screen")
        self._source = source
        self.show_targets()

    def release(self) -> None:
        self._source = self._chosen = None
        _fill(self._targets, [], -1, self.tr("No screen"))
        self._whole.hide()

    def show_targets(self) -> None:
        """Offer what can be captured now."""
        source = self._source
        if source is None:
            return
        targets = source.targets()
        titles = [target.name or self.tr("(a window without a title)") for target in targets]
        _fill(
            self._targets,
            list(zip(titles, targets, strict=True)),
            self._current(source, targets),
            source.name if targets else self.tr("No screen"),
        )
        self._whole.setVisible(source.has_region)

    def _current(self, source: ScreenSource, targets: Sequence[Target]) -> int:
        """Which of ``targets`` ``source`` captures; -1 for none of them."""
        chosen = self._chosen
        if chosen is not None and chosen.name == source.name and chosen.window is not None:
            # Titles change, and several windows may have the same one.
            same = [n for n, target in enumerate(targets) if _are_same(target, chosen)]
            return same[0] if same else -1
        names = [target.name for target in targets]
        if source.name in names:
            return names.index(source.name)
        # Not yet said which: it is the first one. One that has gone is none of them.
        return 0 if targets and source.state is not State.FAILED else -1

    def _choose(self, index: int) -> None:
        source, target = self._source, self._targets.itemData(index)
        if source is None or target is None:
            return
        has_failed = source.state is State.FAILED
        if index != self._current(source, self._offered()) or has_failed:
            self._chosen = target
            self.change_wanted.emit(lambda: source.use_target(target))
            self.show_targets()

    def _offered(self) -> list[Target]:
        return [self._targets.itemData(n) for n in range(self._targets.count())]

    def _use_whole(self) -> None:
        source = self._source
        if source is not None:
            self.change_wanted.emit(lambda: source.use_region(None))
            self.show_targets()


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


def _clock(seconds: float) -> str:
    """As players write it: 3:07, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _are_same(one: Target, other: Target) -> bool:
    """Whether two are of the same window."""
    # PySide gives windows "!=" alone; "==" compares the wrappers.
    return (
        one.window is not None
        and other.window is not None
        and not operator.ne(one.window, other.window)
    )
