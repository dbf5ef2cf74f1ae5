"""What is kept between two looks into layers: a reader and a picture for each use."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import TINY_SIZE, picture, tiny_model
from vggscope.errors import (
    Cancelled,
    ImageNotFoundError,
    LayerNotFoundError,
    ModelNotFoundError,
    NoReluError,
)
from vggscope.inference.classifier import Classifier
from vggscope.inference.readers import Readers
from vggscope.inference.runtime import Cancellation
from vggscope.inference.subject import Subject
from vggscope.inference.tap import Tap

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Model

CONV, PROB = Tap("conv1_1"), Tap("prob")


class Album:
    """Pictures that are read when somebody asks for them.

    Attributes:
        opened: (seed, what was said to be enough) of those that were read.
    """

    def __init__(self) -> None:
        self.opened: list[tuple[int, int]] = []

    def subject(self, seed: int = 0, **changes: object) -> Subject:
        def read(enough: int) -> Frame:
            self.opened.append((seed, enough))
            return picture(seed=seed)

        made = Subject(key=seed, read=read, model="tiny", fit=None)
        return replace(made, **changes)


@pytest.fixture
def other(data_dir: Path) -> Model:
    """A second model, called "other"."""
    return tiny_model(data_dir / "data" / "models" / "other")


def look(readers: Readers, subject: Subject, tap: Tap = CONV, use: str = "shown") -> np.ndarray:
    return readers.look(use, subject, tap, Cancellation()).values


def test_it_shows_what_the_classifier_would(tiny: Model) -> None:
    readers, album = Readers(), Album()
    classifier = Classifier.load(tiny, device="cpu")
    for seed in (0, 1):
        for tap in (CONV, PROB):
            expected = classifier.activations(picture(seed=seed), tap.layer)
            maps = readers.look("shown", album.subject(seed), tap, Cancellation())
            assert np.array_equal(maps.values, expected.values)
            assert (maps.layer, maps.crop) == (expected.layer, expected.crop)
            assert maps.model == "tiny"


@pytest.mark.usefixtures("tiny")
def test_a_picture_is_read_once() -> None:
    readers, album = Readers(), Album()
    subject = album.subject(3)
    for tap in (CONV, PROB, CONV):
        look(readers, subject, tap)
    # Another value that says the same is the same picture.
    look(readers, album.subject(3), PROB)
    enough = readers.reader("shown", subject).enough
    assert album.opened == [(3, enough)]
    assert enough >= max(TINY_SIZE)
    first = look(readers, album.subject(3))
    second = look(readers, album.subject(4))
    assert not np.array_equal(first, second)
    assert [seed for seed, _ in album.opened] == [3, 4]


def test_one_reader_for_each_use(tiny: Model, other: Model) -> None:
    readers, album = Readers(), Album()
    shown = readers.reader("shown", album.subject())
    pinned = readers.reader("pinned", album.subject())
    assert shown is not pinned
    assert readers.reader("shown", album.subject(1)) is shown
    changed = readers.reader("shown", album.subject(model=other.name))
    assert changed.model.name == other.name
    assert readers.reader("pinned", album.subject()) is pinned
    assert pinned.model.name == tiny.name
    assert changed.device.is_cpu


@pytest.mark.usefixtures("tiny")
def test_a_former_model_is_let_go(other: Model) -> None:
    readers, album = Readers(), Album()
    before = weakref.ref(readers.reader("shown", album.subject()))
    readers.reader("shown", album.subject(model=other.name))
    gc.collect()
    assert before() is None


def test_another_fit_sees_another_part(tiny: Model) -> None:
    readers, album = Readers(), Album()
    crops = {}
    for fit in ("crop", "stretch", "letterbox", "stretch"):
        subject = album.subject(fit=fit)
        maps = readers.look("shown", subject, CONV, Cancellation())
        expected = Classifier.load(tiny, device="cpu", fit=fit).activations(picture(), "conv1_1")
        assert np.array_equal(maps.values, expected.values), fit
        crops[fit] = maps.crop
    assert crops["stretch"] == (0, 0, 40, 30)
    assert len(set(crops.values())) == 3
    assert len(album.opened) == 1


@pytest.mark.usefixtures("tiny")
def test_what_is_forgotten_is_read_again() -> None:
    readers, album = Readers(), Album()
    before = look(readers, album.subject())
    gone = weakref.ref(readers.reader("shown", album.subject()))
    look(readers, album.subject(), use="pinned")
    readers.forget("shown")
    readers.forget("never used")
    gc.collect()
    assert gone() is None
    assert np.array_equal(look(readers, album.subject()), before)
    assert len(album.opened) == 3
    look(readers, album.subject(), use="pinned")
    assert len(album.opened) == 3, "only one of them was forgotten"


@pytest.mark.usefixtures("tiny")
def test_what_cannot_be_looked_at() -> None:
    readers, album = Readers(), Album()
    with pytest.raises(ModelNotFoundError):
        look(readers, album.subject(model="gone"))
    with pytest.raises(ValueError, match="no picture"):
        look(readers, album.subject(read=None))
    with pytest.raises(LayerNotFoundError):
        look(readers, album.subject(), Tap("conv9"))
    with pytest.raises(NoReluError):
        look(readers, album.subject(), Tap("conv1_1", before_relu=True))
    assert look(readers, album.subject()).shape == (16, *TINY_SIZE), "all the same"


@pytest.mark.usefixtures("tiny")
def test_a_picture_that_cannot_be_read_is_tried_again() -> None:
    readers, album = Readers(), Album()

    def fail(_enough: int) -> Frame:
        raise ImageNotFoundError(name="gone.jpg")

    with pytest.raises(ImageNotFoundError):
        look(readers, album.subject(7, read=fail))
    assert look(readers, album.subject(7)).shape == (16, *TINY_SIZE)
    assert [seed for seed, _ in album.opened] == [7]


@pytest.mark.usefixtures("tiny")
def test_cancelled_before_the_network_runs() -> None:
    readers, album = Readers(), Album()
    cancellation = Cancellation()
    cancellation.cancel()
    with pytest.raises(Cancelled):
        readers.look("shown", album.subject(), CONV, cancellation)
    assert look(readers, album.subject()).shape == (16, *TINY_SIZE)
    assert len(album.opened) == 1, "the picture is at hand"
