#!/usr/bin/env python3
"""Write the starter models into models/ in normal form.

FOLDER holds vgg16-compact.onnx, vgg16-compact-int8.onnx or both (README.md: how they are made).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import onnx

from vggscope.zoo.normal_form import write_model

HERE = Path(__file__).resolve().parent
MODELS = HERE.parents[1] / "models"
QUANTIZED_OUTPUT = "_QuantizeLinear_Input"
LAYERS = {"Conv", "Relu", "MaxPool", "GlobalAveragePool", "Gemm", "Softmax"}
COMMON = {
    "source": "VGG16 convolutions by K. Simonyan and A. Zisserman (arXiv:1409.1556), weights by "
    "the Visual Geometry Group, University of Oxford; compact head by VGGscope, distilled from "
    "EfficientNet-Lite0",
    "licence": "CC-BY-4.0 (convolutions), Apache-2.0 (head)",
    "input": {
        "name": "data",
        "layout": "NCHW",
        "height": 224,
        "width": 224,
        "channels": "BGR",
        "scale": 1.0,
        "mean": [103.939, 116.779, 123.68],
        "std": [1.0, 1.0, 1.0],
        "resize": 256,
        "fit": "crop",
    },
    "output": {"probabilities": "prob", "logits": "fc8"},
    "labels": "imagenet-1k",
}
CARD = "MODEL_CARD.md"
VARIANTS = {
    "vgg16-compact": {
        "title": "VGG16 compact",
        "note": "The true VGG16 convolutions with a small head of our own.",
        "precision": "fp16",
        "accuracy": [
            {"photos": "sample1k", "count": 1000, "top1": 66.8, "top5": 88.7, "source": CARD},
            {
                "photos": "ILSVRC-2012 val, 650",
                "count": 650,
                "top1": 71.1,
                "top5": 90.8,
                "source": CARD,
            },
            {"photos": "Imagenette val", "count": 3925, "top1": 78.3, "top5": 93.4, "source": CARD},
        ],
    },
    "vgg16-compact-int8": {
        "title": "VGG16 compact (fast)",
        "note": "The same network in 8-bit integers: faster on most CPUs; the same top-1 on "
        "98 % of 150 photos.",
        "precision": "int8",
        "accuracy": [
            {"photos": "ILSVRC-2012 val", "count": 150, "top1": 72.0, "source": CARD},
        ],
        "quantized": {"of": "vgg16-compact", "agreement": 98.0, "photos": 150, "source": CARD},
    },
}


def with_float_softmax(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model without the quantization of its probabilities.

    In 8 bits every class below 0.2 % becomes a tie at zero: the logits, and so the order, are
    known better than that.
    """
    nodes = {node.output[0]: node for node in proto.graph.node}
    softmax = nodes.get("prob" + QUANTIZED_OUTPUT)
    if softmax is not None:
        for tensor in ("prob", "prob_QuantizeLinear_Output"):
            proto.graph.node.remove(nodes[tensor])
        softmax.output[0] = "prob"
    return proto


def layers_of(proto: onnx.ModelProto) -> list[list[str]]:
    """(classic name, operator, tensor) of each layer, in order."""
    return [
        [node.name, node.op_type, node.output[0]]
        for node in proto.graph.node
        if node.op_type in LAYERS
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the .onnx files are")
    parser.add_argument("--out", type=Path, default=MODELS, help="default: models/")
    arguments = parser.parse_args()
    for name, facts in VARIANTS.items():
        source = arguments.folder / f"{name}.onnx"
        if not source.is_file():
            print(f"{name}: left as it is, there is no {source}")
            continue
        proto = with_float_softmax(onnx.load(source))
        layers = [
            {"name": layer, "operator": operator, "tensor": tensor}
            for layer, operator, tensor in layers_of(proto)
        ]
        folder = arguments.out / name
        model = write_model(proto, folder, name=name, **COMMON, **facts, layers=layers)
        print(f"{name}: {sum(file.bytes for file in model.description.files.values()):,} bytes")


if __name__ == "__main__":
    main()
