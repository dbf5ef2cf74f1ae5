from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QSizeF

from vggscope.ui.viewport import Viewport

MARGIN = 18.0
SIDES = st.integers(1, 30_000)
VIEWS = st.tuples(st.integers(240, 3000), st.integers(160, 2000))


def viewport(picture: tuple[int, int], view: tuple[int, int]) -> Viewport:
    made = Viewport(margin=MARGIN, largest_fit=4.0)
    made.resize(QSizeF(*view))
    made.show(QSizeF(*picture))
    assert made.fit()
    return made


def middle_of(view: tuple[int, int]) -> QPointF:
    return QPointF((view[0] - 1) // 2, (view[1] - 1) // 2)


@given(picture=st.tuples(SIDES, SIDES), view=VIEWS)
def test_a_fitted_picture_is_whole_and_in_the_middle(
    picture: tuple[int, int], view: tuple[int, int]
) -> None:
    made = viewport(picture, view)
    first, last = made.to_screen(QPointF(0, 0)), made.to_screen(QPointF(*picture))
    assert first.x() >= MARGIN - 1.5
    assert first.y() >= MARGIN - 1.5
    assert last.x() <= view[0] - MARGIN + 1.5
    assert last.y() <= view[1] - MARGIN + 1.5
    assert made.zoom <= 4.0
    assert (first + last) / 2 == middle_of(view)


@given(
    picture=st.tuples(SIDES, SIDES),
    view=VIEWS,
    wheels=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.2, 5)), max_size=6),
    point=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)),
)
def test_screen_and_picture_coordinates_are_inverse(
    picture: tuple[int, int],
    view: tuple[int, int],
    wheels: list[tuple[float, float, float]],
    point: tuple[float, float],
) -> None:
    made = viewport(picture, view)
    for x, y, factor in wheels:
        assert made.zoom_to(made.zoom * factor, QPointF(x * view[0], y * view[1]))
        assert not made.fitted
        middle = made.to_picture(middle_of(view))
        assert -1e-6 <= middle.x() <= picture[0] + 1e-6
        assert -1e-6 <= middle.y() <= picture[1] + 1e-6
    back = made.to_picture(made.to_screen(QPointF(*point)))
    assert (back.x(), back.y()) == pytest.approx(point, abs=1e-4)


@given(
    at=st.tuples(st.floats(0.2, 0.8), st.floats(0.2, 0.8)),
    factors=st.lists(st.floats(1, 3), min_size=1, max_size=5),
)
def test_what_is_under_the_mouse_stays_there(at: tuple[float, float], factors: list[float]) -> None:
    view = (1000, 700)
    made = viewport((800, 600), view)
    mouse = QPointF(at[0] * view[0], at[1] * view[1])
    there = made.to_picture(mouse)
    for factor in factors:
        made.zoom_to(made.zoom * factor, mouse)
    again = made.to_picture(mouse)
    assert (again.x(), again.y()) == pytest.approx((there.x(), there.y()), abs=1e-6)


def test_nothing_can_be_done_without_a_picture() -> None:
    made = Viewport(margin=MARGIN, largest_fit=4.0)
    made.resize(QSizeF(400, 300))
    assert not made.fit()
    assert not made.zoom_to(3.0)
    assert made.zoom == 1.0


def test_the_middle_never_leaves_the_picture() -> None:
    made = viewport((100, 100), (400, 300))
    made.pan(QPointF(100_000, -100_000))
    assert made.to_picture(middle_of((400, 300))) == QPointF(0, 100)
    assert not made.fitted
