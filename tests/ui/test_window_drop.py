"""What is dropped on the window, and what becomes of it."""

from __future__ import annotations

import base64
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from PySide6.QtCore import QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QMenu

from support import as_nobody, hostile, open_folder
from ui.window_driver import mime_of, sample, texts_in
from vggscope.errors import CorruptImageError, NotAnImageError, WebAddressError
from vggscope.inference.preprocessing import crop_box
from vggscope.ui.incoming import refusal_of
from vggscope.ui.photos import Column, State
from vggscope.ui.texts import message_of, remedy_of
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from ui.window_driver import Driver


def test_one_photo(user: Driver) -> None:
    user.drop_files(sample("zebra"))
    user.wait(lambda: user.bench.current is not None)
    user.settle()
    assert user.window.windowTitle() == "zebra.jpg — VGGscope"
    label, percentage = user.shown_predictions()[0]
    assert label == "zebra"
    assert float(percentage.rstrip("%")) > 80
    assert len(user.shown_predictions()) == 5
    assert not user.is_browser_visible()
    assert "Ready" in texts_in(user.window.statusBar())


def test_the_box_is_where_the_preprocessing_says(user: Driver) -> None:
    user.open("zebra")
    with Image.open(sample("zebra")) as image:
        size = image.size
    spec = find_model("vgg16-compact-int8").description.input
    box = user.window.canvas.box
    assert box is not None
    assert (box.left(), box.top(), box.right(), box.bottom()) == pytest.approx(
        crop_box(size, spec, "crop")
    )
    caption = user.window.canvas.accessibleDescription()
    assert caption == f"zebra.jpg · {size[0]} × {size[1]} · the frame is what the network sees"
    user.trigger("crop_box")
    assert user.window.canvas.accessibleDescription() == f"zebra.jpg · {size[0]} × {size[1]}"


def test_several_photos(user: Driver) -> None:
    user.open("zebra", "pizza", "ladybug")
    assert [p.best.label for p in user.photos if p.best] == ["zebra", "pizza", "ladybug"]
    assert user.current.name == "zebra.jpg"
    assert user.is_browser_visible()
    assert "3 photos" in user.browser_texts()


def test_a_folder_with_subfolders_in_natural_order(user: Driver, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    (folder / "day 2").mkdir(parents=True)
    for name in ("photo10.jpg", "photo2.jpg", "day 2/photo1.jpg"):
        shutil.copy(sample("zebra"), folder / name)
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    (folder / ".hidden.jpg").write_bytes(b"")
    user.drop_files(folder)
    user.wait(lambda: len(user.photos) == 3)
    user.settle()
    assert [p.name for p in user.photos] == ["photo2.jpg", "photo10.jpg", "photo1.jpg"]
    assert user.states() == [State.DONE] * 3
    assert user.table_texts(2)[Column.FOLDER.value] == str(folder / "day 2")


def test_an_empty_folder_says_so(user: Driver, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    user.drop_files(tmp_path / "nothing")
    user.wait(lambda: len(user.photos) == 1)
    assert any("The folder “nothing” holds no pictures." in text for text in user.pane_texts())
    assert user.window.canvas.isVisible()


def test_hostile_files_are_told_of_one_by_one_and_the_others_are_done(
    user: Driver, tmp_path: Path
) -> None:
    made = hostile().make(tmp_path / "hostile")
    cases = [case for case in made.values() if not case.needs_user]
    files = [tmp_path / "hostile" / case.file for case in cases]
    user.drop_files(sample("zebra"), *files, sample("pizza"))
    user.wait(lambda: len(user.photos) == len(cases) + 2)
    user.settle()
    first, *strange, last = user.photos
    assert (first.best.label, last.best.label) == ("zebra", "pizza")  # type: ignore[union-attr]
    wrong = sum((case.found or case.error) is not None for case in cases)
    assert f"{len(user.photos)} photos · {wrong} failed" in user.browser_texts()
    for row, (case, photo) in enumerate(zip(cases, strange, strict=True), start=1):
        expected = case.found or case.error
        user.bench.choose(photo.key)
        if expected is None:
            assert photo.state is State.DONE, case.why
            assert photo.size == case.size
            continue
        assert photo.state is State.FAILED, case.why
        assert type(photo.error) is expected, case.why
        sentence = message_of(photo.error)
        assert case.file[:20] in sentence
        assert user.table_texts(row)[Column.LABEL.value] == sentence
        assert {sentence, remedy_of(photo.error)} <= set(user.pane_texts())
        assert not user.window.actions_by_key["copy_text"].isEnabled()
    # the window is as good as before
    user.open("ladybug")
    assert user.photos[-1].best.label == "ladybug"  # type: ignore[union-attr]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are something else there")
def test_a_file_that_may_not_be_read(user: Driver) -> None:
    with open_folder() as folder:
        shutil.copy(sample("zebra"), folder / "secret.jpg")
        (folder / "secret.jpg").chmod(0)
        with as_nobody():
            user.drop_files(folder / "secret.jpg")
            user.wait(lambda: len(user.photos) == 1)
            user.wait(lambda: not user.bench.is_busy)
        assert "“secret.jpg” may not be read by this user." in user.pane_texts()


@pytest.mark.skipif(sys.platform != "linux", reason="names are valid Unicode there")
def test_names_that_are_no_text_and_names_that_deceive(user: Driver, tmp_path: Path) -> None:
    names = [b"caf\xe9.jpg", "\u202egpj.exe\u202c.jpg".encode(), b"two\nlines.jpg"]
    for name in names:
        shutil.copy(sample("zebra"), os.fsencode(tmp_path) + b"/" + name)
    user.drop_files(tmp_path)
    user.wait(lambda: len(user.photos) == 3)
    user.settle()
    assert user.states() == [State.DONE] * 3
    for photo in user.photos:
        user.bench.choose(photo.key)
        title = user.window.windowTitle()
        assert not set(title) & {"\n", "\u202e", "\u202c", "\udce9"}
        assert title.endswith("— VGGscope")


LONG = "IMG_20260703_081502_HDR_PORTRAIT_EDITED_final_version2" * 3


def test_a_long_name_is_told_in_full_in_the_smallest_window(user: Driver, tmp_path: Path) -> None:
    user.window.resize(900, 600)
    user.wait(lambda: user.window.size().toTuple() == (900, 600))
    (tmp_path / f"{LONG}.jpg").write_text("text", encoding="utf-8")
    user.drop_files(tmp_path / f"{LONG}.jpg", sample("zebra"))
    user.wait(lambda: len(user.photos) == 2)
    user.settle()
    pane = user.window.predictions
    assert any(f"“{LONG}.jpg” is not a picture" in text for text in user.pane_texts())
    labels = [label for label in pane.findChildren(QLabel) if label.isVisible()]
    user.wait(lambda: all(i.height() >= i.heightForWidth(i.width()) for i in labels))
    for label in labels:
        assert label.sizeHint().width() <= pane.width() or label.wordWrap()
        assert label.minimumSizeHint().width() <= label.width()
        assert pane.rect().contains(QRect(label.mapTo(pane, QPoint(0, 0)), label.size()))
    user.window.messages.tell(f"“{LONG * 3}.jpg” could not be written.")
    assert user.window.minimumSizeHint().width() <= 900
    assert user.window.messages.text == f"“{LONG * 3}.jpg” could not be written."


def test_a_name_is_shown_as_it_is_not_as_html(user: Driver, tmp_path: Path) -> None:
    name = "<h1>big<img src=x> & co.jpg"
    (tmp_path / name).write_text("text", encoding="utf-8")
    user.drop_files(tmp_path / name)
    user.wait(lambda: user.states() == [State.FAILED])
    shown = [w for w in user.window.predictions.findChildren(QLabel) if name in w.text()]
    assert [w.textFormat() for w in shown] == [Qt.TextFormat.PlainText]
    tooltip = user.bench.photos.index(0, 0).data(Qt.ItemDataRole.ToolTipRole)
    assert "&lt;h1&gt;big&lt;img src=x&gt; &amp; co.jpg" in tooltip
    [recent] = [m for m in user.window.findChildren(QMenu) if "Recent" in m.title()]
    recent.aboutToShow.emit()
    assert recent.actions()[0].text() == name.replace("&", "&&")


def test_a_file_that_vanishes_after_the_drop(user: Driver, tmp_path: Path) -> None:
    shutil.copy(sample("zebra"), tmp_path / "gone.jpg")
    user.drop_files(tmp_path / "gone.jpg")
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    (tmp_path / "gone.jpg").unlink()
    user.trigger("again")
    user.settle()
    assert "“gone.jpg” does not exist." in user.pane_texts()
    shutil.copy(sample("zebra"), tmp_path / "gone.jpg")
    user.trigger("again")
    user.settle()
    assert user.shown_predictions()[0][0] == "zebra"


# --- the overlay ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["photo.jpg", "PHOTO.JPEG", "picture.webp", "no-suffix", "folder"])
def test_a_drag_of_pictures_is_welcome(user: Driver, tmp_path: Path, name: str) -> None:
    if name == "folder":
        (tmp_path / name).mkdir()
    assert user.drag_over(mime_of(files=[tmp_path / name]))
    assert user.window.drag_overlay.isVisible()
    assert user.window.drag_overlay.is_welcoming
    assert user.window.drag_overlay.geometry() == user.window.rect()
    user.leave()
    assert not user.window.drag_overlay.isVisible()


@pytest.mark.parametrize("name", ["notes.txt", "paper.pdf", "song.mp3"])
def test_a_drag_of_something_else_is_refused_until_it_leaves(
    user: Driver, tmp_path: Path, name: str
) -> None:
    assert not user.drag_over(mime_of(files=[tmp_path / name]))
    assert user.window.drag_overlay.isVisible()
    assert not user.window.drag_overlay.is_welcoming
    user.leave()
    assert not user.window.drag_overlay.isVisible()
    assert user.photos == []


def test_text_and_addresses_of_the_web_are_refused(user: Driver) -> None:
    assert not user.drag_over(mime_of(text="Dear Sir or Madam"))
    user.leave()
    assert not user.drag_over(mime_of(urls=["https://example.org/cat.jpg"]))
    user.leave()
    assert not user.window.drag_overlay.isVisible()


def test_a_refusal_says_why() -> None:
    assert "address of a picture" in refusal_of(mime_of(urls=["https://example.org/cat.jpg"]))
    assert "only folders, pictures (JPEG, PNG" in refusal_of(mime_of(files=["/tmp/a.txt"]))
    assert refusal_of(mime_of(files=["/tmp/a.txt", "/tmp/a.png"])) == ""


def test_a_picture_among_other_files_is_welcome(user: Driver, tmp_path: Path) -> None:
    files = [*(tmp_path / f"{i}.txt" for i in range(20)), tmp_path / "photo.jpg"]
    assert user.drag_over(mime_of(files=files))


def test_the_overlay_covers_the_window_after_a_resize(user: Driver, tmp_path: Path) -> None:
    user.drag_over(mime_of(files=[tmp_path / "photo.jpg"]))
    user.window.resize(1000, 700)
    user.wait(lambda: user.window.width() == 1000)
    user.wait(lambda: user.window.drag_overlay.geometry() == user.window.rect())


def test_the_overlay_goes_with_the_drop(user: Driver) -> None:
    user.drag_over(mime_of(files=[sample("zebra")]), QPointF(100, 100))
    assert user.window.drag_overlay.isVisible()
    user.drop_files(sample("zebra"))
    assert not user.window.drag_overlay.isVisible()


# --- from browsers ----------------------------------------------------------------------------


def test_a_picture_dragged_out_of_a_browser(user: Driver) -> None:
    image = QImage(sample("zebra"))
    mime = mime_of(urls=["https://example.org/animals/zebra%20two.jpg"], image=image)
    assert user.drag_over(mime)
    user.drop(mime)
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    assert user.current.name == "zebra two.jpg"
    assert user.shown_predictions()[0][0] == "zebra"
    assert user.current.size == (image.width(), image.height())


def test_the_address_alone_is_not_fetched(user: Driver) -> None:
    user.drop(mime_of(urls=["https://example.org/animals/zebra.jpg"]))
    assert type(user.current.error) is WebAddressError
    [sentence] = [text for text in user.pane_texts() if "is a web address" in text]
    assert "https://example.org/animals/zebra.jpg" in sentence
    assert user.window.canvas.accessibleDescription() == "There is no picture to show."


def test_a_data_uri(user: Driver) -> None:
    encoded = base64.b64encode(Path(sample("zebra")).read_bytes()).decode()
    assert {"+", "/"} <= set(encoded), "what addresses treat in a way of their own"
    user.drop(mime_of(urls=[f"data:image/jpeg;base64,{encoded}"]))
    user.wait(lambda: len(user.photos) == 1)
    user.settle()
    assert user.shown_predictions()[0][0] == "zebra"
    assert user.current.name == "Pasted picture"


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("data:image/png;base64,@@@", CorruptImageError),
        ("data:text/html,<p>hello</p>", NotAnImageError),
        ("data:image/png;base64,aGVsbG8gd29ybGQsIGhlbGxvIQ==", NotAnImageError),
    ],
)
def test_a_data_uri_of_nonsense(user: Driver, uri: str, error: type) -> None:
    user.drop(mime_of(urls=[uri]))
    user.wait(lambda: len(user.photos) == 1)
    user.wait(lambda: not user.bench.is_busy)
    assert type(user.current.error) is error


def test_an_empty_drop_changes_nothing(user: Driver) -> None:
    user.drop(mime_of(text=""))
    assert user.photos == []
    assert user.window.welcome.isVisible()
