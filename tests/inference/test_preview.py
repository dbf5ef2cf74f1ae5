"""What a model says to a photo before it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support import children, tiny_model
from vggscope import paths
from vggscope.errors import Cancelled, ImageError, ModelCorruptError, TrialError
from vggscope.inference import children as children_module
from vggscope.inference.classifier import Classifier
from vggscope.inference.preview import preview

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model

PHOTO = paths.resource("samples", "zebra.jpg")


def never() -> bool:
    return False


def test_it_is_what_the_model_says_when_it_is_installed(tiny: Model) -> None:
    answer = preview(tiny, PHOTO, 3, stop=never)
    expected = Classifier.load(tiny, device="cpu").classify(PHOTO, top=3)
    assert answer.predictions == expected.predictions
    assert answer.milliseconds > 0


def test_what_cannot_be_used_tells_why(tiny: Model, tmp_path: Path) -> None:
    broken = tmp_path / "photo.jpg"
    broken.write_bytes(b"none")
    with pytest.raises(ImageError):
        preview(tiny, broken, 3, stop=never)
    (tiny.folder / "weights.bin").write_bytes(b"")
    with pytest.raises(ModelCorruptError):
        preview(tiny, PHOTO, 3, stop=never)


def test_it_ends_when_nobody_wants_it_any_more(tiny: Model) -> None:
    with pytest.raises(Cancelled):
        preview(tiny, PHOTO, 3, stop=lambda: True)
    assert children() == []


def test_a_model_that_takes_the_process_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny_model(tmp_path / "tiny", title="Tiny")
    monkeypatch.setattr(children_module.paths, "own_command", lambda: ["/bin/false"])
    with pytest.raises(TrialError, match="“Tiny” was tried on a photo and failed") as failure:
        preview(model, PHOTO, 3, stop=never)
    assert "ended early" in failure.value.message
