"""A second network that looks at what the first one looked at."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vggscope.errors import DeviceError
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import AUTO, Device, cpu_device
from vggscope.inference.selection import is_lost, known_choice
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from vggscope.inference.classification import Classification
    from vggscope.inference.protocols import Protocol
    from vggscope.inference.runtime import Cancellation
    from vggscope.inference.subject import Subject
    from vggscope.zoo.normal_form import Model

_log = logging.getLogger(__name__)


class SecondClassifier:
    """Opens the network when it is first asked, and anew for another model or device.

    Owned by one thread.
    """

    def __init__(self) -> None:
        self._classifier: Classifier | None = None

    def classify(  # noqa: PLR0913 (what an answer depends on)
        self,
        subject: Subject,
        protocol: Protocol,
        *,
        device: Device | None,
        key: str = AUTO,
        exact: bool = False,
        cancellation: Cancellation,
    ) -> Classification:
        """What the model of ``subject`` says of its picture.

        Args:
            subject: the picture, and the model.
            protocol: how the picture is looked at.
            device: what to run it on, verified with that model; None for the one that is known to
                be the right one for ``key``, or else the CPU. Nothing is tried.
            key: the wanted device's key, or "auto".
            exact: only devices that compute in fp32.
            cancellation: ends it, in mid-network.

        Raises:
            ValueError: there is no picture.
            ModelError: there is no such model any more, or it is damaged.
            ImageError: the picture cannot be read.
            InferenceError: the network failed.
            Cancelled: ``cancellation`` was asked for.
        """
        if subject.read is None:
            raise ValueError(f"{subject.model} looks at no picture")
        classifier = self._opened(subject, device, key, exact=exact)
        cancellation.check()
        # Where the network cannot be asked so, this tells why.
        frame = subject.read(classifier.enough_for(protocol))
        return classifier.classify_with(frame, protocol, cancellation=cancellation)

    def close(self) -> None:
        """Let go the network, and its memory."""
        self._classifier = None

    def _opened(
        self, subject: Subject, device: Device | None, key: str, *, exact: bool
    ) -> Classifier:
        old = self._classifier
        is_same = old is not None and old.model.name == subject.model
        is_moved = device is not None and old is not None and device != old.device
        if old is not None and is_same and not (is_moved and device and not is_lost(device)):
            old.use_fit(subject.fit)
            return old
        # Let go first: of a second network two copies would be one too many.
        self._classifier = old = None
        model = find_model(subject.model)
        if device is None or is_lost(device):
            device = _known(model, key, exact=exact)
        self._classifier = Classifier.load(model, device=device, fit=subject.fit)
        return self._classifier


def _known(model: Model, key: str, *, exact: bool) -> Device:
    try:
        return known_choice(model, key, exact=exact) or cpu_device()
    except DeviceError as error:
        # The first network's device is told of; this one does without.
        _log.info("%s", error)
        return cpu_device()
