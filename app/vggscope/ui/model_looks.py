"""How a model looks in the list of all models: its state, its figures, what can be done with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QCoreApplication

from vggscope import paths
from vggscope.ui.texts import duration_text, explanation_of, size_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vggscope.errors import ModelError, VggscopeError
    from vggscope.ui.model_jobs import Job
    from vggscope.zoo.installing import Listed
    from vggscope.zoo.meter import Progress
    from vggscope.zoo.normal_form import Accuracy

Use = Literal["no", "loading", "yes"]
"""Whether the window runs a model."""
Deed = Literal[
    "use",
    "download",
    "resume",
    "again",
    "pause",
    "cancel",
    "verify",
    "stop",
    "repair",
    "folder",
    "remove",
]


_MANY: Final = 50_000
"""Photos of the usual test; an accuracy on fewer is no match for one on these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a card shows.

    Attributes:
        name, title, note: of the model.
        state: a word or two.
        mood: what colour that has.
        facts: precision, size, accuracy, licence.
        fine_print: where the accuracy comes from, for a tool tip.
        message: a sentence or two about what is being done, or what is wrong.
        is_problem: whether that is a failure.
        share: how far the work is, 0 to 1; None where there is no work, -1 if that is unknown.
        deeds: what can be done, the most likely first.
    """

    name: str
    title: str
    note: str
    state: str
    mood: Literal["", "accent", "good", "bad"]
    facts: str
    fine_print: str
    message: str
    is_problem: bool
    share: float | None
    deeds: tuple[Deed, ...]


def look_of(listed: Listed, job: Job | None, damage: ModelError | None, use: Use) -> Look:
    """The look of a model.

    Args:
        listed: what the disk and the catalogue say of it.
        job: what is being done with it, or was last.
        damage: what a verification found.
        use: whether the window runs it.
    """
    described = listed.model.description if listed.model is not None else listed.entry
    accuracy = described.accuracy if described is not None else ()
    problem = listed.problem or damage
    state, mood = _state(listed, job, use, is_damaged=problem is not None)
    message, is_problem = _message(listed, job, problem)
    return Look(
        name=listed.name,
        title=listed.title,
        note=described.note if described is not None else "",
        state=state,
        mood=mood,
        facts=_facts(listed, accuracy),
        fine_print=_fine_print(accuracy),
        message=message,
        is_problem=is_problem,
        share=_share(job),
        deeds=_deeds(listed, job, use, is_damaged=problem is not None),
    )


def is_here(listed: Listed) -> bool:
    """Whether it lies on this computer, usable or not."""
    return listed.state in {"bundled", "installed", "broken"}


def _state(
    listed: Listed, job: Job | None, use: Use, *, is_damaged: bool
) -> tuple[str, Literal["", "accent", "good", "bad"]]:
    translate = QCoreApplication.translate
    if job is not None and job.is_active:
        return _word_for(job), "accent"
    if job is not None and job.state == "failed":
        return translate("models", "Failed"), "bad"
    if is_damaged:
        return translate("models", "Damaged"), "bad"
    if use != "no":
        words = {"yes": translate("models", "In use"), "loading": translate("models", "Loading…")}
        return words[use], "accent"
    if job is not None and job.kind == "verify" and job.state == "done":
        return translate("models", "Verified"), "good"
    words = {
        "bundled": translate("models", "Ships with VGGscope"),
        "installed": translate("models", "Installed"),
        "available": translate("models", "Not downloaded"),
        "partial": _paused(listed),
    }
    return words[listed.state], ""


def _word_for(job: Job) -> str:
    translate = QCoreApplication.translate
    if job.state == "stopping":
        return translate("models", "Stopping…")
    if job.kind in {"discard", "remove"}:
        return translate("models", "Removing…")
    if job.kind == "verify":
        return translate("models", "Verifying…")
    step = job.progress.step if job.progress is not None else "downloading"
    words = {
        "downloading": translate("models", "Downloading…"),
        "verifying": translate("models", "Verifying…"),
        "installing": translate("models", "Installing…"),
    }
    return words[step]


def _paused(listed: Listed) -> str:
    if listed.entry is None:
        return QCoreApplication.translate("models", "Incomplete")
    share = listed.part_bytes / listed.entry.bytes
    # Not 100: what is all there has not been verified and installed.
    text = QCoreApplication.translate("models", "Paused at {0} %")
    return text.format(min(99, int(share * 100)))


def _facts(listed: Listed, accuracy: Sequence[Accuracy]) -> str:
    translate = QCoreApplication.translate
    described = listed.model.description if listed.model is not None else listed.entry
    facts: list[str] = [described.precision] if described is not None else []
    if is_here(listed):
        facts.append(size_text(listed.bytes_on_disk))
    elif listed.entry is not None:
        text = translate("models", "{0} to download")
        facts.append(text.format(size_text(listed.entry.bytes)))
    else:
        facts.append(size_text(listed.part_bytes))
    if accuracy:
        best = accuracy[0]
        text = translate("models", "top-1 {0} %").format(f"{best.top1:g}")
        if best.top5 is not None:
            text += ", " + translate("models", "top-5 {0} %").format(f"{best.top5:g}")
        if best.count < _MANY:
            text += " " + translate("models", "of {0} photos").format(f"{best.count:,}")
        facts.append(text)
    elif listed.model is not None and listed.model.description.untrained:
        facts.append(translate("models", "untrained"))
    else:
        facts.append(translate("models", "no published accuracy"))
    if described is not None:
        facts.append(translate("models", "licence: {0}").format(described.licence))
    return "  ·  ".join(facts)


def _fine_print(accuracy: Sequence[Accuracy]) -> str:
    text = QCoreApplication.translate("models", "Accuracy on {0} ({1} photos), published by: {2}")
    return "\n".join(text.format(a.photos, f"{a.count:,}", a.source) for a in accuracy)


def _message(listed: Listed, job: Job | None, problem: VggscopeError | None) -> tuple[str, bool]:
    """A sentence or two, and whether they tell of a failure."""
    translate = QCoreApplication.translate
    if job is not None and job.is_active:
        has_figures = job.state == "running" and job.kind in {"download", "verify"}
        return (progress_text(job.progress) if has_figures else ""), False
    error = job.error if job is not None and job.error is not None else problem
    if error is not None:
        return explanation_of(error), True
    text = ""
    if job is not None and job.kind == "verify" and job.state == "done":
        text = translate("models", "Every byte of it is as it was installed.")
    elif listed.state == "partial" and listed.entry is not None:
        text = translate("models", "{0} of {1} are here; a download goes on from there.")
        text = text.format(size_text(listed.part_bytes), size_text(listed.entry.bytes))
    elif listed.state == "partial":
        text = translate("models", "What is left of a model that is not offered any more.")
    return text, False


def progress_text(progress: Progress | None) -> str:
    """How far it is, how fast it goes, how long it will take."""
    translate = QCoreApplication.translate
    if progress is None:
        return translate("models", "Beginning…")
    text = translate("models", "{0} of {1}")
    parts = [text.format(size_text(progress.done), size_text(progress.total))]
    if progress.rate is not None:
        parts.append(_rate_text(progress.rate))
    if progress.seconds_left is not None:
        parts.append(translate("models", "{0} left").format(duration_text(progress.seconds_left)))
    return "  ·  ".join(parts)


def _rate_text(rate: float) -> str:
    translate = QCoreApplication.translate
    if rate < 1e6:
        return translate("models", "{0} kB/s").format(f"{rate / 1e3:.0f}")
    return translate("models", "{0} MB/s").format(f"{rate / 1e6:.1f}")


def _share(job: Job | None) -> float | None:
    if job is None or not job.is_active:
        return None
    progress = job.progress
    if progress is None or progress.total <= 0 or job.state == "stopping":
        return -1
    return min(1.0, progress.done / progress.total)


def _deeds(listed: Listed, job: Job | None, use: Use, *, is_damaged: bool) -> tuple[Deed, ...]:
    if job is not None and job.is_active:
        if job.state == "stopping" or job.kind in {"discard", "remove"}:
            return ()
        return ("pause", "cancel") if job.kind == "download" else ("stop",)
    deeds: list[Deed] = []
    has_failed = job is not None and job.state == "failed"
    if listed.state in {"available", "partial"}:
        if listed.entry is not None:
            first: Deed = "resume" if listed.state == "partial" else "download"
            deeds.append("again" if has_failed else first)
        if listed.state == "partial":
            deeds.append("cancel")
        return tuple(deeds)
    if not is_damaged and use == "no":
        deeds.append("use")
    if is_damaged and listed.entry is not None and not listed.entry.bundled:
        deeds.append("repair")
    if listed.state != "broken":
        deeds.append("verify")
    deeds.append("folder")
    if _is_own(listed):
        deeds.append("remove")
    return tuple(deeds)


def _is_own(listed: Listed) -> bool:
    """Whether it is the user's to remove."""
    return listed.folder is not None and listed.folder.parent == paths.user_models()
