"""The pictures of the window as subjects: what the inference thread looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vggscope.inference.subject import Subject
from vggscope.ui.images import read_photo

if TYPE_CHECKING:
    from vggscope.sources.frame import Frame
    from vggscope.ui.inference_messages import LoadedModel
    from vggscope.ui.live.preview import Shot
    from vggscope.ui.photos import Photo


def subject_of_photo(photo: Photo, model: LoadedModel) -> Subject:
    """A photo, as ``model`` sees it."""
    return Subject(
        # Read anew when it is classified anew: its file may be another one by then.
        key=("photo", photo.key, photo.classification),
        read=lambda enough: read_photo(photo, enough),
        model=model.name,
        fit=model.fit,
    )


def subject_of_shot(shot: Shot, name: str, model: LoadedModel) -> Subject:
    """A frame of the source ``name`` that stays, as ``model`` sees it."""

    def read(_enough: int) -> Frame:
        from vggscope.sources.frame import Origin  # noqa: PLC0415 (live mode is on)
        from vggscope.sources.live.mapping import picture_of  # noqa: PLC0415 (likewise)

        with picture_of(shot.frame, shot.region) as picture:
            return picture.to_frame(Origin(name=name))

    key = ("shot", shot.epoch, shot.number)
    return Subject(key=key, read=read, model=model.name, fit=model.fit)


def subject_of_none(model: LoadedModel) -> Subject:
    """No picture: the model alone."""
    return Subject(key=None, read=None, model=model.name, fit=model.fit)
