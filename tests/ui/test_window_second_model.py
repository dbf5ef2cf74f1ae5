"""Two models side by side on one picture."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QMenu

from imaginary import CARD_NAME
from support import tiny_model
from ui.device_driver import BUSY, CPU_NAME, Computer
from ui.window_driver import FAST, SLOW, sample, stored_settings, texts_in, write_settings
from vggscope.inference.classifier import Classifier
from vggscope.inference.second import SecondClassifier
from vggscope.ui.settings import COMPARE, LAYERS, MODEL, PROTOCOL, TOP

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ui.film_driver import Cinema, Films
    from ui.window_driver import Driver
    from vggscope.ui.second_pane import SecondPane

PIZZA = 963
TITLES = {FAST: "VGG16 compact (fast)", SLOW: "VGG16 compact"}


@pytest.fixture(scope="module")
def truth() -> dict[str, Classifier]:
    """Both models, asked from Python."""
    return {name: Classifier.load(name, device="cpu") for name in (FAST, SLOW)}


def pane(user: Driver) -> SecondPane:
    second = user.window.insights.second
    assert second is not None
    return second.pane


def rows(user: Driver) -> list[str]:
    """What a screen reader says of the second model's bars."""
    model = pane(user).model
    role = Qt.ItemDataRole.AccessibleTextRole
    return [str(model.index(row).data(role)) for row in range(model.rowCount())]


def compare_with(user: Driver, title: str) -> None:
    [menu] = [m for m in user.window.findChildren(QMenu) if m.title() == "&Compare With"]
    menu.aboutToShow.emit()
    [action] = [a for a in menu.actions() if a.text() == title]
    assert action.isEnabled()
    action.trigger()


def wait_for_answer(user: Driver) -> None:
    user.wait(lambda: bool(pane(user).summary))


def names(user: Driver) -> tuple[str, str]:
    """The headings of the two panes, whole."""
    return user.window.predictions.heading, pane(user).heading


# --- photos -----------------------------------------------------------------------------------


def test_both_answers_with_their_names_times_and_differences(
    user: Driver, truth: dict[str, Classifier]
) -> None:
    user.open("cat-chelsea")
    first = user.shown_predictions()
    compare_with(user, TITLES[SLOW])
    wait_for_answer(user)
    assert names(user) == (TITLES[FAST], TITLES[SLOW])
    one, other = (truth[name].classify(sample("cat-chelsea")) for name in (FAST, SLOW))
    assert user.shown_predictions() == first
    order = [p.index for p in one.top(1000)]
    expected = []
    for p in other.top(5):
        rank = order.index(p.index) + 1
        remark = f"rank {rank} in {TITLES[FAST]}"
        if rank == p.rank:
            remark = f"the same rank as in {TITLES[FAST]}"
        expected.append((f"{p.rank}. {p.label}", remark))
    assert [(r.split(",")[0], r.rsplit(", ", 1)[1]) for r in rows(user)] == expected
    best = one.predictions[0].label, other.predictions[0].label
    assert pane(user).summary == (
        f"Both say “{best[0]}”."
        if best[0] == best[1]
        else f"They differ: “{best[1]}” here, “{best[0]}” there."
    )
    assert any(" ms on " in text for text in texts_in(pane(user)))
    assert " ms on " in user.pane_texts()[-1]
    assert stored_settings()["compare"] == SLOW


def test_how_many_follow_top_k(user: Driver) -> None:
    user.open("zebra")
    compare_with(user, TITLES[SLOW])
    wait_for_answer(user)
    user.settings.set(TOP, 10)
    assert len(rows(user)) == 10
    assert all("rank" in row for row in rows(user))


def test_the_first_models_answer_comes_first(user: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second never keeps the photo waiting, and is never shown for another photo."""
    go_on, asked = threading.Event(), threading.Event()
    classify = SecondClassifier.classify

    def wait(second: Any, *arguments: Any, **options: Any) -> Any:
        asked.set()
        while not go_on.wait(0.01):
            options["cancellation"].check()
        return classify(second, *arguments, **options)

    user.open("zebra")
    compare_with(user, TITLES[SLOW])
    wait_for_answer(user)
    monkeypatch.setattr(SecondClassifier, "classify", wait)
    user.open("pizza")
    assert user.shown_predictions()[0][0] == "pizza"
    user.wait(asked.is_set)
    assert pane(user).summary == ""
    assert pane(user).bars.delegate.faded
    assert "Out of date: being classified again." in texts_in(pane(user))
    # Back to the photo that is known, without asking anybody.
    user.trigger("previous")
    assert pane(user).summary == "Both say “zebra”."
    assert not pane(user).bars.delegate.faded
    go_on.set()
    user.trigger("next")
    user.wait(lambda: pane(user).summary == "Both say “pizza”.")


def test_the_protocol_is_that_of_the_first(user: Driver, truth: dict[str, Classifier]) -> None:
    user.open("cat-chelsea")
    user.settings.set(COMPARE, SLOW)
    wait_for_answer(user)
    user.settings.set(PROTOCOL, "10-crop")
    user.wait(lambda: any(text.startswith("10 crops: ") for text in texts_in(pane(user))))
    expected = truth[SLOW].classify_with(sample("cat-chelsea"), "10-crop").predictions[0]
    assert rows(user)[0].startswith(f"1. {expected.label}, ")


# --- on and off -------------------------------------------------------------------------------


def by_the_menu(user: Driver) -> None:
    compare_with(user, "&None")


def by_the_button(user: Driver) -> None:
    user.click(user.button("Compare no more"))


def classifiers_of(name: str) -> int:
    gc.collect()
    return sum(
        isinstance(each, Classifier) and each.model.name == name for each in gc.get_objects()
    )


@pytest.mark.parametrize("way", [by_the_menu, by_the_button])
def test_off_again_it_is_closed(user: Driver, way: Callable[[Driver], None]) -> None:
    before = classifiers_of(SLOW)
    user.open("zebra")
    compare_with(user, TITLES[SLOW])
    wait_for_answer(user)
    assert classifiers_of(SLOW) == before + 1
    way(user)
    assert not pane(user).isVisible()
    assert "PREDICTIONS" in user.pane_texts()
    assert "compare" not in stored_settings()
    user.wait(lambda: classifiers_of(SLOW) == before)


def test_it_is_kept(new_window: Callable[..., Driver]) -> None:
    write_settings(model=FAST, theme="light", compare=SLOW)
    user = new_window()
    user.wait_for_model(FAST)
    assert user.window.insights.second is None or not pane(user).isVisible(), "no photo yet"
    user.open("zebra")
    wait_for_answer(user)
    assert names(user) == (TITLES[FAST], TITLES[SLOW])


def test_the_model_in_use_is_not_offered(user: Driver) -> None:
    user.open("zebra")
    [menu] = [m for m in user.window.findChildren(QMenu) if m.title() == "&Compare With"]
    menu.aboutToShow.emit()
    possible = {a.text(): a.isEnabled() for a in menu.actions() if not a.isSeparator()}
    assert possible[TITLES[FAST]] is False
    assert possible[TITLES[SLOW]] is possible["&None"] is True


def test_changing_to_the_same_model_says_so(user: Driver) -> None:
    user.open("zebra")
    compare_with(user, TITLES[SLOW])
    wait_for_answer(user)
    user.settings.set(MODEL, SLOW)
    user.wait_for_model(SLOW)
    user.settle()
    assert "The same model" in texts_in(pane(user))
    user.settings.set(MODEL, FAST)
    user.wait_for_model(FAST)
    user.settle()
    wait_for_answer(user)
    assert pane(user).summary == "Both say “zebra”."


# --- what cannot be compared ------------------------------------------------------------------


def test_a_broken_second_model_tells_why_in_its_pane(user: Driver, data_dir: Path) -> None:
    model = tiny_model(data_dir / "data" / "models" / "broken", title="Broken")
    user.open("zebra")
    (model.folder / "graph.onnx").unlink()
    user.settings.set(COMPARE, "broken")
    user.wait(lambda: any("graph.onnx" in text for text in texts_in(pane(user))))
    assert not user.window.messages.isVisible()
    assert user.shown_predictions()[0][0] == "zebra"
    compare_with(user, TITLES[SLOW])
    wait_for_answer(user)
    assert pane(user).summary == "Both say “zebra”."


def test_other_classes(user: Driver, data_dir: Path) -> None:
    tiny_model(data_dir / "data" / "models" / "four", title="Four")
    user.open("zebra")
    user.settings.set(COMPARE, "four")
    wait_for_answer(user)
    assert pane(user).summary == "The two models know no class in common."
    assert all("rank" not in row for row in rows(user))


def test_without_a_readable_photo(user: Driver, tmp_path: Path) -> None:
    user.open("zebra")
    user.settings.set(COMPARE, SLOW)
    wait_for_answer(user)
    (tmp_path / "empty.jpg").touch()
    user.drop_files(tmp_path / "empty.jpg")
    user.wait(lambda: "Nothing to compare" in texts_in(pane(user)))
    user.trigger("remove_all")
    assert not pane(user).isVisible()


def test_moving_pictures_are_not_compared_but_frozen_ones_are(cinema: Cinema, films: Films) -> None:
    user = cinema.user
    user.settings.set(COMPARE, SLOW)
    cinema.show(films.still)
    assert pane(user).isVisible()
    assert "Moving pictures are not compared" in texts_in(pane(user))
    assert any("Freeze the picture" in text for text in texts_in(pane(user)))
    cinema.freeze()
    user.wait(lambda: pane(user).summary == "Both say “zebra”.")
    cinema.press(Qt.Key.Key_Space)
    user.wait(lambda: "Moving pictures are not compared" in texts_in(pane(user)))


def test_the_numbers_are_the_second_models(user: Driver, truth: dict[str, Classifier]) -> None:
    user.open("ladybug")
    user.settings.set(COMPARE, SLOW)
    wait_for_answer(user)
    expected = truth[SLOW].classify(sample("ladybug"))
    told = [float(row.split(", ")[-2].rstrip(" %")) / 100 for row in rows(user)]
    np.testing.assert_allclose(told, [p.probability for p in expected.predictions], atol=0.002)


# --- its device -------------------------------------------------------------------------------


def two_small_models(computer: Computer) -> Driver:
    tiny_model(computer.models / "tiny", title="Tiny")
    write_settings(model="tiny", theme="light", compare=BUSY)
    user = computer.start()
    user.open("zebra")
    return user


def test_it_moves_to_the_best_device_when_that_is_known(computer: Computer) -> None:
    computer.children.hold_after(0)
    user = two_small_models(computer)
    wait_for_answer(user)
    assert any(CPU_NAME in text for text in texts_in(pane(user))), "nobody waits for the trials"
    computer.children.release()
    user.wait(lambda: any(CARD_NAME in text for text in texts_in(pane(user))))
    assert pane(user).summary


def test_closing_does_not_wait_for_a_trial(computer: Computer) -> None:
    user = two_small_models(computer)
    wait_for_answer(user)
    user.wait(lambda: not user.bench.roster.is_busy)
    computer.children.hold_after(len(computer.children.started))
    user.settings.set(COMPARE, "")
    user.settings.set(COMPARE, SLOW)
    wait_for_answer(user)
    user.wait(lambda: bool(computer.children.alive))
    user.close()
    assert computer.children.alive == []


# --- room -----------------------------------------------------------------------------------


def test_it_can_all_be_read_in_the_smallest_window(user: Driver) -> None:
    user.open("zebra", "pizza")
    user.settings.set(LAYERS, True)
    user.settings.set(COMPARE, SLOW)
    user.window.resize(900, 600)
    user.window.predictions.where_wanted.emit(PIZZA)  # on a zebra
    where = user.window.insights.where
    assert where is not None
    user.wait(lambda: where.bar.text.endswith("Improbable everywhere."))
    [sentence] = [label for label in where.bar.findChildren(QLabel) if label.text()]
    user.wait(lambda: sentence.height() >= sentence.heightForWidth(sentence.width()))
    canvas, window = user.window.canvas, user.window
    bottom = canvas.mapTo(window, canvas.rect().bottomLeft()).y()
    assert bottom < where.bar.mapTo(window, where.bar.rect().topLeft()).y(), "all of the photo"
    assert window.centralWidget().minimumSizeHint().height() <= window.centralWidget().height()
    assert window.size().toTuple() == (900, 600)
