#!/usr/bin/env python3
"""Quantize vgg16-compact to int8 (static, QDQ, per channel, MinMax calibration).

python quantize.py MODEL.onnx FOLDER_OF_PHOTOS OUT.onnx [--count 64]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

# ONNX Runtime writes a device id unless it is told not to before it is imported.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

from typing import TYPE_CHECKING

import numpy as np
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quant_pre_process,
    quantize_static,
)

from vggscope.errors import ImageError
from vggscope.inference.preprocessing import Preprocessor
from vggscope.sources.finding import find_stills
from vggscope.sources.stills import read_still
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    from collections.abc import Iterator


class Photos(CalibrationDataReader):
    """Feeds the preprocessed photos one by one."""

    def __init__(self, folder: Path, count: int) -> None:
        self._feeds = self._read(folder, count)

    @staticmethod
    def _read(folder: Path, count: int) -> Iterator[dict[str, np.ndarray]]:
        preprocessor = Preprocessor(find_model("vgg16-compact").description.input)
        done = 0
        photos = (p for p in find_stills([folder], recursive=True) if isinstance(p, Path))
        for photo in photos:
            if done == count:
                return
            try:
                frame = read_still(photo, enough=preprocessor.enough)
            except ImageError:
                continue
            done += 1
            yield {"data": preprocessor.tensor(frame).values[np.newaxis]}

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        prepared = Path(scratch) / "prepared.onnx"
        quant_pre_process(arguments.model, prepared, skip_symbolic_shape=True)
        quantize_static(
            prepared,
            arguments.out,
            Photos(arguments.photos, arguments.count),
            quant_format=QuantFormat.QDQ,
            nodes_to_exclude=["prob"],  # probabilities want more than 8 bits
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )


if __name__ == "__main__":
    main()
