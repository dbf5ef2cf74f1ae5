"""Whole pictures that a network cannot be applied to, and classes that it does not know."""

from __future__ import annotations

from vggscope.errors.base import QT_TRANSLATE_NOOP, VggscopeError
from vggscope.errors.devices import DeviceError
from vggscope.errors.models import ModelError


class NotConvolutionalError(ModelError):
    """A network that has no fully convolutional form, or none that we know how to make."""

    kind = "not-convolutional"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{model}” can only look at single crops, not at a whole picture: {reason}."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Use the single centre crop or 10 crops, or a network whose layers follow one another, "
        "such as VGG.",
    )


class DenseOnCpuError(DeviceError):
    """A device that classifies, but cannot look at whole pictures; the CPU does it in its place."""

    kind = "dense-on-cpu"
    message_template = QT_TRANSLATE_NOOP(
        "errors",
        "The CPU looks at whole pictures in place of {device}, which cannot do that with "
        "“{model}”: {reason}.",
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Nothing was lost. Single crops are still classified by the device."
    )


class ClassError(VggscopeError):
    """A class that was asked for by a name that does not lead to one."""


class UnknownClassError(ClassError):
    """The network has no such class."""

    kind = "unknown-class"
    message_template = QT_TRANSLATE_NOOP("errors", "“{model}” knows no class “{name}”.")
    remedy_template = QT_TRANSLATE_NOOP(
        "errors",
        "Give the name of a class, the beginning or a part of it, its WordNet id, or its number "
        "from 0 to {last}; for example {examples}.",
    )


class AmbiguousClassError(ClassError):
    """Several classes of the network are called so."""

    kind = "ambiguous-class"
    message_template = QT_TRANSLATE_NOOP(
        "errors", "“{name}” can mean {count} classes of “{model}”."
    )
    remedy_template = QT_TRANSLATE_NOOP(
        "errors", "Choose one of them by its number or its whole name: {candidates}."
    )
