"""Layers that cannot be looked into."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class LayerError(VggscopeError):
    """A layer that cannot be shown; the others can."""


class LayerNotFoundError(LayerError):
    """The network has no layer of this name."""

    kind = "layer-not-found"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” has no layer called “{layer}”."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class ChannelNotFoundError(LayerError):
    """A layer has fewer channels than were asked for."""

    kind = "channel-not-found"
    message_template = QT_TRANSLATE_NOOP("errors", "The layer “{layer}” has no channel {channel}.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Its channels are counted from 0 to {last}.")


class NoReluError(LayerError):
    """What comes before a layer's ReLU was asked for, but there is no such thing."""

    kind = "no-relu"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The layer “{layer}” has nothing to show before its ReLU."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Look at its output, or at one of the layers with a ReLU: {known}."
    )


class LayerWithoutWeightsError(LayerError):
    """The weights of a layer that has none were asked for."""

    kind = "layer-without-weights"
    message_template = QT_TRANSLATE_NOOP("errors", "The layer “{layer}” has no weights.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Look at those of a convolution or a fully connected layer."
    )
