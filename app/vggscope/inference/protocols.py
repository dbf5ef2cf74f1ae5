"""Protocols: how much of a still picture is looked at, and how often, before it is answered.

Those of the paper (arXiv:1409.1556). Cheap to import (no numpy): the window and the command line
need the names before an engine is loaded.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

Protocol = Literal["centre", "10-crop", "dense"]
"""How a picture is looked at.

- "centre": once, the crop in the middle, as most published accuracies of others were measured.
- "10-crop": the four corners and the middle, each also as in a mirror; the ten answers are
  averaged. The paper's multi-crop evaluation (sections 3.2 and 4.3) takes 150 crops in this way.
- "dense": all of the picture, by the fully convolutional form (section 3.2), at three sizes
  (section 4.2), each also as in a mirror; see ``dense``.
"""
PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)
LARGEST_SCALE: Final = 2048
"""Of class maps, in pixels: there VGG's first maps take as much memory as a model."""
CENTRE: Final[Protocol] = "centre"
"""What is used unless another one is asked for, and always for moving pictures."""

Quantity = Literal["probability", "logit"]
"""What a class map tells of a class: its probability among all, or what the softmax makes that of.
"""
