from __future__ import annotations

import pytest

from vggscope.vgg import configs
from vggscope.vgg.network import Kind, MisfitError, receptive_field_box

# name, type, shape and parameters as Keras prints them for VGG16 (softmax apart), then receptive
# field and stride by hand.
VGG16 = [
    ("data", "InputLayer", (224, 224, 3), 0, 1, 1),
    ("conv1_1", "Conv2D", (224, 224, 64), 1_792, 3, 1),
    ("conv1_2", "Conv2D", (224, 224, 64), 36_928, 5, 1),
    ("pool1", "MaxPooling2D", (112, 112, 64), 0, 6, 2),
    ("conv2_1", "Conv2D", (112, 112, 128), 73_856, 10, 2),
    ("conv2_2", "Conv2D", (112, 112, 128), 147_584, 14, 2),
    ("pool2", "MaxPooling2D", (56, 56, 128), 0, 16, 4),
    ("conv3_1", "Conv2D", (56, 56, 256), 295_168, 24, 4),
    ("conv3_2", "Conv2D", (56, 56, 256), 590_080, 32, 4),
    ("conv3_3", "Conv2D", (56, 56, 256), 590_080, 40, 4),
    ("pool3", "MaxPooling2D", (28, 28, 256), 0, 44, 8),
    ("conv4_1", "Conv2D", (28, 28, 512), 1_180_160, 60, 8),
    ("conv4_2", "Conv2D", (28, 28, 512), 2_359_808, 76, 8),
    ("conv4_3", "Conv2D", (28, 28, 512), 2_359_808, 92, 8),
    ("pool4", "MaxPooling2D", (14, 14, 512), 0, 100, 16),
    ("conv5_1", "Conv2D", (14, 14, 512), 2_359_808, 132, 16),
    ("conv5_2", "Conv2D", (14, 14, 512), 2_359_808, 164, 16),
    ("conv5_3", "Conv2D", (14, 14, 512), 2_359_808, 196, 16),
    ("pool5", "MaxPooling2D", (7, 7, 512), 0, 212, 32),
    ("flatten", "Flatten", (25_088,), 0, 212, 32),
    ("fc6", "Dense", (4_096,), 102_764_544, 404, 32),
    ("fc7", "Dense", (4_096,), 16_781_312, 404, 32),
    ("fc8", "Dense", (1_000,), 4_097_000, 404, 32),
    ("prob", "Softmax", (1_000,), 0, 404, 32),
]


def test_vgg16_layer_by_layer() -> None:
    layers = configs.network("vgg16").layers
    assert [
        (x.name, x.type, x.output_shape, x.parameters, x.receptive_field, x.stride) for x in layers
    ] == VGG16


def test_vgg16_rectifies_all_hidden_layers() -> None:
    rectified = [x.name for x in configs.network("D").layers if x.activation == "relu"]
    weighted = [x.name for x in configs.network("D").layers if x.parameters]
    assert [*rectified, "fc8"] == weighted


def test_vgg16_multiply_accumulates() -> None:
    # (side of the map, channels in, channels out): a count that shares nothing with the code.
    convolutions = [
        (224, 3, 64), (224, 64, 64), (112, 64, 128), (112, 128, 128), (56, 128, 256),
        (56, 256, 256), (56, 256, 256), (28, 256, 512), (28, 512, 512), (28, 512, 512),
        (14, 512, 512), (14, 512, 512), (14, 512, 512),
    ]  # fmt: skip
    by_convolutions = sum(side * side * 9 * fan_in * out for side, fan_in, out in convolutions)
    by_connections = 7 * 7 * 512 * 4096 + 4096 * 4096 + 4096 * 1000
    assert by_convolutions + by_connections == 15_470_264_320
    assert configs.network("vgg16").macs == 15_470_264_320


@pytest.mark.parametrize(
    ("name", "parameters", "millions"),
    [
        # The exact counts are those of the published weights; the millions are table 2's.
        ("A", 132_863_336, 133),
        ("A-LRN", 132_863_336, 133),
        ("B", 133_047_848, 133),
        ("C", 133_638_952, 134),
        ("D", 138_357_544, 138),
        ("E", 143_667_240, 144),
    ],
)
def test_parameters_are_those_of_table_2(name: str, parameters: int, millions: int) -> None:
    network = configs.network(name)
    assert network.parameters == network.trainable == parameters
    assert round(parameters / 1e6) == millions


@pytest.mark.parametrize(
    ("name", "depth"),
    [
        ("vgg11", 11),
        ("vgg11-lrn", 11),
        ("vgg13", 13),
        ("vgg16-c", 16),
        ("vgg16", 16),
        ("vgg19", 19),
    ],
)
def test_depth_is_the_number_of_weight_layers(name: str, depth: int) -> None:
    assert sum(layer.parameters > 0 for layer in configs.network(name).layers) == depth


def test_configuration_c_has_1_by_1_convolutions() -> None:
    network = configs.network("C")
    small = [x.name for x in network.layers if x.kernel == (1, 1)]
    assert small == ["conv3_3", "conv4_3", "conv5_3"]
    narrow, before = network.find("conv5_3"), network.find("conv5_2")
    assert narrow is not None
    assert before is not None
    assert (narrow.rows, narrow.padding) == (before.rows, (0, 0, 0, 0))


def test_a_lrn_normalizes_after_the_first_convolution() -> None:
    plain, normalized = configs.network("A"), configs.network("A-LRN")
    assert [x.name for x in normalized.layers][1:4] == ["conv1_1", "norm1", "pool1"]
    assert normalized.layers[2].kind is Kind.LOCAL_RESPONSE_NORMALIZATION
    assert [x for x in normalized.layers if x.name != "norm1"] == list(plain.layers)


def test_boxes_of_vgg16() -> None:
    network = configs.network("vgg16")
    boxes = {
        name: receptive_field_box(layer, 0, 0)
        for name in ("data", "conv1_1", "pool1", "pool5", "fc6")
        if (layer := network.find(name))
    }
    assert boxes == {
        "data": (0, 0, 1, 1),
        "conv1_1": (-1, -1, 2, 2),
        "pool1": (-2, -2, 4, 4),
        "pool5": (-90, -90, 122, 122),
        "fc6": (-90, -90, 314, 314),
    }
    pool5 = network.find("pool5")
    assert pool5 is not None
    assert receptive_field_box(pool5, row=6, column=1) == (-58, 102, 154, 314)
    assert pool5.offset == (16, 16)


@pytest.mark.parametrize("spelling", ["vgg11-lrn", "VGG11-LRN", "A-LRN", "a-lrn"])
def test_names_and_letters_in_any_case(spelling: str) -> None:
    assert configs.find(spelling) is configs.FAMILY["vgg11-lrn"]


def test_family_is_in_the_order_of_the_paper() -> None:
    assert [config.letter for config in configs.FAMILY.values()] == [
        "A", "A-LRN", "B", "C", "D", "E",
    ]  # fmt: skip
    assert configs.FAMILY["vgg16-c"].title == "VGG16 (configuration C)"


def test_other_classes_and_sizes() -> None:
    network = configs.network("vgg16", classes=10, size=64)
    assert network.input_shape == (64, 64, 3)
    assert [x.output_shape for x in network.layers[-6:]] == [
        (2, 2, 512), (2048,), (4096,), (4096,), (10,), (10,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "trainable", "statistics"),
    [
        # What torchvision tells of its vgg11_bn, vgg13_bn, vgg16_bn and vgg19_bn; the channels of
        # all convolutions, twice, are what those record beside.
        ("vgg11-bn", 132_868_840, 2 * 2_752),
        ("vgg13-bn", 133_053_736, 2 * 2_944),
        ("vgg16-bn", 138_365_992, 2 * 4_224),
        ("vgg19-bn", 143_678_248, 2 * 5_504),
    ],
)
def test_batch_normalised_forms(name: str, trainable: int, statistics: int) -> None:
    network = configs.network(name)
    assert network.trainable == trainable
    assert network.parameters - network.trainable == statistics
    plain = configs.network(name.removesuffix("-bn"))
    kept = [x.name for x in network.layers if x.kind is not Kind.BATCH_NORMALIZATION]
    assert kept == [x.name for x in plain.layers]
    assert network.macs == plain.macs


def test_batch_normalisation_comes_before_the_relu() -> None:
    layers = configs.network("vgg11-bn").layers
    assert [(x.name, x.type, x.activation) for x in layers[1:4]] == [
        ("conv1_1", "Conv2D", None),
        ("bn1_1", "BatchNormalization", "relu"),
        ("pool1", "MaxPooling2D", None),
    ]
    assert not any(x.activation for x in layers if x.kind is Kind.CONVOLUTION)
    assert configs.NORMALIZED["vgg16-bn"].title == "VGG16 (configuration D, batch-normalised)"


@pytest.mark.parametrize("spelling", ["vgg16-bn", "vgg16_bn", "VGG16_BN", "D-BN"])
def test_names_of_batch_normalised_forms(spelling: str) -> None:
    assert configs.find(spelling) is configs.NORMALIZED["vgg16-bn"]


def test_unknown_names_and_too_small_pictures() -> None:
    assert configs.find("vgg12") is None
    with pytest.raises(KeyError):
        configs.network("vgg12")
    with pytest.raises(MisfitError, match="pool5"):
        configs.network("vgg16", size=31)
