"""What is said of a film: smoothed or not, each class in its row, and the figures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QListView

from ui.live_driver import LABELS
from vggscope.inference.classification import Prediction
from vggscope.ui.prediction_bars import PredictionModel
from vggscope.ui.settings import READOUT, SMOOTHING, TOP

if TYPE_CHECKING:
    from ui.film_driver import Cinema, Films
    from vggscope.inference.live import LiveResult

KEY = Qt.Key
ZEBRA = LABELS["zebra"]
PIZZA = LABELS["pizza"]


# Calm predictions


@pytest.mark.parametrize("smoothing", ["gentle", "strong"])
def test_smoothing_is_marked_while_it_is_on(cinema: Cinema, films: Films, smoothing: str) -> None:
    results: list[LiveResult] = []
    cinema.show(films.still)
    assert re.fullmatch(r"\d+ ms on \S.*", cinema.note)
    assert "smoothed" not in cinema.note

    cinema.user.settings.set(SMOOTHING, smoothing)
    cinema.user.wait(lambda: cinema.note.endswith(f" · smoothed: {smoothing}"))
    cinema.session.inferred.connect(results.append)
    cinema.user.wait(lambda: len(results) >= 2)
    assert {result.smoothing for result in results} == {smoothing}

    cinema.user.settings.set(SMOOTHING, "off")
    cinema.user.wait(lambda: "smoothed" not in cinema.note)


def test_strong_smoothing_changes_its_mind_later_than_none(cinema: Cinema, films: Films) -> None:
    film = films.of("zebra", "pizza", seconds=30)
    shares = {}
    for smoothing in ("off", "strong"):
        cinema.user.settings.set(SMOOTHING, smoothing)
        cinema.show(film)
        QTest.qWait(500)
        first: list[LiveResult] = []

        def note(result: LiveResult, first: list[LiveResult] = first) -> None:
            if result.seconds > 15:
                first.append(result)

        cinema.session.inferred.connect(note)
        cinema.slide_to(0.7)
        cinema.user.wait(lambda first=first: bool(first))
        cinema.session.inferred.disconnect(note)
        probabilities = {p.label: p.probability for p in first[0].shown.top(20)}
        shares[smoothing] = probabilities.get(PIZZA, 0.0)
    assert shares["off"] > 0.5
    assert shares["strong"] < 0.5 * shares["off"]


def prediction(index: int, rank: int, probability: float) -> Prediction:
    return Prediction(
        index=index, rank=rank, wnid=f"n{index:08}", label=f"class {index}", probability=probability
    )


def ranked(*indices: int) -> tuple[Prediction, ...]:
    return tuple(prediction(index, rank, 0.5 / rank) for rank, index in enumerate(indices, 1))


@pytest.fixture
def model(cinema: Cinema) -> PredictionModel:
    return PredictionModel(cinema.user.window.predictions)


def rows(model: PredictionModel) -> list[tuple[str, int]]:
    """(label, rank) from top to bottom."""
    spoken = [model.index(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in range(5)]
    return [(text.split(". ")[1].split(",")[0], int(text.split(".")[0])) for text in spoken]


def test_classes_keep_their_rows(model: PredictionModel) -> None:
    model.show(ranked(1, 2, 3, 4, 5), keep_places=True)
    assert rows(model) == [(f"class {n}", n) for n in range(1, 6)]

    model.show(ranked(5, 1, 2, 3, 4), keep_places=True)
    assert rows(model) == [(f"class {n}", n % 5 + 1) for n in range(1, 6)]


def test_new_classes_come_into_the_gaps(model: PredictionModel) -> None:
    model.show(ranked(1, 2, 3, 4, 5), keep_places=True)
    model.show(ranked(8, 4, 1, 9, 5), keep_places=True)
    labels = [label for label, _ in rows(model)]
    assert labels == ["class 1", "class 8", "class 9", "class 4", "class 5"]
    assert [rank for _, rank in rows(model)] == [3, 1, 4, 2, 5]


def test_photos_are_in_the_order_of_their_ranks(model: PredictionModel) -> None:
    model.show(ranked(1, 2, 3, 4, 5), keep_places=True)
    model.show(ranked(5, 4, 3, 2, 1))
    assert [rank for _, rank in rows(model)] == [1, 2, 3, 4, 5]


def test_rows_are_even_only_while_pictures_move(cinema: Cinema, films: Films) -> None:
    [bars] = cinema.user.window.predictions.findChildren(QListView)

    def heights() -> list[int]:
        model = cinema.user.window.predictions.model
        return [bars.visualRect(model.index(row)).height() for row in range(model.rowCount())]

    cinema.user.open("zebra")
    before = heights()
    assert before[0] > before[1] == before[4]
    cinema.show(films.still)
    cinema.user.wait(lambda: len(set(heights())) == 1)
    cinema.press(KEY.Key_F6)
    cinema.user.wait(lambda: heights() == before)


def test_another_k_live_and_frozen(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.user.settings.set(TOP, 3)
    cinema.user.wait(lambda: len(cinema.user.shown_predictions()) == 3)
    cinema.freeze()
    cinema.user.settings.set(TOP, 10)
    assert len(cinema.user.shown_predictions()) == 10


# Figures


FIGURES = re.compile(r"(\d+) fps · ([\d.]+) inferences/s · (\d+) ms · (\d+) % dropped")


def readout(cinema: Cinema) -> str:
    return cinema.canvas._readout


def test_figures_are_plausible(cinema: Cinema, films: Films) -> None:
    cinema.show(films.of("zebra", seconds=30, pan=4))
    QTest.qWait(2200)
    found = FIGURES.fullmatch(readout(cinema))
    assert found is not None, readout(cinema)
    fps, inferences, milliseconds, dropped = (float(figure) for figure in found.groups())
    assert fps == pytest.approx(15, abs=2.5)
    assert 0.5 < inferences <= fps + 1
    assert 1 < milliseconds < 2000
    assert 0 <= dropped <= 100
    assert dropped == pytest.approx(100 * (1 - inferences / fps), abs=5) or inferences > fps


def test_figures_are_hidden_and_shown(cinema: Cinema, films: Films) -> None:
    cinema.show(films.still)
    cinema.user.wait(lambda: readout(cinema) != "")
    corner = cinema.canvas.grab().toImage()
    cinema.press(KEY.Key_I)
    assert readout(cinema) == ""
    assert cinema.canvas.grab().toImage() != corner
    assert not cinema.user.settings.flag(READOUT)
    cinema.user.settings.set(READOUT, True)
    assert FIGURES.fullmatch(readout(cinema))
    # Of a picture that stays there is no rate.
    cinema.press(KEY.Key_Space)
    assert readout(cinema) == ""
