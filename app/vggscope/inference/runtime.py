"""ONNX Runtime: the one module that imports it.

Its telemetry is switched off before the import (afterwards is too late: the wheel of 1.32 writes
a device id below the home folder while it is being imported). Child processes inherit the
variable.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from vggscope.errors import Cancelled, EngineMissingError

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

try:
    import onnxruntime as ort
except Exception as error:  # not only ImportError: half an installation fails in any way
    reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    raise EngineMissingError(reason=reason) from error

# What an uninstallation left behind can still be imported.
_PARTS: Final = (
    "InferenceSession",
    "RunOptions",
    "SessionOptions",
    "__version__",
    "get_available_providers",
)
if _missing := [part for part in _PARTS if not hasattr(ort, part)]:
    raise EngineMissingError(reason=f"its package lacks {', '.join(_missing)}")

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from vggscope.inference.devices import Device

_FATAL_ONLY: Final = 4
_OF_THE_FILES: Final = frozenset({"InvalidProtobuf", "InvalidGraph", "NoSuchFile"})
"""Names of the exceptions of ONNX Runtime that speak of the model's files, on whatever device."""
_log = logging.getLogger(__name__)


class Cancellation:
    """A wish to stop that any thread may express and every run obeys, in mid-network if need be.

    One object serves any number of runs; once cancelled it stays so.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cancelled = False
        self._running: ort.RunOptions | None = None

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Stop the present run and all later ones. May be called from any thread."""
        with self._lock:
            self._cancelled = True
            if self._running is not None:
                self._running.terminate = True

    def check(self) -> None:
        """Raise ``Cancelled`` once cancelled."""
        if self._cancelled:
            raise Cancelled

    def _enter(self) -> ort.RunOptions:
        options = ort.RunOptions()
        options.log_severity_level = _FATAL_ONLY
        with self._lock:
            self.check()
            self._running = options
        return options

    def _leave(self) -> None:
        with self._lock:
            self._running = None


class Session:
    """An ONNX graph on a device. Owned by one thread (DirectML insists on it).

    Attributes:
        inputs: name -> shape; dimensions that are free are None.
        outputs: name -> shape, likewise.
    """

    def __init__(self, graph: Path, device: Device) -> None:
        """Load ``graph`` and prepare it for ``device``.

        Raises:
            Exception: whatever ONNX Runtime raises; the caller knows what was being loaded.
        """
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        # Spinning threads take a core from decoding and from the window, and keep a laptop warm;
        # benchmarks/classify.py sees no difference in the time of a run.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(graph, options, providers=[device.provider])
        self.inputs = {i.name: _shape(i.shape) for i in self._session.get_inputs()}
        self.outputs = {o.name: _shape(o.shape) for o in self._session.get_outputs()}
        _log.info("Opened %s on %s", graph, self._session.get_providers())

    def run(
        self,
        outputs: Sequence[str],
        feeds: dict[str, NDArray[np.float32]],
        cancellation: Cancellation,
    ) -> list[NDArray[np.float32]]:
        """The named outputs for ``feeds``.

        Raises:
            Cancelled: ``cancellation`` was asked for, before or during the run.
            Exception: whatever ONNX Runtime raises.
        """
        options = cancellation._enter()
        try:
            results: list[NDArray[np.float32]] = self._session.run(list(outputs), feeds, options)
        except Exception:
            # ONNX Runtime reports a terminated run as an error like any other.
            cancellation.check()
            raise
        finally:
            cancellation._leave()
        cancellation.check()
        return results


def _shape(dimensions: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(d if isinstance(d, int) else None for d in dimensions)


def is_of_the_files(error: BaseException) -> bool:
    """Whether what ``Session`` raised says that the model's files are no good, not the device."""
    kind = type(error)
    return kind.__module__.endswith("onnxruntime_pybind11_state") and kind.__name__ in _OF_THE_FILES


def version() -> str:
    """Version of ONNX Runtime."""
    return str(ort.__version__)


def available_providers() -> list[str]:
    """Execution providers that this ONNX Runtime build holds."""
    return list(ort.get_available_providers())
