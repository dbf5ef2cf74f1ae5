"""Makes the .deb and the .tar.xz of a bundle, dist/VGGscope.

    python packaging/linux/package.py [--bundle FOLDER] [--output FOLDER] [--deb | --tar]

Runs on Debian and its children: what the program needs of the system is looked up in the packages
that are installed. SOURCE_DATE_EPOCH is the date of everything inside.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import depends
from commands import commands
from completion import script
from manual import manual

from vggscope import RELEASE_PAGE, __version__

sys.path.append(str(Path(__file__).resolve().parents[1]))
from bundle import build_time, rendered

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

_HERE: Final = Path(__file__).resolve().parent
_TOP: Final = _HERE.parents[1]
_WORK: Final = _TOP / "build" / "linux"
MOST_BYTES: Final = 300_000_000
"""Of what is installed, with the usual flavour."""
_ICON_SIZES: Final = (16, 24, 32, 48, 64, 128, 256, 512)
PICTURE_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "JPEG": ("image/jpeg",),
    "PNG": ("image/png", "image/apng"),
    "WEBP": ("image/webp",),
    "AVIF": ("image/avif",),
    "GIF": ("image/gif",),
    "BMP": ("image/bmp",),
    "TIFF": ("image/tiff",),
    "PPM": (
        "image/x-portable-anymap",
        "image/x-portable-bitmap",
        "image/x-portable-graymap",
        "image/x-portable-pixmap",
    ),
}
VIDEO_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    ".mp4": ("video/mp4",),
    ".mov": ("video/quicktime",),
    ".webm": ("video/webm",),
    ".mkv": ("video/x-matroska",),
    ".avi": ("video/vnd.avi", "video/x-msvideo"),
    ".wmv": ("video/x-ms-wmv",),
    ".mpg": ("video/mpeg",),
    ".ts": ("video/mp2t",),
    ".ogv": ("video/ogg",),
    ".3gp": ("video/3gpp",),
    ".flv": ("video/x-flv",),
}
MODEL_TYPE: Final = "application/x-onnx"
_DESCRIPTION: Final = """\
see what a VGG network thinks of a picture, and how it thinks it
 Drop a photo, play a video or look through the camera, and see what a VGG
 network thinks of it. Every layer can be looked into: its feature maps, of
 photos and of moving pictures, the pixels that a value depends on, and the
 weights. Works offline; images never leave the computer.
 .
 Brings everything that is not part of a desktop: Python, Qt, ONNX Runtime,
 and a VGG16 that works at once.
"""


@dataclass(frozen=True)
class Build:
    """What packages are made of.

    Attributes:
        bundle: PyInstaller's folder.
        version: of the packages; with the flavour, where that is not the usual one.
        when: the date of everything inside.
        needs: of the system.
    """

    bundle: Path
    version: str
    when: dt.datetime
    needs: depends.Needs

    @property
    def epoch(self) -> int:
        """``when`` in seconds."""
        return int(self.when.timestamp())


def main() -> int:
    """Make what the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=_TOP / "dist" / "VGGscope")
    parser.add_argument("--output", type=Path, default=_TOP / "dist")
    parser.add_argument("--version", default=__version__, help="another one, to try upgrades with")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--deb", action="store_true", help="that alone")
    only.add_argument("--tar", action="store_true", help="that alone")
    arguments = parser.parse_args()
    build = look_at(arguments.bundle, arguments.version)
    print(f"unpacked: {size_of(build.bundle) / 1e6:.1f} MB", flush=True)
    arguments.output.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(_WORK, ignore_errors=True)
    made = []
    if not arguments.tar:
        made.append(_timed(deb, build, arguments.output))
    if not arguments.deb:
        made.append(_timed(tar, build, arguments.output))
    for path, seconds in made:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, {seconds:.0f} s, {digest}")
    return 0


def look_at(bundle: Path, version: str) -> Build:
    """What there is to say of a bundle.

    Raises:
        SystemExit: there is none, or a larger one than we promise.
    """
    try:
        facts = json.loads((bundle / "_internal" / "build.json").read_text(encoding="utf-8"))
    except OSError:
        raise SystemExit(f"There is no bundle in {bundle}: run pyinstaller build.spec") from None
    if facts["flavour"] == "cpu":
        if (size := size_of(bundle)) > MOST_BYTES:
            raise SystemExit(f"{bundle} has {size:,} bytes: more than {MOST_BYTES:,}")
    else:
        version += f"+{facts['flavour']}"
    return Build(bundle, version, build_time(), depends.needs_of(bundle))


def size_of(folder: Path) -> int:
    """Bytes of all that lies in ``folder``."""
    return sum(p.lstat().st_size for p in folder.rglob("*") if not p.is_dir())


def debian_version(version: str) -> str:
    """``version`` as dpkg compares it: 1.0rc1, written 1.0~rc1, comes before 1.0."""
    return re.sub(r"(?<=\d)(?=(a|b|rc)\d)", "~", version)


def deb(build: Build, output: Path) -> Path:
    """Make the package for Debian, Ubuntu and their children."""
    root = _WORK / "deb"
    place = root / "usr" / "lib" / "vggscope"
    shutil.copytree(build.bundle, place, symlinks=True)
    (root / "usr" / "bin").mkdir()
    (root / "usr" / "bin" / "vggscope").symlink_to("../lib/vggscope/vggscope")
    share(build, root / "usr" / "share")
    papers = root / "usr" / "share" / "doc" / "vggscope"
    papers.mkdir(parents=True)
    inside = place / "_internal"
    (papers / "copyright").write_text(
        f"VGGscope is published at {RELEASE_PAGE} under the following licence:\n\n"
        + (inside / "LICENSE").read_text(encoding="utf-8")
        + "\n\nIt comes with the works of others:\n\n"
        + (inside / "THIRD-PARTY-NOTICES.txt").read_text(encoding="utf-8"),
        encoding="utf-8",
    )
    _compressed(papers / "changelog.gz", (_TOP / "CHANGELOG.md").read_bytes())
    _settle(root, build.epoch)
    files = [p for p in sorted(root.rglob("*")) if p.is_file() and not p.is_symlink()]
    kilobytes = sum(-(-p.stat().st_size // 1024) for p in files)
    control = root / "DEBIAN"
    control.mkdir()
    sums = (f"{hashlib.md5(p.read_bytes()).hexdigest()}  {p.relative_to(root)}\n" for p in files)  # noqa: S324 (dpkg's format)
    (control / "md5sums").write_text("".join(sums), encoding="utf-8")
    machine = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    fields = {
        "Package": "vggscope",
        "Version": debian_version(build.version),
        "Architecture": machine,
        "Maintainer": "The VGGscope authors <nobody@vggscope.invalid>",
        "Installed-Size": str(kilobytes),
        "Section": "science",
        "Priority": "optional",
        "Homepage": RELEASE_PAGE,
        "Depends": depends.depends(build.needs),
        "Suggests": "fonts-noto-cjk, xdg-desktop-portal",
        "Description": _DESCRIPTION,
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items()).rstrip("\n") + "\n"
    (control / "control").write_text(text, encoding="utf-8")
    _settle(control, build.epoch)
    target = output / f"vggscope_{build.version}_{machine}.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(root), str(target)]
    _run(command, build)
    return target


def tar(build: Build, output: Path) -> Path:
    """Make the folder for all others, packed."""
    name = f"VGGscope-{build.version}-linux-{platform.machine()}"
    root = _WORK / name
    shutil.copytree(build.bundle, root / "program", symlinks=True)
    share(build, root / "share")
    # Whoever unpacks it has no /usr/share/man to put that into, and reads --help.
    libraries = [n for n in build.needs.libraries if not n.startswith(("libc.", "libm.", "libdl."))]
    words = {
        "VERSION": build.version,
        "GLIBC": ".".join(map(str, build.needs.glibc)),
        "GLIBC_MINOR": str(build.needs.glibc[1]),
        "LIBRARIES": " ".join(libraries),
        "PACKAGES": " ".join(p for p in depends.packages_with(libraries) if p != "libc6"),
    }
    for source, target in (
        ("launcher.sh", "vggscope"),
        ("install.sh", "install.sh"),
        ("README.txt", "README.txt"),
    ):
        (root / target).write_text(_filled(source, words), encoding="utf-8")
        (root / target).chmod(0o644 if target.endswith(".txt") else 0o755)
    _settle(root, build.epoch)
    target = output / f"{name}.tar.xz"
    plain = ["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"]
    # One thread writes other bytes than several.
    compressor = "--use-compress-program=xz -T2 -6"
    _run([*plain, compressor, "-cf", str(target), "-C", str(_WORK), name], build)
    return target


def share(build: Build, folder: Path) -> None:
    """Write what desktops, terminals and shops look for in /usr/share."""
    kinds = (*PICTURE_TYPES.values(), *VIDEO_TYPES.values(), (MODEL_TYPE,))
    words = {
        "MIME": "".join(f"{kind};" for group in kinds for kind in group),
        "VERSION": build.version,
        "DATE": build.when.strftime("%Y-%m-%d"),
        "HOME": RELEASE_PAGE,
    }
    for source, place in (
        ("vggscope.desktop", "applications/vggscope.desktop"),
        ("io.github.vggscope.metainfo.xml", "metainfo/io.github.vggscope.metainfo.xml"),
        ("vggscope-mime.xml", "mime/packages/vggscope.xml"),
    ):
        _write(folder / place, _filled(source, words))
    _write(folder / "bash-completion/completions/vggscope", script())
    found = commands()
    _compressed(
        folder / "man/man1/vggscope.1.gz",
        manual(found, build.version, build.when.date()).encode(),
    )
    icon = _TOP / "resources" / "icons" / "vggscope.svg"
    icons = folder / "icons" / "hicolor"
    _write(icons / "scalable/apps/vggscope.svg", icon.read_text(encoding="utf-8"))
    for side in _ICON_SIZES:
        target = icons / f"{side}x{side}" / "apps" / "vggscope.png"
        target.parent.mkdir(parents=True)
        shutil.move(rendered(icon, _WORK, side), target)


def _filled(name: str, words: Mapping[str, str]) -> str:
    text = (_HERE / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _compressed(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    # mtime: else the same content would be other bytes each time.
    file.write_bytes(gzip.compress(content, 9, mtime=0))


def _settle(folder: Path, epoch: int) -> None:
    """Give everything the same date, and permissions that do not depend on the builder's."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            runs = path.is_dir() or (path.stat().st_mode & 0o100 and ".so" not in path.name)
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _run(command: list[str], build: Build) -> None:
    made = {**os.environ, "SOURCE_DATE_EPOCH": str(build.epoch)}
    subprocess.run(command, check=True, env=made, stdout=subprocess.DEVNULL)


def _timed(make: Any, *arguments: Any) -> tuple[Path, float]:
    started = time.monotonic()
    return make(*arguments), time.monotonic() - started


if __name__ == "__main__":
    sys.exit(main())
