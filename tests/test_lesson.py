"""What docs/lesson.md states is what the bundled model computes."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vggscope import paths
from vggscope.inference.classifier import Classifier
from vggscope.sources.stills import read_still
from vggscope.vgg import configs

if TYPE_CHECKING:
    from vggscope.inference.feature_maps import FeatureMaps
    from vggscope.inference.preprocessing import CropBox

PAGE = Path(__file__).parents[1] / "docs" / "lesson.md"
SAMPLES = paths.resource("samples")
NAMES = sorted(path.stem for path in SAMPLES.glob("*.jpg"))
ROW = re.compile(r"^\| (\w+) \| (\d+) \| (\d+) × (\d+) \| ([\d,]+) \|$", re.MULTILINE)
FIELD = re.compile(r"\b(conv\d_\d|pool\d) (\d+)\b")


@pytest.fixture(scope="module")
def page() -> str:
    """The text with its lines joined."""
    return " ".join(PAGE.read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def zebra(classifier: Classifier) -> dict[str, FeatureMaps]:
    return looked_at(
        classifier, "zebra", "conv1_1", "conv1_2", "conv3_3", "conv5_3", "pool5", "fc7"
    )


def looked_at(classifier: Classifier, name: str, *layers: str) -> dict[str, FeatureMaps]:
    frame = read_still(SAMPLES / f"{name}.jpg", enough=classifier.enough)
    return {layer: classifier.activations(frame, layer) for layer in layers}


def share(value: float, digits: int = 0) -> str:
    return f"{100 * value:.{digits}f} %"


def size(box: CropBox) -> str:
    return f"{box.right - box.left:g} × {box.bottom - box.top:g}"


# --- 1, 10: the answers


def test_the_five_guesses(classifier: Classifier, page: str) -> None:
    first, *others = classifier.classify(SAMPLES / "zebra.jpg", top=5).predictions
    assert f"*{first.label}* has {share(first.probability, 1)}" in page
    assert "then come " + ", ".join(f"*{each.label}*" for each in others) in page


def test_what_the_network_sees_of_a_photo_changes_its_answer(page: str) -> None:
    classifier = Classifier.load("vgg16-compact", device="cpu")
    answers = {}
    for fit in (None, "letterbox"):
        classifier.use_fit(fit)  # type: ignore[arg-type]
        for name in ("sports-car", "china-temple"):
            answers[name, fit] = classifier.classify(SAMPLES / f"{name}.jpg", top=1).predictions[0]
    cut, whole = answers["sports-car", None], answers["sports-car", "letterbox"]
    assert cut.label == whole.label == "sports car"
    assert f"from {share(cut.probability, 1)} to {share(whole.probability, 1)}" in page
    cut, whole = answers["china-temple", None], answers["china-temple", "letterbox"]
    assert f"*{cut.label}* with {share(cut.probability, 1)}" in page
    assert f"*{whole.label}* with {share(whole.probability, 1)}" in page


# --- 2, 4: the figure and the receptive fields


def test_the_table_of_blocks(classifier: Classifier) -> None:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) == 5
    for name, channels, height, width, numbers in rows:
        site = classifier.layers.anatomy.find(name)
        assert site is not None
        assert site.layer.output_shape == (int(height), int(width), int(channels))
        assert f"{math.prod(site.layer.output_shape):,}" == numbers


def test_parameters(classifier: Classifier, page: str) -> None:
    bundled, paper = classifier.layers.anatomy.network, configs.network("vgg16")
    convolutions = [each for each in paper.layers if each.name.startswith("conv")]
    same = [bundled.find(each.name) for each in convolutions]
    assert [each.parameters for each in convolutions] == [x.parameters for x in same if x]
    together = sum(each.parameters for each in convolutions)
    fc6 = paper.find("fc6")
    assert fc6 is not None
    assert fc6.parameters / paper.parameters == pytest.approx(0.75, abs=0.01)
    for number in (bundled.parameters, paper.parameters, together, fc6.parameters):
        assert f"{number:,}" in page
    assert f"{bundled.parameters - together:,} in all" in page
    work = {f"{each.macs:.2e}" for each in paper.layers if each.name.endswith("_2")}
    assert work == {"1.85e+09", "4.62e+08"}  # The latter is conv5_2.


def test_receptive_fields(classifier: Classifier, zebra: dict[str, FeatureMaps], page: str) -> None:
    network = classifier.layers.anatomy.network
    [answer] = re.findall(r"conv2_2 14, .*?behind the five pools", page)
    stated = dict(FIELD.findall(answer))
    assert len(stated) == 14
    for name, field in {**stated, "conv1_1": 3, "conv1_2": 5, "pool1": 6, "conv2_1": 10}.items():
        layer = network.find(name)
        assert layer is not None
        assert layer.receptive_field == int(field)
    pools = [network.find(f"pool{number}") for number in range(1, 6)]
    assert [pool.stride for pool in pools if pool] == [2, 4, 8, 16, 32]
    assert size(zebra["conv3_3"].receptive_field(28, 28)) == "40 × 40"
    assert size(zebra["conv5_3"].receptive_field(0, 0)) == "106 × 106"
    last = network.find("pool6")
    assert last is not None
    assert last.receptive_field == 404
    deeper = configs.network("vgg19").find("pool5")
    assert deeper is not None
    assert f"{deeper.receptive_field}." in page
    assert deeper.receptive_field == 212 + 2 * 4 + 2 * 8 + 2 * 16


# --- 3, 5: the first layer, and ReLU


def test_edges(classifier: Classifier, zebra: dict[str, FeatureMaps], page: str) -> None:
    weights = classifier.layers.weights("conv1_1", 58).sum(axis=0)
    assert (weights[:, 0] < 0).all()
    assert (weights[:, 2] > 0).all()
    for channel in (58, 51, 10):
        assert abs(classifier.layers.weights("conv1_1", channel).sum()) < 0.05
    rows = classifier.layers.weights("conv1_1", 10).sum(axis=(0, 2))
    assert rows[0] > 0 > rows[2]
    [best] = zebra["conv1_1"].strongest(58, 1)
    assert f"{best.value:.1f}, is at row {best.row}, column {best.column}" in page
    before = classifier.activations(SAMPLES / "zebra.jpg", "conv1_1", before_relu=True).values
    correlation = np.corrcoef(before[58].ravel(), before[51].ravel())[0, 1]
    assert f"correlation −{-correlation:.2f}" in page
    assert f"from −{-before.min():.0f} to {before.max():.0f}; after it" in page


def test_a_colour(classifier: Classifier, zebra: dict[str, FeatureMaps], page: str) -> None:
    blue, green, red = classifier.layers.weights("conv1_1", 59).sum(axis=(1, 2))
    assert f"red (+{red:.2f} in sum) and green (+{green:.2f})" in page
    assert f"blue (−{-blue:.2f})" in page
    gray = zebra["conv1_1"].statistics
    assert (
        f"{share(gray.zeros[59], 1)} of its map are 0, and its mean is {gray.mean[59]:.2f}" in page
    )
    pizza = looked_at(classifier, "pizza", "conv1_1")["conv1_1"].statistics
    assert f"mean is {pizza.mean[59]:.1f}, with {share(pizza.zeros[59], 1)} zeros" in page


def test_shares_of_zeros(zebra: dict[str, FeatureMaps], page: str) -> None:
    zeros = {name: share(float((maps.values == 0).mean())) for name, maps in zebra.items()}
    assert f"with {zeros['conv1_1']} zeros" in page
    assert f"Of the zebra {zeros['conv3_3']} and {zeros['conv5_3']}" in page
    for name in ("conv1_1", "conv1_2", "conv3_3", "conv5_3", "pool5"):
        assert re.search(rf"{name} (has )?{zeros[name]}", page)


# --- 6, 7, 8: deeper


def test_what_excites_channels_most(classifier: Classifier, page: str) -> None:
    maxima: dict[str, dict[str, list[float]]] = {}
    for name in NAMES:
        found = looked_at(classifier, name, "conv5_3", "conv3_3")
        for layer, maps in found.items():
            maxima.setdefault(layer, {})[name] = maps.statistics.maximum.tolist()

    def ranking(channel: int, layer: str = "conv5_3") -> list[tuple[str, float]]:
        values = {name: each[channel] for name, each in maxima[layer].items()}
        return sorted(values.items(), key=lambda item: -item[1])

    heads = ranking(167)
    assert [name for name, _ in heads[:3]] == ["cat-chelsea", "bald-eagle", "pizza"]
    cat, eagle, pizza = (round(value) for _, value in heads[:3])
    assert (
        f"cat's face ({cat}), the eagle's head ({eagle}), then the pizza far behind ({pizza})"
        in page
    )
    assert [value for _, value in heads[3:]] == [0] * 9
    food = ranking(195)
    assert [name for name, _ in food[:2]] == ["pizza", "coffee"]
    pizza, coffee, other = (round(value) for _, value in food[:3])
    assert f"pizza ({pizza}) and espresso ({coffee}); the next has {other}" in page
    assert 0 < dict(food)["flower"] < 1
    words = {
        "steam-train": "front of the locomotive ({})",
        "coffee": "cup and saucer ({})",
        "flower": "flower ({})",
        "pizza": "pizza ({})",
        "sports-car": "wheel ({})",
        "china-temple": "roofs follow with {}",
    }
    round_things = ranking(439)
    assert [name for name, _ in round_things[:6]] == list(words)
    for name, value in round_things[:6]:
        assert words[name].format(round(value)) in page
    edges = ranking(84, "conv3_3")
    assert [name for name, _ in edges[:3]] == ["zebra", "flower", "coffee"]
    striped, petals, rim = (f"{value:,.0f}" for _, value in edges[:3])
    assert f"zebra has {striped}, the flower {petals}, the cup {rim}" in page
    assert f"here {rim} and there {striped}" in page


def test_from_features_to_a_word(
    classifier: Classifier, zebra: dict[str, FeatureMaps], page: str
) -> None:
    found = looked_at(classifier, "zebra", "fc8", "prob")
    logits, probabilities = (found[name].values.ravel() for name in ("fc8", "prob"))
    best = [int(each) for each in np.argsort(-logits)[:3]]
    assert best[0] == 340
    labels = [classifier.labels[each].label for each in best]
    stated = ", ".join(f"*{x}* {logits[i]:.2f}" for x, i in zip(labels, best, strict=True))
    assert f"fc8: {stated}. prob: {', '.join(share(probabilities[i], 1) for i in best)}." in page
    lead = float(logits[best[0]] - logits[best[1]])
    assert f"A lead of {lead:.2f}" in page
    assert f"≈ {math.exp(lead):.0f}:" in page
    features = zebra["fc7"].values.ravel()
    assert f"{int((features > 0).sum())} of the {len(features)} units of fc7 are not 0" in page
    largest = float((classifier.layers.weights("fc8", 340).ravel() * features).max())
    assert f"{largest:.2f} of {logits[best[0]]:.2f}: less than 3 %" in page
    assert largest / logits[best[0]] < 0.03
