from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from support import tiny_input, tiny_model
from ui.device_driver import Computer
from ui.film_driver import Cinema, Films
from ui.window_driver import FAST, REPORT, Driver, dismantle, write_settings
from vgg.chains import Chain
from vggscope.ui import layers_switch
from vggscope.ui.settings import CROP_BOX, LAYERS
from vggscope.ui.theme import Theme

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from imaginary import Card
    from vggscope.zoo.normal_form import Model

# Qt warnings fail a test (pyproject.toml), except what Qt says of itself:
_NOISE = (
    # the offscreen platform has no window manager to tell sizes to, nor other windows
    r"This plugin does not support (propagateSizeHints|raise\(\)|grabbing the keyboard)",
    # libraries for capturing Wayland screens and for decoding on graphics cards, which a computer
    # need not have (category qt.multimedia.symbolsresolver)
    r"^Couldn't (load|resolve) (pipewire-0\.3|va|va-x11|va-drm|va\(in plugin\)) (library|symbols)$",
    # an X server with little shared memory draws a little slower
    r"^xcb_shm_create_segment\(\) failed for size",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.qt_log_ignore(*_NOISE))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in REPORT:
        terminalreporter.write_line(line)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    """A theme for widgets that are tested without the window."""
    made = Theme(qapp)
    made.use("light")
    yield made
    made.deleteLater()


@pytest.fixture
def has_layers() -> bool:
    """Whether windows show the layer browser at first: it has tests of its own (``layers``)."""
    return False


@pytest.fixture(autouse=True)
def _layers(has_layers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not has_layers:
        # The default, not the setting: tests read the file of settings.
        monkeypatch.setattr(layers_switch, "LAYERS", replace(LAYERS, default=False))


@pytest.fixture
def new_window(qtbot: QtBot) -> Iterator[Callable[..., Driver]]:
    """Opens windows; at the end all of them are closed and must have left nothing behind.

    ``begin=False``: the window is shown, but has not begun to load its model.
    """
    drivers: list[Driver] = []

    def open_one(*, begin: bool = True, show: bool = True) -> Driver:
        driver = Driver(qtbot)
        drivers.append(driver)
        if show:
            driver.show()
        if begin:
            driver.window.begin()
        return driver

    yield open_one
    dismantle(drivers)


@pytest.fixture
def computer(
    card: Card,
    data_dir: Path,
    new_window: Callable[..., Driver],
    monkeypatch: pytest.MonkeyPatch,
) -> Computer:
    """A computer with a CPU and an imaginary card, whose windows the test opens."""
    return Computer(card, data_dir, new_window, monkeypatch)


@pytest.fixture
def user(new_window: Callable[..., Driver]) -> Driver:
    """A window with the faster of the bundled models, light, ready for photos."""
    write_settings(model=FAST, theme="light")
    driver = new_window()
    driver.wait_for_model(FAST)
    return driver


@pytest.fixture(scope="session")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    """Videos to show."""
    return Films(tmp_path_factory.mktemp("films"))


@pytest.fixture
def cinema(user: Driver) -> Cinema:
    """The window of ``user``, for showing videos; without the frame, which darkens the rest."""
    user.settings.set(CROP_BOX, False)
    return Cinema(user)


@pytest.fixture
def branching(data_dir: Path) -> Model:
    """Two convolutions of the same thing, added: no chain of layers."""
    graph = Chain("N", 3, 32, 32)

    def weights(*shape: int) -> str:
        return graph.constant(np.random.default_rng(7).normal(0, 0.3, shape), "f4")

    graph.add("Conv", weights(6, 3, 3, 3), pads=[1] * 4).add("Relu")
    other = graph.side("Conv", graph.tip, weights(6, 6, 3, 3), pads=[1] * 4)
    graph.add("Conv", weights(6, 6, 1, 1)).add("Add", other).add("Relu")
    graph.add("GlobalAveragePool").add("Flatten")
    graph.add("Gemm", weights(4, 6), weights(4), transB=1).add("Softmax")
    return tiny_model(
        data_dir / "data" / "models" / "branching",
        proto=graph.model(),
        title="Branching",
        input=tiny_input(height=32, width=32, resize=36),
        output={"probabilities": graph.tip},
        layers=[],
    )
