"""Folders to work in, hidden among the models: they go with the process that made them.

A process that is killed cannot clear up. Each room has a lock beside it that ends with its
process, so that whoever comes next knows which rooms are nobody's.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope.zoo.locking import LockedError, locked

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = ".vggscope-"
LOCK: Final = ".lock"
REPLACED: Final = ".replaced"
"""What a room calls the model whose place another one takes; no model can have that name."""


def lock_path(folder: Path, name: str) -> Path:
    """The lock of the model, or of the room, ``name`` in ``folder``."""
    return folder / f"{PREFIX}{name}{LOCK}"


@contextlib.contextmanager
def room_in(folder: Path) -> Iterator[Path]:
    """An empty folder below ``folder`` that is gone when the block ends.

    Raises:
        OSError: it cannot be made.
    """
    name = f"room-{secrets.token_hex(8)}"
    room = folder / f"{PREFIX}{name}"
    # The lock is there before the room and after it: a room without one is nobody's.
    with locked(lock_path(folder, name)):
        room.mkdir(mode=0o700)
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)


def sweep_rooms(folder: Path) -> int:
    """Clear the rooms in ``folder`` that killed processes left; how many there were.

    A model that was on its way out while another one took its place goes back, if that one did
    not come.
    """
    count = 0
    for left in sorted(folder.glob(f"{PREFIX}*")):
        lock = left if left.suffix == LOCK else left.with_name(left.name + LOCK)
        # OSError: it is somebody else's, or was gone in the same moment.
        with contextlib.suppress(LockedError, OSError), locked(lock):
            if left.is_dir() and not left.is_symlink():
                _put_back(left, folder)
                shutil.rmtree(left)
                count += 1
    return count


def _put_back(room: Path, folder: Path) -> None:
    former = room / REPLACED
    made = next((path for path in room.iterdir() if path != former), None)
    if former.exists() and made is not None and not Path(folder, made.name).exists():
        former.rename(folder / made.name)
