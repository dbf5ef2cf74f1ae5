"""How photos are looked at: the button that chooses it, and the time that each way takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QCoreApplication, Qt, Signal
from PySide6.QtGui import QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton

from vggscope.ui.settings import PROTOCOL

if TYPE_CHECKING:
    from vggscope.inference.classification import Classification

CENTRE: Final[str] = str(PROTOCOL.default)
_KEPT: Final = 9
"""Answers of which the median is told: the first one of a session takes longer than the others."""


class ProtocolTimes:
    """What was measured in this session: never a guess."""

    def __init__(self) -> None:
        self._milliseconds: dict[tuple[str, str, str], list[float]] = {}

    def note(self, done: Classification) -> None:
        """An answer came; the same one is noted once."""
        key = done.model, done.device, done.protocol
        times = self._milliseconds.setdefault(key, [])
        if done.milliseconds not in times:
            times.append(done.milliseconds)
            del times[:-_KEPT]

    def words(self, protocol: str, *, model: str, device: str) -> str:
        """The time that ``protocol`` takes with a model on a device: "412 ms, 9 × a single crop".

        Where it was not measured there, what it takes compared with a single crop, if that was
        measured elsewhere; else "".
        """
        own, single = (self._median(model, device, each) for each in (protocol, CENTRE))
        parts = []
        if own is not None:
            parts.append(_translated("{0} ms").format(f"{own:.0f}"))
        if protocol != CENTRE:
            ratio = own / single if own and single else self._ratio(protocol)
            if ratio is not None:
                text = _translated("about {0} × a single crop")
                parts.append(text.format(f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"))
        return ", ".join(parts)

    def _median(self, model: str, device: str, protocol: str) -> float | None:
        return _middle(self._milliseconds.get((model, device, protocol), []))

    def _ratio(self, protocol: str) -> float | None:
        """To a single crop, of any model and device with which both were measured."""
        ratios = [
            own / single
            for model, device, each in self._milliseconds
            if each == protocol
            and (own := self._median(model, device, each))
            and (single := self._median(model, device, CENTRE))
        ]
        return _middle(ratios)


class ProtocolButton(QToolButton):
    """Names the present protocol; its menu offers the others, and tells what they take.

    Signals:
        chosen: the key of a protocol.
        opened: the menu is about to be shown; ``tell_times`` now.
    """

    chosen = Signal(str)
    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("flat", True)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        menu = QMenu(self)
        self._group = QActionGroup(menu)
        for key in PROTOCOL.choices or {}:
            action = menu.addAction(title_of(key))
            action.setCheckable(True)
            action.setData(key)
            self._group.addAction(action)
            action.triggered.connect(lambda _checked=False, key=key: self.chosen.emit(key))
        menu.aboutToShow.connect(self.opened)
        self.setMenu(menu)
        self._shown: tuple[str, bool] | None = None
        self.show_protocol(CENTRE)

    def show_protocol(self, key: str, *, live: bool = False) -> None:
        """Name what photos are looked at by, or that moving pictures have no choice."""
        # Asked with every live answer.
        if (key, live) == self._shown:
            return
        self._shown = key, live
        shown = CENTRE if live else key
        for action in self._group.actions():
            action.setChecked(action.data() == shown)
        self.setText(_short_title(shown))
        self.setEnabled(not live)
        tip = (
            self.tr("Moving pictures are always looked at by a single centre crop")
            if live
            else self.tr("How the network looks at photos")
        )
        self.setToolTip(tip)
        # A name alone would hide the text from a screen reader.
        self.setAccessibleName(f"{tip}: {title_of(shown)}")

    def tell_times(self, words: dict[str, str]) -> None:
        """Protocol -> what is known of the time that it takes, "" for nothing."""
        for action in self._group.actions():
            known = words.get(action.data(), "")
            title = title_of(action.data())
            action.setText(f"{title} — {known}" if known else title)


def _middle(values: list[float]) -> float | None:
    """The median; the lower one of two. Without ``statistics``, which takes 10 ms to import."""
    return sorted(values)[(len(values) - 1) // 2] if values else None


def title_of(protocol: str) -> str:
    """The name of a protocol, for people."""
    title = (PROTOCOL.choices or {}).get(protocol, protocol)
    return QCoreApplication.translate("settings", title)


def _short_title(protocol: str) -> str:
    """Where there is little room."""
    return {
        "centre": QCoreApplication.translate("ProtocolButton", "Centre"),
        "10-crop": QCoreApplication.translate("ProtocolButton", "10 crops"),
        "dense": QCoreApplication.translate("ProtocolButton", "Dense"),
    }.get(protocol, protocol)


def _translated(text: str) -> str:
    return QCoreApplication.translate("ProtocolTimes", text)
