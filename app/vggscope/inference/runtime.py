"""ONNX Runtime: the one module that imports it.

Its telemetry is switched off before the import (afterwards is too late: the wheel of 1.32 writes
a device id below the home folder while it is being imported). Child processes inherit the
variable.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import threading
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from vggscope import paths
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
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vggscope.inference.devices import Device
    from vggscope.inference.providers import Provider
    from vggscope.inference.shared_weights import SharedWeights

_FATAL_ONLY: Final = 4
_CPU: Final = "CPUExecutionProvider"
_WEIGHTS_FOLDER: Final = "session.model_external_initializers_file_folder_path"
_SHRINKING: Final = "memory.enable_memory_arena_shrinkage"
_OF_THE_FILES: Final = frozenset({"InvalidProtobuf", "InvalidGraph", "NoSuchFile"})
"""Names of the exceptions of ONNX Runtime that speak of the model's files, on whatever device."""
_log = logging.getLogger(__name__)
_loaded_plugins: set[str] = set()


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

    def __init__(  # noqa: PLR0913 (all but two are options)
        self,
        graph: Path | bytes,
        device: Device,
        *,
        shape: Sequence[int],
        identity: str,
        weights: Path | None = None,
        prepack: bool = True,
        reorder: bool = True,
        thrifty: bool = False,
        shared: SharedWeights | None = None,
        profile: Path | None = None,
    ) -> None:
        """Load ``graph`` and prepare it for ``device``.

        Args:
            graph: an ONNX file, or the content of one.
            device: where it is to run.
            shape: of its input, for devices that must know it beforehand.
            identity: another one for every graph and its weights: some providers keep what they
                compile, and would take it for that of another graph of the same names.
            weights: the folder of the files that a graph given as content refers to.
            prepack: let the CPU copy the weights into the order that it likes best. Without,
                they stay in their file, which all sessions share; a run takes 12 % longer (seen
                with the bundled model), in 8 bits almost three times as long.
            reorder: likewise for the filters of convolutions, when the graph is read; without, they
                take about twice the time.
            thrifty: give back what a run took, as far as the CPU keeps it for the next one. For
                sessions that run seldom, on inputs whose sizes differ.
            shared: weights that other sessions of the CPU compute with as well; not prepacked.
            profile: the folder for a record of how long every node took, see ``profiled``.

        Raises:
            Exception: whatever ONNX Runtime raises; the caller knows what was being loaded.
        """
        provider = device.made_by
        _load(provider)
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL_ONLY
        # Spinning threads take a core from decoding and from the window, and keep a laptop warm;
        # benchmarks/classify.py sees no difference in the time of a run.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # So that a device which leaves the work to the CPU can be told from one that does it.
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        if weights is not None:
            options.add_session_config_entry(_WEIGHTS_FOLDER, str(weights))
        if not prepack or shared is not None:
            options.add_session_config_entry("session.disable_prepacking", "1")
        if not reorder:
            level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
            options.graph_optimization_level = level
        # They have to live as long as the session: ONNX Runtime holds no reference.
        arrays = {} if shared is None else shared.arrays
        wrapped = {n: ort.OrtValue.ortvalue_from_numpy(array) for n, array in arrays.items()}
        self._kept_alive = (shared, wrapped)
        for name, value in wrapped.items():
            options.add_initializer(name, value)
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile / "profile")
        options.enable_mem_pattern = provider.memory_pattern and not thrifty
        if provider.fixed_shapes:
            for name, size in _free_dimensions(graph, shape).items():
                options.add_free_dimension_override_by_name(name, size)
        # Short: below it providers make names of their own, and Windows allows 260 characters.
        cache = _cache_folder(provider, f"{identity[:16]}-{device.variant}-{shape[0]}")
        providers = _providers(device, options, cache)
        # Its Python wrapper would otherwise go on with the CPU when a device fails, and print so.
        self._session = ort.InferenceSession(graph, options, enable_fallback=0, **providers)
        self.inputs = {i.name: _shape(i.shape) for i in self._session.get_inputs()}
        self.outputs = {o.name: _shape(o.shape) for o in self._session.get_outputs()}
        self._provider = provider.name
        self._is_thrifty = thrifty and device.is_cpu
        name = "a derived graph" if isinstance(graph, bytes) else str(graph)
        _log.info("Opened %s on %s (%s)", name, device.key, self._session.get_providers())

    def left_to_cpu(self) -> dict[str, int] | None:
        """How many nodes of which operators the provider did not take; None if it took none.

        Where this ONNX Runtime does not tell, it is believed as long as it names the provider.
        """
        if self._provider not in self._session.get_providers():
            return None
        assignment = getattr(self._session, "get_provider_graph_assignment_info", None)
        if assignment is None or self._provider == _CPU:
            return {}
        taken, left = False, Counter[str]()
        for part in assignment():
            if part.ep_name == self._provider:
                taken = True
            else:
                left.update(node.op_type for node in part.get_nodes())
        # A provider that no record speaks of at all is believed, too.
        return dict(left) if taken or not left else None

    def profiled(self) -> bytes:
        """The record of all runs so far, in the trace event format (JSON); it ends here."""
        return Path(self._session.end_profiling()).read_bytes()

    def run(
        self,
        outputs: Sequence[str],
        feeds: Mapping[str, NDArray[np.float32] | NDArray[np.int64]],
        cancellation: Cancellation,
    ) -> list[NDArray[np.float32]]:
        """The named outputs for ``feeds``.

        Raises:
            Cancelled: ``cancellation`` was asked for, before or during the run.
            Exception: whatever ONNX Runtime raises.
        """
        options = cancellation._enter()
        if self._is_thrifty:
            options.add_run_config_entry(_SHRINKING, "cpu:0")
        try:
            results: list[NDArray[np.float32]] = self._session.run(
                list(outputs), dict(feeds), options
            )
        except Exception:
            # ONNX Runtime reports a terminated run as an error like any other.
            cancellation.check()
            raise
        finally:
            cancellation._leave()
        cancellation.check()
        return results


def _load(provider: Provider) -> None:
    """Load the libraries that the provider needs."""
    if provider.module:
        load_plugin(provider)
    if provider.preload:
        # Finds the CUDA libraries that pip installed. It prints what it misses instead of raising.
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            ort.preload_dlls()
        _log.info("Preloading: %s", printed.getvalue())


def _cache_folder(provider: Provider, name: str) -> Path | None:
    """A folder for what the provider compiles; None if it wants none, or it cannot be made."""
    if not provider.cache_option:
        return None
    folder = paths.cache_dir() / "compiled" / provider.key / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _log.warning("Compiled networks are not kept: %s", error)
        return None
    return folder


def _providers(device: Device, options: ort.SessionOptions, cache: Path | None) -> dict[str, Any]:
    """The arguments of a session that name the provider; a plugin's goes into ``options``."""
    provider = device.made_by
    choices = dict(provider.variant(device.variant).options)
    index = device.hardware.index
    if not device.is_cpu and device.hardware not in provider.find(provider.name):
        raise RuntimeError("it is not there any more, or another one has taken its place")
    if cache is not None:
        choices[provider.cache_option] = str(cache)
    if provider.module:
        options.add_provider_for_devices([ep_devices(provider.name)[index]], choices)
        return {}
    if provider.device_option:
        choices[provider.device_option] = str(index)
    # What the provider does not take goes to the CPU, as with a plugin.
    return {"providers": [(provider.name, choices), *([] if device.is_cpu else [_CPU])]}


def _shape(dimensions: Sequence[Any]) -> tuple[int | None, ...]:
    return tuple(d if isinstance(d, int) else None for d in dimensions)


def _free_dimensions(graph: Path | bytes, shape: Sequence[int]) -> dict[str, int]:
    """Name -> size of the input's dimensions that the graph leaves free (imports ``onnx``)."""
    import onnx  # noqa: PLC0415 (162 ms that only some devices need)

    content = graph if isinstance(graph, bytes) else graph.read_bytes()
    [first, *_] = onnx.ModelProto.FromString(content).graph.input
    pairs = zip(first.type.tensor_type.shape.dim, shape, strict=False)
    return {dimension.dim_param: size for dimension, size in pairs if dimension.dim_param}


def is_of_the_files(error: BaseException) -> bool:
    """Whether what ``Session`` raised says that the model's files are no good, not the device."""
    kind = type(error)
    return kind.__module__.endswith("onnxruntime_pybind11_state") and kind.__name__ in _OF_THE_FILES


def reason_of(error: BaseException) -> str:
    """ONNX Runtime's message without its error code prefix and line breaks, for a sentence."""
    text = " ".join(str(error).split(" : ")[-1].split())[:300].rstrip(".")
    return text or type(error).__name__


def version() -> str:
    """Version of ONNX Runtime."""
    return str(ort.__version__)


def available_providers() -> list[str]:
    """Execution providers that this ONNX Runtime build holds."""
    return list(ort.get_available_providers())


def load_plugin(provider: Provider) -> None:
    """Let ONNX Runtime load the library of a plugin provider, once in this process.

    Raises:
        Exception: whatever the plugin's module or ONNX Runtime raises.
    """
    if provider.name not in _loaded_plugins:
        library = import_module(provider.module).get_library_path()
        ort.register_execution_provider_library(provider.name, library)
        _loaded_plugins.add(provider.name)


def ep_devices(provider: str) -> list[Any]:
    """The ``OrtEpDevice`` objects of the provider that ONNX Runtime calls so, in its order."""
    return [device for device in ort.get_ep_devices() if device.ep_name == provider]
