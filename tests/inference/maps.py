"""Feature maps for the tests, of layers of VGG16."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vggscope.inference.feature_maps import FeatureMaps
from vggscope.inference.preprocessing import CropBox
from vggscope.vgg import configs

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vggscope.vgg.network import Layer


def layer(name: str) -> Layer:
    found = configs.network("vgg16").find(name)
    assert found is not None
    return found


def maps_of(values: NDArray[np.float32], name: str = "conv3_3", **changes: Any) -> FeatureMaps:
    """``values`` [C, H, W] as what the layer made of a picture of the network's own size."""
    made = FeatureMaps(
        layer=layer(name),
        values=values,
        before_relu=False,
        input_size=(224, 224),
        crop=CropBox(0, 0, 224, 224),
        picture_size=(224, 224),
        model="vgg16-compact",
        device="a device",
    )
    return replace(made, **changes)
