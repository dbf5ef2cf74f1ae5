"""The execution providers that VGGscope knows, one entry each: a new one is a new entry.

What an entry cannot say in data is a function of ``hardware``, named in its ``find``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from vggscope.inference.hardware import (
    Hardware,
    find_apple_chip,
    find_cpu,
    find_cuda_cards,
    find_display_adapters,
    find_ep_devices,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Precision = Literal["fp32", "tf32", "bf16", "fp16"]
"""What the multiplications of floating-point layers are computed in. TF32 keeps fp32's range and
10 bits of its fraction, bf16 its range and 7 bits, fp16 10 bits of a smaller range."""

_WINDOWS: Final = "win32"
_MAC: Final = "darwin"
_LINUX: Final = "linux"
SYSTEM_NAMES: Final = MappingProxyType({_WINDOWS: "Windows", _MAC: "macOS", _LINUX: "Linux"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way to compute on a piece of hardware.

    Attributes:
        precision: of the arithmetic.
        options: of the provider.
        suffix: tells apart variants of the same precision.
        kinds: of hardware that it exists on.
        capability: that the hardware must report; "" for none.
        by_hand: whether *Auto* leaves it alone, because it costs more than it may gain.
    """

    precision: Precision = "fp32"
    options: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""
    kinds: frozenset[str] = frozenset({"cpu", "gpu", "npu"})
    capability: str = ""
    by_hand: bool = False

    @property
    def key(self) -> str:
        """The last part of a device's key."""
        return "-".join(filter(None, (self.precision, self.suffix)))

    def exists_on(self, hardware: Hardware) -> bool:
        """Whether ``hardware`` can compute so."""
        capable = not self.capability or self.capability in hardware.capabilities
        return hardware.kind in self.kinds and capable


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An execution provider of ONNX Runtime, and how it wants to be used.

    Attributes:
        key: first part of the keys of its devices.
        title: for people.
        name: what ONNX Runtime calls it.
        package: the distribution that brings it.
        needs: the hardware, for people.
        find: its hardware; called in a child process with ``name``.
        variants: in the order in which a user would want them.
        systems: values of ``sys.platform`` that it exists on; none for all.
        flavour: of the frozen application, the one that brings it; "" for none.
        requirement: what pip is to be given to install ``package``, where that is more.
        module: of a plugin provider, the module that tells where its library is.
        minimum: oldest version of a plugin's package that is known to work.
        cache_option: takes a folder in which the provider may keep what it compiled.
        device_option: of a built-in provider, the option that takes ``Hardware.index``.
        fixed_shapes: whether shapes must be known when the session is opened.
        memory_pattern: whether ONNX Runtime may plan memory for it.
        preload: whether libraries of NVIDIA's own packages must be loaded before.
    """

    key: str
    title: str
    name: str
    package: str
    needs: str
    find: Callable[[str], list[Hardware]]
    variants: tuple[Variant, ...] = (Variant(),)
    systems: tuple[str, ...] = ()
    flavour: str = ""
    requirement: str = ""
    module: str = ""
    minimum: str = ""
    cache_option: str = ""
    device_option: str = ""
    fixed_shapes: bool = False
    memory_pattern: bool = True
    preload: bool = False

    def variant(self, key: str) -> Variant:
        """The variant of this key."""
        return {variant.key: variant for variant in self.variants}[key]


def _openvino(hint: str) -> dict[str, str]:
    # The provider's own option "precision" is ignored with a warning (1.8.1); each kind of
    # hardware reads its own section.
    section = {"INFERENCE_PRECISION_HINT": hint}
    return {"load_config": json.dumps(dict.fromkeys(("CPU", "GPU", "NPU"), section))}


def _cuda(search: str, *, tf32: bool) -> dict[str, str]:
    return {
        "cudnn_conv_algo_search": search,
        # Growing by powers of two would take memory from the programs beside us.
        "arena_extend_strategy": "kSameAsRequested",
        "use_tf32": str(int(tf32)),
    }


_NVIDIA: Final = "an NVIDIA graphics card"
# Without a cache an engine is built anew at every start, which takes up to minutes.
_TENSORRT: Final = MappingProxyType({"trt_engine_cache_enable": "1"})
_ENTRIES: Final = (
    Provider(
        key="cpu",
        title="CPU",
        name="CPUExecutionProvider",
        package="onnxruntime",
        needs="a processor",
        find=find_cpu,
    ),
    Provider(
        key="openvino",
        title="OpenVINO",
        name="OpenVINOExecutionProvider",
        package="onnxruntime-ep-openvino",
        needs="an Intel processor, graphics card or NPU",
        find=find_ep_devices,
        variants=(
            Variant(precision="bf16", options=_openvino("bf16"), capability="BF16"),
            Variant(
                precision="fp16",
                options=_openvino("f16"),
                kinds=frozenset({"gpu", "npu"}),
                capability="FP16",
            ),
            Variant(options=_openvino("f32"), kinds=frozenset({"cpu", "gpu"})),
        ),
        systems=(_LINUX, _WINDOWS),
        flavour="openvino",
        requirement="vggscope[openvino]",
        module="onnxruntime_ep_openvino",
        minimum="1.8",
    ),
    Provider(
        key="cuda",
        title="CUDA",
        name="CUDAExecutionProvider",
        package="onnxruntime-gpu",
        flavour="cuda",
        requirement="onnxruntime-gpu[cuda,cudnn]",
        needs=_NVIDIA,
        find=find_cuda_cards,
        variants=(
            Variant(precision="tf32", options=_cuda("HEURISTIC", tf32=True)),
            Variant(options=_cuda("HEURISTIC", tf32=False)),
            # Trying all algorithms of every convolution takes seconds at each start.
            Variant(
                precision="tf32",
                options=_cuda("EXHAUSTIVE", tf32=True),
                suffix="exhaustive",
                by_hand=True,
            ),
            Variant(options=_cuda("EXHAUSTIVE", tf32=False), suffix="exhaustive", by_hand=True),
        ),
        systems=(_LINUX, _WINDOWS),
        device_option="device_id",
        preload=True,
    ),
    Provider(
        key="tensorrt",
        title="TensorRT",
        name="TensorrtExecutionProvider",
        package="onnxruntime-gpu",
        flavour="cuda",
        requirement="onnxruntime-gpu[cuda,cudnn]",
        needs=f"{_NVIDIA} and TensorRT",
        find=find_cuda_cards,
        variants=(
            Variant(precision="fp16", options={**_TENSORRT, "trt_fp16_enable": "1"}),
            # TensorRT rounds to TF32 wherever the card can, and has no option against it.
            Variant(precision="tf32", options=_TENSORRT),
        ),
        systems=(_LINUX, _WINDOWS),
        device_option="device_id",
        cache_option="trt_engine_cache_path",
        fixed_shapes=True,
        preload=True,
    ),
    Provider(
        key="tensorrt-rtx",
        title="TensorRT RTX",
        name="NvTensorRTRTXExecutionProvider",
        package="onnxruntime-ep-nv-tensorrt-rtx",
        needs="an NVIDIA RTX graphics card (30xx or later)",
        find=find_ep_devices,
        variants=(Variant(precision="tf32"),),
        systems=(_LINUX, _WINDOWS),
        module="onnxruntime_ep_nv_tensorrt_rtx",
        minimum="0.5",
        fixed_shapes=True,
    ),
    Provider(
        key="directml",
        title="DirectML",
        name="DmlExecutionProvider",
        package="onnxruntime-directml",
        flavour="directml",
        needs="a graphics card with a driver for DirectX 12",
        find=find_display_adapters,
        systems=(_WINDOWS,),
        device_option="device_id",
        fixed_shapes=True,
        memory_pattern=False,
    ),
    Provider(
        key="webgpu",
        title="WebGPU",
        name="WebGpuExecutionProvider",
        package="onnxruntime-ep-webgpu",
        needs="a graphics card with a driver for Direct3D 12, Vulkan or Metal",
        find=find_ep_devices,
        flavour="webgpu",
        requirement="vggscope[webgpu]",
        module="onnxruntime_ep_webgpu",
        minimum="0.4",
    ),
    Provider(
        key="coreml",
        title="Core ML",
        name="CoreMLExecutionProvider",
        package="onnxruntime",
        needs="a Mac",
        find=find_apple_chip,
        variants=(
            # The neural engine computes in fp16, and takes networks of the older format only.
            Variant(
                precision="fp16",
                options={"ModelFormat": "NeuralNetwork", "MLComputeUnits": "ALL"},
            ),
            Variant(options={"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"}),
        ),
        systems=(_MAC,),
        cache_option="ModelCacheDirectory",
        fixed_shapes=True,
    ),
)
PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({p.key: p for p in _ENTRIES})
"""By key; the CPU first, which every computer has and which all others are compared with."""
