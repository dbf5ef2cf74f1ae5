"""List the devices of this computer: which are in use, which are not, and why.

A device counts once it was probed: tried in a process of its own with the sample photos, its
answers compared with the CPU's. ``--probe`` does that anew for all of them; otherwise what is
known is printed. Exit status: 0, or 2 where nothing could be found out.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

from vggscope.cli.main import ALL_DONE
from vggscope.cli.tables import text_table
from vggscope.errors import DeviceError, ProviderForeignError
from vggscope.inference.report import as_json
from vggscope.zoo.models import DEFAULT_MODEL

if TYPE_CHECKING:
    import argparse

    from vggscope.inference.classifier import Classifier
    from vggscope.inference.devices import Device
    from vggscope.inference.proposal import Proposal
    from vggscope.inference.selection import Row, Survey

_HEADS: Final = ("device", "hardware", "provider", "precision", "ms", "÷ CPU", "status")
_NUMBERS: Final = ("ms", "÷ CPU")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--probe", action="store_true", help="look for devices and try all anew")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="default: %(default)s")
    parser.add_argument(
        "--exact", action="store_true", help="choose among devices that compute in fp32 only"
    )
    parser.add_argument("--format", choices=("table", "json"), default="table")


def run(arguments: argparse.Namespace) -> int:
    """Print the devices; the exit status."""
    # Engines are imported here, so that "--help" and a wrong option answer at once.
    from vggscope.inference.devices import DEVICE_VARIABLE  # noqa: PLC0415
    from vggscope.inference.proposal import propose  # noqa: PLC0415
    from vggscope.inference.selection import known_choice, probe, survey  # noqa: PLC0415
    from vggscope.zoo.models import find_model  # noqa: PLC0415

    model, proposal = find_model(arguments.model), None
    if arguments.probe:
        found = probe(model, again=True, progress=tell_progress)
        if not arguments.exact:
            proposal = propose(model, found, progress=tell_progress)
    else:
        found = survey(model)
    # With what the environment may say of it.
    auto, misfit = None, ""
    try:
        auto = known_choice(model, exact=arguments.exact)
    except DeviceError as error:
        misfit = f"{DEVICE_VARIABLE}: {error.message} {error.remedy}\n"
    if arguments.format == "json":
        document = _document(found, auto, proposal, exact=arguments.exact)
        sys.stdout.write(as_json(document))
    else:
        sys.stdout.write(_text(found, auto, proposal) + misfit)
    return ALL_DONE


def tell_progress(device: Device, number: int, count: int) -> None:
    """Say on stderr which device is being tried: it takes seconds, but only once."""
    sys.stderr.write(f"vggscope: trying {device.name} ({number + 1} of {count})\n")
    sys.stderr.flush()


def tell_failures(classifier: Classifier) -> None:
    """Say on stderr what the chosen device failed at, and the CPU did in its place."""
    for failure in (classifier.failure, classifier.dense_failure):
        if failure is not None:
            sys.stderr.write(f"vggscope: {failure.message} {failure.remedy}\n")


def _document(
    found: Survey, auto: Device | None, proposal: Proposal | None, *, exact: bool
) -> dict[str, Any]:
    return {
        "model": found.model,
        "auto": auto and auto.key,
        "exact": exact,
        "clash": found.clash and found.clash.as_json(),
        "devices": [row.as_json_object() for row in found.rows],
        "proposal": proposal and proposal.as_json_object(),
    }


def _text(found: Survey, auto: Device | None, proposal: Proposal | None) -> str:
    parts = [text_table(_HEADS, [_cells(row) for row in found.rows], numbers=_NUMBERS)]
    if auto is not None:
        parts.append(f"Auto takes {auto.key} for {found.model}.\n")
    if found.untried:
        parts.append("Not every device was tried yet: “vggscope devices --probe” does.\n")
    if proposal is not None:
        parts.append(
            f"{proposal.title} ({proposal.model}) is {proposal.speedup:.1f}× faster here, with "
            f"the same answer for {proposal.agreement:g} % of {proposal.photos} photos.\n"
        )
    remedies = [
        f"  {row.device.key if row.device else row.provider.title}: {row.problem.remedy}\n"
        for row in found.rows
        if row.problem is not None and not isinstance(row.problem, ProviderForeignError)
    ]
    if remedies:
        parts.append("What would help:\n" + "".join(remedies))
    if found.clash is not None:
        parts.append(f"{found.clash.message} {found.clash.remedy}\n")
    return "\n".join(parts)


def _cells(row: Row) -> tuple[str, ...]:
    device = row.device
    return (
        device.key if device else row.provider.key,
        device.hardware.name if device else "–",
        row.provider.title,
        device.precision if device else "–",
        "–" if row.milliseconds is None else f"{row.milliseconds:.1f}",
        "–" if row.ratio is None else f"{row.ratio:.2f}",
        _status(row),
    )


def _status(row: Row) -> str:
    """What is known of it, and why or how well."""
    verdict = row.verdict
    if row.problem is not None:
        return f"{row.status}: {row.problem.message}"
    if verdict is None or verdict.difference is None:
        by_hand = row.device is not None and row.device.is_by_hand
        return f"{row.status}: used only when it is named" if by_hand else str(row.status)
    if row.device is not None and row.device.is_cpu:
        return f"{row.status}: what the others are compared with"
    parts = [f"{verdict.agreeing} of {verdict.photos} photos as the CPU, ±{verdict.difference:.4f}"]
    if verdict.on_cpu:
        parts.append(f"left to the CPU: {', '.join(verdict.on_cpu)}")
    return f"{row.status}: {'; '.join(parts)}"
