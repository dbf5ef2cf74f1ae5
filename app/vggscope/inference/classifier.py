"""Classification: a picture in, probabilities of the classes out."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import numpy as np

from vggscope.errors import (
    Cancelled,
    DeviceError,
    DeviceLostError,
    InferenceError,
    NoProbabilitiesError,
)
from vggscope.inference.contract import are_probabilities, check_classes, check_contract
from vggscope.inference.crash_marker import CrashMarker
from vggscope.inference.devices import AUTO, Device, cpu_device
from vggscope.inference.feature_maps import as_maps
from vggscope.inference.opening import left_to_cpu, open_derived, open_model, run_failure
from vggscope.inference.preprocessing import Preprocessor
from vggscope.inference.report import DEFAULT_TOP
from vggscope.inference.runtime import Cancellation
from vggscope.inference.selection import note_hung, note_lost, select
from vggscope.inference.still_looker import StillLooker
from vggscope.inference.tap import tapped_graph
from vggscope.zoo.models import DEFAULT_MODEL, find_model
from vggscope.zoo.normal_form import Fit, Label, Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vggscope.inference.classification import Classification
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.layer_reader import LayerReader
    from vggscope.inference.selection import Progress
    from vggscope.inference.tap import Tap, TappedGraph
    from vggscope.sources.frame import Picture

_log = logging.getLogger(__name__)


class Classifier(StillLooker):
    """A model on a device, ready for pictures.

    Owned by the thread that loaded it; ``Cancellation`` is the one thing that others may touch.

    Attributes:
        model: what it runs.
        device: what it runs on: the CPU, once the chosen device has failed.
        failure: what the chosen device died of; None while it works.
    """

    def __init__(
        self,
        model: Model,
        device: Device,
        *,
        fit: Fit | None = None,
        guarded: bool = False,
        batch: int = 1,
    ) -> None:
        """Open ``model`` on ``device``; see ``load``.

        Args:
            model: what to run.
            device: what to run it on, unverified.
            fit: as for ``load``.
            guarded: let the CPU take over when the device fails, and leave a mark in case it
                crashes the whole program.
            batch: pictures per run, where the device must know it beforehand.
        """
        super().__init__(model)
        self.device = device
        self.failure: DeviceLostError | None = None
        self._reader: LayerReader | None = None
        self._tapped: TappedGraph | None = None
        self._batch = batch
        self._guarded = guarded
        self._run_began: float | None = None
        self._has_answered = False
        self._spec = model.description.input
        self._output = model.description.output.probabilities
        self._labels = model.labels()
        self.use_fit(fit)
        self._marker = CrashMarker(self, model.folder, device) if self._can_fall else None
        try:
            self._open(device)
        except BaseException:
            self._drop_marker()
            raise
        if self._marker is not None:
            self._marker.relax()

    @classmethod
    def load(
        cls,
        model: str | Path | Model = DEFAULT_MODEL,
        *,
        device: str | Device = AUTO,
        fit: Fit | None = None,
        exact: bool = False,
        progress: Progress = lambda _device, _number, _count: None,
    ) -> Classifier:
        """Load a model by name (or folder) onto a device by key.

        Devices that were never tried with this model are tried first, in child processes; that
        takes some seconds, once (``selection.select``). A device that fails later is replaced by
        the CPU, and ``failure`` tells of it.

        Args:
            model: an installed model's name, its folder, or the model itself.
            device: a device's key or the beginning of one ("cuda"), "auto" for the fastest
                verified one, or a device that ``selection`` returned. The last two are replaced
                by the CPU if they cannot be opened any more.
            fit: how pictures are fitted to the network; the model's published way if None.
            exact: only a device that computes in fp32.
            progress: see ``selection.probe``.

        Raises:
            ModelError: there is no such model, or its files are damaged or contradictory.
            DeviceError: there is no such device, or it is not to be trusted with this model.
        """
        found = model if isinstance(model, Model) else find_model(model)
        if isinstance(device, Device):
            chosen = device
        else:
            chosen = select(found, device, exact=exact, progress=progress)
        try:
            return cls(found, chosen, fit=fit, guarded=True)
        except DeviceError as error:
            if chosen.is_cpu or device not in {AUTO, chosen}:
                raise
            # It was verified, but since then its card or its driver has gone.
            substitute = cls(found, cpu_device(), fit=fit)
            substitute._note_failure(chosen, error)
            return substitute

    def use_fit(self, fit: Fit | None) -> None:
        """Fit pictures to the network in another way (None: as published) from now on."""
        self._fit = fit
        self._preprocessor = Preprocessor(self._spec, fit=fit)
        if self._reader is not None:
            self._reader.use_fit(fit)

    @property
    def enough(self) -> int:
        """Shorter side in pixels beyond which ``read_still`` need not decode for this model."""
        return self._preprocessor.enough

    @property
    def labels(self) -> tuple[Label, ...]:
        """The classes in the order of the outputs."""
        return self._labels

    def classify(
        self,
        image: Picture | Path | str,
        *,
        top: int = DEFAULT_TOP,
        cancellation: Cancellation | None = None,
    ) -> Classification:
        """Classify a picture (a ``Frame``, a video's ``PlanarPicture``) or a picture file.

        Raises:
            ImageError: the file cannot be read as a picture.
            InferenceError: the network failed or answered with something that is no probability.
            Cancelled: ``cancellation`` was asked for.
        """
        return self.classify_batch([image], top=top, cancellation=cancellation)[0]

    def classify_batch(
        self,
        images: Sequence[Picture | Path | str],
        *,
        top: int = DEFAULT_TOP,
        cancellation: Cancellation | None = None,
    ) -> list[Classification]:
        """Classify several pictures in one run of the network, where its graph allows.

        Raises:
            As ``classify``; no result is returned if any picture fails.
        """
        cancellation = cancellation or Cancellation()
        cancellation.check()
        pictures = [self._read(image, self.enough) for image in images]
        step = self._fixed_batch or max(1, len(pictures))
        results: list[Classification] = []
        for start in range(0, len(pictures), step):
            results += self._run(pictures[start : start + step], top, cancellation)[0]
        return results

    def classify_tapped(
        self,
        picture: Picture,
        *,
        top: int = DEFAULT_TOP,
        cancellation: Cancellation | None = None,
    ) -> tuple[Classification, FeatureMaps | None]:
        """Classify a picture; with what ``tap`` asked for, from the same run of the network.

        Raises:
            As ``classify``.
        """
        tapped = self._tapped
        if tapped is None:
            return self.classify(picture, top=top, cancellation=cancellation), None
        cancellation = cancellation or Cancellation()
        cancellation.check()
        [result], values = self._run([picture], top, cancellation, tapped)
        if values is None:
            return result, None
        maps = self.layers.explained(
            values,
            tapped.tap.layer,
            before_relu=tapped.tap.before_relu,
            crop=result.crop,
            picture_size=picture.size,
            shrunk=tapped.shrink,
        )
        return result, maps

    @property
    def tapped(self) -> Tap | None:
        """What ``classify_tapped`` hands out beside the probabilities."""
        return None if self._tapped is None else self._tapped.tap

    def tap(self, tap: Tap | None) -> None:
        """Have a layer handed out by ``classify_tapped`` from now on, or none any more.

        The network is opened anew, and what ran before is let go first: two copies of large
        weights would be one too many.

        Raises:
            LayerError: there is no such layer, or nothing before its ReLU. What was handed out
                before still is.
            InferenceError: the device cannot hand it out. No layer is handed out any more.
        """
        if tap == self.tapped:
            return
        self._tapped = None if tap is None else tapped_graph(self.layers, tap)
        # If it cannot be opened again either, the next run fails, and the CPU takes over.
        del self._session
        try:
            self._open(self.device)
        except DeviceError:
            if self._tapped is not None:
                self._tapped = None
                self._open(self.device)
            raise

    def _run(
        self,
        pictures: Sequence[Picture],
        top: int,
        cancellation: Cancellation,
        tapped: TappedGraph | None = None,
    ) -> tuple[list[Classification], NDArray[np.float32] | None]:
        """What is answered to ``pictures``, and what ``tapped`` makes of the first one."""
        started = time.perf_counter()
        inputs = [self._preprocessor.tensor(picture) for picture in pictures]
        batch = self._filled_up([i.values for i in inputs])
        probabilities, values = self._answers(batch, cancellation, tapped)
        milliseconds = (time.perf_counter() - started) * 1000 / len(pictures)
        _log.debug("Classified %d, %.1f ms each", len(pictures), milliseconds)
        results = [
            self._told(row, network_input.crop, self.device, milliseconds, top=top)
            for row, network_input in zip(probabilities[: len(pictures)], inputs, strict=True)
        ]
        return results, values

    def activations(
        self,
        image: Picture | Path | str,
        layer: str,
        *,
        before_relu: bool = False,
        cancellation: Cancellation | None = None,
    ) -> FeatureMaps:
        """What a layer ("conv1_1", "pool5", "prob") makes of a picture.

        One ``Frame`` is not run again for its other layers, as far as the device hands them out
        together: decode a file once, by ``read_still``, to look at many.

        Raises:
            ImageError: the file cannot be read as a picture.
            LayerError: there is no such layer, or nothing before its ReLU.
            InferenceError: the network failed.
            Cancelled: ``cancellation`` was asked for.
        """
        picture = self._read(image, self.enough)
        return self.layers.look(picture, layer, before_relu=before_relu, cancellation=cancellation)

    @property
    def layers(self) -> LayerReader:
        """Looks into the model, on the device that is in use."""
        from vggscope.inference.layer_reader import LayerReader  # noqa: PLC0415 (onnx, 162 ms)

        if self._reader is None or self._reader.device != self.device:
            self._reader = LayerReader(self.model, self.device, fit=self._fit)
        return self._reader

    def bare_run(self, pictures: Sequence[Picture]) -> Callable[[], object]:
        """A function that calls ONNX Runtime and does nothing else, for measuring.

        Args:
            pictures: what it is to run on, prepared once, now.
        """
        values = [self._preprocessor.tensor(picture).values for picture in pictures]
        parts = self._parts(self._filled_up(values))
        session, names = self._session, [self._output]

        def run() -> None:
            for part in parts:
                session.run(names, {self._spec.name: part}, Cancellation())

        return run

    def left_to_cpu(self) -> dict[str, int]:
        """Operator -> number of nodes that the device left to the CPU.

        Raises:
            DeviceUnsupportedError: it left all of them.
        """
        return left_to_cpu(self._session, self.model, self.device)

    @property
    def seconds_in_run(self) -> float:
        """How long the present run of the network lasts; 0 between runs. For any thread."""
        began = self._run_began
        return 0.0 if began is None else time.monotonic() - began

    def note_hung(self, seconds: float) -> None:
        """Whatever goes on was told to end ``seconds`` ago, and does not. For any thread.

        If that is a run, the device is not used again until it is probed.
        """
        if self._can_fall and self._run_began is not None:
            note_hung(self.model, self.device, seconds)
            self._drop_marker()

    def _answer(
        self, values: NDArray[np.float32], cancellation: Cancellation
    ) -> NDArray[np.float32]:
        """Probabilities [classes] of one input tensor."""
        cancellation.check()
        row: NDArray[np.float32] = self._answers(self._filled_up([values]), cancellation, None)[0][
            0
        ]
        return row

    def _answers(
        self,
        batch: NDArray[np.float32],
        cancellation: Cancellation,
        tapped: TappedGraph | None,
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Probabilities [N, classes] of ``batch`` [N, ...]: from the CPU if the device fails.

        And [C, H, W] of what is ``tapped``, of the first picture.
        """
        try:
            found = self._ask(batch, cancellation, tapped)
        except InferenceError as error:
            if not self._can_fall:
                raise
            self._fall_back(error)
            # The graph may have been opened with another batch size.
            parts = [self._ask(part, cancellation, tapped) for part in self._parts(batch)]
            return np.concatenate([probabilities for probabilities, _ in parts]), parts[0][1]
        self._has_answered = True
        return found

    def _ask(
        self, batch: NDArray[np.float32], cancellation: Cancellation, tapped: TappedGraph | None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        suspected = None if self._has_answered else self._marker
        if suspected is not None:
            suspected.suspect()
        self._run_began = time.monotonic()
        names = [self._output] if tapped is None else [self._output, tapped.output]
        try:
            output, *layer = self._session.run(names, {self._spec.name: batch}, cancellation)
        except Cancelled:
            raise
        except Exception as error:
            _log.exception("Inference failed")
            raise run_failure(self.model, self.device, error) from error
        finally:
            self._run_began = None
            # It came back, in whatever way: what ends this process from now on is not its fault.
            if suspected is not None:
                suspected.relax()
        probabilities = output.reshape(len(batch), -1)
        # Where the graph leaves the number of classes open, only a run tells it.
        check_classes(self.model, probabilities.shape[1], classes=len(self._labels))
        if not are_probabilities(probabilities):
            raise NoProbabilitiesError(
                model=self.model.name,
                device=self.device.name,
                reason="its answer is not a set of probabilities",
            )
        return probabilities, as_maps(layer[0]) if layer else None

    @property
    def _can_fall(self) -> bool:
        """Whether there is a CPU below the device, to catch it."""
        return self._guarded and not self.device.is_cpu

    def _fall_back(self, error: InferenceError) -> None:
        """Let the CPU take over from the device, which failed with ``error``."""
        failed = self.device
        self._batch = 1
        self._open(cpu_device())
        self.device = cpu_device()
        self._note_failure(failed, error)
        self._drop_marker()

    def _open(self, device: Device) -> None:
        """Run on ``device`` from now on, with what is tapped."""
        if self._tapped is None:
            session = open_model(self.model, device, batch=self._batch)
        else:
            session = open_derived(self.model, device, self._tapped.content, batch=self._batch)
        self._session = session
        self._fixed_batch = check_contract(self.model, session, classes=len(self._labels))

    def _note_failure(self, device: Device, error: DeviceError) -> None:
        reason = str(error.details.get("reason", error.message))
        self.failure = DeviceLostError(device=device.name, reason=reason)
        note_lost(device, self.failure)
        _log.warning("%s", self.failure)

    def _drop_marker(self) -> None:
        if self._marker is not None:
            self._marker.remove()
            self._marker = None

    def _filled_up(self, values: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        """The pictures as [N, ...]; N is a multiple of the batch size, where that is fixed."""
        if self._fixed_batch:
            values = values + values[-1:] * (-len(values) % self._fixed_batch)
        return values[0][np.newaxis] if len(values) == 1 else np.stack(values)

    def _parts(self, batch: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        step = self._fixed_batch or len(batch)
        return [batch[start : start + step] for start in range(0, len(batch), step)]
