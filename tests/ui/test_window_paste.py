"""What is pasted into the window, with the clipboard of the desktop."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QColor, QImage

from ui.window_driver import mime_of, sample
from vggscope.errors import ImageNotFoundError, WebAddressError

if TYPE_CHECKING:
    from pathlib import Path

    from ui.window_driver import Driver


def test_an_image(user: Driver) -> None:
    user.paste(mime_of(image=QImage(sample("pizza"))))
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    assert user.shown_predictions()[0][0] == "pizza"
    assert user.current.name == "Pasted picture"


def test_transparency_is_white(user: Driver) -> None:
    image = QImage(300, 300, QImage.Format.Format_ARGB32)
    image.fill(QColor(255, 0, 0, 0))
    user.paste(mime_of(image=image))
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    seen = user.window.canvas.grab().toImage()
    middle = seen.pixelColor(seen.width() // 2, seen.height() // 2)
    assert (middle.red(), middle.green(), middle.blue()) == (255, 255, 255)


def test_a_list_of_files(user: Driver) -> None:
    user.paste(mime_of(files=[sample("zebra"), sample("pizza")]))
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    assert [p.best.label for p in user.photos if p.best] == ["zebra", "pizza"]


@pytest.mark.parametrize("form", ["{}", '"{}"', "'{}'", "file://{}", "  {}\n"])
def test_a_path_as_text(user: Driver, tmp_path: Path, form: str) -> None:
    path = tmp_path / "my zebra.jpg"
    shutil.copy(sample("zebra"), path)
    user.paste(mime_of(text=form.format(path)))
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    assert user.current.name == "my zebra.jpg"
    assert user.shown_predictions()[0][0] == "zebra"


def test_several_paths_as_lines(user: Driver) -> None:
    user.paste(mime_of(text=f"{sample('zebra')}\n'{sample('pizza')}'\n\n"))
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    assert [p.name for p in user.photos] == ["zebra.jpg", "pizza.jpg"]


def test_a_path_that_is_wrong(user: Driver, tmp_path: Path) -> None:
    user.paste(mime_of(text=str(tmp_path / "nowhere.jpg")))
    user.wait(lambda: len(user.photos) == 1)
    user.wait(lambda: not user.bench.is_busy)
    assert type(user.current.error) is ImageNotFoundError
    assert "“nowhere.jpg” does not exist." in user.pane_texts()


def test_an_address_as_text(user: Driver) -> None:
    user.paste(mime_of(text="https://example.org/cat.jpg"))
    user.wait(lambda: len(user.photos) == 1)
    assert type(user.current.error) is WebAddressError


@pytest.mark.parametrize("text", ["", "  \n ", "Dear Sir or Madam,\nhow are you?"])
def test_nothing(user: Driver, text: str) -> None:
    mime = QMimeData()
    if text:
        mime.setText(text)
    user.paste(mime)
    assert user.window.messages.isVisible()
    assert user.window.messages.text == "The clipboard holds neither a picture nor a file."
    assert user.photos == []
    user.click(user.button("Dismiss this message"))
    assert not user.window.messages.isVisible()


def test_paste_twice_adds_twice(user: Driver) -> None:
    mime = mime_of(image=QImage(sample("pizza")))
    user.paste(mime)
    user.wait(lambda: len(user.photos) == 1)
    user.key(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    assert len({p.key for p in user.photos}) == 2
