"""Files of weights that no network can be made of, and networks that cannot be made."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP
from vggscope.errors.importing import ImportRefusedError
from vggscope.errors.models import ModelError


class WeightsUnreadableError(ImportRefusedError):
    """A file that is not what its beginning promises, or cannot be read at all."""

    kind = "weights-unreadable"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The weights in “{name}” cannot be read: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "See that the file is complete, or get it again from where it came."
    )


class WeightsFormatError(ImportRefusedError):
    """A file of some other sort."""

    kind = "weights-format"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is no file of weights: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Give a .safetensors file, an .h5 file of Keras, or an .npz file of NumPy."
    )


class WeightsPickledError(ImportRefusedError):
    """A file that can only be read by running what it says."""

    kind = "weights-pickled"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "“{name}” is a pickle ({reason}): whoever opens one runs the program in it, and VGGscope "
        "does not.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Open it where you trust it, and save the tensors as .safetensors "
        "(safetensors.torch.save_file), or as .npz with one array for each tensor (numpy.savez).",
    )


class WeightsElsewhereError(ImportRefusedError):
    """A file that refers to other files or to other places in itself."""

    kind = "weights-elsewhere"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” does not hold its weights itself: “{tensor}” is {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Copy all weights into one file where they come from, without links."
    )


class UnknownConfigError(ModelError):
    """No network of the family has this name."""

    kind = "unknown-config"
    message_template = QT_TRANSLATE_NOOP("errors", "There is no VGG network called “{config}”.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class ConfigUndecidedError(ImportRefusedError):
    """Weights that are those of no network of the family."""

    kind = "config-undecided"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The weights in “{name}” are those of no VGG network: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Name the network if you know it, one of {known}: then you see what differs. Other "
        "networks can be imported as ONNX files.",
    )


class WeightsMisfitError(ImportRefusedError):
    """Tensors are missing, or there are more than the network has."""

    kind = "weights-misfit"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” does not hold the weights of {config}: {differences}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose {choice}.")


class WeightsShapeError(ImportRefusedError):
    """A tensor has another shape than its layer."""

    kind = "weights-shape"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "The tensor “{tensor}” in “{name}” does not fit the layer {layer} of {config}: its shape "
        "is {found} instead of {expected}.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose the network that the weights were made for, or other weights."
    )


class WeightsTypeError(ImportRefusedError):
    """A tensor of something else than floating-point numbers."""

    kind = "weights-type"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "The tensor “{tensor}” in “{name}”, for the layer {layer}, is stored as {found}.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Save it as floating-point numbers of 16, 32 or 64 bits."
    )


class WeightsValueError(ImportRefusedError):
    """A tensor holds what no computation can use."""

    kind = "weights-value"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The tensor “{tensor}” in “{name}”, for the layer {layer}, holds {found}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Get the file again; if it stays so, its training went wrong: use another one."
    )


class NetworkOptionError(ModelError):
    """A network of the family that nobody can make."""

    kind = "network-option"
    message_template = QT_TRANSLATE_NOOP("errors", "No {config} can be made: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose {choice}.")
