"""The layer browser with moving pictures: it follows them, changes layers, and stays with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTransform
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog, QToolButton

from doubles.cameras import PretendCameras
from ui.layers.layers_driver import HIGH, KEY, Layers, box_of
from ui.live_driver import LABELS, camera_of
from ui.window_driver import FAST
from vggscope.errors import InferenceError
from vggscope.inference.classifier import Classifier
from vggscope.sources.live import camera as camera_module
from vggscope.ui.settings import MIRROR, MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtWidgets import QApplication

    from ui.film_driver import Cinema, Films
    from ui.layers.layers_driver import Truth
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.zoo.normal_form import Model

ZEBRA = LABELS["zebra"]
WHOLE = {"conv1_1": (64, 224, 224), "conv1_2": (64, 224, 224), "pool1": (64, 112, 112)}


@pytest.fixture
def layers(cinema: Cinema) -> Layers:
    """The layer browser of the cinema's window."""
    cinema.user.window.resize(*HIGH)
    return Layers(cinema.user)


def wait_for_live(layers: Layers, layer: str) -> FeatureMaps:
    """Until maps of ``layer`` are shown, and not stale, and then other ones of it."""
    wait = layers.user.wait
    wait(lambda: layers.is_visible and layers.shown == layer and not layers.note)
    first = layers.maps
    wait(lambda: layers.shown == layer and layers.maps is not first and not layers.note)
    return layers.maps


def test_it_follows_a_video(layers: Layers, cinema: Cinema, films: Films) -> None:
    assert not layers.is_visible
    cinema.show(films.wandering)
    first = wait_for_live(layers, "conv1_1")
    assert first.shrunk == 2
    assert first.values.shape == (64, 112, 112)
    assert "largest of each 2 × 2" in layers.texts(layers.browser.maps)
    assert not np.array_equal(first.values, wait_for_live(layers, "conv1_1").values)
    answers: list[object] = []
    cinema.session.inferred.connect(answers.append)

    # Other layers while it plays: the predictions go on, and the answers bring the layer.
    for layer in ("conv3_3", "pool5", "prob"):
        layers.click_layer(layer)
        maps = wait_for_live(layers, layer)
        assert maps.shrunk == 1
        assert layers.browser.figure.current == layer
        assert layers.number.isVisible()
    assert maps.labels is not None
    assert maps.labels[int(maps.values.argmax())] == "zebra"
    before = len(answers)
    cinema.user.wait(lambda: len(answers) > before + 3)
    assert cinema.best() == ZEBRA

    # How they are shown, a channel, and what it sees.
    layers.click_layer("conv4_3")
    wait_for_live(layers, "conv4_3")
    layers.click_channel(84)
    layers.point_at_map(9, 9)
    layers.user.wait(lambda: len(layers.marks) == 1)
    maps = layers.maps
    box = maps.on_picture(maps.receptive_field(9, 9))
    assert box_of(layers.marks[0]) == pytest.approx(tuple(box))
    wait_for_live(layers, "conv4_3")
    assert len(layers.marks) == 1, "it stays where the mouse is"
    layers.leave()
    layers.button("Before ReLU").defaultAction().trigger()
    layers.user.wait(lambda: layers.maps.before_relu and layers.maps.values.min() < 0)
    assert layers.number.value() == 84


def test_a_frozen_frame_is_looked_at_whole(layers: Layers, cinema: Cinema, films: Films) -> None:
    cinema.show(films.wandering)
    wait_for_live(layers, "conv1_1")
    cinema.freeze()
    live = cinema.session.result
    assert live is not None
    assert live.maps is not None
    layers.settle("conv1_1")
    whole = layers.maps
    assert (whole.shrunk, whole.values.shape) == (1, (64, 224, 224))
    assert "largest of each" not in layers.texts(layers.browser.maps)
    # It is the very frame that was answered, of which the live answer had the largest values.
    largest = whole.values.reshape(64, 112, 2, 112, 2).max(axis=(2, 4))
    assert np.corrcoef(largest.ravel(), live.maps.values.ravel())[0, 1] > 0.99
    for layer in ("conv1_2", "pool1"):
        layers.choose(layer)
        assert layers.maps.values.shape == WHOLE[layer]
        assert layers.maps.shrunk == 1
    layers.type_channel(5)
    layers.point_at_map(50, 60)
    box = layers.maps.on_picture(layers.maps.receptive_field(50, 60))
    assert [box_of(m) for m in layers.marks] == [pytest.approx(tuple(box))]
    layers.leave()
    shown = layers.maps
    QTest.qWait(300)
    assert layers.maps is shown, "nothing moves"

    layers.choose("conv1_1")
    cinema.press(KEY.Key_Space)
    layers.user.wait(lambda: not cinema.session.is_frozen)
    layers.user.wait(lambda: layers.maps.shrunk == 2 and not layers.note)
    wait_for_live(layers, "conv1_1")


def test_back_to_the_photos(layers: Layers, cinema: Cinema, films: Films, truth: Truth) -> None:
    layers.open("coffee")
    layers.choose("conv4_2")
    layers.type_channel(7)
    expected = truth("coffee", "conv4_2")
    assert np.array_equal(layers.maps.values, expected.values)
    layers.user.click(layers.map, layers.map.cell_box(3, 3).center().toPoint())
    layers.leave()
    (of_photo,) = layers.marks
    cinema.show(films.wandering)
    # The same position may be marked by now where it is in the video.
    assert of_photo not in layers.marks
    maps = wait_for_live(layers, "conv4_2")
    assert layers.channel == 7
    assert maps.picture_size == (320, 240)
    # Frozen, and a layer chosen: nothing of it remains.
    cinema.freeze()
    layers.settle("conv4_2")
    layers.user.trigger("source_photos")
    layers.settle("conv4_2")
    assert not layers.user.window.is_live
    assert np.array_equal(layers.maps.values, expected.values)
    assert layers.channel == 7
    layers.user.trigger("remove_all")
    assert not layers.is_visible
    cinema.show(films.still)
    wait_for_live(layers, "conv4_2")


def test_a_layer_that_cannot_be_handed_out_says_why(
    layers: Layers, cinema: Cinema, films: Films, monkeypatch: pytest.MonkeyPatch
) -> None:
    cinema.show(films.wandering)
    wait_for_live(layers, "conv1_1")
    tap = Classifier.tap

    def refuse(classifier: Classifier, wanted: Any) -> None:
        if wanted is not None and wanted.layer == "conv5_1":
            raise InferenceError(model="the model", device="the device", reason="no such output")
        tap(classifier, wanted)

    monkeypatch.setattr(Classifier, "tap", refuse)
    layers.click_layer("conv5_1")
    layers.user.wait(lambda: "no such output" in layers.reason)
    assert layers.marks == ()
    answers: list[object] = []
    cinema.session.inferred.connect(answers.append)
    cinema.user.wait(lambda: len(answers) > 3)
    assert cinema.best() == ZEBRA
    assert "no such output" in layers.reason
    layers.click_layer("conv5_2")
    wait_for_live(layers, "conv5_2")
    assert layers.reason == ""


def test_a_frozen_frame_beside_the_video(layers: Layers, cinema: Cinema, films: Films) -> None:
    cinema.show(films.of("zebra", "pizza", seconds=40))
    layers.click_layer("prob")
    wait_for_live(layers, "prob")
    cinema.freeze()
    layers.settle("prob")
    layers.user.click(layers.button("Compare…"))
    layers.settle("prob")
    kept = layers.pinned.picture.maps
    assert np.allclose(kept.values, layers.maps.values, atol=1e-4)
    assert kept.labels[int(kept.values.argmax())] == "zebra"
    cinema.press(KEY.Key_Space)
    cinema.slide_to(0.6)
    cinema.wait_for(LABELS["pizza"])
    layers.user.wait(
        lambda: (
            bool(layers.shown) and layers.maps.labels[int(layers.maps.values.argmax())] == "pizza"
        )
    )
    assert layers.pinned.isVisible()
    kept = layers.pinned.picture.maps
    assert kept.labels[int(kept.values.argmax())] == "zebra"
    layers.click_layer("pool4")
    layers.user.wait(
        lambda: (
            layers.pinned.picture is not None
            and layers.pinned.picture.maps.layer.name == layers.shown == "pool4"
        )
    )
    layers.user.click(layers.button("Unpin"))
    assert not layers.pinned.isVisible()


@pytest.fixture
def desk(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[PretendCameras]:
    """The cameras of this computer; none at first."""
    assert qapp
    made = PretendCameras()
    monkeypatch.setattr(camera_module, "QtCameraSystem", lambda _parent: made)
    yield made
    assert made.lit == [], "a camera's light stays on"
    made.deleteLater()


def test_marks_on_a_mirror(desk: PretendCameras, cinema: Cinema, layers: Layers) -> None:
    """Boxes and overlays are where the mirrored picture has what they are about."""
    desk.plug(camera_of("zebra"))
    layers.user.settings.set(MIRROR, True)
    layers.user.trigger("source_camera")
    cinema.wait_for(ZEBRA)
    layers.click_layer("conv3_1")
    wait_for_live(layers, "conv3_1")
    cinema.freeze()
    layers.settle("conv3_1")
    maps = layers.maps
    layers.overlay(on=True)
    layers.point_at_map(20, 3)
    left, top, right, bottom = maps.on_picture(maps.receptive_field(20, 3))
    width = maps.picture_size[0]
    assert width - left > width / 2
    assert [box_of(m) for m in layers.marks] == [
        pytest.approx((width - right, top, width - left, bottom))
    ]
    assert layers.canvas.overlay is not None
    mirrored = layers.canvas.overlay.image
    layers.press(KEY.Key_M)
    layers.user.wait(lambda: bool(layers.marks))
    layers.user.wait(lambda: box_of(layers.marks[0]) == pytest.approx((left, top, right, bottom)))
    assert layers.canvas.overlay.image.transformed(QTransform.fromScale(-1, 1)) == mirrored
    layers.leave()
    layers.user.trigger("source_photos")


def test_another_model_under_a_video(
    layers: Layers, cinema: Cinema, films: Films, tiny: Model
) -> None:
    cinema.show(films.wandering)
    layers.click_layer("conv3_3")
    wait_for_live(layers, "conv3_3")
    # Hidden, nothing is handed out; shown again, it is.
    layers.press(KEY.Key_L, Qt.KeyboardModifier.ControlModifier)
    assert not layers.is_visible
    plain: list[object] = []
    cinema.session.answered.connect(lambda: plain.append(has_maps(cinema)))
    cinema.user.wait(lambda: plain[-2:] == [False, False])
    layers.press(KEY.Key_L, Qt.KeyboardModifier.ControlModifier)
    wait_for_live(layers, "conv3_3")

    wrong: list[str] = []

    def check() -> None:
        model = layers.user.bench.model
        if model is None or not layers.shown or layers.note:
            return
        if layers.maps.model != model.name:
            wrong.append(f"{layers.maps.model}, not {model.name}")

    cinema.session.answered.connect(check)
    for name in (tiny.name, FAST):
        layers.user.settings.set(MODEL, name)
        layers.user.wait_for_model(name)
        layers.user.wait(lambda n=name: bool(layers.shown) and layers.maps.model == n)
        maps = wait_for_live(layers, layers.browser.figure.current)
        assert maps.model == name
        assert layers.reason == ""
    assert wrong == []


def has_maps(cinema: Cinema) -> bool:
    result = cinema.session.result
    return result is not None and result.maps is not None


def test_a_playing_video_is_pinned_and_exported(
    layers: Layers, cinema: Cinema, films: Films, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "maps.npy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    cinema.show(films.wandering)
    layers.click_layer("pool5")
    wait_for_live(layers, "pool5")
    layers.entry("Export", "Numbers as NPY…").trigger()
    layers.user.wait(path.exists)
    assert np.load(path).shape == (512, 7, 7)
    layers.user.click(layers.button("Compare…"))
    layers.user.wait(lambda: layers.pinned.isVisible() and layers.pinned.picture is not None)
    kept = layers.pinned.picture.maps.values
    assert kept.shape == (512, 7, 7)
    wait_for_live(layers, "pool5")
    assert np.array_equal(layers.pinned.picture.maps.values, kept), "that one frame"
    assert not np.array_equal(layers.maps.values, kept)
    # The other pages work while pictures move.
    layers.show_page("Weights")
    layers.user.wait(lambda: "Go to conv5_3" in button_texts(layers))
    layers.show_page("Top patches")
    layers.user.wait(lambda: "Open photos or choose a folder" in layers.texts(layers.browser))
    wait_for_live(layers, "pool5")


def button_texts(layers: Layers) -> str:
    buttons = layers.browser.weights.findChildren(QToolButton)
    return " ".join(button.text() for button in buttons if button.isVisible())
