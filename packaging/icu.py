"""Makes ICU's data smaller: 32 MB, most of them names of languages, currencies and units.

Qt asks ICU for the order of words, upper case, and names of character sets; the rest it knows by
itself (QLocale) or nobody asks for. ICU goes on without what is missing.
"""

from __future__ import annotations

import re
import struct
from typing import Final

_LEFT_OUT: Final = re.compile(
    # Word breaks, currencies, languages, regions, units, spelled numbers, names of time zones,
    # transliteration, character sets other than Unicode's; how a language writes numbers and dates.
    r"^[^/]+/((brkitr|curr|lang|region|unit|rbnf|zone|translit)/"
    r"|[a-z]{2,3}(_\w+)?\.res$|[^/]+\.(cnv|spp|cfu)$|unames\.icu$)"
)
_FORMAT: Final = b"CmnD"
_ALIGNMENT: Final = 16


def contained(library: bytes) -> bytes:
    """The data package in a shared library."""
    start = library.find(_FORMAT) - 12
    if start < 0 or library[start + 2 : start + 4] != b"\xda\x27":
        raise ValueError("no ICU data")
    return library[start:]


def without(package: bytes, left_out: re.Pattern[str] = _LEFT_OUT) -> bytes:
    """A data package less the items whose names ``left_out`` finds."""
    (header,) = struct.unpack_from("<H", package)
    body = package[header:]
    (count,) = struct.unpack_from("<I", body)
    entries = [struct.unpack_from("<II", body, 4 + 8 * index) for index in range(count)]
    # The last item ends where the package does; what follows it in a library does no harm.
    ends = [start for _, start in entries[1:]] + [len(body)]
    kept = []
    for (name, start), end in zip(entries, ends, strict=True):
        text = body[name : body.index(b"\0", name)]
        if not left_out.search(text.decode("ascii")):
            kept.append((text, body[start:end]))
    return package[:header] + _packed(kept)


def _packed(items: list[tuple[bytes, bytes]]) -> bytes:
    """The table of contents, the names, the items: as ICU's ``icupkg`` writes them."""
    names = b""
    table = 4 + 8 * len(items)
    entries = []
    for name, _ in items:
        entries.append(table + len(names))
        names += name + b"\0"
    content = bytearray(b"\0" * table + names)
    struct.pack_into("<I", content, 0, len(items))
    for index, ((_, data), name) in enumerate(zip(items, entries, strict=True)):
        content += b"\0" * (-len(content) % _ALIGNMENT)
        struct.pack_into("<II", content, 4 + 8 * index, name, len(content))
        content += data
    return bytes(content)
