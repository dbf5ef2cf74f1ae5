"""Models that cannot be used, made or installed; the one in use before stays."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError


class ModelError(VggscopeError):
    """A model that cannot be used; the one in use before stays."""


class ModelNotFoundError(ModelError):
    """No installed model of this name."""

    kind = "model-not-found"
    message_template = QT_TRANSLATE_NOOP("errors", "There is no model called “{model}”.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose one of: {known}.")


class NoModelError(ModelError):
    """No usable model is installed, not even one that ships with the program."""

    kind = "no-model"
    message_template = QT_TRANSLATE_NOOP("errors", "No model is installed.")
    remedy_template = QT_TRANSLATE_NOOP("errors", "Install VGGscope again.")


class NoWeightsError(ModelError):
    """A network of the paper is known by its layers alone: it cannot be run."""

    kind = "no-weights"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” is a network of the VGG paper, without weights: it cannot be run."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Name an installed model: {known}.")


class ModelFileMissingError(ModelError):
    """A part of a model's folder is missing or unreadable."""

    kind = "model-file-missing"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” is incomplete: {file} cannot be read ({reason})."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Install the model again.")


class ModelCorruptError(ModelError):
    """A model's file does not hold the bytes that its description promises."""

    kind = "model-corrupt"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” is damaged: {file} {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Install the model again.")


class ModelDescriptionError(ModelError):
    """``model.json`` is malformed, or contradicts the graph or the labels."""

    kind = "model-description"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The description of the model “{model}” is wrong: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Install the model again, or correct its model.json."
    )


class NotAChainError(ModelError):
    """The graph cannot be described as layers that follow one another."""

    kind = "not-a-chain"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The layers of “{model}” cannot be listed: at “{node}”, {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Layer tables are for networks without branches, such as VGG; for another model look at "
        "the file with a graph viewer.",
    )


class AlreadyQuantizedError(ModelError):
    """An 8-bit variant was asked for of a model that is in 8 bits."""

    kind = "already-quantized"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” is in 8-bit integers already."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose the floating-point model that it was made of."
    )


class NotQuantizableError(ModelError):
    """The quantization itself failed, or found nothing to quantize."""

    kind = "not-quantizable"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” could not be turned into 8-bit integers: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Use the model as it is; the log file has the details."
    )


class CalibrationError(ModelError):
    """No photo to calibrate with, or to compare on."""

    kind = "no-calibration-photos"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "None of the {count} photos given can be opened."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give a folder of photos like those that the model is for; no labels are needed.",
    )


class ModelNameError(ModelError):
    """A name for a new model that no model can have."""

    kind = "model-name"
    message_template = QT_TRANSLATE_NOOP("errors", "No model can be called “{name}”.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Use up to 64 small letters, digits, dots, hyphens and underscores, a letter or a digit "
        "first.",
    )


class ModelNameTakenError(ModelError):
    """A name for a new model that another one of the user's has."""

    kind = "model-name-taken"
    message_template = QT_TRANSLATE_NOOP("errors", "There is a model called “{model}” already.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose another name, or allow that model to be replaced."
    )


class ModelNotReplaceableError(ModelError):
    """A name for a new model whose present owner has to stay."""

    kind = "model-not-replaceable"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The model “{model}” cannot be replaced: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Choose another name for the new model.")
