"""What the layers of a network make of a picture, and what they multiply by.

Measured on an Intel CPU: handing out every layer costs ONNX Runtime's CPU provider nothing that can
be seen, so that one run answers for all of them. Others fuse layers, which each output prevents:
there, and where all maps together would take too much memory, the graph is cut at the layer.
"""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import numpy as np

from vggscope.errors import (
    Cancelled,
    InferenceError,
    LayerNotFoundError,
    LayerWithoutWeightsError,
    NoReluError,
)
from vggscope.inference.devices import cpu_device
from vggscope.inference.feature_maps import FeatureMaps, as_maps
from vggscope.inference.opening import open_derived, run_failure
from vggscope.inference.preprocessing import Preprocessor
from vggscope.inference.runtime import Cancellation
from vggscope.sources.frame import Frame
from vggscope.vgg.surgery import Output, cut, unit_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto

    from vggscope.inference.devices import Device
    from vggscope.inference.preprocessing import CropBox, NetworkInput
    from vggscope.inference.runtime import Session
    from vggscope.sources.frame import Picture
    from vggscope.vgg.anatomy import Site
    from vggscope.zoo.normal_form import Fit, Model

_ROOM: Final = 200_000_000
"""Bytes that the maps of all layers may take together: VGG19's take 66 million."""
_SESSIONS_KEPT: Final = 3
_log = logging.getLogger(__name__)


class LayerReader:
    """Looks into one model. Owned by one thread, as its sessions are.

    Attributes:
        model: which one.
        device: what computes.
        anatomy: its layers, and where they are.
        graph: without the weights.
        labels: of the classes, in the order of the outputs.
    """

    def __init__(
        self, model: Model, device: Device, *, fit: Fit | None = None, room: int = _ROOM
    ) -> None:
        """Read the graph of ``model`` (imports ``onnx``, 162 ms); sessions are opened when needed.

        Args:
            model: which one.
            device: what is to compute.
            fit: how pictures are fitted to the network; the model's published way if None.
            room: bytes that the maps of all layers may take together.

        Raises:
            ModelError: the graph is missing or no ONNX file, or there are no labels.
            NotAChainError: not even a list of its layers can be made.
        """
        self.model, self.device = model, device
        self.graph: ModelProto = model.graph()
        self.labels = model.labels()
        self._spec = model.description.input
        self.anatomy = model.anatomy(self.graph)
        # The input needs no run.
        self._sites = {site.layer.name: site for site in self.anatomy.sites[1:]}
        together = sum(4 * math.prod(site.layer.output_shape) for site in self._sites.values())
        self._at_once = device.is_cpu and together <= room
        self._sessions: OrderedDict[tuple[str, ...], Session] = OrderedDict()
        self.use_fit(fit)
        self._seen: NDArray[np.float32] | None = None
        self._maps: Mapping[str, NDArray[np.float32]] = {}

    def use_fit(self, fit: Fit | None) -> None:
        """Fit pictures to the network in another way (None: as published) from now on."""
        self._preprocessor = Preprocessor(self._spec, fit=fit)
        self._input: tuple[Frame, NetworkInput] | None = None

    @property
    def enough(self) -> int:
        """Shorter side in pixels beyond which ``read_still`` need not decode for this model."""
        return self._preprocessor.enough

    def site(self, layer: str, *, before_relu: bool = False) -> Site:
        """Where ``layer`` is.

        Raises:
            LayerNotFoundError: there is no such layer.
            NoReluError: it has no ReLU, or none that can be told apart, but ``before_relu`` needs
                one.
        """
        found = self.anatomy.find(layer)
        if found is None:
            known = ", ".join(site.layer.name for site in self.anatomy.sites)
            raise LayerNotFoundError(model=self.model.name, layer=layer, known=known)
        if before_relu and found.before is None:
            known = ", ".join(s.layer.name for s in self.anatomy.sites if s.before)
            raise NoReluError(layer=layer, known=known)
        return found

    def read(
        self,
        values: NDArray[np.float32],
        layer: str,
        *,
        before_relu: bool = False,
        cancellation: Cancellation | None = None,
    ) -> NDArray[np.float32]:
        """What ``layer`` makes of a picture.

        Of the last picture, what is known already is not computed again.

        Args:
            values: the picture as the network sees it, see ``Preprocessor.tensor``. Not to be
                changed afterwards: the picture is recognised by this very array.
            layer: name of the layer.
            before_relu: what the layer's ReLU gets instead of its output.
            cancellation: ends it, in mid-network.

        Returns:
            float32 [C, H, W]; of vectors [N, 1, 1].

        Raises:
            LayerNotFoundError: there is no such layer.
            NoReluError: it has no ReLU, or none that can be told apart.
            InferenceError: the device failed.
            Cancelled: ``cancellation`` was asked for.
        """
        site = self.site(layer, before_relu=before_relu)
        if site is self.anatomy.sites[0]:
            return values.transpose(2, 0, 1) if site.channels_last else values
        if self._seen is not values:
            self._seen, self._maps = values, {}
        key = f"{layer} before" if before_relu else layer
        if key not in self._maps:
            run_all = self._at_once and not before_relu
            outputs = (
                [Output.of(s, name=_name(n)) for n, s in self._sites.items()]
                if run_all
                else [Output.of(site, name=_name(key), before_relu=before_relu)]
            )
            names = list(self._sites) if run_all else [key]
            found = self._run(outputs, values, cancellation or Cancellation())
            maps = {n: as_maps(array) for n, array in zip(names, found, strict=True)}
            # All layers were there at once before; single ones do not pile up.
            self._maps = {**self._maps, **maps} if self._at_once else maps
        return self._maps[key]

    def look(
        self,
        picture: Picture,
        layer: str,
        *,
        before_relu: bool = False,
        cancellation: Cancellation | None = None,
    ) -> FeatureMaps:
        """What ``layer`` makes of a picture, with all that is needed to explain it.

        One ``Frame`` is not run again for its other layers, as far as the device hands them out
        together.

        Args:
            picture: a ``Frame``, or a video's ``PlanarPicture``.
            layer: name of the layer.
            before_relu: what the layer's ReLU gets instead of its output.
            cancellation: ends it, in mid-network.

        Raises:
            As ``read``.
        """
        if self._input is None or self._input[0] is not picture:
            # What is known is recognised by the input tensor. A video's picture is another one at
            # every moment, and not kept.
            seen = self._preprocessor.tensor(picture)
            self._input = (picture, seen) if isinstance(picture, Frame) else None
        else:
            seen = self._input[1]
        values = self.read(seen.values, layer, before_relu=before_relu, cancellation=cancellation)
        return self.explained(
            values, layer, before_relu=before_relu, crop=seen.crop, picture_size=picture.size
        )

    def explained(  # noqa: PLR0913 (what maps are told apart by)
        self,
        values: NDArray[np.float32],
        layer: str,
        *,
        before_relu: bool,
        crop: CropBox,
        picture_size: tuple[int, int],
        shrunk: int = 1,
    ) -> FeatureMaps:
        """``values`` [C, H, W] of ``layer`` with what is known of them; see ``FeatureMaps``.

        Raises:
            LayerNotFoundError: there is no such layer.
        """
        return FeatureMaps(
            layer=self.site(layer).layer,
            values=values,
            before_relu=before_relu,
            input_size=(self._spec.width, self._spec.height),
            crop=crop,
            picture_size=picture_size,
            model=self.model.name,
            device=self.device.name,
            labels=self._labels_of(layer),
            shrunk=shrunk,
        )

    def _labels_of(self, layer: str) -> tuple[str, ...] | None:
        """The names of the classes, if the units of ``layer`` are these."""
        layers = [site.layer for site in self.anatomy.sites]
        last = max((i for i, each in enumerate(layers) if each.parameters), default=len(layers))
        answers = {each.name for each in layers[last:] if each.output_shape == (len(self.labels),)}
        return tuple(label.label for label in self.labels) if layer in answers else None

    def weights(self, layer: str, unit: int) -> NDArray[np.float32]:
        """What one unit (channel) of ``layer`` multiplies by: float32 [in, height, width] or [in].

        Raises:
            LayerNotFoundError: there is no such layer.
            LayerWithoutWeightsError: it has none.
            IndexError: it has no such unit.
            InferenceError: they cannot be read.
        """
        site = self.site(layer)
        if site.weights is None:
            raise LayerWithoutWeightsError(layer=layer)
        if not 0 <= unit < site.layer.output_shape[-1]:
            raise IndexError(f"{layer} has {site.layer.output_shape[-1]} units, not {unit}")
        try:
            graph = unit_weights(self.graph, site, unit)
            session = self._opened(graph, on=cpu_device())
            [found] = session.run(["weights"], {}, Cancellation())
        except InferenceError:
            raise
        except Exception as error:
            raise self._failure(error) from error
        return found

    def _run(
        self,
        outputs: Sequence[Output],
        values: NDArray[np.float32],
        cancellation: Cancellation,
    ) -> list[NDArray[np.float32]]:
        names = tuple(output.name for output in outputs)
        try:
            session = self._sessions.get(names)
            if session is None:
                graph = cut(self.graph, outputs)
                session = self._sessions[names] = self._opened(graph, on=self.device)
                if len(self._sessions) > _SESSIONS_KEPT:
                    self._sessions.popitem(last=False)
            self._sessions.move_to_end(names)
            # Some graphs take no fewer pictures than they were made for.
            count = session.inputs[self._spec.name][0] or 1
            batch = np.broadcast_to(values, (count, *values.shape))
            feeds = {self._spec.name: np.ascontiguousarray(batch)}
            return [array[:1] for array in session.run(names, feeds, cancellation)]
        except (Cancelled, InferenceError):
            raise
        except Exception as error:
            raise self._failure(error) from error

    def _opened(self, graph: ModelProto, *, on: Device) -> Session:
        return open_derived(self.model, on, graph.SerializeToString(), batch=1)

    def _failure(self, error: Exception) -> InferenceError:
        _log.exception("A layer of %s could not be read", self.model.name)
        return run_failure(self.model, self.device, error)


def _name(key: str) -> str:
    """What a derived graph calls an output: never what the model's own graph calls a tensor."""
    return f"vggscope: {key}"
