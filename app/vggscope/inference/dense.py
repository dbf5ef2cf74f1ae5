"""A network applied to a whole picture: its classes at every position, and averaged over all.

Dense evaluation as in the paper (arXiv:1409.1556): the picture is scaled so that its shorter side
is Q, the fully convolutional form of the network goes over it (section 3.2), the class posteriors
of all positions are averaged, so are those of the picture and its mirror image (section 3.2), and
those of several Q (section 4.2): there {Smin, (Smin + Smax) / 2, Smax} = {256, 384, 512} for
networks that were trained on sizes from 256 to 512.
"""

from __future__ import annotations

import logging
import math
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope.errors import Cancelled, DenseOnCpuError
from vggscope.inference.class_map import ClassMap
from vggscope.inference.class_names import find_class
from vggscope.inference.devices import cpu_device
from vggscope.inference.opening import left_to_cpu, open_derived, run_failure
from vggscope.inference.preprocessing import ENOUGH, CropBox, Preprocessor, resized
from vggscope.inference.runtime import Cancellation
from vggscope.inference.shared_weights import prepacks
from vggscope.sources.frame import Frame
from vggscope.vgg.convolutional import OUTPUT, WINDOWS, fully_convolutional

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vggscope.errors import InferenceError
    from vggscope.inference.devices import Device
    from vggscope.inference.protocols import Quantity
    from vggscope.inference.runtime import Session
    from vggscope.sources.frame import Picture
    from vggscope.vgg.convolutional import Convolutional
    from vggscope.zoo.normal_form import Input, Model

SCALES: Final = (1.0, 1.5, 2.0)
"""Of dense evaluation, in terms of the size that the model's single crop is cut from (256)."""
_MAP_SCALE: Final = 2.0
"""Likewise of a class map, unless another one is asked for. At 256 a photo has 2 × 4 positions, at
512 10 × 15."""
_MOST_PIXELS: Final = 2_000_000
"""Of what the network sees at once. Where a picture has more, its ends are left out: at a shorter
side of 512, of panoramas whose sides are as 1 to 8. VGG's first maps of so many: 0.5 GB each."""
_TOLERANCES: Final = {"fp32": 0.02, "fp16": 0.02, "int8": 0.1}
"""How far a device's averaged probabilities may be from the CPU's, by the weights' precision. The
first is what devices are verified with; providers round codes differently."""
_SESSIONS_KEPT: Final = 3
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """How a network sees a whole picture.

    Attributes:
        scale: shorter side of the picture in pixels, after it was scaled.
        size: (width, height) of what is cut from its middle: a window and a number of steps.
        crop: the same in the picture's own pixels.
    """

    scale: int
    size: tuple[int, int]
    crop: CropBox


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What all positions of one view were answered.

    Attributes:
        view: which one.
        probabilities: float32 [rows, columns, classes].
        logits: the same before the softmax.
        device: what computed them.
        milliseconds: from picture to probabilities.
    """

    view: View
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]
    device: Device
    milliseconds: float


def view_of(size: tuple[int, int], spec: Input, scale: int, steps: tuple[int, int]) -> View:
    """The view of a picture of ``size`` (width, height).

    What does not fill a whole step is left out at both ends, less than half a step each, so that
    the windows cover all that the network sees, of the mirror image the same.

    Args:
        size: of the picture.
        spec: of the model.
        scale: shorter side in pixels; not less than the model's window is taken.
        steps: of the windows, (across, down), in pixels.
    """
    width, height = resized(size, spec, scale)
    longest = max(_MOST_PIXELS // min(width, height), spec.width, spec.height)
    seen = []
    for side, window, step in zip((width, height), (spec.width, spec.height), steps, strict=True):
        seen.append(window + (min(side, longest) - window) // step * step)
    x, y = (width - seen[0]) // 2, (height - seen[1]) // 2
    x_scale, y_scale = size[0] / width, size[1] / height
    crop = CropBox(x * x_scale, y * y_scale, (x + seen[0]) * x_scale, (y + seen[1]) * y_scale)
    return View(min(width, height), (seen[0], seen[1]), crop)


class Dense:
    """Looks at whole pictures with one model. Owned by one thread, as its sessions are.

    Attributes:
        model: which one.
        chosen: what was to compute.
        device: what does: the CPU, once the chosen device has failed at it.
        failure: what the chosen device failed at; None while it works.
        form: the model's fully convolutional form.
    """

    def __init__(self, model: Model, device: Device) -> None:
        """Derive the graph (imports ``onnx``, 162 ms); sessions are opened when needed.

        Raises:
            ModelError: the graph is missing or no ONNX file, or there are no labels.
            NotConvolutionalError: the model cannot look at whole pictures.
        """
        self.model, self.chosen, self.device = model, device, device
        self.failure: DenseOnCpuError | None = None
        graph = model.graph()
        self.form: Convolutional = fully_convolutional(graph, model.anatomy(graph))
        self._labels = model.labels()
        self._spec = model.description.input
        self._preprocessor = Preprocessor(self._spec)
        self._sessions: OrderedDict[tuple[int, int] | None, Session] = OrderedDict()
        self._is_believed = device.is_cpu
        self._known: tuple[Frame, int, Scores] | None = None

    @property
    def scales(self) -> tuple[int, ...]:
        """Shorter sides in pixels of dense evaluation: 256, 384, 512 for VGG."""
        return tuple(round(self._spec.resize * factor) for factor in SCALES)

    @property
    def map_scale(self) -> int:
        """Shorter side in pixels of a class map, unless another one is asked for."""
        return round(self._spec.resize * _MAP_SCALE)

    def enough(self, scale: int) -> int:
        """Shorter side in pixels that ``read_still`` need not exceed for a view at ``scale``."""
        # As much more as for single crops, see ``preprocessing``.
        return math.ceil(ENOUGH * scale)

    def view(self, size: tuple[int, int], scale: int) -> View:
        """How a picture of ``size`` (width, height) is seen with its shorter side at ``scale``."""
        steps = self.form.columns.stride, self.form.rows.stride
        return view_of(size, self._spec, scale, steps)

    def open(self) -> None:
        """Open what can be opened before a picture is there, so that nobody takes its time."""
        if not self.device.made_by.fixed_shapes:
            try:
                self._session(*self.form.window)
            except Exception as error:
                if self.device.is_cpu:
                    raise
                self._fall_back(run_failure(self.model, self.device, error))
                self._session(*self.form.window)

    def scores(
        self,
        picture: Picture,
        scale: int,
        *,
        mirrored: bool = False,
        cancellation: Cancellation | None = None,
    ) -> Scores:
        """What every position of a picture is answered.

        Args:
            picture: a ``Frame``, or a video's ``PlanarPicture``.
            scale: shorter side in pixels at which the network sees it.
            mirrored: of its mirror image. Positions are those of the mirror image, too.
            cancellation: ends it, in mid-network.

        Raises:
            InferenceError: the CPU failed, too.
            Cancelled: ``cancellation`` was asked for.
        """
        cancellation = cancellation or Cancellation()
        cancellation.check()
        view = self.view(picture.size, scale)
        if not self.device.is_cpu:
            try:
                return self._believed(picture, view, cancellation, mirrored=mirrored)
            except Cancelled:
                raise
            except Exception as error:  # noqa: BLE001 (whatever a provider raises)
                self._fall_back(run_failure(self.model, self.device, error))
        try:
            return self._run(picture, view, cancellation, mirrored=mirrored)
        except Cancelled:
            raise
        except Exception as error:
            _log.exception("%s could not look at a whole picture", self.model.name)
            raise run_failure(self.model, self.device, error) from error

    def probabilities(
        self, picture: Picture, *, cancellation: Cancellation | None = None
    ) -> NDArray[np.float32]:
        """Dense evaluation at ``scales``: float32 [classes], summing to 1.

        Raises:
            As ``scores``.
        """
        answers = [
            self.scores(picture, scale, mirrored=mirrored, cancellation=cancellation)
            for scale in self.scales
            for mirrored in (False, True)
        ]
        means = [each.probabilities.mean(axis=(0, 1), dtype=np.float64) for each in answers]
        mean: NDArray[np.float64] = np.stack(means).mean(axis=0)
        return mean.astype(np.float32)

    def class_map(
        self,
        picture: Picture,
        label: int | str,
        *,
        scale: int | None = None,
        quantity: Quantity = "probability",
        cancellation: Cancellation | None = None,
    ) -> ClassMap:
        """Where ``label`` is in a picture; of one ``Frame``, other classes need no other run.

        Args:
            picture: a ``Frame``, or a video's ``PlanarPicture``.
            label: a class, see ``find_class``.
            scale: shorter side in pixels at which the network sees the picture; ``map_scale`` if
                None. The larger, the more positions, and the more of them see only a part of it.
            quantity: what is told of the class.
            cancellation: ends it, in mid-network.

        Raises:
            ClassError: there is no such class, or there are several.
            As ``scores``.
        """
        index = find_class(self._labels, label, model=self.model.name)
        scale = scale or self.map_scale
        known = self._known
        if known is not None and known[0] is picture and known[1] == scale:
            found = known[2]
        else:
            found = self.scores(picture, scale, cancellation=cancellation)
            self._known = (picture, scale, found) if isinstance(picture, Frame) else None
        values = found.logits if quantity == "logit" else found.probabilities
        return ClassMap(
            index=index,
            label=self._labels[index],
            values=np.ascontiguousarray(values[:, :, index]),
            quantity=quantity,
            scale=found.view.scale,
            crop=found.view.crop,
            picture_size=picture.size,
            input_size=found.view.size,
            window=(self._spec.width, self._spec.height),
            rows=self.form.rows,
            columns=self.form.columns,
            model=self.model.name,
            device=found.device.key,
            device_name=found.device.name,
            milliseconds=found.milliseconds,
            untrained=self.model.description.untrained,
        )

    def _believed(
        self, picture: Picture, view: View, cancellation: Cancellation, *, mirrored: bool
    ) -> Scores:
        """The device's scores; the first ones are compared with the CPU's.

        It was verified with single crops: what it makes of other sizes is another matter.

        Raises:
            ValueError: they differ.
            Exception: whatever ONNX Runtime raises.
        """
        found = self._run(picture, view, cancellation, mirrored=mirrored)
        if not self._is_believed:
            reference = Dense(self.model, cpu_device())
            expected = reference._run(picture, view, cancellation, mirrored=mirrored)
            means = [each.probabilities.mean(axis=(0, 1)) for each in (found, expected)]
            difference = float(np.abs(means[0] - means[1]).max())
            if not difference <= _TOLERANCES[self.model.description.precision]:
                raise ValueError(f"its probabilities differ from the CPU's by {difference:.3f}")
            self._is_believed = True
        return found

    def _run(
        self, picture: Picture, view: View, cancellation: Cancellation, *, mirrored: bool
    ) -> Scores:
        width, height = view.size
        session = self._session(height, width)
        started = time.perf_counter()
        values = self._preprocessor.part(picture, view.crop, view.size, mirrored=mirrored)
        feeds: dict[str, NDArray[np.float32] | NDArray[np.int64]] = {
            self._spec.name: values[np.newaxis]
        }
        places = self.form.places(height, width)
        if places is not None and WINDOWS in session.inputs:
            feeds[WINDOWS] = places
        rows: NDArray[np.float32]
        [rows] = session.run([OUTPUT], feeds, cancellation)
        if not np.isfinite(rows).all():
            raise ValueError("its answer is not made of finite numbers")
        logits = rows.reshape(*self.form.positions(height, width), -1)
        if logits.shape[-1] != len(self._labels):
            raise ValueError(f"it answers {logits.shape[-1]} classes, not {len(self._labels)}")
        probabilities = _softmax(logits)
        milliseconds = (time.perf_counter() - started) * 1000
        return Scores(view, probabilities, logits, self.device, milliseconds)

    def _session(self, height: int, width: int) -> Session:
        """For pictures of this size: of any size, where the device takes what is left open."""
        is_fixed = self.device.made_by.fixed_shapes
        key = (height, width) if is_fixed else None
        session = self._sessions.get(key)
        if session is None:
            graph = self.form.fixed(height, width) if is_fixed else self.form.graph
            content = graph.SerializeToString()
            # Large weights stay in their file, which the session that classifies has mapped too.
            session = open_derived(
                self.model,
                self.device,
                content,
                batch=1,
                prepack=prepacks(self.model),
                thrifty=True,
            )
            left_to_cpu(session, self.model, self.device)
            self._sessions[key] = session
            if len(self._sessions) > _SESSIONS_KEPT:
                self._sessions.popitem(last=False)
        self._sessions.move_to_end(key)
        return session

    def _fall_back(self, error: InferenceError) -> None:
        """Let the CPU look at whole pictures from now on."""
        reason = str(error.details.get("reason", error.message))
        self.failure = DenseOnCpuError(
            device=self.device.name, model=self.model.name, reason=reason
        )
        _log.warning("%s", self.failure, exc_info=True)
        self._sessions.clear()
        self.device = cpu_device()


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Over the last axis."""
    powers: NDArray[np.float32] = np.exp(logits - logits.max(axis=-1, keepdims=True))
    powers /= powers.sum(axis=-1, keepdims=True)
    return powers
