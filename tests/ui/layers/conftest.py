from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ui.layers.layers_driver import HIGH, Layers, Slow
from ui.window_driver import FAST, sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ui.layers.layers_driver import Truth
    from ui.window_driver import Driver
    from vggscope.inference.classifier import Classifier
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.sources.frame import Frame


@pytest.fixture(scope="session")
def fast() -> Classifier:
    """The model of the windows, loaded once more: what it says is the truth."""
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415

    return Classifier.load(FAST, device="cpu")


@pytest.fixture(scope="session")
def truth(fast: Classifier) -> Truth:
    """What a layer makes of a sample, without any window: ``truth("zebra", "conv3_3")``."""
    from vggscope.sources.stills import read_still  # noqa: PLC0415

    frames: dict[str, Frame] = {}

    def maps_of(photo: str, layer: str, *, before_relu: bool = False) -> FeatureMaps:
        if photo not in frames:
            frames[photo] = read_still(sample(photo), enough=fast.enough)
        return fast.activations(frames[photo], layer, before_relu=before_relu)

    return maps_of


@pytest.fixture
def has_layers() -> bool:
    """Windows of these tests show the layer browser."""
    return True


@pytest.fixture
def layers(user: Driver) -> Layers:
    """A window with room for the layer browser, and no photo yet."""
    user.window.resize(*HIGH)
    return Layers(user)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    """The network of the window: it looks into layers only when the test lets it."""
    made = Slow(monkeypatch)
    yield made
    made.go_on.set()
