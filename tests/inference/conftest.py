from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from imaginary import busy_model
from vggscope.inference.devices import Device, devices_of
from vggscope.inference.hardware import find_ep_devices
from vggscope.inference.providers import PROVIDERS
from vggscope.inference.runtime import ep_devices, load_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from vggscope.zoo.normal_form import Model


@pytest.fixture
def model(data_dir: Path) -> Model:
    """A model that the imaginary card is faster with than the CPU."""
    return busy_model(data_dir / "data" / "models" / "busy")


@pytest.fixture(scope="session")
def openvino() -> dict[str, Device]:
    """OpenVINO's devices by their keys; skips where there is no plugin, or nothing for it."""
    pytest.importorskip(
        "onnxruntime_ep_openvino", reason="onnxruntime-ep-openvino is not installed"
    )
    provider = PROVIDERS["openvino"]
    load_plugin(provider)
    found = {d.key: d for d in devices_of(provider, find_ep_devices(provider.name))}
    # On Intel's processors there is one.
    makers = {ep.device.vendor for ep in ep_devices("CPUExecutionProvider")}
    if not found and not any("Intel" in maker for maker in makers):
        pytest.skip(f"OpenVINO finds nothing that it runs on (processor: {', '.join(makers)})")
    return found
