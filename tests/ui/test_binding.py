"""The Qt binding itself: see docs/adr/0005."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

CALLS = 200


class _Sender(QObject):
    signal = Signal(object)


def _lost(singleton: object, call: Callable[[], object]) -> int:
    before = sys.getrefcount(singleton)
    for _ in range(CALLS):
        call()
    return before - sys.getrefcount(singleton)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="None and True are immortal from 3.12 on")
def test_the_binding_gives_back_no_references_that_it_does_not_own(qtbot: QtBot) -> None:
    widget, sender = QWidget(), _Sender()
    qtbot.addWidget(widget)
    assert _lost(None, lambda: widget.setEnabled(True)) < CALLS / 2
    assert _lost(True, lambda: sender.signal.emit(1)) < CALLS / 2
