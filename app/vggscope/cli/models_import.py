"""``vggscope models import``: take in a classifier from anywhere, and say what was made of it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from vggscope.cli.main import ALL_DONE
from vggscope.cli.models_create import IMAGENET, naming_of
from vggscope.cli.options import add_action, count_up_to, line
from vggscope.cli.progress_bars import BytesBar
from vggscope.cli.tables import text_facts, text_table
from vggscope.errors import ChoiceError
from vggscope.inference.report import as_json
from vggscope.sources.finding import display_name
from vggscope.zoo.choices import PRESETS, Normalisation, preset_of, resize_for
from vggscope.zoo.class_labels import NUMBERS
from vggscope.zoo.installing import sweep
from vggscope.zoo.meter import size_text
from vggscope.zoo.normal_form import Fit, Input
from vggscope.zoo.weights import SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vggscope.cli.options import Actions
    from vggscope.zoo.choices import Choices
    from vggscope.zoo.examination import Examination
    from vggscope.zoo.importing import Draft
    from vggscope.zoo.normal_form import Model
    from vggscope.zoo.weights import Weights
    from vggscope.zoo.weights_matching import Plan

_HEADS: Final = ("", "proposed", "why")
_MOST: Final = 4096
_CHOSEN: Final = "You said so."


def add_import(actions: Actions) -> None:
    """Declare the action."""
    about = "make a model of an ONNX file, or of the weights of a VGG, and install it"
    parser = add_action(actions, "import", about, _import)
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="an ONNX classifier; or weights: safetensors (torchvision, timm), HDF5 (Keras), npz",
    )
    parser.add_argument(
        "--config", metavar="NET", help="the VGG that weights are for: A to E, vgg16, vgg16-bn …"
    )
    parser.add_argument("--name", help="of the new model (default: made of the file's)")
    parser.add_argument("--title", type=line, help="of the new model, as the window shows it")
    parser.add_argument(
        "--licence",
        "--license",
        type=line,
        metavar="TEXT",
        help="of the model (default: not stated)",
    )
    parser.add_argument(
        "--replace", action="store_true", help="take the place of a model that has the name"
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help=f"names of the classes: text with one per line, CSV or JSON; or “{IMAGENET}”, or "
        f"“{NUMBERS}”",
    )
    _add_look(parser)
    _add_answer(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="only tell what was found, what is proposed, and why"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")
    parser.epilog = (
        "What is not said is proposed, by what the file tells; --dry-run shows it with the "
        "reasons. The file is examined in a process of its own and never run before; what is made "
        "of it is tried on a photo before it is installed."
    )


def _add_look(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how pictures go in")
    group.add_argument("--layout", choices=("NCHW", "NHWC"), help="the order of the input's axes")
    group.add_argument(
        "--size", type=_size, metavar="N", help="of the input: 224, or 240x320 (H×W)"
    )
    group.add_argument("--channels", choices=("RGB", "BGR"), help="the order of the colours")
    group.add_argument(
        "--normalisation",
        "--normalization",
        choices=tuple(PRESETS),
        help="the usual ways: imagenet (0 to 1, less ImageNet's mean, by its deviation), caffe "
        "(0 to 255, less its mean), and by their ranges",
    )
    group.add_argument("--scale", type=float, metavar="X", help="factor of pixels 0 to 255")
    group.add_argument(
        "--mean", type=_triple, metavar="A,B,C", help="then subtracted, in the order of --channels"
    )
    group.add_argument("--std", type=_triple, metavar="A,B,C", help="then divided by, likewise")
    group.add_argument(
        "--resize",
        type=count_up_to(_MOST),
        metavar="N",
        help="the shorter side, before the centre is cropped (default: size ÷ 0.875)",
    )
    group.add_argument("--fit", choices=get_args(Fit), help="how a picture becomes a square")


def _add_answer(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what comes out (of an ONNX file)")
    group.add_argument("--output", metavar="NAME", help="the output that is the answer")
    softmax = group.add_mutually_exclusive_group()
    softmax.add_argument(
        "--no-softmax",
        dest="has_softmax",
        action="store_const",
        const=True,
        help="it is probabilities already",
    )
    softmax.add_argument(
        "--softmax",
        dest="has_softmax",
        action="store_const",
        const=False,
        help="it is not: add a softmax",
    )


def _import(arguments: argparse.Namespace) -> int:
    path: Path = arguments.file
    if not arguments.dry_run:
        sweep()
    if arguments.config is not None or path.suffix.lower() in SUFFIXES:
        return _import_weights(arguments)
    # Engines are imported here, so that "--help" answers at once.
    from vggscope.inference.importing import draft_onnx  # noqa: PLC0415

    with draft_onnx(path, output=arguments.output) as draft:
        choices, reasons = _chosen(draft, arguments)
        draft.check(choices)
        if arguments.dry_run:
            _tell_draft(draft.examination, choices, reasons, arguments.format)
            return ALL_DONE
        with BytesBar(choices.name) as bar:
            model = draft.install(choices, replace=arguments.replace, progress=bar)
        _tell_model(model, draft.classes or 0, draft.examination.warnings, arguments.format)
    return ALL_DONE


def _import_weights(arguments: argparse.Namespace) -> int:
    # Engines are imported here, so that "--help" answers at once.
    from vggscope.inference.importing_weights import import_weights, look_into  # noqa: PLC0415

    if arguments.output is not None or arguments.has_softmax is not None:
        reason = "--output, --softmax and --no-softmax are for ONNX files, and it holds weights"
        raise ChoiceError(name=arguments.file.name, reason=reason)
    if arguments.file.suffix.lower() == ".onnx":
        reason = "it is an ONNX file, which holds its network, and --config is for files of weights"
        raise ChoiceError(name=arguments.file.name, reason=reason)
    weights = look_into(arguments.file)
    size, width = arguments.size or (None, None)
    look = _look(arguments, weights.channels)
    if width != size:
        look["width"] = width
    if arguments.dry_run:
        _tell_weights(weights, weights.plan(arguments.config, size=size), look, arguments.format)
        return ALL_DONE
    with BytesBar(arguments.name or arguments.file.stem) as bar:
        model = import_weights(
            arguments.file,
            arguments.config,
            name=arguments.name,
            title=arguments.title,
            licence=arguments.licence,
            labels=naming_of(arguments.labels),
            replace=arguments.replace,
            look=look,
            size=size,
            progress=bar,
        )
    _tell_model(model, len(model.labels()), (), arguments.format)
    return ALL_DONE


def _chosen(draft: Draft, arguments: argparse.Namespace) -> tuple[Choices, dict[str, str]]:
    """What is proposed but for what was said, and the reasons."""
    proposed, reasons = draft.proposed, dict(draft.reasons)
    changes: dict[str, object] = {}
    if arguments.channels not in {None, proposed.channels}:
        # The proposed numbers are of colours, whose order is another one now.
        changes |= {"mean": proposed.mean[::-1], "std": proposed.std[::-1]}
    changes |= _look(arguments, proposed.channels)
    if arguments.size is not None:
        height, width = arguments.size
        changes |= {"height": height, "width": width}
        changes.setdefault("resize", resize_for(max(height, width)))
    for key in ("name", "title", "licence", "has_softmax"):
        if getattr(arguments, key) is not None:
            changes[key] = getattr(arguments, key)
    if arguments.labels is not None:
        naming = naming_of(arguments.labels)
        changes["labels"] = None if naming == NUMBERS else naming
    for key, fields in _FIELDS.items():
        if any(getattr(arguments, field) is not None for field in fields):
            reasons[key] = _CHOSEN
    return proposed.changed(**changes), reasons


_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "layout": ("layout",),
    "size": ("size",),
    "channels": ("channels",),
    "normalisation": ("normalisation", "scale", "mean", "std"),
    "resize": ("resize",),
    "labels": ("labels",),
    "softmax": ("has_softmax",),
}
"""What has a reason, and the options that it is said by."""


def _look(
    arguments: argparse.Namespace, channels: Literal["RGB", "BGR"] = "RGB"
) -> dict[str, object]:
    """The fields of ``Input`` that were given."""
    found: dict[str, object] = {}
    if arguments.normalisation is not None:
        order = arguments.channels or channels
        known: Normalisation = PRESETS[arguments.normalisation].ordered(order)
        found |= {"scale": known.scale, "mean": known.mean, "std": known.std}
    for key in ("layout", "channels", "scale", "mean", "std", "resize", "fit"):
        if getattr(arguments, key) is not None:
            found[key] = getattr(arguments, key)
    return found


def _size(text: str) -> tuple[int, int]:
    height, _, width = text.lower().replace("×", "x").partition("x")
    if not height.isdecimal() or (width and not width.isdecimal()) or text.endswith("x"):
        raise argparse.ArgumentTypeError(f"“{text}” is no size such as 224 or 240x320")
    return int(height), int(width or height)


def _triple(text: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is not three numbers: A,B,C") from None
    return first, second, third


# --- what is printed --------------------------------------------------------------------------


def _tell_draft(
    found: Examination, choices: Choices, reasons: Mapping[str, str], form: str
) -> None:
    if form == "json":
        sys.stdout.write(as_json(_as_json_object(found, choices, reasons)))
        return
    facts = {
        "file": f"{found.file}, {size_text(found.bytes)}, {found.precision}",
        "written by": f"{found.producer or 'not stated'}, ONNX operators {found.opset}",
        "input": f"{found.input} {found.input.type}",
        "outputs": ", ".join(map(str, found.outputs)),
        "classes": "told by a run" if found.classes is None else f"{found.classes:,}",
        "parameters": f"{found.parameters:,}",
        "layers": f"{len(found.layers)}: {_shortened(found.layers)}",
    }
    sys.stdout.write(text_facts(facts) + "\n")
    shown = _shown(choices)
    rows = [(key, shown[key], reasons.get(key, "")) for key in shown]
    sys.stdout.write(text_table(_HEADS, rows))
    sys.stdout.write("".join(f"\n{warning}\n" for warning in found.warnings))


def _shortened(layers: tuple[str, ...]) -> str:
    shown = layers if len(layers) <= 8 else (*layers[:4], "…", *layers[-3:])
    return ", ".join(shown)


def _shown(choices: Choices) -> dict[str, str]:
    """The choices as text, in the order of the reasons."""
    if choices.labels is None:
        labels = "numbered"
    elif isinstance(choices.labels, tuple):
        labels = f"{choices.labels[0].label}, …, {choices.labels[-1].label}"
    else:
        labels = display_name(str(choices.labels))
    return {
        "name": choices.name,
        "title": choices.title,
        "layout": choices.layout,
        "size": f"{choices.height} × {choices.width}",
        "channels": choices.channels,
        "normalisation": _colours(choices),
        "resize": f"{choices.resize}, {choices.fit}",
        "labels": labels,
        "softmax": "there already" if choices.has_softmax else f"added to “{choices.output}”",
        "licence": choices.licence,
    }


def _colours(look: Choices | Input) -> str:
    """What pixels go through, as a formula, and what that is known as."""
    mean, std = (", ".join(f"{x:g}" for x in triple) for triple in (look.mean, look.std))
    preset = preset_of(Normalisation(look.scale, look.mean, look.std), look.channels)
    return f"{preset}: " * bool(preset) + f"× {look.scale:.6g} − ({mean}) ÷ ({std})"


def _as_json_object(
    found: Examination, choices: Choices, reasons: Mapping[str, str]
) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(found)
    document["proposed"] = msgspec.to_builtins(choices.changed(labels=None))
    labels = choices.labels
    is_plain = labels is None or isinstance(labels, str)
    document["proposed"]["labels"] = (
        labels
        if is_plain
        else [label.label for label in labels]
        if isinstance(labels, tuple)
        else str(labels)
    )
    document["reasons"] = dict(reasons)
    del document["ranks"]
    return document


def _tell_model(model: Model, classes: int, warnings: tuple[str, ...], form: str) -> None:
    description = model.description
    if form == "json":
        sys.stdout.write(
            as_json(
                {
                    "model": model.name,
                    "title": model.title,
                    "folder": str(model.folder),
                    "megabytes": round(model.bytes / 1e6, 3),
                    "precision": description.precision,
                    "classes": classes,
                    "layers": [layer.name for layer in description.layers],
                    "probabilities": description.output.probabilities,
                    "logits": description.output.logits,
                    "warnings": list(warnings),
                }
            )
        )
        return
    spec = description.input
    size = f"{spec.height} × {spec.width}"
    sys.stdout.write(
        f"{model.name} is installed: {classes:,} classes, {size}, {description.precision}, "
        f"{size_text(model.bytes)}, {len(description.layers)} layers\n"
        f"{display_name(str(model.folder))}\n"
    )
    sys.stderr.write("".join(f"vggscope: {warning}\n" for warning in warnings))


def _tell_weights(weights: Weights, plan: Plan, look: Mapping[str, object], form: str) -> None:
    facts: dict[str, Any] = {
        "file": weights.path.name,
        "home": weights.home.title,
        "network": plan.config.name,
        "classes": plan.network.layers[-1].output_shape[-1],
        "parameters": plan.network.parameters,
        "input": weights.input(plan, look),
    }
    if form == "json":
        sys.stdout.write(as_json(facts))
        return
    spec = msgspec.convert(facts.pop("input"), Input)
    told = {key: f"{fact:,}" if isinstance(fact, int) else fact for key, fact in facts.items()}
    told |= {
        "size": f"{spec.height} × {spec.width}",
        "channels": spec.channels,
        "normalisation": _colours(spec),
        "resize": f"{spec.resize}, {spec.fit}",
    }
    sys.stdout.write(text_facts(told))
