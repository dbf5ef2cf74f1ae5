from __future__ import annotations

import csv
import json

import pytest

from vggscope.vgg import configs
from vggscope.vgg.network import Kind, Operation, build_network
from vggscope.vgg.table import as_csv, as_markdown, as_rows, format_table


def table_of(*operations: Operation, size: int = 8) -> str:
    return format_table(
        build_network(name="tiny", title="Tiny", input_shape=(size, size, 3), operations=operations)
    )


def test_the_table_of_vgg16() -> None:
    lines = format_table(configs.network("vgg16")).splitlines()
    assert lines[0] == "Model: VGG16 (configuration D)"
    assert lines[2:4] == [
        "                               Output               Receptive",
        (
            "Layer (type)              (H × W × C)      Param #      field  Stride      MACs"
            "     Memory"
        ),
    ]
    assert lines[7] == (
        "conv1_2 (Conv2D)       224 × 224 × 64       36,928          5       1    1.85 G   12.25 MB"
    )
    assert lines[25] == (
        "fc6 (Dense)                      4096  102,764,544        404      32  102.76 M   16.00 KB"
    )
    assert lines[-4:] == [
        "Total params: 138,357,544 (527.79 MB)",
        "Trainable params: 138,357,544 (527.79 MB)",
        "Non-trainable params: 0",
        "Multiply-accumulates: 15.47 G per picture",
    ]


@pytest.mark.parametrize("name", configs.CONFIGS)
def test_tables_fit_a_terminal(name: str) -> None:
    text = format_table(configs.network(name))
    assert text.endswith("\n")
    # Keras' name of batch normalisation is the longest.
    assert max(map(len, text.splitlines())) <= (96 if name in configs.NORMALIZED else 92)
    assert all(line == line.rstrip() for line in text.splitlines())


def test_running_statistics_are_not_trainable() -> None:
    text = table_of(Operation(name="bn", kind=Kind.BATCH_NORMALIZATION))
    assert "Total params: 12 (48.00 B)\n" in text
    assert "Trainable params: 6 (24.00 B)\n" in text
    assert "Non-trainable params: 6 (24.00 B)\n" in text
    assert text.endswith("Multiply-accumulates: 0 per picture\n")


@pytest.mark.parametrize(
    ("units", "size", "macs"),
    [
        (2, "1.50 KB", "384"),
        (16, "12.00 KB", "3.07 k"),
        (8192, "6.00 MB", "1.57 M"),
        (2**20, "768.00 MB", "201.33 M"),
        (2**21, "1.50 GB", "402.65 M"),
        (2**32, "3072.00 GB", "824.63 G"),
    ],
)
def test_units(units: int, size: str, macs: str) -> None:
    text = table_of(Operation(name="fc", kind=Kind.FULLY_CONNECTED, units=units, bias=False))
    assert f"({size})\n" in text
    assert text.endswith(f"Multiply-accumulates: {macs} per picture\n")


def test_markdown_says_the_same_as_the_table() -> None:
    network = configs.network("vgg16")
    text = as_markdown(network)
    assert text.startswith("**VGG16 (configuration D)**\n\n| Layer (type) | Output (H × W × C) |")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    assert {len(row) for row in rows} == {7}
    assert rows[1] == [":---", *["---:"] * 6]
    printed = format_table(network)
    for row in rows[2:]:
        assert any(line.split() == " ".join(row).split() for line in printed.splitlines()), (
            f"{row} is in the table"
        )
    totals = [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]
    assert totals == printed.splitlines()[-4:]


def test_csv_is_read_back_as_numbers() -> None:
    network = configs.network("vgg19")
    rows = list(csv.DictReader(as_csv(network).splitlines()))
    assert [row["name"] for row in rows] == [layer.name for layer in network.layers]
    assert sum(int(row["parameters"]) for row in rows) == 143_667_240
    assert sum(int(row["macs"]) for row in rows) == network.macs
    assert rows[1]["output_shape"] == "224×224×64"


def test_rows_are_json() -> None:
    rows = as_rows(configs.network("vgg16"))
    assert json.loads(json.dumps(rows)) == rows
    assert rows[3] == {
        "name": "pool1",
        "type": "MaxPooling2D",
        "output_shape": [112, 112, 64],
        "parameters": 0,
        "macs": 0,
        "receptive_field": 6,
        "stride": 2,
        "output_bytes": 3_211_264,
        "kernel": [2, 2],
        "activation": None,
    }
    assert rows[-4]["activation"] == "relu"
    assert rows[-4]["kernel"] is None
