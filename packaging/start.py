"""What a frozen VGGscope starts with: the program ``vggscope``, its window, its child processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def clear(environment: MutableMapping[str, str]) -> None:
    """Take out what PyInstaller's loader put in, as far as other programs would inherit it.

    The browser that we open would load our libraries instead of its own. The loader of our child
    processes puts it in again; what this process has loaded stays as it is.
    """
    for name in ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH"):
        before = environment.pop(f"{name}_ORIG", None)
        if before is not None:
            environment[name] = before
        else:
            environment.pop(name, None)
    for name in [name for name in environment if name.startswith("_PYI_")]:
        del environment[name]


def main() -> int:
    """Be the program."""
    # Libraries that start processes by themselves would open a second window. Such a process wants
    # to find the loader's variables.
    multiprocessing.freeze_support()
    if sys.platform != "win32":
        clear(os.environ)
    from vggscope.cli.main import main as vggscope  # noqa: PLC0415 (the variables come first)

    return vggscope()


if __name__ == "__main__":
    sys.exit(main())
