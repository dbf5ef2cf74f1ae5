"""Top patches: what of the user's own photos excites a channel most.

After Zeiler and Fergus (arXiv:1311.2901, figure 2) and Yosinski et al. (arXiv:1506.06579): of every
photo the strongest position of a channel, and what that position sees. One run of the network
yields them for every channel of every layer, so that these are what is kept of a photo.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec
import numpy as np

from vggscope.inference.feature_maps import FeatureMaps
from vggscope.inference.preprocessing import CropBox
from vggscope.vgg.network import Kind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from numpy.typing import NDArray

    from vggscope.inference.runtime import Cancellation
    from vggscope.sources.frame import Frame, Picture
    from vggscope.vgg.anatomy import Anatomy
    from vggscope.vgg.network import Layer

_MAGIC: Final = b"VGPK\x01"
_LARGEST: Final = 64_000_000
"""Bytes of unpacked peaks: those of VGG19 take 130,000."""
_BLOCK: Final = 128
_PIXELS_MEANT: Final = 6.0
"""Enlarged so often, pixels are shown as pixels, as on the canvas."""


class Looker(Protocol):
    """What is needed of a ``LayerReader``."""

    @property
    def anatomy(self) -> Anatomy:
        """The layers of the network."""
        ...

    def look(
        self, picture: Picture, layer: str, *, cancellation: Cancellation | None = None
    ) -> FeatureMaps:
        """What ``layer`` makes of ``picture``."""
        ...


class _Packed(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    picture_size: tuple[int, int]
    crop: tuple[float, float, float, float]
    names: list[str]
    counts: list[int]
    maxima: bytes
    positions: bytes


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Peaks:
    """What one photo excites, and where.

    Attributes:
        maxima: of each layer, by its name, the largest finite value of each channel: float32 [C];
            -inf where there is none.
        positions: where these are: uint32 [C], row * width of the map + column, the first of
            equals in reading order.
        picture_size: (width, height) of the photo.
        crop: what the network saw of it, in its pixels.
    """

    maxima: Mapping[str, NDArray[np.float32]]
    positions: Mapping[str, NDArray[np.uint32]]
    picture_size: tuple[int, int]
    crop: CropBox

    def to_bytes(self) -> bytes:
        """A compact form for ``from_bytes``: 27,000 bytes for the bundled VGG16."""
        maxima = [np.asarray(each, "<f4") for each in self.maxima.values()]
        positions = np.concatenate([[0], *(self.positions[name] for name in self.maxima)])[1:]
        width = "<u2" if positions.max(initial=0) < 1 << 16 else "<u4"
        packed = _Packed(
            picture_size=self.picture_size,
            crop=(*self.crop,),
            names=list(self.maxima),
            counts=[len(each) for each in maxima],
            maxima=b"".join(each.tobytes() for each in maxima),
            positions=positions.astype(width).tobytes(),
        )
        # The fastest level: more would shorten mere noise.
        return _MAGIC + zlib.compress(msgspec.msgpack.encode(packed), 1)

    @classmethod
    def from_bytes(cls, content: bytes) -> Peaks:
        """What ``to_bytes`` has written.

        Raises:
            ValueError: it is anything else.
        """
        if not content.startswith(_MAGIC):
            raise ValueError("these are no peaks")
        try:
            unpacker = zlib.decompressobj()
            plain = unpacker.decompress(content[len(_MAGIC) :], _LARGEST)
            if not unpacker.eof or unpacker.unused_data:
                raise ValueError("peaks end too early or too late")
            packed = msgspec.msgpack.decode(plain, type=_Packed)
        except (zlib.error, msgspec.MsgspecError, RecursionError) as error:
            raise ValueError(f"these are no peaks: {error}") from error
        _check(packed)
        maxima = np.frombuffer(packed.maxima, "<f4").astype(np.float32, copy=False)
        wide = len(packed.positions) == 4 * len(maxima)
        positions = np.frombuffer(packed.positions, "<u4" if wide else "<u2").astype(np.uint32)
        ends = np.cumsum(packed.counts)[:-1]
        return cls(
            maxima=dict(zip(packed.names, np.split(maxima, ends), strict=True)),
            positions=dict(zip(packed.names, np.split(positions, ends), strict=True)),
            picture_size=packed.picture_size,
            crop=CropBox(*packed.crop),
        )


def _check(packed: _Packed) -> None:
    total = sum(packed.counts)
    left, top, right, bottom = packed.crop
    problems = {
        "names": not packed.names or len({*packed.names, ""}) != len(packed.names) + 1,
        "counts": len(packed.counts) != len(packed.names) or min(packed.counts, default=0) < 1,
        "maxima": len(packed.maxima) != 4 * total,
        "positions": len(packed.positions) not in {2 * total, 4 * total},
        "picture size": min(packed.picture_size) < 1,
        "crop": not all(map(math.isfinite, packed.crop)) or right <= left or bottom <= top,
    }
    if wrong := ", ".join(name for name, is_wrong in problems.items() if is_wrong):
        raise ValueError(f"peaks with wrong {wrong}")


def peaks_of(reader: Looker, picture: Picture, cancellation: Cancellation | None = None) -> Peaks:
    """What ``picture`` excites in all layers but the input and Flatten, which computes nothing.

    A reader on the CPU needs one run for it, any other one for each layer.

    Raises:
        InferenceError: the device failed.
        Cancelled: ``cancellation`` was asked for.
    """
    maxima: dict[str, NDArray[np.float32]] = {}
    positions: dict[str, NDArray[np.uint32]] = {}
    maps = None
    for site in reader.anatomy.sites[1:]:
        if site.layer.kind is Kind.FLATTEN:
            continue
        if cancellation is not None:
            cancellation.check()
        name = site.layer.name
        maps = reader.look(picture, name, cancellation=cancellation)
        maxima[name], positions[name] = _peaks(maps)
    if maps is None:
        raise ValueError("the network has no layers")
    return Peaks(maxima=maxima, positions=positions, picture_size=maps.picture_size, crop=maps.crop)


def _peaks(maps: FeatureMaps) -> tuple[NDArray[np.float32], NDArray[np.uint32]]:
    if maps.shrunk != 1:
        raise ValueError(f"of {maps.layer.name} only a smaller copy is known")
    flat = maps.values.reshape(len(maps.values), -1)
    positions = flat.argmax(axis=1)
    maxima = flat[np.arange(len(flat)), positions]
    # NumPy's argmax takes NaN for the largest: where there is none, all values are in order.
    for channel in np.flatnonzero(~np.isfinite(maxima)):
        comparable = np.where(np.isfinite(flat[channel]), flat[channel], -np.inf)
        positions[channel] = comparable.argmax()
        maxima[channel] = comparable[positions[channel]]
    return maxima, positions.astype(np.uint32)


# --- the strongest of many photos -------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """A part of a photo that excites a channel.

    Attributes:
        photo: whatever the photo was added as.
        value: of the channel there.
        row, column: the position on the channel's map.
        box: what that position sees, in the photo's pixels and within the photo.
        field: the same in the network's pixels, within its input.
    """

    photo: Any
    value: float
    row: int
    column: int
    box: CropBox
    field: CropBox


@dataclass(slots=True, eq=False)
class _Block:
    """The peaks of some photos side by side.

    Attributes:
        maxima: by layer, float32 [photos, C].
        positions: by layer, [photos, C], of as few bytes as they need.
        photos: that it holds now: row -> photo.
    """

    maxima: dict[str, NDArray[np.float32]]
    positions: dict[str, NDArray[np.unsignedinteger[Any]]]
    photos: dict[int, Hashable] = field(default_factory=dict)

    @classmethod
    def like(cls, counts: Mapping[str, int]) -> _Block:
        return cls(
            {name: np.full((_BLOCK, count), -np.inf, np.float32) for name, count in counts.items()},
            {name: np.zeros((_BLOCK, count), np.uint8) for name, count in counts.items()},
        )

    def put(self, row: int, photo: Hashable, peaks: Peaks) -> None:
        self.photos[row] = photo
        for name, maxima in self.maxima.items():
            maxima[row] = peaks.maxima[name]
            new = peaks.positions[name]
            fitting = np.promote_types(self.positions[name].dtype, np.min_scalar_type(new.max()))
            # Positions on a map of 224 × 224 fit into two bytes, those of vectors into one.
            self.positions[name] = self.positions[name].astype(fitting, copy=False)
            self.positions[name][row] = new

    def drop(self, row: int) -> None:
        del self.photos[row]
        for maxima in self.maxima.values():
            maxima[row] = -np.inf


class TopPatches:
    """The peaks of many photos, of which the strongest are asked for. Owned by one thread.

    Of VGG16 it takes 85,000 bytes for each photo, and no time worth mentioning.
    """

    def __init__(self, input_size: tuple[int, int]) -> None:
        """``input_size``: (width, height) of the network's input."""
        self._input_size = input_size
        self._counts: dict[str, int] = {}
        self._blocks: dict[int, _Block] = {}
        self._places: dict[Hashable, tuple[int, int]] = {}
        self._seen: dict[Hashable, tuple[tuple[int, int], CropBox]] = {}
        self._next = 0

    def __len__(self) -> int:
        """How many photos there are."""
        return len(self._places)

    @property
    def photos(self) -> set[Any]:
        """The photos that have been added."""
        return set(self._places)

    def __contains__(self, photo: Hashable) -> bool:
        """Whether ``photo`` has been added."""
        return photo in self._places

    def add(self, photo: Hashable, peaks: Peaks) -> None:
        """Take ``photo`` in, or replace what is known of it.

        Raises:
            ValueError: ``peaks`` are of another network than those that came before.
        """
        counts = {name: len(maxima) for name, maxima in peaks.maxima.items()}
        if self._places and counts != self._counts:
            raise ValueError("these peaks are of another network")
        self._counts = counts
        place = self._places.get(photo)
        if place is None:
            place = self._places[photo] = divmod(self._next, _BLOCK)
            self._next += 1
        number, row = place
        if number not in self._blocks:
            self._blocks[number] = _Block.like(counts)
        self._blocks[number].put(row, photo, peaks)
        self._seen[photo] = (peaks.picture_size, peaks.crop)

    def remove(self, photo: Hashable) -> None:
        """Leave ``photo`` out; nothing happens if it never came in."""
        place = self._places.pop(photo, None)
        if place is None:
            return
        del self._seen[photo]
        number, row = place
        self._blocks[number].drop(row)
        if not self._blocks[number].photos:
            del self._blocks[number]

    def clear(self) -> None:
        """Leave all photos out. Those that come now may be of another network."""
        self._counts, self._blocks, self._places, self._seen = {}, {}, {}, {}
        self._next = 0

    def best(self, layer: Layer, channel: int, count: int = 9) -> list[Patch]:
        """The patches that excite a channel most, at most one of each photo.

        Photos that leave the channel at 0 are no answer: nothing in them excites it, and the place
        of the maximum means nothing. Only logits count however small they are.

        Returns:
            The strongest first; equals in the order in which the photos came.

        Raises:
            IndexError: there is no such channel.
        """
        channels = layer.output_shape[-1]
        if not 0 <= channel < channels:
            raise IndexError(f"{layer.name} has {channels} channels, not {channel}")
        if self._counts.get(layer.name) != channels:
            return []
        blocks = list(self._blocks.values())
        if not blocks:
            return []
        values = np.concatenate([block.maxima[layer.name][:, channel] for block in blocks])
        counted = np.isfinite(values) & ((values != 0) | _has_logits(layer))
        comparable = np.where(counted, values, -np.inf)
        order = np.argsort(-comparable, kind="stable")[: min(count, int(counted.sum()))]
        found = (divmod(int(index), _BLOCK) for index in order)
        return list(self._patches(layer, channel, [(blocks[b], row) for b, row in found]))

    def _patches(
        self, layer: Layer, channel: int, places: list[tuple[_Block, int]]
    ) -> Iterator[Patch]:
        height, width = layer.output_shape[:2] if len(layer.output_shape) == 3 else (1, 1)
        for block, index in places:
            photo = block.photos[index]
            row, column = divmod(int(block.positions[layer.name][index, channel]), width)
            # Peaks out of a file that somebody has changed.
            row, column = min(row, height - 1), min(column, width - 1)
            size, crop = self._seen[photo]
            where = FeatureMaps(
                layer=layer,
                values=np.empty((0, 0, 0), np.float32),
                before_relu=False,
                input_size=self._input_size,
                crop=crop,
                picture_size=size,
                model="",
                device="",
            )
            seen = where.receptive_field(row, column)
            yield Patch(
                photo=photo,
                value=float(block.maxima[layer.name][index, channel]),
                row=row,
                column=column,
                box=where.on_picture(seen),
                field=seen,
            )


def _has_logits(layer: Layer) -> bool:
    return layer.kind is Kind.FULLY_CONNECTED and layer.activation is None


def patch_pixels(picture: Frame, box: CropBox, side: int) -> NDArray[np.uint8]:
    """A part of a picture for the screen.

    Details are averaged where there are too many, and enlarged pixels are shown as pixels once they
    are large enough to be meant.

    Args:
        picture: which one.
        box: the part, in the coordinates of ``picture.size``. What lies on the border of the
            picture, as all of a letterbox does, becomes one pixel of it.
        side: longer side of the result in pixels.

    Returns:
        uint8 [height, width, 3], sRGB, C-contiguous.
    """
    rows, columns = picture.pixels.shape[:2]
    x_scale, y_scale = columns / picture.size[0], rows / picture.size[1]
    left, right = _at_least(box.left * x_scale, box.right * x_scale, columns)
    top, bottom = _at_least(box.top * y_scale, box.bottom * y_scale, rows)
    # A decoder may have scaled the sides by slightly different factors.
    wide, high = (right - left) / x_scale, (bottom - top) / y_scale
    factor = side / max(wide, high)
    width, height = max(1, round(wide * factor)), max(1, round(high * factor))
    if factor < _PIXELS_MEANT * x_scale:
        part = CropBox(left / x_scale, top / y_scale, right / x_scale, bottom / y_scale)
        return np.ascontiguousarray(picture.resample(part, (width, height)))
    ys = (top + (np.arange(height) + 0.5) * ((bottom - top) / height)).astype(np.intp)
    xs = (left + (np.arange(width) + 0.5) * ((right - left) / width)).astype(np.intp)
    return np.ascontiguousarray(
        picture.pixels[ys.clip(0, rows - 1)[:, None], xs.clip(0, columns - 1)]
    )


def _at_least(low: float, high: float, size: int) -> tuple[float, float]:
    """``low`` .. ``high`` within 0 .. ``size``, and at least one pixel long."""
    low, high = min(max(low, 0.0), size - 1.0), min(max(high, 1.0), float(size))
    return low, max(high, low + 1.0)
