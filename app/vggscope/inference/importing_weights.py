"""Importing weights of VGG networks: files are read first, and models tried, in child processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vggscope.errors import TrialError
from vggscope.inference.importing import ask, try_out
from vggscope.zoo.meter import never
from vggscope.zoo.weights import Weights, install_weights, is_hdf5, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vggscope.zoo.normal_form import Model


def look_into(path: Path, *, stop: Callable[[], bool] = never) -> Weights:
    """``read_weights``, once a child process has read the whole file without harm.

    That is for HDF5: the other formats are read by code of this program, line by line.

    Raises:
        ModelError: as ``read_weights``.
        Cancelled: ``stop`` said so.
    """
    if is_hdf5(path):
        # Modules of the zoo that import h5py, which only such files need.
        from vggscope.zoo import weights_examiner  # noqa: PLC0415

        ask(
            "weights",
            weights_examiner.Request.of(path),
            weights_examiner.Outcome,
            seconds=weights_examiner.SECONDS,
            stop=stop,
            refusal=lambda reason: weights_examiner.broken(path, reason),
        )
    return read_weights(path)


def import_weights(
    path: Path,
    config: str | None = None,
    *,
    stop: Callable[[], bool] = never,
    **options: Any,
) -> Model:
    """``install_weights``, once a child process has tried the model.

    Args:
        path: of a file that ``look_into`` has read.
        config: the network of the family; None to let the tensors decide.
        stop: asked now and then.
        options: all others of ``install_weights``.

    Raises:
        As ``install_weights``.
        TrialError: the model does not give probabilities.
    """

    def check(model: Model) -> None:
        trial = try_out(model, stop)
        if trial.problem:
            raise TrialError(name=path.name, reason=trial.problem)

    return install_weights(path, config, stop=stop, try_out=check, **options)
