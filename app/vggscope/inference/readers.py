"""Readers of layers for everything that is looked at, one for each: a picture, and a pinned one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggscope.inference.devices import cpu_device
from vggscope.inference.layer_reader import LayerReader
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Hashable

    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.subject import Subject
    from vggscope.inference.tap import Tap
    from vggscope.sources.frame import Frame
    from vggscope.zoo.normal_form import Fit


class Readers:
    """Keeps a reader, and the picture that it looked at last, for each use. Owned by one thread.

    They compute on the CPU in fp32, whatever classifies: there one run hands out all layers, and
    small numbers of deep layers are not rounded away.
    """

    def __init__(self) -> None:
        self._readers: dict[str, LayerReader] = {}
        self._fits: dict[str, Fit | None] = {}
        self._frames: dict[str, tuple[Hashable, Frame]] = {}

    def reader(self, use: str, subject: Subject) -> LayerReader:
        """The reader of ``subject``'s model for ``use``.

        Raises:
            ModelError: there is no such model any more, or it is damaged.
            NotAChainError: not even a list of its layers can be made.
        """
        reader = self._readers.get(use)
        if reader is None or reader.model.name != subject.model:
            # Let go first: two copies of the weights of a small network, too, are one too many.
            self.forget(use)
            reader = LayerReader(find_model(subject.model), cpu_device(), fit=subject.fit)
            self._readers[use] = reader
        elif self._fits[use] != subject.fit:
            reader.use_fit(subject.fit)
        self._fits[use] = subject.fit
        return reader

    def look(
        self,
        use: str,
        subject: Subject,
        tap: Tap,
        cancellation: Cancellation,
    ) -> FeatureMaps:
        """What the layer ``tap`` makes of ``subject``.

        Raises:
            ValueError: there is no picture.
            ImageError: the picture cannot be read.
            LayerError: there is no such layer, or nothing before its ReLU.
            InferenceError: the network failed.
            Cancelled: ``cancellation`` was asked for.
            As ``reader``.
        """
        reader = self.reader(use, subject)
        if subject.read is None:
            raise ValueError(f"{subject.model} looks at no picture")
        known = self._frames.get(use)
        if known is None or known[0] != subject.key:
            known = self._frames[use] = subject.key, subject.read(reader.enough)
        return reader.look(
            known[1], tap.layer, before_relu=tap.before_relu, cancellation=cancellation
        )

    def forget(self, use: str) -> None:
        """Let go what was kept for ``use``."""
        self._readers.pop(use, None)
        self._fits.pop(use, None)
        self._frames.pop(use, None)
