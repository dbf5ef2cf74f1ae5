"""Another model, another fit: whose results are shown, and what a broken model does."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QMenu

from support import tiny_model
from ui.window_driver import FAST, SLOW, sample, texts_in, write_settings
from vggscope.errors import InferenceError, ModelCorruptError
from vggscope.inference.classifier import Classifier
from vggscope.ui.photos import State
from vggscope.ui.settings import FIT, MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from PySide6.QtGui import QAction

    from ui.window_driver import Driver
    from vggscope.zoo.normal_form import Model

FOUR = ("zebra", "pizza", "ladybug", "coffee")


def offered_models(user: Driver) -> dict[str, QAction]:
    """The entries of the toolbar's model menu."""
    menu = user.button("Model").menu()  # type: ignore[union-attr]
    assert isinstance(menu, QMenu)
    menu.aboutToShow.emit()
    return {action.text(): action for action in menu.actions() if action.isCheckable()}


def break_weights(model: Model) -> None:
    weights = model.graph_path.with_name("weights.bin")
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 0xFF
    weights.write_bytes(content)


def test_the_menu_offers_what_is_installed(user: Driver, tiny: Model) -> None:
    offered = offered_models(user)
    assert list(offered) == ["VGG16 compact", "Tiny", "VGG16 compact (fast)"]
    assert [text for text, action in offered.items() if action.isChecked()] == [
        "VGG16 compact (fast)"
    ]
    assert offered["Tiny"].toolTip() == tiny.description.note


def test_choosing_a_model_in_the_menu_classifies_all_photos_anew(tiny: Model, user: Driver) -> None:
    user.open(*FOUR)
    offered_models(user)["Tiny"].trigger()
    assert user.button("Model").text() == "Tiny"
    assert "Loading the model…" in texts_in(user.window)
    user.wait_for_model(tiny.name)
    user.settle()
    assert {p.classification.model for p in user.photos if p.classification} == {"tiny"}
    assert {label for label, _ in user.shown_predictions()} == {"red", "green", "blue", "other"}
    assert not any(p.stale for p in user.photos)


def test_a_model_that_was_installed_while_the_window_runs(user: Driver, tiny: Model) -> None:
    offered_models(user)["Tiny"].trigger()
    user.wait_for_model(tiny.name)
    assert user.button("Model").text() == "Tiny"


def test_no_result_of_the_former_model_is_shown_as_the_new_ones(user: Driver, tiny: Model) -> None:
    lies: list[str] = []

    def check() -> None:
        model = user.bench.model
        for photo in user.photos:
            done = photo.classification
            if done is not None and not photo.stale and model and done.model != model.name:
                lies.append(f"{photo.name}: {done.model}, not {model.name}")

    user.bench.photos.dataChanged.connect(check)
    user.bench.current_updated.connect(check)
    user.drop_files(*[sample(name) for name in FOUR * 3])
    for model, done in ((tiny.name, 2), (FAST, 5), (tiny.name, 3), (FAST, 0)):
        user.wait(
            lambda done=done: user.states().count(State.DONE) >= done and len(user.photos) >= 12
        )
        user.settings.set(MODEL, model)
        user.drop_files(sample("rocket"))  # asked for in the middle of it
        user.wait_for_model(model)
    user.settle()
    assert lies == []
    assert len(user.photos) >= 15
    assert {p.classification.model for p in user.photos if p.classification} == {FAST}
    assert user.states() == [State.DONE] * len(user.photos)


def test_the_models_follow_quickly_and_the_last_one_wins(user: Driver, tiny: Model) -> None:
    user.open("zebra")
    for model in (tiny.name, SLOW, tiny.name, FAST, tiny.name):
        user.settings.set(MODEL, model)
    user.wait_for_model(tiny.name)
    user.settle()
    assert user.current.classification.model == tiny.name  # type: ignore[union-attr]
    assert user.button("Model").text() == "Tiny"


def test_a_model_that_is_damaged_leaves_the_last_good_one(user: Driver, tiny: Model) -> None:
    break_weights(tiny)
    user.open("zebra")
    before = user.current.classification
    offered_models(user)["Tiny"].trigger()
    user.wait(user.window.messages.isVisible)
    assert "The model “tiny” is damaged" in user.window.messages.text
    assert user.settings.text(MODEL) == FAST
    assert user.button("Model").text() == "VGG16 compact (fast)"
    assert "Loading the model…" not in texts_in(user.window)
    assert user.current.classification is before
    assert not user.current.stale
    user.open("pizza")
    assert user.shown_predictions()[0][0] == "pizza"


def test_a_model_json_that_lies(user: Driver, data_dir: Path) -> None:
    model = tiny_model(data_dir / "data" / "models" / "liar")
    file = model.graph_path.with_name("model.json")
    facts = json.loads(file.read_text(encoding="utf-8"))
    facts["input"] |= {"height": 64, "width": 64, "resize": 64}
    file.write_text(json.dumps(facts), encoding="utf-8")
    user.settings.set(MODEL, "liar")
    user.wait(user.window.messages.isVisible)
    assert "The description of the model “liar” is wrong" in user.window.messages.text
    assert user.settings.text(MODEL) == FAST


def test_a_model_whose_description_cannot_be_read_is_not_offered(user: Driver, tiny: Model) -> None:
    tiny.graph_path.with_name("model.json").write_text("{", encoding="utf-8")
    assert list(offered_models(user)) == ["VGG16 compact", "VGG16 compact (fast)"]


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_broken_model_in_the_settings_gives_way_to_the_default(
    new_window: Callable[..., Driver], tiny: Model, what: str
) -> None:
    if what == "damaged":
        break_weights(tiny)
    write_settings(model=tiny.name if what == "damaged" else "gone")
    driver = new_window()
    driver.drop_files(sample("zebra"))
    driver.wait_for_model(SLOW)
    driver.wait(lambda: len(driver.photos) == 1)
    driver.settle()
    assert driver.shown_predictions()[0][0] == "zebra"
    assert driver.window.messages.isVisible()
    assert driver.settings.text(MODEL) == SLOW


def test_without_any_model_every_photo_says_why_and_f5_tries_again(
    new_window: Callable[..., Driver], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Classifier.load

    def fail(*_arguments: object, **_options: object) -> None:
        raise ModelCorruptError(model=SLOW, file="weights.bin", reason="was cut")

    monkeypatch.setattr(Classifier, "load", fail)
    driver = new_window()
    driver.wait(driver.window.messages.isVisible)
    driver.drop_files(sample("zebra"), sample("pizza"))
    driver.wait(lambda: driver.states() == [State.FAILED] * 2)
    assert any("is damaged: weights.bin was cut" in text for text in driver.pane_texts())
    driver.wait(lambda: not driver.bench.tasks.is_pending("pixels"))
    assert driver.window.canvas.accessibleDescription().startswith("zebra.jpg")
    monkeypatch.setattr(Classifier, "load", load)
    driver.trigger("again")
    driver.wait_for_model(SLOW)
    driver.settle()
    assert [p.best.label for p in driver.photos if p.best] == ["zebra", "pizza"]


def test_photos_that_failed_because_of_the_model_are_taken_up_by_the_next(
    user: Driver, tiny: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A photo that cannot be read stays as it is: no model can do anything about it."""
    classify = Classifier.classify
    shown = threading.Event()

    def fail(self: Classifier, *arguments: Any, **options: Any) -> Any:
        if self.model.name == FAST:
            assert shown.wait(30)
            raise InferenceError(model=FAST, device="the device", reason="out of memory")
        return classify(self, *arguments, **options)

    monkeypatch.setattr(Classifier, "classify", fail)
    (tmp_path / "text.jpg").write_text("text", encoding="utf-8")
    user.drop_files(sample("zebra"), tmp_path / "text.jpg")
    canvas = user.window.canvas
    user.wait(lambda: canvas.accessibleDescription().startswith("zebra.jpg"))
    shown.set()
    user.wait(lambda: user.states() == [State.FAILED] * 2)
    assert any("out of memory" in text for text in user.pane_texts())
    # the picture is there, only its predictions are not
    assert canvas.accessibleDescription().startswith("zebra.jpg")
    user.settings.set(MODEL, tiny.name)
    user.wait_for_model(tiny.name)
    user.settle()
    assert user.states() == [State.DONE, State.FAILED]
    assert user.photos[1].error.kind == "not-an-image"  # type: ignore[union-attr]


def test_an_error_that_nobody_expected_fails_the_photo_not_the_thread(
    user: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify = Classifier.classify
    monkeypatch.setattr(Classifier, "classify", lambda *_a, **_k: 1 / 0)
    user.drop_files(sample("zebra"), sample("pizza"))
    user.wait(lambda: user.states() == [State.FAILED] * 2)
    assert any("ZeroDivisionError" in text for text in user.pane_texts())
    monkeypatch.setattr(Classifier, "classify", classify)
    user.trigger("again")
    user.settle()
    assert user.states() == [State.DONE] * 2


def test_another_fit_moves_the_box(user: Driver) -> None:
    user.open("cat-chelsea")
    size = user.current.size
    assert size is not None
    cropped = user.window.canvas.box
    assert cropped is not None
    assert cropped.width() < size[0]
    for fit in ("stretch", "letterbox"):
        user.settings.set(FIT, fit)
        user.wait(lambda: user.bench.is_busy)
        user.settle()
        box = user.window.canvas.box
        assert box is not None
        if fit == "stretch":
            assert (box.left(), box.top(), box.width(), box.height()) == (0, 0, *size)
        else:
            assert box.width() == pytest.approx(max(size))
            assert box.height() == pytest.approx(max(size))
    user.settings.set(FIT, "published")
    user.wait(lambda: user.bench.is_busy)
    user.settle()
    assert user.window.canvas.box == cropped
