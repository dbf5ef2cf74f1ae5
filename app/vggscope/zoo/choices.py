"""What is decided when a model is imported: how pictures go in, and what its answers mean.

Cheap to import: the window makes forms of it.
"""

from __future__ import annotations

import re
import unicodedata
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from vggscope.zoo.normal_form import Fit, Label, is_name

if TYPE_CHECKING:
    from collections.abc import Mapping

Triple = tuple[float, float, float]
Preset = Literal["imagenet", "caffe", "-1..1", "0..1", "0..255"]
IMAGENET_LABELS: Final = "imagenet-1k"
NOT_STATED: Final = "not stated"
_LONGEST_NAME: Final = 64
_PLACE: Final = re.compile(r"- at `\$\.(\w+)")
_SIDE: Final = "a whole number of pixels from 8 to 4,096"
# As normal_form has them.
_RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "name": "of lower-case letters, digits, dots, hyphens and underscores",
        **dict.fromkeys(("note", "source", "licence"), "a line of up to 2,000 characters"),
        "title": "a line of up to 500 characters",
        "layout": "NCHW or NHWC",
        "channels": "RGB or BGR",
        **dict.fromkeys(("height", "width", "resize"), _SIDE),
        "scale": "a number from 0.000001 to 1,000,000",
        "std": "three numbers from 0.000001 to 1,000,000",
        "mean": "three numbers from −1,000,000 to 1,000,000",
        "fit": "crop, letterbox or stretch",
    }
)


class Normalisation(msgspec.Struct, frozen=True):
    """Pixels 0..255 become (pixel * scale - mean) / std; ``mean`` and ``std`` are of R, G, B."""

    scale: float
    mean: Triple
    std: Triple

    def ordered(self, channels: Literal["RGB", "BGR"]) -> Normalisation:
        """The same in the order of the network's channels."""
        if channels == "RGB":
            return self
        red, green, blue = self.mean
        of_red, of_green, of_blue = self.std
        return Normalisation(self.scale, (blue, green, red), (of_blue, of_green, of_red))


_ZEROS: Final = (0.0, 0.0, 0.0)
_ONES: Final = (1.0, 1.0, 1.0)
PRESETS: Final[Mapping[Preset, Normalisation]] = MappingProxyType(
    {
        "imagenet": Normalisation(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        "caffe": Normalisation(1.0, (123.68, 116.779, 103.939), _ONES),
        "-1..1": Normalisation(1 / 127.5, _ONES, _ONES),
        "0..1": Normalisation(1 / 255, _ZEROS, _ONES),
        "0..255": Normalisation(1.0, _ZEROS, _ONES),
    }
)
"""The usual ways; the mean of "caffe" is that of ImageNet's pixels."""


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an imported model's ``model.json`` says and its file may not.

    Attributes:
        name, title, note, source, licence: see ``Description``.
        output: the output that has a number for each class.
        has_softmax: these numbers are probabilities; a softmax is appended if not.
        layout, height, width, channels, scale, mean, std, resize, fit: see ``Input``.
        labels: ``IMAGENET_LABELS``, the labels themselves, None (classes are numbered), or the
            ``Path`` of a file that ``read_labels`` reads, which no other process tells.
    """

    name: str
    title: str
    note: str = ""
    source: str = ""
    licence: str = NOT_STATED
    output: str
    has_softmax: bool
    layout: Literal["NCHW", "NHWC"]
    height: int
    width: int
    channels: Literal["RGB", "BGR"]
    scale: float
    mean: Triple
    std: Triple
    resize: int
    fit: Fit = "crop"
    labels: tuple[Label, ...] | str | None = None

    def changed(self, **changes: object) -> Choices:
        """The same but for ``changes``."""
        return msgspec.structs.replace(self, **changes)

    @property
    def preset(self) -> Preset | None:
        """What the normalisation is known as; None if it is none of the usual ones."""
        return preset_of(Normalisation(self.scale, self.mean, self.std), self.channels)


def preset_of(normalisation: Normalisation, channels: Literal["RGB", "BGR"]) -> Preset | None:
    """What figures in the order of ``channels`` are known as; None if they are not the usual."""
    own = normalisation.ordered(channels)
    return next((name for name, known in PRESETS.items() if _same(own, known)), None)


def resize_for(side: int) -> int:
    """The shorter side of which a centre of ``side`` is cropped, as is usual: 256 for 224."""
    return round(side / 0.875)


def look(preset: Preset, channels: Literal["RGB", "BGR"] = "RGB") -> Mapping[str, object]:
    """The fields of ``Input`` that tell of colours, for one of the usual ways."""
    fields = msgspec.structs.asdict(PRESETS[preset].ordered(channels))
    return MappingProxyType({"channels": channels, **fields})


def plainly(reason: str) -> str:
    """What is wrong with a choice, of which msgspec says "Expected `int` >= 8 - at `$.height`"."""
    field = _PLACE.search(reason)
    rule = None if field is None else _RULES.get(field[1])
    return reason if field is None or rule is None else f"{field[1]} has to be {rule}"


def one_line(text: str) -> str:
    """Without line breaks, and without signs that cannot be shown or written as UTF-8."""
    return "".join(filter(str.isprintable, " ".join(text.split())))


def name_from(stem: str) -> str:
    """A model's name made of a file's: "VGG 16 (Birds)" becomes "vgg-16-birds"."""
    ascii_ = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9._]+", "-", ascii_.lower()).strip("-._")[:_LONGEST_NAME].rstrip("-._")
    return name if is_name(name) else "model"


def _same(one: Normalisation, other: Normalisation) -> bool:
    numbers = zip(
        (one.scale, *one.mean, *one.std), (other.scale, *other.mean, *other.std), strict=True
    )
    return all(abs(a - b) <= 1e-4 * max(1.0, abs(b)) for a, b in numbers)
