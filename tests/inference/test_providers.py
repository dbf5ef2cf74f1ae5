"""The table of providers: that it is sound, and what ONNX Runtime is told of each entry."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from support import TINY_SIZE, picture, tiny_input, tiny_model, tiny_proto
from vggscope import paths
from vggscope.inference import devices as devices_module
from vggscope.inference import discovery, runtime
from vggscope.inference.classifier import Classifier
from vggscope.inference.devices import Device, cpu_device, devices_of
from vggscope.inference.hardware import Hardware
from vggscope.inference.providers import PROVIDERS, SYSTEM_NAMES, Provider
from vggscope.inference.runtime import Session

if TYPE_CHECKING:
    from vggscope.zoo.normal_form import Model

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
EXTRAS = {
    name: [Requirement(line) for line in lines]
    for name, lines in PROJECT["optional-dependencies"].items()
}
BUILT_IN = [p.key for p in PROVIDERS.values() if not p.module and p.key != "cpu"]
PLUGINS = [p.key for p in PROVIDERS.values() if p.module]
NVIDIA = {"cuda", "tensorrt"}
CARD = Hardware("Imaginary 9000", "gpu", 1, ("FP16", "BF16"))


# --- the table ----------------------------------------------------------------------------------


def test_the_cpu_comes_first() -> None:
    assert next(iter(PROVIDERS)) == "cpu"
    cpu = PROVIDERS["cpu"]
    assert (cpu.name, len(cpu.variants), cpu.systems) == ("CPUExecutionProvider", 1, ())


def test_nothing_is_called_like_another() -> None:
    for names in zip(*((p.key, p.name, p.title) for p in PROVIDERS.values()), strict=True):
        assert len(set(names)) == len(names)
    assert [p.key for p in PROVIDERS.values()] == list(PROVIDERS)
    for provider in PROVIDERS.values():
        keys = [variant.key for variant in provider.variants]
        assert len(set(keys)) == len(keys) > 0
        assert [provider.variant(key) for key in keys] == list(provider.variants)


@pytest.mark.parametrize("key", PROVIDERS)
def test_an_entry_says_what_messages_need(key: str) -> None:
    provider = PROVIDERS[key]
    assert provider.title
    assert provider.package
    assert provider.needs
    assert set(provider.systems) <= set(SYSTEM_NAMES)
    # "Auto" has something to take.
    assert not provider.variants[0].by_hand
    options = [value for variant in provider.variants for value in variant.options.values()]
    assert all(isinstance(value, str) for value in options)


@pytest.mark.parametrize("key", PLUGINS)
def test_a_plugin_names_its_module_and_its_oldest_version(key: str) -> None:
    provider = PROVIDERS[key]
    assert provider.module == provider.package.replace("-", "_")
    assert provider.minimum
    assert not provider.device_option
    assert not provider.preload
    assert discovery._command(provider).startswith('pip install "')


@pytest.mark.parametrize("key", BUILT_IN)
def test_what_is_built_in_takes_the_place_of_the_runtime(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = PROVIDERS[key]
    assert not provider.minimum
    # Whatever runtime is there has to go first.
    monkeypatch.setattr(
        "vggscope.inference.packages.runtime_packages", lambda: ["onnxruntime-directml 1.24.4"]
    )
    first, _, then = discovery._command(provider).partition("”, then “")
    assert first == "pip uninstall -y onnxruntime-directml"
    assert then == f'pip install "{provider.requirement or provider.package}"'


def test_oldest_versions_are_those_of_the_extras() -> None:
    lines = [line for lines in EXTRAS.values() for line in lines]
    compared = []
    for provider in PROVIDERS.values():
        if provider.minimum:
            bounds = {str(line.specifier) for line in lines if line.name == provider.package}
            assert bounds <= {f">={provider.minimum}"}
            compared += bounds
    assert len(compared) >= 2


def test_what_pip_is_given_exists() -> None:
    for provider in PROVIDERS.values():
        asked = Requirement(provider.requirement or provider.package)
        if asked.name == PROJECT["name"]:
            [extra] = asked.extras
            names = {line.name for line in EXTRAS[extra]}
        else:
            names = {asked.name}
        assert names == {provider.package}


def test_each_system_has_the_providers_of_its_makers() -> None:
    def those_of(system: str) -> set[str]:
        return {p.key for p in PROVIDERS.values() if not p.systems or system in p.systems}

    assert those_of("darwin") == {"cpu", "webgpu", "coreml"}
    assert those_of("win32") - those_of("linux") == {"directml"}
    assert those_of("linux") == set(PROVIDERS) - {"directml", "coreml"}


# --- devices ------------------------------------------------------------------------------------

hardware = st.builds(
    Hardware,
    st.text("ab", max_size=2),
    st.sampled_from(["cpu", "gpu", "npu"]),
    st.integers(0, 99),
    st.lists(st.sampled_from(["FP16", "BF16", "INT8"]), unique=True).map(tuple),
)
# Numbers are those of a provider's list, in which there is one processor.
parts_of_a_computer = st.lists(hardware, max_size=5, unique_by=lambda part: part.index).filter(
    lambda parts: [part.kind for part in parts].count("cpu") <= 1
)


@given(parts_of_a_computer)
def test_keys_of_devices_are_provider_place_and_variant(parts: list[Hardware]) -> None:
    keys: list[str] = []
    for provider in (p for p in PROVIDERS.values() if p.key != "cpu"):
        found = devices_of(provider, parts)
        for device in found:
            part = device.hardware
            place = "cpu" if part.kind == "cpu" else f"{part.kind}{part.index}"
            assert device.key == f"{provider.key}:{place}:{device.variant}"
            assert device.precision == provider.variant(device.variant).precision
            assert device.made_by is provider
            assert device.name.startswith(part.name)
            assert not device.is_cpu
        keys += [device.key for device in found]
        # People can tell them apart, too.
        assert len({device.name for device in found}) == len(found)
    assert len(set(keys)) == len(keys)


@given(hardware)
def test_a_variant_needs_its_capability(part: Hardware) -> None:
    for device in devices_of(PROVIDERS["openvino"], [part]):
        capability = {"bf16": "BF16", "fp16": "FP16", "fp32": ""}[device.precision]
        assert not capability or capability in part.capabilities
        assert part.kind in device.made_by.variant(device.variant).kinds


def test_the_cpu_is_called_cpu() -> None:
    device = cpu_device()
    assert (device.key, device.precision, device.is_cpu) == ("cpu", "fp32", True)
    assert device.name == f"{device.hardware.name} (CPU)"


def test_precision_is_told_where_it_is_not_the_usual_one() -> None:
    names = [device.name for key in PROVIDERS for device in devices_of(PROVIDERS[key], [CARD])]
    assert "Imaginary 9000 (CUDA, tf32)" in names
    assert "Imaginary 9000 (CUDA, fp32, exhaustive)" in names
    assert "Imaginary 9000 (TensorRT RTX, tf32)" in names
    assert "Imaginary 9000 (DirectML)" in names
    assert len(set(names)) == len(names)


# --- what ONNX Runtime is told ------------------------------------------------------------------


class Runtime:
    """An ONNX Runtime of all providers: sessions open on the CPU, and what was asked is kept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.providers: list[Any] = []
        self.plans_memory = True
        self.preloads = 0
        self._open = runtime.ort.InferenceSession
        monkeypatch.setattr(runtime.ort, "InferenceSession", self.open)
        monkeypatch.setattr(runtime.ort, "preload_dlls", self.preload, raising=False)

    def open(self, graph: Path, options: Any, *, providers: list[Any], enable_fallback: int) -> Any:
        # It would hide that a device failed.
        assert not enable_fallback
        self.providers, self.plans_memory = providers, options.enable_mem_pattern
        return self._open(graph, options, providers=["CPUExecutionProvider"])

    def preload(self) -> None:
        self.preloads += 1


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> Runtime:
    there = {key: replace(entry, find=lambda _: [CARD]) for key, entry in PROVIDERS.items()}
    monkeypatch.setattr(devices_module, "PROVIDERS", there)
    return Runtime(monkeypatch)


def opened(model: Model, device: Device, *, batch: int = 1) -> Session:
    height, width = TINY_SIZE
    channels_last = model.description.input.layout == "NHWC"
    shape = (batch, height, width, 3) if channels_last else (batch, 3, height, width)
    return Session(model.graph_path, device, shape=shape, identity=model.identity)


def variants_of(key: str) -> list[Device]:
    return devices_of(PROVIDERS[key], [CARD])


def options_of(everything: Runtime) -> dict[str, str]:
    [(_, options), last] = everything.providers
    assert last == "CPUExecutionProvider"
    return dict(options)


@pytest.mark.parametrize("key", BUILT_IN)
def test_a_session_asks_for_the_provider_and_the_cpu_behind_it(
    everything: Runtime, tiny: Model, key: str
) -> None:
    provider = PROVIDERS[key]
    for device in variants_of(key):
        session = opened(tiny, device, batch=3)
        assert everything.providers[0][0] == provider.name
        asked = options_of(everything)
        wanted = provider.variant(device.variant).options
        assert {name: asked[name] for name in wanted} == dict(wanted)
        assert asked.get(provider.device_option, "1") == "1"
        if provider.cache_option:
            folder = Path(asked[provider.cache_option])
            assert folder.is_dir()
            assert folder.is_relative_to(paths.cache_dir())
        assert session.inputs["data"][0] == (3 if provider.fixed_shapes else None)
        assert everything.plans_memory is provider.memory_pattern
    assert (everything.preloads > 0) is (key in NVIDIA)


def test_cuda(everything: Runtime, tiny: Model) -> None:
    asked = []
    for device in variants_of("cuda"):
        opened(tiny, device)
        options = options_of(everything)
        assert options["device_id"] == "1"
        assert options["arena_extend_strategy"] == "kSameAsRequested"
        assert options["use_tf32"] == {"tf32": "1", "fp32": "0"}[device.precision]
        asked.append((options["cudnn_conv_algo_search"], device.precision, device.is_by_hand))
    # The quick search first; the slow one where somebody asks for it.
    assert asked == [
        ("HEURISTIC", "tf32", False),
        ("HEURISTIC", "fp32", False),
        ("EXHAUSTIVE", "tf32", True),
        ("EXHAUSTIVE", "fp32", True),
    ]


def test_directml(everything: Runtime, tiny: Model) -> None:
    [device] = variants_of("directml")
    session = opened(tiny, device)
    assert everything.plans_memory is False
    assert everything.providers[0] == ("DmlExecutionProvider", {"device_id": "1"})
    assert session.inputs["data"] == (1, 3, 8, 12)
    assert device.precision == "fp32"


def test_core_ml_is_for_macs(everything: Runtime, tiny: Model) -> None:
    assert PROVIDERS["coreml"].systems == ("darwin",)
    formats = {}
    for device in variants_of("coreml"):
        opened(tiny, device)
        formats[device.precision] = options_of(everything)["ModelFormat"]
    assert formats == {"fp16": "NeuralNetwork", "fp32": "MLProgram"}


def test_only_nvidias_providers_have_no_exact_variant() -> None:
    without = {p.key for p in PROVIDERS.values() if all(v.precision != "fp32" for v in p.variants)}
    assert without == {"tensorrt", "tensorrt-rtx"}


# --- a batch that must be known -----------------------------------------------------------------


@pytest.fixture
def rigid(monkeypatch: pytest.MonkeyPatch) -> Provider:
    """The CPU's provider wants to know shapes beforehand, as DirectML's does."""
    provider = replace(PROVIDERS["cpu"], fixed_shapes=True)
    monkeypatch.setattr(devices_module, "PROVIDERS", {"cpu": provider})
    return provider


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("batch", [1, 3])
def test_a_free_batch_is_fixed(rigid: Provider, tmp_path: Path, layout: str, batch: int) -> None:
    model = tiny_model(tmp_path / "tiny", proto=tiny_proto(layout), input=tiny_input(layout=layout))
    session = opened(model, cpu_device(), batch=batch)
    sides = (3, 8, 12) if layout == "NCHW" else (8, 12, 3)
    assert session.inputs == {"data": (batch, *sides)}
    assert session.outputs == {"logits": (batch, 4), "prob": (batch, 4)}
    assert rigid.fixed_shapes


def test_a_batch_that_is_fixed_already_stays(rigid: Provider, tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny", proto=tiny_proto(batch=5))
    session = opened(model, cpu_device(), batch=3)
    assert session.inputs == {"data": (5, 3, 8, 12)}
    assert rigid.fixed_shapes


@pytest.mark.parametrize("batch", [1, 3])
def test_any_number_of_pictures_with_a_fixed_batch(
    tiny: Model, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    frames = [picture(seed=seed) for seed in range(7)]
    expected = Classifier(tiny, cpu_device()).classify_batch(frames)
    provider = replace(PROVIDERS["cpu"], fixed_shapes=True)
    monkeypatch.setattr(devices_module, "PROVIDERS", {"cpu": provider})
    classifier = Classifier(tiny, cpu_device(), batch=batch)
    for count in (1, 3, 7):
        found = classifier.classify_batch(frames[:count])
        for one, other in zip(found, expected[:count], strict=True):
            np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)
    assert classifier.classify(frames[2]).predictions[0] == found[2].predictions[0]


def test_without_need_the_batch_stays_free(tiny: Model) -> None:
    assert opened(tiny, cpu_device(), batch=3).inputs["data"][0] is None
