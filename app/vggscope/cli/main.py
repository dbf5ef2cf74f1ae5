"""The entry points: ``vggscope`` with its commands, and ``vggscope-gui``."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from vggscope import __version__, paths
from vggscope.cli.streams import occupy_numbers, with_streams
from vggscope.diagnostics import LOG_FILE, CrashGuard, start_logging
from vggscope.errors import OutputError, VggscopeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vggscope.ui.live_request import LiveRequest

COMMANDS: Final = {
    "classify": "print what the network sees in pictures",
    "live": "watch a camera, a video or the screen",
    "activations": "write what the layers of a network make of a picture",
    "classmap": "show where in a picture the network sees a class",
    "evaluate": "measure the accuracy of a model on a folder of labelled pictures",
    "layers": "print the layers of a network",
    "models": "list, download, import, make, verify and remove models",
    "devices": "print the devices of this computer: which are used, and why not the others",
    "bench": "measure how fast a model runs on the devices of this computer",
    "doctor": "print versions, devices, paths: what a bug report needs",
    "licences": "print the licences of this program and of all that it comes with",
}
ALL_DONE: Final = 0
SOME_FAILED: Final = 1
NOTHING_DONE: Final = 2
_INTERRUPTED: Final = 130
_log = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``vggscope`` with ``arguments`` (those of the process if None); the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == [paths.CHILD]:
        return _be_child(words[1:])
    return with_streams(lambda: _serve(words))


def main_gui() -> int:
    """Open the window with the files named on the command line."""
    words = sys.argv[1:]
    if words[:1] == [paths.CHILD]:
        return _be_child(words[1:])
    return with_streams(lambda: _open_window(words))


def _serve(words: list[str]) -> int:
    position = _command_position(words)
    if position is None:
        return _open_window(words)
    command = words.pop(position)
    module = import_module(f"vggscope.cli.{command}")
    parsed = command_parser(command).parse_args(words)
    _use_data_dir(parsed)
    if command == "live" and not parsed.headless:
        # The window has its own log and crash guard.
        return _shielded(lambda: module.open_window(parsed))
    start_logging(verbose=parsed.verbose)
    _prepare_streams()
    guard = CrashGuard()
    # Nobody reads here what the window will mention.
    guard.start(collect=False)
    try:
        return _shielded(lambda: _run(module.run, parsed))
    finally:
        guard.stop()


def _shielded(work: Callable[[], int]) -> int:
    """Call ``work``; what nobody expected is logged and told."""
    try:
        return work()
    except Exception:  # noqa: BLE001 (that is the point)
        _log.exception("Uncaught")
        sys.stderr.write(
            "vggscope: Something went wrong that VGGscope did not expect. "
            f"The log has the details: {paths.log_dir() / LOG_FILE}\n"
        )
        return NOTHING_DONE


def _be_child(words: list[str]) -> int:
    """Do a job that another process of ours wants done apart from it."""
    from vggscope.inference.children import run_child  # noqa: PLC0415 (nobody else needs it)

    occupy_numbers()
    return run_child(words)


def _run(command: Callable[[argparse.Namespace], int], parsed: argparse.Namespace) -> int:
    """Run a command; what can be expected to end it early becomes a status."""
    try:
        status = command(parsed)
        # Now, not at exit: there Python itself would complain of a pipe or disk that takes no more.
        sys.stdout.flush()
    except VggscopeError as error:
        return _fail(error)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough.
        _abandon_stdout()
        return ALL_DONE
    except OSError as error:
        if error.filename is not None:
            raise
        # Writing to stdout: all other files are used where their errors are handled.
        _abandon_stdout()
        return _fail(OutputError(name="stdout", reason=error.strerror or str(error)))
    return status


def _fail(error: VggscopeError) -> int:
    sys.stderr.write(f"vggscope: {error.message} {error.remedy}\n")
    return NOTHING_DONE


def _abandon_stdout() -> None:
    """What is still buffered goes nowhere: Python would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command_position(words: Sequence[str]) -> int | None:
    """Where the command stands; options common to all commands may come before it."""
    takes_value = False
    for position, word in enumerate(words):
        if takes_value:
            takes_value = False
        elif word == "--data-dir":
            takes_value = True
        elif not word.startswith("-"):
            return position if word in COMMANDS else None
    return None


def command_parser(command: str) -> argparse.ArgumentParser:
    """What reads the arguments of a command."""
    module = import_module(f"vggscope.cli.{command}")
    parser = argparse.ArgumentParser(prog=f"vggscope {command}", description=module.__doc__)
    _add_common_arguments(parser)
    module.add_arguments(parser)
    return parser


def window_parser() -> argparse.ArgumentParser:
    """What reads the arguments of the window."""
    listing = "\n".join(f"  {name:<12}{text}" for name, text in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="vggscope",
        description="Open the window, with FILES if any are named.",
        epilog=f"commands (vggscope COMMAND --help tells more):\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files", nargs="*", metavar="FILES", help="photos, folders, a video, models"
    )
    parser.add_argument("--version", action="version", version=f"VGGscope {__version__}")
    _add_common_arguments(parser)
    return parser


def _open_window(words: Sequence[str]) -> int:
    parsed = window_parser().parse_args(words)
    _use_data_dir(parsed)

    return _shielded(lambda: show_window(parsed.files, verbose=parsed.verbose))


def show_window(
    files: Sequence[str], *, verbose: bool = False, live: LiveRequest | None = None
) -> int:
    """Open the window, see ``run_window``, in which Python's collector begins to work again."""
    # What is made until the window is on the screen is there to stay.
    gc.disable()
    try:
        # QtWidgets alone costs 90 ms, which no other command needs.
        from vggscope.ui.app import run_window  # noqa: PLC0415

        return run_window(files, verbose=verbose, live=live)
    finally:
        gc.enable()


def _add_common_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="keep settings, models and logs here instead of in the user's folders",
    )
    parser.add_argument("--verbose", action="store_true", help="show the log on stderr")


def _use_data_dir(parsed: argparse.Namespace) -> None:
    if parsed.data_dir is not None:
        paths.use_data_dir(parsed.data_dir)


def _prepare_streams() -> None:
    """Write UTF-8 whatever the locale, and line ends as we write them whatever the system.

    A file name that is no UTF-8 comes out escaped, which is also how JSON writes it.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
