"""VGGscope: what a VGG network thinks of a photo, and how it thinks it.

    from vggscope import Classifier
    Classifier.load("vgg16-compact").classify("photo.jpg", top=5)

The names below are imported when first used: the window must open before the engines load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vggscope.errors import VggscopeError as VggscopeError
    from vggscope.inference.class_map import ClassMap as ClassMap
    from vggscope.inference.classification import Classification as Classification
    from vggscope.inference.classification import Prediction as Prediction
    from vggscope.inference.classifier import Classifier as Classifier
    from vggscope.inference.feature_maps import FeatureMaps as FeatureMaps
    from vggscope.inference.selection import devices as devices
    from vggscope.sources.frame import Frame as Frame
    from vggscope.sources.stills import read_still as read_still

__version__ = "0.1.0"
"""The one place that names it: packages, installers and the window take it from here."""
RELEASE_PAGE = "https://github.com/vggscope/vggscope/releases"
"""Where people look for newer versions; nothing in this program ever does."""

_HOMES = {
    "ClassMap": "vggscope.inference.class_map",
    "Classification": "vggscope.inference.classification",
    "Classifier": "vggscope.inference.classifier",
    "FeatureMaps": "vggscope.inference.feature_maps",
    "Frame": "vggscope.sources.frame",
    "Prediction": "vggscope.inference.classification",
    "VggscopeError": "vggscope.errors",
    "devices": "vggscope.inference.selection",
    "read_still": "vggscope.sources.stills",
}
__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 (all strings)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
