"""What ``build.spec`` puts into a bundle, and what it leaves out. Sizes are of Linux, unpacked."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import libraries
from commit import commit
from vggscope.doctor import PACKAGES
from vggscope.inference.packages import runtime_packages
from vggscope.inference.providers import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterable

    Entry = tuple[str, str, str]
    """As PyInstaller keeps them: place in the bundle, file, kind."""

_BY_FLAVOUR: Final = {p.flavour: p for p in PROVIDERS.values() if p.flavour}
FLAVOURS: Final = {"cpu": "onnxruntime"} | {key: p.package for key, p in _BY_FLAVOUR.items()}
"""Flavour -> the distribution that makes it."""
_PLUGINS: Final = {key: p.module for key, p in _BY_FLAVOUR.items() if p.module}

CONSOLE_TWIN: Final = "vggscope-cli"
"""Windows' program for the command line, as long as PyInstaller makes it."""

EXCLUDED_MODULES: Final = [
    "PySide6.QtPdf",
    "PySide6.QtPdfWidgets",
    "PySide6.QtVirtualKeyboard",
    "PIL.ImageTk",
    "PIL._imagingtk",
    "PIL.ImageShow",
    "curses",
    "h5py.tests",
    "matplotlib",
    "numpy.f2py",
    # For httpx's own command line.
    "click",
    "markdown_it",
    "pygments",
    "rich",
    "onnx.backend.test",
    "onnxruntime.tools",
    "pytest",
    "readline",
    "setuptools",
    "tkinter",
    "torch",
    "unittest",
    # There for developers alone, and taken along where it is there.
    "_pytest",
    "yaml",
]

_LEFT_OUT: Final = re.compile(
    "|".join(
        (
            # Translations of Qt's own dialogs that this program has none for.
            r"PySide6/(Qt/)?translations/(?!qt(base)?_(de|en|es|fr|ja|zh_CN)\.qm)",
            # Platforms of embedded devices and remote displays; wanted by nothing else. The
            # plugins for input methods stay: without them no accents and no Chinese can be typed.
            r"plugins/platforms/.*q(eglfs|linuxfb|vnc|vkkhrdisplay|minimalegl|webgl)",
            r"plugins/(egldeviceintegrations|generic)/",
            r"(lib)?Qt6EglF[sS]",
            r"plugins/(qmltooling|sqldrivers|webview|position|sensors|canbus|designer)/",
            # Downloads are httpx's, with Python's own TLS; Qt's network is there for local sockets.
            r"plugins/(networkinformation|tls)/",
            r"plugins/imageformats/.*qpdf",
            r"plugins/platforminputcontexts/.*virtualkeyboard",
            r"(lib)?Qt6(Pdf|VirtualKeyboard|VirtualKeyboardQml|VirtualKeyboardSettings)\b",
            r"PySide6/(Qt/)?qml/",
            # OpenGL in software, for Windows without a driver: no part of ours uses OpenGL.
            r"opengl32sw\.dll",
            # OpenVINO's plugin finds no device where these links lie at the top (facts, tried).
            r"^libopenvino[^/]*$",
            r"^onnx/backend/test/",
            r"^numpy/_core/_(simd|[a-z_]*tests)\.",
            # Versions are read from it; licences are in THIRD-PARTY-NOTICES.txt.
            r"\.dist-info/(?!METADATA$)",
            r"\.(pyi|hpp|h|proto)$",
        )
    )
)
"""Beware: Qt's FFmpeg plugin needs Qt6Quick, Qt6Qml and Qt6OpenGL on Linux; without them it is
silently not there. ``check`` sees to it."""
_LEFT_OUT_ON_WINDOWS: Final = re.compile(
    # The FFmpeg plugin needs none of Qt Quick there, the window neither of the other ways to draw.
    r"PySide6/Qt6(Quick|Qml\w*|OpenGL(Widgets)?)\.dll$|plugins/platforms/qdirect2d"
    # For programs in other languages: Python's module of ONNX Runtime has all of it in itself.
    r"|onnxruntime/capi/onnxruntime\.dll$"
    # 15 MB of an installer that is to stay below 100; graphics cards are not faster with it.
    r"|^models/vgg16-compact-int8/"
)
_SYSTEM: Final = re.compile(r"^(/usr)?/lib(64)?/")
_OWN: Final = re.compile(
    # What Python is linked with differs from system to system.
    r"^lib(python|crypto|ssl|sqlite3|ffi|lzma|bz2|mpdec)"
    # Qt needs them on X11, and desktops do not always have them. Both of xkbcommon or none:
    # they share structures.
    r"|^lib(xcb-(?!glx)|xkbcommon)"
)
"""Of the build machine's own libraries, those that are taken along. The others (GLib, GTK, Cairo,
X11, Kerberos, PulseAudio, the C++ library) have to be the ones of the system that the program runs
on: GTK's theme, drivers and login modules bring them into the same process anyway, and may be
newer than ours. Every desktop has them; the .deb depends on them."""
_MEDIA: Final = re.compile(r"multimedia/.*ffmpegmediaplugin")
_NEEDED_BY_MEDIA: Final = ("Qt6Quick", "Qt6Qml", "Qt6OpenGL")


def hidden_imports() -> list[str]:
    """Modules that are imported by names that PyInstaller does not see."""
    return ["PySide6.QtSvg", "httpx", "truststore", "h5py", "socksio", "fusion_utils", "onnx_model"]


def module_folders() -> list[str]:
    """Folders that packages put into ``sys.path`` themselves, for modules without a package.

    ONNX Runtime's quantization takes two of them from there.
    """
    runtime = find_spec("onnxruntime")
    places = (runtime and runtime.submodule_search_locations) or ()
    return [os.path.join(place, "transformers") for place in places]  # noqa: PTH118


def distributions(flavour: str) -> list[str]:
    """The distributions whose metadata the program asks for.

    Raises:
        SystemExit: the flavour is unknown or not installed here, or not alone.
    """
    if flavour not in FLAVOURS:
        raise SystemExit(f"VGGSCOPE_FLAVOUR={flavour}: choose one of {', '.join(FLAVOURS)}")
    runtime = "onnxruntime" if flavour in _PLUGINS else FLAVOURS[flavour]
    names = [*PACKAGES, FLAVOURS[flavour]]
    if runtime not in names:
        names.append(runtime)
    for name in names:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            raise SystemExit(
                f"{name} is not installed: VGGSCOPE_FLAVOUR={flavour} needs it"
            ) from None
    _check_runtime_is_alone(runtime)
    return names


def _check_runtime_is_alone(wanted: str) -> None:
    found = runtime_packages()
    if len(found) > 1:
        names = " ".join(text.split()[0] for text in found)
        pip = f"{sys.executable} -m pip"
        raise SystemExit(
            f"{' and '.join(found)} are both installed, in the same folder: which of them is built "
            f"in would be chance. Have {wanted} alone:\n"
            f"  {pip} uninstall --yes {names}\n  {pip} install --no-deps {wanted}"
        )


def plugin_packages(flavour: str) -> list[str]:
    """Packages that PyInstaller's own hooks know nothing of, to be collected whole."""
    return [_PLUGINS[flavour]] if flavour in _PLUGINS else []


def build_facts(flavour: str, version: str) -> str:
    """What ``vggscope doctor`` tells of a bundle, as JSON."""
    facts = {
        "version": version,
        "flavour": flavour,
        # Wine has no git.
        "commit": os.environ.get("VGGSCOPE_COMMIT") or commit(),
        "date": build_time().strftime("%Y-%m-%d"),
        "machine": f"{platform.system()} {platform.machine()}",
    }
    return json.dumps(facts, indent=1) + "\n"


def build_time() -> dt.datetime:
    """Now, or what SOURCE_DATE_EPOCH says: two builds of one commit are to be the same."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    return dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch else dt.datetime.now(dt.UTC)


def trimmed(entries: Iterable[Entry]) -> list[Entry]:
    """``entries`` without what nobody needs."""
    return [entry for entry in entries if not _is_left_out(*entry[:2])]


def _is_left_out(place: str, source: str) -> bool:
    place = place.replace("\\", "/")
    if sys.platform == "linux" and "/" not in place and _SYSTEM.match(source):
        return not _OWN.match(place)
    if sys.platform == "win32" and _LEFT_OUT_ON_WINDOWS.search(place):
        return True
    return bool(_LEFT_OUT.search(place))


def check(flavour: str, binaries: Iterable[Entry]) -> None:
    """See that what fails silently when it is missing is there.

    Raises:
        SystemExit: it is not.
    """
    places = [place.replace("\\", "/") for place, _, _ in binaries]
    if not any(_MEDIA.search(place) for place in places):
        raise SystemExit("Qt's FFmpeg plugin is missing: cameras and videos would not work")
    if sys.platform == "linux":
        for library in _NEEDED_BY_MEDIA:
            if not any(library in place for place in places):
                raise SystemExit(f"lib{library} is missing: the FFmpeg plugin would not load")
    if flavour == "directml" and not any(
        place.endswith("onnxruntime/capi/DirectML.dll") for place in places
    ):
        # The DirectML.dll that Windows 10 comes with ends the process.
        raise SystemExit("DirectML.dll does not lie beside ONNX Runtime")


def finish(folder: Path) -> None:
    """What is left to do when a bundle has been written."""
    if sys.platform == "linux":
        libraries.shrink(folder / "_internal")
    if sys.platform == "win32":
        _name_console_twin(folder)
        shutil.copy(Path(__file__).parent / "windows" / "command-line.cmd", folder)
        runtime = ("MSVCP140.dll", "MSVCP140_1.dll", "VCRUNTIME140.dll", "VCRUNTIME140_1.dll")
        inside = folder / "_internal"
        for name in runtime:
            # ONNX Runtime looks for them in the bundle's root, Qt brings them in its own folder.
            if not (inside / name).exists():
                source = next(inside.rglob(name), None)
                if source is None:
                    raise SystemExit(f"{name} is nowhere in the bundle")
                (inside / name).write_bytes(source.read_bytes())


def _name_console_twin(folder: Path) -> None:
    """Give the program for the command line its name, which PyInstaller would add .exe to."""
    (folder / f"{CONSOLE_TWIN}.exe").replace(folder / "vggscope.com")


def icon(svg: Path, folder: Path) -> str | None:
    """The program's icon in the form of this system; None where programs have none inside."""
    if sys.platform == "linux":
        return None
    from PIL import Image  # noqa: PLC0415 (Linux needs none)

    target = folder / ("vggscope.icns" if sys.platform == "darwin" else "vggscope.ico")
    sizes = (16, 24, 32, 48, 64, 128, 256)
    with Image.open(rendered(svg, folder, 1024)) as image:
        if target.suffix == ".icns":
            image.save(target)
        else:
            image.save(target, sizes=[(size, size) for size in sizes])
            # What the installer shows at its left side: its size is NSIS's, twice.
            side = Image.new("RGB", (328, 628), "white")
            small = image.convert("RGBA").resize((192, 192))
            side.paste(small, (68, 96), small)
            side.save(folder / "wizard.bmp")
    return str(target)


def rendered(svg: Path, folder: Path, side: int) -> Path:
    """``svg`` as a PNG with ``side`` pixels."""
    # Not here: Qt must not be loaded into the process that analyses it.
    script = (
        "import sys; from PySide6.QtGui import QImage, QPainter; from PySide6.QtSvg import "
        "QSvgRenderer; side = int(sys.argv[3]); image = QImage(side, side, "
        "QImage.Format.Format_ARGB32); image.fill(0); painter = QPainter(image); "
        "QSvgRenderer(sys.argv[1]).render(painter); painter.end(); "
        "sys.exit(not image.save(sys.argv[2]))"
    )
    target = folder / f"vggscope-{side}.png"
    subprocess.run([sys.executable, "-c", script, str(svg), str(target), str(side)], check=True)
    return target


def version_file(version: str, name: str, folder: Path) -> str:
    """The version information of a Windows program, as PyInstaller reads it."""
    numbers = tuple(int(part) for part in (re.findall(r"\d+", version) + ["0"] * 4)[:4])
    texts = {
        "CompanyName": "The VGGscope authors",
        "FileDescription": "VGGscope",
        "FileVersion": version,
        "InternalName": name,
        "LegalCopyright": "MIT licence",
        "OriginalFilename": "vggscope.com" if name == CONSOLE_TWIN else f"{name}.exe",
        "ProductName": "VGGscope",
        "ProductVersion": version,
    }
    entries = ", ".join(f"StringStruct({key!r}, {text!r})" for key, text in texts.items())
    target = folder / f"{name}.version"
    target.write_text(
        f"VSVersionInfo(ffi=FixedFileInfo(filevers={numbers}, prodvers={numbers}), kids=["
        f"StringFileInfo([StringTable('040904B0', [{entries}])]), "
        "VarFileInfo([VarStruct('Translation', [1033, 1200])])])\n",
        encoding="utf-8",
    )
    return str(target)


def info_plist(version: str) -> dict[str, Any]:
    """What macOS is told of the program."""
    return {
        "CFBundleShortVersionString": version,
        "LSMinimumSystemVersion": "14.0",
        "NSHighResolutionCapable": True,
        "NSCameraUsageDescription": "VGGscope shows what a network sees through the camera. "
        "Pictures never leave this computer.",
        "NSScreenCaptureUsageDescription": "VGGscope shows what a network sees on the screen.",
        "CFBundleDocumentTypes": [
            {
                "CFBundleTypeName": kind,
                "CFBundleTypeRole": "Viewer",
                "LSHandlerRank": "Alternate",
                "LSItemContentTypes": [content],
            }
            for kind, content in (("Image", "public.image"), ("Video", "public.movie"))
        ],
    }
