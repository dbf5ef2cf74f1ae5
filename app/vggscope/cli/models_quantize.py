"""``vggscope models quantize``: make a fast 8-bit variant of a model, and say how fast."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, Final

from vggscope.cli.main import ALL_DONE
from vggscope.cli.options import add_action, count_up_to, line
from vggscope.cli.progress_bars import progress_bar
from vggscope.cli.tables import text_facts
from vggscope.inference.report import as_json
from vggscope.sources.finding import Failed, display_name, find_stills
from vggscope.zoo.meter import size_text
from vggscope.zoo.models import find_model

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from vggscope.cli.options import Actions
    from vggscope.errors import ImageError
    from vggscope.inference.quantization import Quantization

_MOST_PHOTOS: Final = 100_000
_MOST_TOLD: Final = 5


def add_quantize(actions: Actions) -> None:
    """Declare the action."""
    about = "make an 8-bit variant of a floating-point model, and measure how far they agree"
    parser = add_action(actions, "quantize", about, _quantize)
    parser.add_argument("model", metavar="NAME", help="an installed floating-point model")
    parser.add_argument(
        "--calibrate",
        nargs="+",
        action="extend",
        required=True,
        metavar="PATH",
        help="photos, or folders of them, like those that the model is for; no labels are needed",
    )
    parser.add_argument(
        "--photos",
        type=count_up_to(_MOST_PHOTOS),
        default=64,
        metavar="N",
        help="how many of them to calibrate with, evenly spread (default: %(default)s)",
    )
    parser.add_argument(
        "--compare",
        nargs="+",
        action="extend",
        default=[],
        metavar="PATH",
        help="photos to compare both models on (default: those that are left of --calibrate)",
    )
    parser.add_argument(
        "--compare-photos",
        type=count_up_to(_MOST_PHOTOS),
        default=200,
        metavar="N",
        help="how many of them, evenly spread (default: %(default)s)",
    )
    parser.add_argument("--name", help="of the new model (default: NAME-int8)")
    parser.add_argument(
        "--title", type=line, help="of the new model (default: its model's, with “(int8)”)"
    )
    parser.add_argument(
        "--replace", action="store_true", help="take the place of a model that has the name"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")


def _quantize(arguments: argparse.Namespace) -> int:
    model = find_model(arguments.model)
    # Engines are imported here, so that "--help" and a wrong name answer at once.
    from vggscope.inference.quantization import Request, quantize  # noqa: PLC0415

    bars = _Bars()
    try:
        request = Request(
            model=model,
            calibration=_photos(arguments.calibrate, bars.failures),
            comparison=_photos(arguments.compare, bars.failures),
            calibration_photos=arguments.photos,
            comparison_photos=arguments.compare_photos,
            name=arguments.name,
            title=arguments.title,
            replace=arguments.replace,
        )
        result = quantize(request, bars)
    finally:
        bars.close()
        _tell(bars.failures)
    if arguments.format == "json":
        sys.stdout.write(as_json(_as_json_object(result, bars.failures)))
    else:
        sys.stdout.write(_as_text(result))
    return ALL_DONE


def _photos(sources: Iterable[str], failures: list[ImageError]) -> list[Path]:
    """The photos that ``sources`` mean, each once; why others mean none goes to ``failures``."""
    found: dict[Path, None] = {}
    for item in find_stills(sources, recursive=True):
        if isinstance(item, Failed):
            failures.append(item.error)
        else:
            found[item] = None
    return list(found)


class _Bars:
    """A progress bar on stderr, if that is a terminal.

    Attributes:
        failures: why photos cannot be used.
    """

    def __init__(self) -> None:
        self.failures: list[ImageError] = []
        self._stack = contextlib.ExitStack()
        self._advance: Callable[[], object] = lambda: None

    def begin(self, step: str, total: int) -> None:
        self.close()
        self._advance = self._stack.enter_context(progress_bar(total, step=step))

    def advance(self) -> None:
        self._advance()

    def left_out(self, path: Path, error: ImageError) -> None:  # noqa: ARG002 (the error names it)
        self.failures.append(error)

    def close(self) -> None:
        self._stack.close()


def _tell(failures: list[ImageError]) -> None:
    if not failures:
        return
    lines = [f"vggscope: left out ({len(failures)}):"]
    lines += [f"  {error.message}" for error in failures[:_MOST_TOLD]]
    if len(failures) > _MOST_TOLD:
        lines.append(f"  and {len(failures) - _MOST_TOLD} more")
    sys.stderr.write("\n".join(lines) + "\n")


def _as_json_object(result: Quantization, failures: list[ImageError]) -> dict[str, Any]:
    comparison = result.comparison
    before, after = comparison.milliseconds
    return {
        "model": result.model.name,
        "of": result.source.name,
        "folder": str(result.model.folder),
        "megabytes_before": round(result.source.bytes / 1e6, 3),
        "megabytes_after": round(result.model.bytes / 1e6, 3),
        "calibration_photos": result.calibrated,
        "compared_photos": comparison.photos,
        "compared_photos_calibrated_with": result.known,
        "agreement": comparison.agreement,
        "mean_change_of_top_class": round(comparison.mean_change, 6),
        "largest_change": round(comparison.largest_change, 6),
        "milliseconds_before": round(before, 3),
        "milliseconds_after": round(after, 3),
        "speedup": round(before / after, 3),
        "left_out": [error.as_json() for error in failures],
    }


def _as_text(result: Quantization) -> str:
    comparison = result.comparison
    before, after = comparison.milliseconds
    compared = f"{comparison.photos} photos"
    if result.known:
        compared += f", {result.known} of which it was calibrated with: that flatters it"
    rows = {
        "model": f"{result.model.name} ({result.model.title})",
        "folder": display_name(str(result.model.folder)),
        "size": f"{size_text(result.source.bytes)} → {size_text(result.model.bytes)}",
        "calibrated with": f"{result.calibrated} photos",
        "compared on": compared,
        "same top-1": f"{comparison.agreement:g} %",
        "mean |Δp|": f"{comparison.mean_change:.4f}, of the class that the original names first",
        "largest |Δp|": f"{comparison.largest_change:.4f}, of any class",
        "time": f"{before:.1f} → {after:.1f} ms on the CPU, {before / after:.1f} times as fast",
    }
    return text_facts(rows)
