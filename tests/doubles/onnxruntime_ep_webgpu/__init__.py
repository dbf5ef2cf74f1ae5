"""A double of a plugin execution provider: a graphics card that does whatever a test needs.

It stands where the real package would be found, in this process and in child processes, and
changes ONNX Runtime itself at its outermost edge: the library that is registered, the devices
that are listed, the session that is opened. Everything of ours runs as with a real provider.

What the card does is named by the environment variable VGGSCOPE_DOUBLE, read whenever it matters:

    good            what the CPU computes; after the first time for a picture, at once
    nan, wrong      another answer: not a number, or that of a neighbouring class
    fail:N          raises at the Nth run of a session and ever after
    ep-fail:N       the same, with the exception from which ONNX Runtime's Python goes on by itself
    crash:N, hang:N the same, but the process dies, or the run never ends
    refuse          no session can be opened: an operator is unknown
    kill-opening    the process is gone while a session is being opened
    idle            sessions open, but the CPU gets all the work
    empty           the library loads, but there is no card
    old             the library needs a newer ONNX Runtime
    broken          the library cannot be loaded
    crash-library, hang-library     looking for cards kills the process, or never ends
"""

from __future__ import annotations

import os
import signal
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime as ort
from onnxruntime.capi.onnxruntime_pybind11_state import EPFail

NAME = "WebGpuExecutionProvider"
CARD = "Imaginary 9000"
LIBRARY = "no such library"

_cpu_session = ort.InferenceSession
_listed = ort.get_ep_devices
_register = ort.register_execution_provider_library
_registered: list[str] = []


def mode() -> tuple[str, int]:
    """(what the card does, at which run)."""
    name, _, number = os.environ.get("VGGSCOPE_DOUBLE", "good").partition(":")
    return name, int(number or 1)


def get_library_path() -> str:
    return LIBRARY


def register(name: str, path: str) -> None:
    if path != LIBRARY:
        _register(name, path)
        return
    what, _ = mode()
    if what == "crash-library":
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == "hang-library":
        threading.Event().wait()
    if what == "old":
        raise RuntimeError(
            "[ONNXRuntimeError] : 1 : FAIL : ORT runtime version "
            f'"{ort.__version__}" is below the minimum required version "99.0.0".'
        )
    if what == "broken":
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : libimaginary.so is missing.")
    _registered.append(name)


def list_devices() -> list[Any]:
    if not _registered or mode()[0] == "empty":
        return list(_listed())
    card = SimpleNamespace(
        type=ort.OrtHardwareDeviceType.GPU,
        vendor="Imaginary",
        vendor_id=0x1010,
        device_id=0x9000,
        metadata={"Description": CARD},
    )
    ours = SimpleNamespace(ep_name=NAME, device=card, ep_metadata={}, ep_options={})
    return [*_listed(), ours]


class SessionOptions(ort.SessionOptions):
    """Knows whether the session is to run on the card."""

    on_card = False

    def add_provider_for_devices(self, devices: list[Any], options: dict[str, str]) -> None:
        if any(isinstance(device, SimpleNamespace) for device in devices):
            self.on_card = True
        else:
            super().add_provider_for_devices(devices, options)


class FailingSession:
    """What ONNX Runtime's own class wraps, on a device that fails."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def run(self, *_: Any) -> None:
        raise EPFail("[ONNXRuntimeError] : 11 : EP_FAIL : the card fell off the bus")


class InferenceSession:
    """A session on the card: computes on the CPU, and then does what the mode says."""

    def __new__(cls, path: Any, options: Any = None, **others: Any) -> Any:
        if not getattr(options, "on_card", False):
            return _cpu_session(path, options, **others)
        return super().__new__(cls)

    def __init__(self, path: Any, options: Any = None, **others: Any) -> None:
        if mode()[0] == "kill-opening":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode()[0] == "refuse":
            raise RuntimeError(
                "[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : "
                "Could not find an implementation for MaxPool(12) node with name 'pool1'"
            )
        others["providers"] = ["CPUExecutionProvider"]
        self._session = _cpu_session(path, options, **others)
        self._answers: dict[bytes, list[Any]] = {}
        self._runs = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def get_providers(self) -> list[str]:
        return [NAME, "CPUExecutionProvider"]

    def get_provider_graph_assignment_info(self) -> list[Any]:
        on_cpu = SimpleNamespace(
            ep_name="CPUExecutionProvider", get_nodes=lambda: [SimpleNamespace(op_type="Softmax")]
        )
        if mode()[0] == "idle":
            return [on_cpu]
        return [SimpleNamespace(ep_name=NAME, get_nodes=list), on_cpu]

    def run(self, names: Any, feeds: dict[str, Any], options: Any = None) -> list[Any]:
        what, number = mode()
        self._runs += 1
        if self._runs >= number:
            if what == "fail":
                raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : the card fell off the bus")
            if what == "ep-fail":
                self._session._sess = FailingSession(self._session._sess)
                return self._session.run(names, feeds, options)
            if what == "crash":
                os.kill(os.getpid(), signal.SIGSEGV)
            if what == "hang":
                threading.Event().wait()
        answer = self._answer(names, feeds, options)
        if what == "nan":
            return [np.full_like(values, np.nan) for values in answer]
        if what == "wrong":
            return [np.roll(values, 1, axis=-1) for values in answer]
        return answer

    def _answer(self, names: Any, feeds: dict[str, Any], options: Any) -> list[Any]:
        key = b"".join(values.tobytes() for values in feeds.values())
        if key not in self._answers:
            self._answers[key] = self._session.run(names, feeds, options)
        return self._answers[key]


ort.register_execution_provider_library = register
ort.get_ep_devices = list_devices
ort.SessionOptions = SessionOptions
ort.InferenceSession = InferenceSession
