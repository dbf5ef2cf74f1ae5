#!/usr/bin/env python3
"""Quantize vgg16-compact to int8, as ``vggscope models quantize`` does it.

python quantize.py MODEL.onnx FOLDER_OF_PHOTOS OUT.onnx [--count 64]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import onnx

from vggscope.errors import ImageError
from vggscope.inference.preprocessing import Preprocessor
from vggscope.inference.quantization import spread
from vggscope.inference.quantization_graph import quantize_graph
from vggscope.sources.finding import find_stills
from vggscope.sources.stills import read_still
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray


def pictures(folder: Path, count: int) -> Iterator[NDArray[np.float32]]:
    """``count`` photos of ``folder``, evenly spread, as the network takes them."""
    preprocessor = Preprocessor(find_model("vgg16-compact").description.input)
    photos = [p for p in find_stills([folder], recursive=True) if isinstance(p, Path)]
    for photo in spread(photos, count):
        if count == 0:
            return
        try:
            frame = read_still(photo, enough=preprocessor.enough)
        except ImageError:
            continue
        count -= 1
        yield preprocessor.tensor(frame).values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=64)
    arguments = parser.parse_args()
    photos = pictures(arguments.photos, arguments.count)
    onnx.save(quantize_graph(arguments.model, photos, probabilities="prob"), arguments.out)


if __name__ == "__main__":
    main()
