"""The child process in which a foreign file is examined: with little memory, and not for long."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from vggscope.errors import ExaminationError

if TYPE_CHECKING:
    from vggscope.zoo.examination import Examination

SECONDS: Final = 60.0
"""Time that an examination may take; those of large networks take one or two."""
_MEMORY: Final = 2 * 2**30
_OUT_OF_MEMORY: Final = 3
_GLANCE: Final = 0.1


class Request(msgspec.Struct, frozen=True):
    """What is to be examined.

    Attributes:
        path: of the file, as the system writes it: it may be no text.
        output: see ``examine``.
    """

    path: bytes
    output: str | None = None

    @classmethod
    def of(cls, path: Path, output: str | None) -> Request:
        """A request for the file at ``path``."""
        return cls(os.fsencode(path), output)


def work(request: bytes) -> Examination:
    """The job of the child.

    Raises:
        ImportRefusedError: the file cannot be taken in.
    """
    asked = msgspec.json.decode(request, type=Request)
    limit_memory(_MEMORY)
    from vggscope.zoo.examination import examine  # noqa: PLC0415 (within the limit)

    path = Path(os.fsdecode(asked.path))
    try:
        return examine(path, output=asked.output)
    except (MemoryError, RecursionError) as error:
        raise ExaminationError(name=path.name, reason="that takes too much memory") from error


def limit_memory(size: int) -> None:
    """Let this process have no more than ``size`` bytes of memory."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 (Windows has none)

        # macOS knows the limit, and does not keep to it: it is watched as well.
        with contextlib.suppress(ValueError, OSError):
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            least = size if most == resource.RLIM_INFINITY else min(size, most)
            resource.setrlimit(resource.RLIMIT_AS, (least, most))
    if sys.platform != "linux":
        threading.Thread(target=_watch, args=(size,), daemon=True).start()


def _watch(size: int) -> None:
    import psutil  # noqa: PLC0415 (Linux does without)

    process = psutil.Process()
    while process.memory_info().rss < size:
        time.sleep(_GLANCE)
    os._exit(_OUT_OF_MEMORY)
