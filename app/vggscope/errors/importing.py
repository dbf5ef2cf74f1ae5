"""Files of models that are not taken in; nothing of them is kept."""

from __future__ import annotations

from typing import Final

from vggscope.errors.base import QT_TRANSLATE_NOOP
from vggscope.errors.models import ModelError

_LONGEST: Final = 500


class ImportRefusedError(ModelError):
    """A file that no model is made of.

    Whatever its sentences quote is from that file: it is shown without line breaks and sequences
    that a terminal would obey, and shortened.
    """

    def __init__(self, **details: object) -> None:
        super().__init__(**{key: _quoted(value) for key, value in details.items()})


def _quoted(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = "".join(sign if sign.isprintable() else "\ufffd" for sign in value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


class ModelUnreadableError(ImportRefusedError):
    """It cannot be opened, or is no file at all."""

    kind = "model-unreadable"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” cannot be read: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Give the file of a model that you may read, on a disk of this computer."
    )


class NotOnnxError(ImportRefusedError):
    """It holds something else."""

    kind = "not-onnx"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is no ONNX model: it is {what}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Export the network to ONNX, or download the file itself again."
    )


class PickledModelError(ImportRefusedError):
    """It is a pickle, and to open one is to run it."""

    kind = "pickled-model"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "“{name}” is a pickle of Python, which may do anything when it is opened: VGGscope opens "
        "none.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Where you trust it: load it in PyTorch, and save it with torch.onnx.export or, for the "
        "weights of a VGG, with safetensors.torch.save_file.",
    )


class BareWeightsError(ImportRefusedError):
    """It holds weights, but no network; or the other way round."""

    kind = "bare-weights"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” holds {what}, weights without the network that they are for."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "If that is a VGG, say which one, by --config; otherwise export it to ONNX."
    )


class ModelTooLargeError(ImportRefusedError):
    """Larger than anything that can be a classifier here."""

    kind = "model-too-large"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is too large: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Export a smaller network, or the same one in half precision."
    )


class DamagedModelError(ImportRefusedError):
    """It begins like a model and does not go on like one."""

    kind = "damaged-model"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is damaged or incomplete: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Copy or download it again, and compare its size with the original's."
    )


class ExternalDataError(ImportRefusedError):
    """Parts of it are in other files."""

    kind = "external-data"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” keeps weights in another file (“{file}”), which VGGscope does not open."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Save it as a single file, such as by onnx.save(onnx.load(FILE), NEW_FILE)."
    )


class UnknownOperatorError(ImportRefusedError):
    """It has operators that are not ONNX's own."""

    kind = "unknown-operator"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” needs operators that VGGscope does not have: {operators}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Export it again with standard ONNX operators only."
    )


class OnnxVersionError(ImportRefusedError):
    """It is written for a version of ONNX that is too old or too new."""

    kind = "onnx-version"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” is for {version}, not for {known}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Export it again for one of those, or convert it by onnx.version_converter."
    )


class InvalidGraphError(ImportRefusedError):
    """Its graph contradicts itself."""

    kind = "invalid-graph"
    message_template = QT_TRANSLATE_NOOP("errors", "The graph of “{name}” is invalid: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Export it again; onnx.checker.check_model tells what it lacks."
    )


class UnsupportedGraphError(ImportRefusedError):
    """Its graph is valid and has what is not followed here."""

    kind = "unsupported-graph"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” cannot be taken in: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Export it as a plain graph: static shapes, dense tensors, no loops, no functions.",
    )


class SeveralInputsError(ImportRefusedError):
    """It wants more than a picture."""

    kind = "several-inputs"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” takes {count} inputs ({inputs}), and not one, a picture."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Give an image classifier, exported with the picture as its only input."
    )


class NotAClassifierError(ImportRefusedError):
    """What goes in is no picture, or what comes out is no class."""

    kind = "not-a-classifier"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” is no classifier of pictures: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give a network that takes a batch of colour pictures and puts out a number for each "
        "class.",
    )


class SeveralOutputsError(ImportRefusedError):
    """More than one output may be the answer."""

    kind = "several-outputs"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "Any of several outputs of “{name}” may be the answer: {outputs}."
    )
    remedy_template = QT_TRANSLATE_NOOP("errors", "Name the right one (--output).")


class ChoiceError(ImportRefusedError):
    """Something was chosen that does not go with the file."""

    kind = "import-choice"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” cannot be installed like that: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Leave that choice out to take what VGGscope proposes."
    )


class LabelsError(ImportRefusedError):
    """A file of labels is none."""

    kind = "labels"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "The labels in “{name}” cannot be used: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give a text file with one name per line, or CSV or JSON, in the order of the network's "
        "outputs.",
    )


class ExaminationError(ImportRefusedError):
    """The process that looked at it broke down."""

    kind = "examination-failed"
    message_template = QT_TRANSLATE_NOOP("errors", "“{name}” could not be examined: {reason}.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "The file may be damaged, or made to do harm; use one from a source you trust."
    )


class TrialError(ImportRefusedError):
    """It can be read, but not run, or its answers are no probabilities."""

    kind = "trial-failed"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” was tried on a photo and failed: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Check the layout, the size and what was said of softmax; or export the network again.",
    )
