from __future__ import annotations

import logging
import os
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from support import tiny_model
from vggscope import paths
from vggscope.inference.devices import DEVICE_VARIABLE
from vggscope.zoo.addresses import MIRROR_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from imaginary import Card
    from vggscope.inference.classifier import Classifier
    from vggscope.ui.application import Application
    from vggscope.zoo.normal_form import Model

# Some tests import ONNX Runtime before we do; its telemetry would leave files in the home folder.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# As prepare_multimedia does it before the first source: Qt looks once in a process.
os.environ.setdefault("XDG_SESSION_TYPE", "x11")
# A machine that is busy elsewhere is no failure.
settings.register_profile("vggscope", deadline=None)
settings.load_profile("vggscope")
_serial = count()


@pytest.fixture(autouse=True)
def data_dir(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder, not made yet, below which this test's settings, models and logs lie.

    *Auto* is the CPU.
    What the test left in the logging module is taken out again.
    """
    folder = tmp_path_factory.getbasetemp() / f"data-{next(_serial)}"
    monkeypatch.setenv(paths.DATA_DIR_VARIABLE, str(folder))
    # What "auto" finds differs from computer to computer, and takes seconds to find out: tests of
    # other things run on the CPU.
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    loggers = [logging.getLogger(name) for name in ("vggscope", "py.warnings")]
    before = [(logger, logger.handlers[:], logger.level) for logger in loggers]
    yield folder
    for logger, handlers, level in before:
        for handler in [h for h in logger.handlers if h not in handlers]:
            logger.removeHandler(handler)
            handler.close()
        logger.setLevel(level)
    logging.captureWarnings(capture=False)
    logging.raiseExceptions = True


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of tests are on this computer, whatever ways out of it the developer has set."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy", MIRROR_VARIABLE):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def home(data_dir: Path) -> Path:
    """The folder of the user's models, not made yet."""
    return data_dir / "data" / "models"


@pytest.fixture(scope="session")
def qapp_cls() -> type[Application]:
    """What pytest-qt makes its application of: windows look as the program's do."""
    from vggscope.ui.application import Application  # noqa: PLC0415 (imports Qt)

    return Application


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """The bundled model, loaded once for all tests."""
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415

    return Classifier.load(device="cpu")


@pytest.fixture
def card(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Card]:
    """An imaginary graphics card beside the CPU: *Auto* is not pinned."""
    from imaginary import imaginary_card  # noqa: PLC0415 (imports ONNX Runtime)

    assert data_dir
    with imaginary_card(monkeypatch) as made:
        yield made


@pytest.fixture
def tiny(data_dir: Path) -> Model:
    """The model "tiny" of four classes, installed among the user's models."""
    return tiny_model(data_dir / "data" / "models" / "tiny")
