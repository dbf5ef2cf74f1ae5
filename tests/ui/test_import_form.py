"""The import form: what it finds, proposes, previews, refuses and installs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QSpinBox
from safetensors.numpy import save_file

from support import children, tiny_model, tiny_proto
from ui.device_driver import Children
from ui.models_driver import ImportForm, ModelList, dialogs_in_the_way, leftovers
from ui.window_driver import FAST, mime_of, sample, texts_in
from vggscope import paths
from vggscope.inference.classifier import Classifier
from vggscope.zoo.models import find_model
from zoo.vgg_files import torch_state

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ui.window_driver import Driver

NAMES = ("red", "green", "blue", "other")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An ONNX classifier of four classes that says nothing of how pictures are prepared."""
    path = tmp_path / "Four Colours.onnx"
    onnx.save(tiny_proto(), path)
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(NAMES), encoding="utf-8")
    return path


@pytest.fixture
def form(user: Driver, file: Path) -> ImportForm:
    """The form of `file`, with its first preview."""
    user.drop_files(file)
    made = ImportForm(user)
    user.wait(lambda: made.is_open and bool(made.predictions()))
    return made


def expected(name: str, photo: str) -> list[str]:
    """What the installed model says, as the preview shows it."""
    classification = Classifier.load(name, device="cpu").classify(sample(photo), top=5)
    return [f"{p.rank}. {p.label}, {p.probability * 100:.1f} %" for p in classification.predictions]


# --- how it comes ---------------------------------------------------------------------------


def test_a_model_that_is_dragged_is_invited_as_one(user: Driver, file: Path) -> None:
    assert user.drag_over(mime_of(files=[file]))
    assert user.window.drag_overlay.invitation == "Drop to import this model"
    user.leave()
    assert user.drag_over(mime_of(files=[sample("zebra")]))
    assert user.window.drag_overlay.invitation == "Drop to classify"
    user.leave()
    assert not user.drag_over(mime_of(files=[file.with_suffix(".doc")]))
    user.leave()


def test_it_comes_by_drop_menu_key_list_and_command_line(
    user: Driver, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    models = ModelList(user)
    models.open()

    def press_key() -> None:
        user.activate()
        user.key(Qt.Key.Key_I, Qt.KeyboardModifier.ControlModifier, on=user.window)

    form = ImportForm(user)
    for open_it in (
        lambda: user.drop_files(file),
        lambda: user.trigger("import_model"),
        press_key,
        lambda: user.click(user.button("Import model…", models.dialog)),
        lambda: user.window.open_paths([str(file)]),
    ):
        open_it()
        form.wait_for("Four Colours.onnx")
        assert form.dialog.windowTitle() == "Import Four Colours.onnx"
        assert dialogs_in_the_way() == []
        user.key(Qt.Key.Key_Escape, on=form.dialog)
        user.wait(lambda: not form.is_open)
    assert user.photos == []
    assert children() == []
    assert leftovers(paths.user_models()) == []


def test_photos_that_come_with_a_model_are_classified(user: Driver, file: Path) -> None:
    user.drop_files(file, sample("zebra"))
    form = ImportForm(user)
    form.wait_for("Four Colours.onnx")
    user.wait(lambda: [p.name for p in user.photos] == ["zebra.jpg"])
    user.settle()
    assert user.shown_predictions()[0][0] == "zebra"


def test_many_come_a_few_at_a_time_and_none_twice(user: Driver, file: Path, tmp_path: Path) -> None:
    files = [file, *(tmp_path / f"{number}.onnx" for number in range(5))]
    for each in files[1:]:
        onnx.save(tiny_proto(), each)
    user.drop_files(*files)
    user.drop_files(*files)
    user.drop_files(file, sample("zebra"))
    imports = user.window.models.imports
    assert [form.file for form in imports] == files[:3]
    imports[0].reject()
    assert [form.file for form in imports] == files[1:4]
    while imports:
        imports[0].reject()
    assert children() == []
    assert leftovers(paths.user_models()) == []


def test_a_file_that_was_refused_is_looked_at_anew(user: Driver, tmp_path: Path) -> None:
    file = tmp_path / "mended.onnx"
    file.write_text("<html>", encoding="utf-8")
    user.drop_files(file)
    form = ImportForm(user)
    user.wait(form.is_over)
    onnx.save(tiny_proto(), file)
    user.drop_files(file)
    user.wait(lambda: form.is_open and bool(form.predictions()))


# --- the whole way --------------------------------------------------------------------------


def test_an_onnx_file_with_other_choices_and_its_preview(
    form: ImportForm, user: Driver, labels: Path
) -> None:
    assert form.says("Four Colours.onnx, ")
    assert form.says("data [N, 3, 8, 12]")
    assert form.says("logits [N, 4]")
    assert form.says("its second axis counts three colours")
    assert form.line("Name").text() == "four-colours"
    first = form.predictions()
    assert [text.split(", ")[0].split(". ")[1] for text in first] != list(NAMES)
    # Other figures: the preview follows, and the usual ones have a name.
    form.choose("Pixels", "0…255, as they are")
    user.wait(lambda: form.predictions() not in ([], first))
    figures = [form.line(name).text() for name in ("Factor", "Mean 1", "Deviation 3")]
    assert figures == ["1", "0", "1"]
    second = form.predictions()
    form.type("Factor", "1/127.5")
    for number in (1, 2, 3):
        form.type(f"Mean {number}", "1")
    assert form.box("Pixels").currentText() == "−1…1"
    user.wait(lambda: form.predictions() not in ([], second))
    # Another photo, and names for the classes.
    third = form.predictions()
    user.click(user.button("Try it on pizza", form.dialog))
    user.wait(lambda: form.predictions() not in ([], third))
    form.labels().use_file(str(labels))
    user.wait(lambda: bool(form.predictions()) and "class" not in form.predictions()[0])
    form.type("Title", "Colours & such")
    shown = form.predictions()
    form.press("Import")
    user.wait(lambda: not form.is_open)
    model = find_model("four-colours")
    assert model.title == "Colours & such"
    assert model.description.input.mean == (1, 1, 1)
    assert [label.label for label in model.labels()] == list(NAMES)
    assert expected("four-colours", "pizza") == shown
    assert user.window.messages.text == "“Colours & such” is installed."
    user.click(user.button("Use it"))
    user.wait_for_model("four-colours")
    assert leftovers(paths.user_models()) == []
    assert children() == []


def test_the_photo_in_the_window_is_the_first_to_try(user: Driver, file: Path) -> None:
    user.open("ladybug")
    user.drop_files(file)
    form = ImportForm(user)
    user.wait(lambda: form.is_open and bool(form.predictions()))
    assert user.button("Try it on the photo in the window", form.dialog).isChecked()
    shown = form.predictions()
    form.press("Import")
    user.wait(lambda: not form.is_open)
    assert expected("four-colours", "ladybug") == shown


def test_a_file_of_weights(user: Driver, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    save_file(torch_state("vgg11"), file)
    user.drop_files(file)
    form = ImportForm(user)
    form.wait_for("Its tensors are those of VGG11 (configuration A).")
    assert form.says("torchvision, by the names of its tensors")
    assert form.says("64 × 64 pixels in, 10 classes out")
    form.choose("Network", "VGG16 (configuration D)")
    assert form.says("does not hold the weights of VGG16")
    assert not user.button("Import", form.dialog).isEnabled()
    form.choose("Network", "VGG11 (configuration A)")
    form.choose("Channels", "Blue, green, red (BGR)")
    assert form.line("Mean 1").text() == "0.406"
    form.type("Name", "mine")
    form.press("Import")
    user.wait(lambda: not form.is_open)
    model = find_model("mine")
    assert model.title == "VGG11 (torchvision)"
    assert model.description.input.channels == "BGR"
    assert model.description.input.mean == (0.406, 0.456, 0.485)
    assert model.description.input.height == 64


# --- names ----------------------------------------------------------------------------------


def test_a_name_that_is_taken_needs_a_yes(form: ImportForm, user: Driver) -> None:
    tiny_model(paths.user_models() / "tiny", title="The former")
    form.type("Name", "Bad Name")
    assert form.says("No model can be called “Bad Name”.")
    assert not user.button("Import", form.dialog).isEnabled()
    form.type("Name", FAST)
    assert form.says("it ships with VGGscope")
    form.type("Name", "tiny")
    assert form.says("There is a model called “tiny” already.")
    assert not user.button("Import", form.dialog).isEnabled()
    replace = next(
        box for box in form.checks() if box.isVisible() and box.text().startswith("Replace")
    )
    replace.click()
    form.press("Import")
    user.wait(lambda: not form.is_open)
    assert find_model("tiny").title == "Four Colours"


# --- refusals -------------------------------------------------------------------------------

REFUSED: dict[str, tuple[bytes, str]] = {
    "page.onnx": (
        b"<!DOCTYPE html><html></html>",
        "“page.onnx” is no ONNX model: it is a web page.",
    ),
    "empty.onnx": (b"", "“empty.onnx”"),
    "model.pt": (b"PK\x03\x04" + bytes(100), "“model.pt”"),
    "pickle.pth": (b"\x80\x02}q\x00.", "“pickle.pth” is a pickle"),
    "cut.safetensors": (b"\xff" * 40, "“cut.safetensors” cannot be read"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_has_a_page_with_the_reason(user: Driver, tmp_path: Path, name: str) -> None:
    content, reason = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    user.drop_files(tmp_path / name)
    form = ImportForm(user)
    user.wait(form.is_over)
    texts = texts_in(form.dialog)
    assert any(reason in text for text in texts), texts
    assert sum(text.endswith(".") for text in texts) >= 2, "a reason and a remedy"
    assert dialogs_in_the_way() == []
    assert leftovers(paths.user_models()) == []
    form.press("Close")
    user.wait(lambda: not form.is_open)


def test_another_file_can_be_chosen_after_a_refusal(
    user: Driver, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.onnx"
    page.write_text("<html>", encoding="utf-8")
    user.drop_files(page)
    form = ImportForm(user)
    user.wait(form.is_over)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(file), ""))
    form.press("Choose another file…")
    form.wait_for("Four Colours.onnx, ")


def test_figures_that_are_none_are_told_beside_the_buttons(form: ImportForm, user: Driver) -> None:
    form.type("Mean 2", "many")
    user.wait(lambda: form.says("Mean: “many” is no number."))
    assert not user.button("Import", form.dialog).isEnabled()
    form.type("Mean 2", "0.5")
    user.wait(lambda: user.button("Import", form.dialog).isEnabled())
    user.wait(lambda: bool(form.predictions()))


def test_labels_that_do_not_fit_are_told(form: ImportForm, user: Driver, tmp_path: Path) -> None:
    few = tmp_path / "few.json"
    few.write_text(json.dumps(["one", "two"]), encoding="utf-8")
    form.labels().use_file(str(few))
    user.wait(lambda: form.says("few.json"))
    assert not user.button("Import", form.dialog).isEnabled()


def test_a_network_whose_answers_are_none_is_not_installed(user: Driver, tmp_path: Path) -> None:
    proto = tiny_proto()
    for weight in proto.graph.initializer:
        if weight.name == "filters":
            weight.raw_data = np.full(16 * 27, np.nan, np.float32).tobytes()
    file = tmp_path / "nan.onnx"
    onnx.save(proto, file)
    user.drop_files(file)
    form = ImportForm(user)
    form.wait_for("was tried on a photo and failed")
    form.press("Import")
    user.wait(lambda: not form.is_busy())
    assert form.is_open
    assert not (paths.user_models() / "nan").exists()
    assert [m.name for m in paths.user_models().glob("[!.]*")] == []


# --- stopping -------------------------------------------------------------------------------


def test_closing_the_window_ends_an_import(user: Driver, file: Path, tmp_path: Path) -> None:
    user.drop_files(file, *(tmp_path / f"{number}.onnx" for number in range(9)))
    user.wait(lambda: file in [each.file for each in user.window.models.imports])
    user.close()
    assert len(user.window.models.imports) == 3, "no other one has begun"
    assert children() == []
    assert leftovers(paths.user_models()) == []


def test_it_may_come_before_the_window_has_begun(
    file: Path, new_window: Callable[..., Driver]
) -> None:
    user = new_window(begin=False)
    user.window.open_paths([str(file)])
    user.window.begin()
    form = ImportForm(user)
    user.wait(lambda: form.is_open and bool(form.predictions()))


def test_looking_into_a_file_can_be_cancelled(
    user: Driver, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Children(monkeypatch)
    started.hold_after(0)
    user.drop_files(file)
    form = ImportForm(user)
    form.wait_for("Looking into Four Colours.onnx…")
    user.wait(lambda: started.jobs == ["examine"])
    form.press("Cancel")
    user.wait(lambda: not form.is_open)
    assert children() == []
    assert leftovers(paths.user_models()) == []


def test_an_import_can_be_cancelled_and_begun_again(
    form: ImportForm, user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Children(monkeypatch)
    started.hold_after(0)
    former = form.predictions()
    form.choose("Pixels", "0…255, as they are")
    user.wait(lambda: started.jobs == ["trial"])
    form.press("Import")
    user.wait(lambda: started.jobs == ["trial", "trial"])
    assert form.is_busy()
    pizza = user.button("Try it on pizza", form.dialog)
    assert not pizza.isEnabled(), "it would have to give way"
    assert not form.line("Title").isEnabled()
    user.key(Qt.Key.Key_Escape, on=form.dialog)
    assert form.is_open, "as Cancel does"
    user.wait(lambda: form.line("Title").isEnabled())
    started.release()
    user.wait(lambda: form.predictions() not in ([], former))
    assert not form.is_busy()
    assert not (paths.user_models() / "four-colours").exists()
    form.press("Import")
    user.wait(lambda: not form.is_open)
    assert find_model("four-colours").title == "Four Colours"


def test_the_preview_is_of_what_was_chosen_last(
    form: ImportForm, user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = Children(monkeypatch)
    started.hold_after(0)
    form.choose("Pixels", "0…255, as they are")
    user.wait(lambda: started.jobs == ["trial"])
    assert form.predictions() == [], "what is out of date is shown as that"
    form.choose("Pixels", "−1…1")
    user.click(user.button("Try it on pizza", form.dialog))
    user.wait(lambda: len(started.jobs) > 1)
    started.release()
    user.wait(lambda: bool(form.predictions()))
    shown = form.predictions()
    form.press("Import")
    user.wait(lambda: not form.is_open)
    assert expected("four-colours", "pizza") == shown


# --- the keyboard ---------------------------------------------------------------------------


def test_whatever_has_the_keyboard_is_called_something(form: ImportForm, user: Driver) -> None:
    form.dialog.activateWindow()
    user.wait(form.dialog.isActiveWindow)
    names: list[str] = []
    for _ in range(40):
        user.key(Qt.Key.Key_Tab)
        control = QApplication.focusWidget()
        assert control is not None
        shown = control.text() if isinstance(control, QPushButton) else ""
        names.append(control.accessibleName() or shown)
    assert "" not in names
    assert {"Title", "Name", "Layout", "Height", "Width", "Pixels", "Classes", "Import"} <= {*names}
    reason = form.box("Pixels").accessibleDescription()
    assert form.says(reason), "what is told below it"


def test_the_wheel_changes_nothing_that_was_not_chosen_before(
    form: ImportForm, user: Driver
) -> None:
    box, (side, *_) = form.box("Picture"), form.dialog.findChildren(QSpinBox)
    index, value = box.currentIndex(), side.value()
    for editor, steps in ((box, -1), (side, 1)):
        editor.clearFocus()
        user.wheel(editor, QPointF(5, 5), steps)
        assert (box.currentIndex(), side.value()) == (index, value)
    for editor, steps in ((box, -1), (side, 1)):
        editor.setFocus()
        user.wait(editor.hasFocus)
        user.wheel(editor, QPointF(5, 5), steps)
    assert (box.currentIndex(), side.value()) == (index + 1, value + 1)
