"""What is done with models in the background: it goes on whatever the window shows."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from PySide6.QtCore import QObject, Signal

from vggscope.errors import Cancelled, ModelError, ModelWorkError, VggscopeError
from vggscope.ui.long_job import LongJob
from vggscope.ui.settings import MODEL_MIRROR, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from vggscope.ui.long_job import Work
    from vggscope.zoo.catalogue import Entry
    from vggscope.zoo.meter import Progress

_log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """What is being done, or was done last, with a model.

    Attributes:
        name, title: of the model.
        kind: what it is.
        state: "stopping" until the thread has seen that it is to stop.
        progress: how far it is; None before the first news.
        error: why it failed.
        discards: the entry whose download is to be deleted when it has stopped.
    """

    name: str
    title: str
    kind: Literal["download", "verify", "discard", "remove"]
    state: Literal["running", "stopping", "stopped", "failed", "done"] = "running"
    progress: Progress | None = None
    error: VggscopeError | None = None
    discards: Entry | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is being worked on."""
        return self.state in {"running", "stopping"}


class ModelJobs(QObject):
    """Downloads, verifications, removals: one thing at a time with each model.

    Signals:
        changed: the name of the model whose job is another, or has come further.
        ended: the name of the model whose job was stopped, has failed or is done.
        installed: name and title of the model that can be used now.
        removed: the title of the model that is gone, and how many bytes that freed.
        failed: the title of the model whose job failed, and the ``VggscopeError``.
    """

    changed = Signal(str)
    ended = Signal(str)
    installed = Signal(str, str)
    removed = Signal(str, object)
    failed = Signal(str, object)

    def __init__(self, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._jobs: dict[str, Job] = {}
        self._damages: dict[str, ModelError] = {}
        self._threads: dict[str, LongJob] = {}
        self._is_stopped = False

    def job(self, name: str) -> Job | None:
        """The present or last job of the model ``name``."""
        return self._jobs.get(name)

    @property
    def active(self) -> list[Job]:
        """All that is being done."""
        return [job for job in self._jobs.values() if job.is_active]

    def damage(self, name: str) -> ModelError | None:
        """What a verification found wrong with the model ``name``, and nobody has repaired."""
        return self._damages.get(name)

    def start(self, entry: Entry) -> None:
        """Download and install a model of the catalogue; goes on where a former try ended."""
        again = entry.name in self._damages
        mirror = self._settings.text(MODEL_MIRROR) or None

        def work(progress: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
            from vggscope.zoo.installing import download_and_install  # noqa: PLC0415 (when asked)

            download_and_install(entry, mirror=mirror, progress=progress, stop=stop, again=again)

        self._begin(Job(entry.name, entry.title, "download"), work)

    def verify(self, name: str, title: str) -> None:
        """Compare the files of an installed model with what was installed."""

        def work(progress: Callable[[Progress], None], stop: Callable[[], bool]) -> None:
            from vggscope.zoo.installing import verify_model  # noqa: PLC0415 (when asked for)

            verify_model(name, progress=progress, stop=stop)

        self._begin(Job(name, title, "verify"), work)

    def remove(self, name: str, title: str) -> None:
        """Remove a model of the user, usable or broken."""

        def work(_progress: Callable[[Progress], None], _stop: Callable[[], bool]) -> int:
            from vggscope.zoo.installing import remove_model  # noqa: PLC0415 (when asked for)

            return remove_model(name)

        self._begin(Job(name, title, "remove"), work)

    def refuse(self, name: str, title: str, error: VggscopeError) -> None:
        """Tell why a model cannot be removed."""
        self._jobs[name] = Job(name, title, "remove", "failed", error=error)
        self.failed.emit(title, error)
        self.changed.emit(name)

    def stop_job(self, name: str) -> None:
        """Stop; what came of a download is kept."""
        job = self._jobs.get(name)
        if job is not None and job.state == "running":
            job.state = "stopping"
            self._threads[name].stop()
            self.changed.emit(name)

    def cancel(self, entry: Entry) -> None:
        """Stop, and delete what came of the download."""
        job = self._jobs.get(entry.name)
        if job is not None and job.is_active:
            job.discards = entry
            self.stop_job(entry.name)
        else:
            self._discard(entry)

    def forget(self, name: str) -> None:
        """Whatever was done with the model ``name`` says nothing any more."""
        job = self._jobs.get(name)
        if job is not None and not job.is_active:
            del self._jobs[name]
            self.changed.emit(name)

    def stop(self) -> None:
        """End all threads; what came of downloads is kept. Nothing begins after that."""
        self._is_stopped = True
        for thread in self._threads.values():
            thread.abandon()
        for thread in self._threads.values():
            thread.wait()

    def _begin(self, job: Job, work: Work) -> None:
        former = self._jobs.get(job.name)
        if self._is_stopped or (former is not None and former.is_active):
            return
        self._jobs[job.name] = job
        thread = self._threads[job.name] = LongJob(job.kind, work, self)
        thread.progressed.connect(lambda progress: self._on_progress(job, progress))
        thread.ended.connect(lambda result: self._on_end(job, thread, result))
        thread.start()
        self.changed.emit(job.name)

    def _on_progress(self, job: Job, progress: Progress) -> None:
        job.progress = progress
        self.changed.emit(job.name)

    def _on_end(self, job: Job, thread: LongJob, result: Any) -> None:
        if self._is_stopped:
            return
        del self._threads[job.name]
        thread.deleteLater()
        if not isinstance(result, Exception):
            job.state = "done"
        elif isinstance(result, Cancelled):
            job.state = "stopped"
        else:
            job.state, job.error = "failed", as_error(result, job.title)
        if job.state == "done":
            self._damages.pop(job.name, None)
        if job.kind == "verify" and isinstance(job.error, ModelError):
            self._damages[job.name] = job.error
            job.state = "done"
        is_verified = job.kind == "verify" and job.state == "done" and job.error is None
        if job.state != "failed" and not is_verified:
            # What is on the disk tells the rest.
            del self._jobs[job.name]
        if job.state == "stopped" and job.discards is not None:
            self._discard(job.discards)
        elif job.error is not None:
            self.failed.emit(job.title, job.error)
        elif job.state == "done" and job.kind == "download":
            self.installed.emit(job.name, job.title)
        elif job.state == "done" and job.kind == "remove":
            self.removed.emit(job.title, result)
        self.changed.emit(job.name)
        self.ended.emit(job.name)

    def _discard(self, entry: Entry) -> None:
        def work(_progress: Callable[[Progress], None], _stop: Callable[[], bool]) -> None:
            from vggscope.zoo.download import Download  # noqa: PLC0415 (when asked for)

            Download(entry).discard()

        self._begin(Job(entry.name, entry.title, "discard"), work)


def as_error(failure: Exception, title: str) -> VggscopeError:
    """What to tell of a failure of the work on ``title``; one that nobody foresaw is logged."""
    if isinstance(failure, VggscopeError):
        _log.warning("%s", failure)
        return failure
    _log.error("Uncaught", exc_info=failure)
    return ModelWorkError(title=title, reason=type(failure).__name__)
