"""A process of memory.py: does one thing with a model, tells what memory that took, and ends.

python _memory_child.py bare|lean|install|import|LAYER FOLDER

``FOLDER`` holds ``vgg16.onnx`` and, in normal form, ``vgg16-random``. What is needed to measure is
imported last, and only what is measured before.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from contextlib import suppress
from pathlib import Path

SECONDS_BETWEEN_SAMPLES = 0.005


class Sampler(threading.Thread):
    """Notes the largest sums over this process and its children until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peaks = {"peak_rss": 0, "peak_pss": 0}
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(SECONDS_BETWEEN_SAMPLES):
            self.sample()

    def sample(self) -> dict[str, int]:
        """What is taken now."""
        now = taken()
        for key, value in now.items():
            self.peaks[f"peak_{key}"] = max(self.peaks[f"peak_{key}"], value)
        return now

    def stop(self) -> None:
        self._ended.set()
        self.join()


def taken() -> dict[str, int]:
    """RSS and PSS of this process and its children, in bytes (Linux)."""
    sums = {"rss": 0, "pss": 0}
    for process in (os.getpid(), *children()):
        with suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in {"Rss", "Pss"}:
                    sums[name.lower()] += 1024 * int(value.split()[0])
    return sums


def children() -> list[int]:
    """The processes that this one has started, by whichever of its threads."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            found += [int(number) for number in (task / "children").read_text().split()]
    return found


def bare(folder: Path) -> object:
    """ONNX Runtime as it comes."""
    import numpy as np  # noqa: PLC0415

    from _harness import bare_session  # noqa: PLC0415

    session = bare_session(folder / "vgg16.onnx")
    session.run(None, {"data": np.zeros((1, 3, 224, 224), np.float32)})
    return session


def lean(folder: Path) -> object:
    """As the program classifies."""
    from vggscope.inference.classifier import Classifier  # noqa: PLC0415
    from vggscope.inference.devices import cpu_device  # noqa: PLC0415
    from vggscope.zoo.normal_form import read_model  # noqa: PLC0415

    classifier = Classifier(read_model(folder / "vgg16-random"), cpu_device())
    classifier.classify(frame())
    return classifier


def readers(folder: Path, layer: str) -> object:
    """As the window does that shows a layer of two pictures, beside what it classifies."""
    from vggscope.inference.devices import cpu_device  # noqa: PLC0415
    from vggscope.inference.layer_reader import LayerReader  # noqa: PLC0415
    from vggscope.zoo.normal_form import read_model  # noqa: PLC0415

    classifier = lean(folder)
    model = read_model(folder / "vgg16-random")
    both = [LayerReader(model, cpu_device()) for _ in range(2)]
    maps = [reader.look(frame(), layer) for reader in both]
    return classifier, both, maps


def install(folder: Path) -> object:
    """As a download is installed."""
    from vggscope.zoo.normal_form import read_model  # noqa: PLC0415
    from vggscope.zoo.streaming import to_normal_form  # noqa: PLC0415

    known = json.loads((folder / "vgg16-random" / "model.json").read_text(encoding="utf-8"))
    facts = {key: value for key, value in known.items() if key not in {"format", "files"}}
    facts = {key: value for key, value in facts.items() if key not in {"output", "layers"}}
    target = folder / "installed"
    try:
        to_normal_form(folder / "vgg16.onnx", target, facts=facts)
        return read_model(target).name
    finally:
        shutil.rmtree(target, ignore_errors=True)


def import_(folder: Path) -> object:
    """As a file of the user's own is imported: examined, converted, tried."""
    from vggscope.inference.importing import install_onnx  # noqa: PLC0415

    return install_onnx(folder / "vgg16.onnx", replace=True).name


def frame() -> object:
    """A picture."""
    import numpy as np  # noqa: PLC0415

    from vggscope.sources.frame import Frame, Origin  # noqa: PLC0415

    pixels = np.random.default_rng(1).integers(0, 256, (256, 256, 3), np.uint8)
    return Frame(pixels=pixels, size=(256, 256), origin=Origin(name="noise"))


def main() -> None:
    """Do it and tell."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    works = {"bare": bare, "lean": lean, "install": install, "import": import_}
    has_pss = Path("/proc/self/smaps_rollup").exists()
    sampler = Sampler()
    if has_pss:
        sampler.start()
    work = works.get(kind)
    kept = work(folder) if work is not None else readers(folder, kind)
    figures: dict[str, int | None] = {"rss": None, "pss": None, "peak_pss": None}
    if has_pss:
        figures |= sampler.sample()
        sampler.stop()
        figures |= sampler.peaks
    figures["peak_rss"] = max(sampler.peaks["peak_rss"], highest())
    print(json.dumps(figures), flush=True)
    del kept


def highest() -> int:
    """The largest RSS that this process ever had, in bytes."""
    if sys.platform == "win32":
        import psutil  # noqa: PLC0415

        return int(psutil.Process().memory_info().peak_wset)
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: its figure begins with that of the process which started this one.
        [line] = [each for each in status.read_text().splitlines() if each.startswith("VmHWM")]
        return 1024 * int(line.split()[1])
    import resource  # noqa: PLC0415 (Windows has none)

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
