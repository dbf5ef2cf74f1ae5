"""Opening a model on a device: its bytes are checked, and that the device really takes it."""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from vggscope.errors import DeviceUnsupportedError, InferenceError, ModelCorruptError
from vggscope.inference.runtime import Session, is_of_the_files, reason_of
from vggscope.inference.shared_weights import shared_weights
from vggscope.zoo.normal_form import GRAPH

if TYPE_CHECKING:
    from vggscope.inference.devices import Device
    from vggscope.zoo.normal_form import Model

_log = logging.getLogger(__name__)


def open_model(model: Model, device: Device, *, batch: int) -> Session:
    """Open the model's graph while another thread checks its bytes: neither waits for the other.

    Args:
        model: which one.
        device: where it is to run.
        batch: pictures per run, for devices that must know it beforehand.

    Raises:
        ModelError: the files are missing or damaged (checked before anything is classified).
        DeviceError: the files are as they were installed, but the device cannot run them.
    """
    model.check_sizes()
    with ThreadPoolExecutor(1, thread_name_prefix="checksum") as checker:
        content = checker.submit(model.check_content)
        try:
            session = Session(
                model.graph_path,
                device,
                shape=model.description.input.shape(batch),
                identity=model.identity,
                shared=shared_weights(model, device),
            )
        except Exception as error:
            # Wrong bytes explain more than what ONNX Runtime stumbled over.
            content.result()
            reason = reason_of(error)
            if is_of_the_files(error):
                raise ModelCorruptError(
                    model=model.name, file=GRAPH, reason=f"cannot be loaded ({reason})"
                ) from error
            _log.exception("%s could not be opened on %s", model.graph_path, device.key)
            raise run_failure(model, device, error) from error
        content.result()
    left_to_cpu(session, model, device)
    return session


def open_derived(  # noqa: PLR0913 (all but three are options)
    model: Model,
    device: Device,
    graph: bytes,
    *,
    batch: int,
    prepack: bool = True,
    thrifty: bool = False,
) -> Session:
    """Open a graph that was derived from the model's, and shares its weights.

    Args:
        model: which one; its files were checked when it was opened itself.
        device: where the graph is to run.
        graph: an ONNX graph, see ``vgg.surgery``.
        batch: pictures per run, for devices that must know it beforehand.
        prepack: see ``Session``.
        thrifty: likewise.

    Raises:
        InferenceError: the device cannot run it.
    """
    try:
        return Session(
            graph,
            device,
            shape=model.description.input.shape(batch),
            # Some providers keep what they compile.
            identity=hashlib.sha256(model.identity.encode() + graph).hexdigest(),
            weights=model.folder,
            prepack=prepack,
            thrifty=thrifty,
            shared=shared_weights(model, device, graph),
        )
    except Exception as error:
        _log.exception("A graph derived from %s could not be opened", model.name)
        raise run_failure(model, device, error) from error


def left_to_cpu(session: Session, model: Model, device: Device) -> dict[str, int]:
    """Operator -> number of nodes that the device left to the CPU.

    Raises:
        DeviceUnsupportedError: it left all of them.
    """
    left = session.left_to_cpu()
    if left is None:
        raise DeviceUnsupportedError(
            device=device.name,
            model=model.name,
            reason=f"{device.made_by.title} takes none of its operators, and ONNX Runtime would "
            "silently run it on the CPU",
        )
    return left


def run_failure(model: Model, device: Device, error: BaseException) -> InferenceError:
    """What to tell of an ``error`` that ONNX Runtime raised for ``model`` on ``device``."""
    return InferenceError(model=model.name, device=device.name, reason=reason_of(error))
