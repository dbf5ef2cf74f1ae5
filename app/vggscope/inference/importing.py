"""Drafts of foreign models: each file is examined, and each model tried, in a child process.

A file from anywhere may crash or hang whatever reads it, or eat all memory: that happens to a
child, and this process tells of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from vggscope.errors import ExaminationError, TrialError
from vggscope.inference.children import ChildCrashedError, ChildTimedOutError, ask_child
from vggscope.zoo import examiner
from vggscope.zoo.importing import Draft, Trial
from vggscope.zoo.meter import never, nothing
from vggscope.zoo.model_file import open_model_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from vggscope.errors import ModelError
    from vggscope.zoo.examination import Examination
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Model

Answer = TypeVar("Answer")


def draft_onnx(path: Path, *, output: str | None = None, stop: Callable[[], bool] = never) -> Draft:
    """Examine an ONNX file: what it holds, and what to make of it.

    Args:
        path: any file at all.
        output: name of the output that is the answer; found out if None.
        stop: is asked now and then; True ends it.

    Raises:
        ImportRefusedError: no model can be made of it; the subclass tells why.
        Cancelled: ``stop`` said so.
    """
    absolute = path.absolute()
    with open_model_file(absolute):
        # What begins like something else needs no process to be told.
        pass
    from vggscope.zoo.examination import Examination  # noqa: PLC0415 (onnx, 162 ms)

    examination: Examination = ask(
        "examine",
        examiner.Request.of(absolute, output),
        Examination,
        seconds=examiner.SECONDS,
        stop=stop,
        refusal=lambda reason: ExaminationError(name=path.name, reason=reason),
    )
    return Draft(absolute, examination, try_out=try_out)


def install_onnx(  # noqa: PLR0913 (all but one are options)
    path: Path,
    changes: Mapping[str, object] | None = None,
    *,
    output: str | None = None,
    replace: bool = False,
    progress: Callable[[Progress], None] = nothing,
    stop: Callable[[], bool] = never,
) -> Model:
    """Import an ONNX file as it is proposed, but for ``changes`` (fields of ``Choices``).

    Raises:
        As ``draft_onnx`` and ``Draft.install``.
    """
    with draft_onnx(path, output=output, stop=stop) as draft:
        choices = draft.proposed.changed(**(changes or {}))
        return draft.install(choices, replace=replace, progress=progress, stop=stop)


def try_out(model: Model, stop: Callable[[], bool]) -> Trial:
    """Run a model once, in a child process.

    Raises:
        TrialError: it does not run.
        Cancelled: ``stop`` said so.
    """
    from vggscope.inference import trial  # noqa: PLC0415 (ONNX Runtime, 140 ms)

    return ask(
        "trial",
        trial.Request.of(model),
        Trial,
        seconds=trial.SECONDS,
        stop=stop,
        refusal=lambda reason: TrialError(name=model.title, reason=reason),
    )


def ask(  # noqa: PLR0913 (all but three are options)
    job: str,
    request: object,
    answer: type[Answer],
    *,
    seconds: float,
    stop: Callable[[], bool],
    refusal: Callable[[str], ModelError],
) -> Answer:
    """``ask_child``; ``refusal`` makes an error of the reason why it gave no answer."""
    try:
        return ask_child(job, request, answer, timeout=seconds, cancellation=_Wish(stop))
    except ChildCrashedError as error:
        raise refusal(f"the process that did it ended early ({error})") from error
    except ChildTimedOutError as error:
        raise refusal(f"that took longer than {seconds:.0f} seconds") from error


class _Wish:
    """What ``ask_child`` asks whether to go on."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop

    @property
    def cancelled(self) -> bool:
        return self._stop()
