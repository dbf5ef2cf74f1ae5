"""How photos are looked at: a single crop, ten of them, or all of the picture at three sizes."""

from __future__ import annotations

import csv
import io
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QProgressBar

from ui.window_driver import FAST, sample, stored_settings, write_settings
from vggscope.inference.classifier import Classifier
from vggscope.inference.still_looker import StillLooker
from vggscope.ui.photos import State
from vggscope.ui.protocol_choice import ProtocolTimes
from vggscope.ui.settings import MODEL, PROTOCOL

if TYPE_CHECKING:
    from collections.abc import Callable

    from ui.film_driver import Cinema, Films
    from ui.window_driver import Driver
    from vggscope.inference.classification import Classification
    from vggscope.zoo.normal_form import Model

CONTROL, SHIFT, ALT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.AltModifier,
)
TITLES = {"centre": "Single centre crop", "10-crop": "10 crops", "dense": "Dense, 3 scales"}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """The same model, asked from Python."""
    return Classifier.load(FAST, device="cpu")


def offered(user: Driver) -> dict[str, str]:
    """Protocol -> what the menu beside the heading says of it."""
    menu = user.window.predictions.protocol.menu()
    menu.aboutToShow.emit()
    return {str(action.data()): action.text() for action in menu.actions()}


def choose(user: Driver, protocol: str) -> None:
    menu = user.window.predictions.protocol.menu()
    [action] = [a for a in menu.actions() if a.data() == protocol]
    action.trigger()
    user.wait(lambda: user.bench.model is not None and user.bench.model.protocol == protocol)
    user.settle()


def answer(user: Driver) -> Classification:
    done = user.current.classification
    assert done is not None
    return done


# --- answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", ["10-crop", "dense"])
def test_the_answer_is_the_protocols(user: Driver, classifier: Classifier, protocol: Any) -> None:
    user.open("cat-chelsea")
    single = answer(user)
    choose(user, protocol)
    expected = classifier.classify_with(sample("cat-chelsea"), protocol)
    assert answer(user).protocol == protocol
    np.testing.assert_allclose(answer(user).probabilities, expected.probabilities, atol=0.01)
    assert abs(answer(user).probabilities - single.probabilities).max() > 0.02, "another one"
    assert stored_settings()["protocol"] == protocol
    assert user.pane_texts()[-1].startswith(f"{TITLES[protocol]}: ")
    choose(user, "centre")
    np.testing.assert_allclose(answer(user).probabilities, single.probabilities, atol=0.01)
    assert " ms on " in user.pane_texts()[-1]
    assert ":" not in user.pane_texts()[-1]


def test_all_photos_are_looked_at_so(user: Driver) -> None:
    user.open("zebra", "pizza", "ladybug")
    choose(user, "10-crop")
    assert [p.classification and p.classification.protocol for p in user.photos] == ["10-crop"] * 3
    user.open("coffee")
    assert answer(user).protocol == "10-crop"


def test_the_boxes_on_the_photo(user: Driver) -> None:
    user.open("cat-chelsea")
    canvas = user.window.canvas
    width, height = user.current.size or (0, 0)
    [centre] = canvas.boxes
    choose(user, "10-crop")
    assert len(canvas.boxes) == 5
    assert centre in canvas.boxes
    corners = {(box.left() == 0, box.top() == 0) for box in canvas.boxes if box != centre}
    assert corners == {(True, True), (True, False), (False, True), (False, False)}
    assert "the frames are what the network sees" in canvas.accessibleDescription()
    choose(user, "dense")
    [whole] = canvas.boxes
    # All of it, but for less than a step of the network.
    assert whole.width() == pytest.approx(width, abs=32)
    assert whole.height() == pytest.approx(height, abs=32)
    choose(user, "centre")
    assert canvas.boxes == [centre]


def test_it_is_shown_as_stale_and_busy_meanwhile(user: Driver) -> None:
    user.open("zebra")
    [busy] = user.window.predictions.findChildren(QProgressBar)
    said: list[tuple[str, bool]] = []

    def listen() -> None:
        if user.current.stale:
            said.append((user.pane_texts()[-1], busy.isVisible()))

    user.bench.current_updated.connect(listen)
    choose(user, "10-crop")
    assert said[0] == ("Out of date: being classified again.", True)
    assert not busy.isVisible()


class Slow:
    """Answers ten crops only when the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go_on, self.begun = threading.Event(), threading.Event()
        classify = StillLooker.classify_with

        def wait(looker: Any, image: Any, protocol: str, **options: Any) -> Classification:
            if protocol == "10-crop":
                self.begun.set()
                while not self.go_on.wait(0.01):
                    options["cancellation"].check()
            return classify(looker, image, protocol, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(StillLooker, "classify_with", wait)


def test_a_newer_choice_ends_the_older_one(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = Slow(monkeypatch)
    user.open("zebra", "pizza")
    user.settings.set(PROTOCOL, "10-crop")
    user.wait(slow.begun.is_set)
    choose(user, "centre")
    assert not slow.go_on.is_set(), "it was not waited for"
    assert [p.classification and p.classification.protocol for p in user.photos] == ["centre"] * 2
    assert user.states() == [State.DONE] * 2


# --- choosing ---------------------------------------------------------------------------------


def test_by_the_menu_of_the_model(user: Driver) -> None:
    user.open("zebra")
    [menu] = [m for m in user.window.findChildren(QMenu) if m.title() == "&Model"]
    menu.aboutToShow.emit()
    [inner] = [a.menu() for a in menu.actions() if a.text() == "Look at photos by"]
    assert isinstance(inner, QMenu)
    inner.aboutToShow.emit()
    assert {a.text(): a.isChecked() for a in inner.actions()} == {
        "Single centre crop": True,
        "10 crops": False,
        "Dense, 3 scales": False,
    }
    inner.actions()[1].trigger()
    user.wait(lambda: user.bench.model is not None and user.bench.model.protocol == "10-crop")
    user.settle()
    assert answer(user).protocol == "10-crop"
    assert user.window.predictions.protocol.text() == "10 crops"


def test_it_is_kept(new_window: Callable[..., Driver]) -> None:
    write_settings(model=FAST, theme="light", protocol="10-crop")
    user = new_window()
    user.wait_for_model(FAST)
    assert user.window.predictions.protocol.text() == "10 crops"
    assert "10 crops" in user.window.predictions.protocol.accessibleName()
    user.open("zebra")
    assert answer(user).protocol == "10-crop"


# --- times ------------------------------------------------------------------------------------


def test_only_measured_times_are_told(user: Driver) -> None:
    assert offered(user) == TITLES
    user.open("zebra")
    single = answer(user).milliseconds
    told = offered(user)
    assert told["centre"] == f"Single centre crop — {single:.0f} ms"
    assert (told["10-crop"], told["dense"]) == ("10 crops", "Dense, 3 scales")
    choose(user, "10-crop")
    ten = answer(user).milliseconds
    told = offered(user)
    ratio = ten / single
    times = f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.1f}"
    assert told["10-crop"] == f"10 crops — {ten:.0f} ms, about {times} × a single crop"
    assert told["dense"] == "Dense, 3 scales"


def test_ratios_of_other_models_are_said_to_be_ratios(classifier: Classifier) -> None:
    done = classifier.classify(sample("zebra"))

    def took(milliseconds: float, protocol: Any, model: str) -> Classification:
        return replace(done, milliseconds=milliseconds, protocol=protocol, model=model)

    times = ProtocolTimes()
    times.note(took(20, "centre", "a"))
    assert times.words("10-crop", model="a", device="cpu") == ""
    for milliseconds in (180, 200, 1000):
        times.note(took(milliseconds, "10-crop", "a"))
    assert times.words("10-crop", model="a", device="cpu") == "200 ms, about 10 × a single crop"
    assert times.words("10-crop", model="b", device="cpu") == "about 10 × a single crop"
    assert times.words("centre", model="b", device="cpu") == ""
    assert times.words("dense", model="a", device="cpu") == ""


# --- what cannot ------------------------------------------------------------------------------


def test_moving_pictures_use_the_centre_and_say_so(cinema: Cinema, films: Films) -> None:
    user = cinema.user
    user.settings.set(PROTOCOL, "10-crop")
    cinema.show(films.still)
    button = user.window.predictions.protocol
    assert not button.isEnabled()
    assert button.text() == "Centre"
    assert button.toolTip() == "Moving pictures are always looked at by a single centre crop"
    assert cinema.presenter.classification is not None
    assert cinema.presenter.classification.protocol == "centre"
    cinema.freeze()
    assert not button.isEnabled()
    user.trigger("source_photos")
    assert button.isEnabled()
    assert button.text() == "10 crops"


def test_a_model_that_cannot_says_why_for_each_photo(user: Driver, branching: Model) -> None:
    user.open("zebra")
    user.settings.set(MODEL, branching.name)
    user.wait_for_model(branching.name)
    choose(user, "dense")
    assert user.states() == [State.FAILED]
    title, detail = user.pane_texts()[-2:]
    assert "can only look at single crops" in title
    assert detail.startswith("Use the single centre crop")
    assert not user.window.messages.isVisible()
    choose(user, "10-crop")
    assert user.states() == [State.DONE]


# --- copies -----------------------------------------------------------------------------------


def copied(user: Driver, *keys: Qt.KeyboardModifier) -> str:
    QGuiApplication.clipboard().clear()
    user.key(Qt.Key.Key_C, *keys)
    return QGuiApplication.clipboard().text()


def test_copies_name_it(user: Driver) -> None:
    user.open("zebra")
    choose(user, "10-crop")
    assert json.loads(copied(user, CONTROL, ALT))["protocol"] == "10-crop"
    rows = list(csv.DictReader(io.StringIO(copied(user, CONTROL, SHIFT))))
    assert {row["model"] for row in rows} == {f"{FAST} (10-crop)"}
    assert "10-crop" in copied(user, CONTROL).splitlines()[0]
