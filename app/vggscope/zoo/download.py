"""Downloads a model of the catalogue: resumed where it was, verified, from whoever has it."""

from __future__ import annotations

import contextlib
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from vggscope import paths
from vggscope.errors import (
    Cancelled,
    DownloadError,
    DownloadWriteError,
    ModelBundledError,
    ModelBusyError,
    NoSpaceError,
    OutputError,
    ServerBusyError,
    UnreachableError,
    WrongFileError,
    WrongHashError,
)
from vggscope.zoo.addresses import addresses_of, host_of
from vggscope.zoo.fetching import TRANSIENT, Wanted
from vggscope.zoo.locking import LockedError, locked
from vggscope.zoo.meter import Meter, Progress, size_text
from vggscope.zoo.part_file import PartFile, part_bytes, part_path
from vggscope.zoo.rooms import lock_path
from vggscope.zoo.transfer import Transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from vggscope.zoo.catalogue import Entry

_SPARE: Final = 32 * 10**6
"""Bytes that stay free on the disk: other programs need some, and folders do."""
_GLANCE: Final = 0.1
"""Seconds between two looks at whether to stop."""
_GLANCES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How long to wait for a server.

    Attributes:
        patience: seconds without a byte after which it counts as silent.
        pauses: seconds to wait before each further try; tries that brought something begin anew.
        longest_pause: seconds; what asks for a longer one ends the download.
    """

    patience: float = 30.0
    pauses: tuple[float, ...] = (1.0, 3.0, 8.0, 20.0)
    longest_pause: float = 60.0


class Download:
    """The download of one entry of the catalogue.

    Attributes:
        entry: what is downloaded.
        addresses: where from, in the order to try.
    """

    def __init__(self, entry: Entry, *, mirror: str | None = None, terms: Terms | None = None):
        """Raise ``ModelBundledError`` or ``MirrorError`` if there is nothing to download."""
        if entry.bundled:
            raise ModelBundledError(model=entry.name)
        self.entry = entry
        self.addresses = addresses_of(entry, mirror)
        self._terms = terms or Terms()
        self._path = part_path(paths.user_models(), entry.name)
        self._is_held = False

    @property
    def part_bytes(self) -> int:
        """How much of it is on the disk already."""
        return part_bytes(self._path)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep all others from working on this model.

        Raises:
            ModelBusyError: somebody else does.
            OutputError: the folder cannot be written to.
        """
        if self._is_held:
            yield
            return
        with alone_with(self.entry.name):
            self._is_held = True
            try:
                yield
            finally:
                self._is_held = False

    def run(self, *, progress: Callable[[Progress], None], stop: Callable[[], bool]) -> Path:
        """Download what is missing; the whole file, verified.

        Args:
            progress: called from time to time.
            stop: asked often; the download ends when it says so, and what came of it stays.

        Raises:
            Cancelled: it was stopped.
            ModelBusyError: another one downloads it.
            NoSpaceError: file and model do not both fit on the disk.
            DownloadError: the reason why it did not come to its end.
        """
        with self.alone():
            self._check_space()
            part = PartFile(self._path, size=self.entry.bytes, sha256=self.entry.sha256)
            with part:
                self._rehash(part, progress, stop)
                self._complete(part, progress, stop)
                if self._is_wrong(part) and part.inherited:
                    # Something of it was damaged, or of another file: all of it, from one server.
                    part.restart(address="", etag=None)
                    self._complete(part, progress, stop)
                if self._is_wrong(part):
                    host, found = host_of(part.address), part.sha256()
                    part.discard()
                    entry = self.entry
                    raise WrongHashError(
                        host=host, model=entry.name, found=found, expected=entry.sha256
                    )
        return self._path

    def discard(self) -> None:
        """Forget what came of it.

        Raises:
            ModelBusyError: it is being downloaded.
            DownloadWriteError: it cannot be deleted.
        """
        with self.alone():
            PartFile(self._path, size=self.entry.bytes, sha256=self.entry.sha256).discard()

    def _is_wrong(self, part: PartFile) -> bool:
        return part.sha256() != self.entry.sha256

    def _check_space(self) -> None:
        """Room for the rest of the file, and for the model that is made of it."""
        entry = self.entry
        check_space(entry.name, 2 * entry.bytes - min(self.part_bytes, entry.bytes))

    def _rehash(
        self, part: PartFile, progress: Callable[[Progress], None], stop: Callable[[], bool]
    ) -> None:
        def check() -> None:
            if stop():
                raise Cancelled

        if part.size:
            meter = Meter("verifying", total=part.size, report=progress)
            part.rehash(advance=meter.advance, check=check)

    def _complete(
        self, part: PartFile, progress: Callable[[Progress], None], stop: Callable[[], bool]
    ) -> None:
        """Download until all bytes are there, from one address after the other."""
        if part.is_whole:
            return
        meter = Meter("downloading", total=self.entry.bytes, report=progress, done=part.size)
        first_failure: DownloadError | None = None

        def look() -> bool:
            # A server that has gone silent is seen as that.
            meter.tick()
            return stop()

        for address in self.addresses:
            try:
                self._complete_from(address, part, meter, look)
            except DownloadWriteError:
                raise
            except DownloadError as failure:
                first_failure = first_failure or failure
            else:
                return
        if first_failure is not None:
            raise first_failure

    def _complete_from(
        self, address: str, part: PartFile, meter: Meter, stop: Callable[[], bool]
    ) -> None:
        """Download from one address, and try again after what may be over in a moment."""
        tries, furthest, afresh = 0, part.size, False
        while not part.is_whole:
            try:
                self._receive(address, part, meter, stop, afresh=afresh)
            except WrongFileError:
                # What was asked for was a part; of the whole file the server may have the right
                # one.
                if afresh or part.size == 0:
                    raise
                afresh = True
            except TRANSIENT as failure:
                if part.size > furthest:
                    tries, furthest = 0, part.size
                is_first = part.address != address
                # Whoever is not connected to the internet wants to know soon.
                most = 1 if is_first and isinstance(failure, UnreachableError) else None
                if tries == len(self._terms.pauses[:most]):
                    raise
                self._pause(failure, self._terms.pauses[tries], stop)
                tries += 1

    def _receive(
        self,
        address: str,
        part: PartFile,
        meter: Meter,
        stop: Callable[[], bool],
        *,
        afresh: bool,
    ) -> None:
        """One request, and what comes of it."""
        wanted = Wanted(
            address=address,
            size=self.entry.bytes,
            start=0 if afresh else part.size,
            etag=part.etag if part.address == address else None,
            patience=self._terms.patience,
        )
        with Transfer(wanted, stop=stop) as transfer:
            answer = transfer.answer()
            if answer.start == 0:
                part.restart(address=address, etag=answer.etag)
            else:
                part.go_on(address=address, etag=answer.etag)
            meter.reach(part.size)
            for block in transfer.blocks():
                part.write(block)
                meter.advance(len(block))

    def _pause(self, failure: DownloadError, seconds: float, stop: Callable[[], bool]) -> None:
        """Wait before the next try, as long as the server asks for."""
        asked = failure.details.get("seconds") if isinstance(failure, ServerBusyError) else None
        if isinstance(asked, float):
            if asked > self._terms.longest_pause:
                raise failure
            seconds = asked
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            if stop():
                raise Cancelled
            time.sleep(min(_GLANCE, rest))


@contextlib.contextmanager
def alone_with(name: str) -> Iterator[None]:
    """Keep all others from downloading, installing or removing the model ``name``.

    Raises:
        ModelBusyError: somebody else does one of it.
        OutputError: the folder of the user's models cannot be written to.
    """
    home = paths.user_models()
    with contextlib.ExitStack() as stack:
        try:
            home.mkdir(parents=True, exist_ok=True)
            _enter_lock(stack, lock_path(home, name))
        except LockedError as error:
            raise ModelBusyError(model=name) from error
        except OSError as error:
            raise OutputError(name=home, reason=error.strerror or str(error)) from error
        yield


def _enter_lock(stack: contextlib.ExitStack, path: Path) -> None:
    # Whoever sweeps takes a lock that was left behind for a moment.
    for _ in range(_GLANCES):
        with contextlib.suppress(LockedError):
            stack.enter_context(locked(path))
            return
        time.sleep(_GLANCE)
    stack.enter_context(locked(path))


def check_space(name: str, needed: int) -> None:
    """See that the disk of the user's models has room for ``needed`` more bytes.

    Raises:
        NoSpaceError: it has not.
    """
    folder = paths.user_models()
    present = next((place for place in (folder, *folder.parents) if place.exists()), folder)
    try:
        free = shutil.disk_usage(present).free
    except OSError:
        # Writing will tell.
        return
    if free < needed + _SPARE:
        raise NoSpaceError(
            model=name,
            needed=size_text(needed + _SPARE),
            free=size_text(free),
            folder=folder,
        )
